"""What can be judged: the functions of the library that a subject may claim to compute.

A subject is called with plain arrays by position, in the order of `passed`:

    mdp             as four arguments: transition [s, a, s'], initial [s], horizon (int), discount (float);
                    with `infinite_horizon=True` as three, without horizon, and nothing has an axis t
    reward, expert  in the shape `reward_axes`, by default [s, a]; expert is a table of expected discounted visits
    policy          [t, s, a], or [s, a] with `policy_axes="sa"`
    energy, sampler, data   [n]: energies in nats, probabilities
    log_normalizer  a float
    temperature     a float, and only where `temperature=True`; then it is the last argument

and returns an array with the axes of the target (or a tuple of them). Final values are 0. A row of zeros of
`transition` says that the action is not available, a state without actions is terminal; see `mdps`.

    axes        the letters of axes             drawing   exact numbers of an instance
    argument    what an argument is             arguments, spaces_arguments   the one table of them
    target      one function that can be judged           rows   the tables, written short
    layout      the conventions of subjects: features, costs, means, orders of axes
    without_end   problems without a horizon, and iterations that stop early
    discriminators   roads to the same numbers through D and 1 - D
    control, entropy, imitation, soft_q, rewards   tables on MDPs        spaces, responses   on finite spaces
    left_out    what is public and no target, with the reason
"""

import difflib
from collections.abc import Mapping
from typing import Any

from equivalence.testing.targets.arguments import (
    ARGUMENTS,
    MODEL,
    TABLES_OF_EXPONENTS,
    is_integer,
    largest_number,
    sizes,
)
from equivalence.testing.targets.axes import AXIS_NAMES, axes_text
from equivalence.testing.targets.control import BOLTZMANN, CONTROL, ENTROPIES
from equivalence.testing.targets.entropy import CAUSAL, DEMONSTRATIONS, F_IRL, INFERENCE, MAXENT, PATHS
from equivalence.testing.targets.imitation import AIRL, GAIL, GAIL_SADDLE, SURROGATES, TRAJECTORY_GAN
from equivalence.testing.targets.layout import OPTIONS, Layout, checked, layout_of, options_of
from equivalence.testing.targets.responses import RESPONSES
from equivalence.testing.targets.rewards import DISTANCES, SHAPING
from equivalence.testing.targets.soft_q import (
    DICE,
    DIVERGENCES,
    FLOW,
    POLICY_GRADIENTS,
    Q_LEARNING,
    SQIL,
    TRUST_REGION,
)
from equivalence.testing.targets.spaces import SPACES
from equivalence.testing.targets.target import Instance, Target
from mdps import InvalidArgument

__all__ = [
    "ARGUMENTS",
    "AXIS_NAMES",
    "MODEL",
    "OPTIONS",
    "TABLES_OF_EXPONENTS",
    "TARGETS",
    "Instance",
    "Layout",
    "Target",
    "axes_text",
    "find_target",
    "is_integer",
    "largest_number",
    "layout_of",
    "options_of",
    "sizes",
    "target_and_rest",
]

_TABLES = (
    *(CONTROL, BOLTZMANN, ENTROPIES, SHAPING, SPACES, RESPONSES, MAXENT, CAUSAL, DEMONSTRATIONS, INFERENCE, PATHS),
    *(AIRL, GAIL, GAIL_SADDLE, SURROGATES, TRAJECTORY_GAN, Q_LEARNING, SQIL, DICE, F_IRL, POLICY_GRADIENTS),
    *(DIVERGENCES, TRUST_REGION, FLOW, DISTANCES),
)
_ROWS = {row.name: row for table in _TABLES for row in table}


def _default(row: Target) -> Target:
    return row.in_layout(Layout(policy=row.policy))


TARGETS: dict[str, Target] = {name: _default(row) for name, row in _ROWS.items()}


def find_target(name: str, layout: Layout) -> Target:
    """The target of that name, for subjects of a layout.

    Errors: `InvalidArgument` for a name that is none, with the nearest ones, and for a layout that it has not.
    """
    if name not in TARGETS:
        near = [known for known in TARGETS if name.lower() in known][:5]
        near = near or difflib.get_close_matches(name, TARGETS, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(TARGETS)}"
        raise InvalidArgument(f"no target is called {name!r}; {hint}")
    row = _ROWS[name]
    return row.in_layout(checked(row, layout, TARGETS[name].signature))


def target_and_rest(name: str, options: Mapping[str, Any]) -> tuple[Target, dict[str, Any]]:
    """The target that options of `judge` ask for, and the options that say nothing about its layout."""
    rest = {key: value for key, value in options.items() if key not in OPTIONS}
    return find_target(name, layout_of(options)), rest
