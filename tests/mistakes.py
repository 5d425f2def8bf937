"""The mistakes of the museum that stand on our list, for the judge: it must refute them all.

`says` is a part of what the report must say: the instances on which the mistake is silent, or what would mend it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from equivalence.testing.museum import PIECES

SAYS = {
    "policy_without_discount": "discount 1 (",
    "counts_without_discount": "discount 1 (",
    "first_policy_for_every_step": "T = 1 (",
    "hard_maximum": "A = 1 (",
    "optimistic_backup": "deterministic dynamics (",
    "marginals_go_backwards": "S = 1 (",
    "marginals_overwritten_while_read": "T = 1 (",
    "transposed_dynamics": "S = 1 (",
    "policy_of_ratios_of_q": "A = 1 (",
    "terminal_states_go_on_in_the_backward_pass": "no terminal state (",
    "policy_outside_log_space": "|reward| <= 100 (",
    "temperature_in_v_alone": "temperature 1 (",
    "log_softmax_over_a_singleton": "n = 1 (",
    "loss_in_place_of_likelihood": "On every instance its negative is right",
    "labels_flipped": "1 - its answer is right",
    "weights_of_the_sampler_alone": "n = 1 (",
    "mean_over_both_batches": "On every instance twice its answer is right",
}
ALSO = (
    "one_state_too_many_is_counted",
    "generator_of_one_term",
    "discriminator_without_density",
    "data_without_a_density",
    "weights_differentiated_through",
    "frequencies_of_the_model_against_counts",
)


@dataclass(frozen=True, eq=False)
class Mistake:
    """A wrong function, its number on the list, its target, the options of `judge`, and what the report must say."""

    subject: Callable[..., Any]
    number: int
    to: str
    says: str = ""
    options: dict[str, Any] = field(default_factory=dict)


MISTAKES: list[Mistake] = [
    Mistake(piece.function, piece.number, piece.target, SAYS.get(piece.name, ""), dict(piece.options))
    for piece in PIECES
    if piece.name in SAYS or piece.name in ALSO
]
