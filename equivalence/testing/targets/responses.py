"""Targets on prompts and responses: RLHF, DPO, Bradley and Terry's model, responses as strings of tokens.

Axes: prompts x, responses y, beside each other y' (of the winner and the loser, in that order). Strings of tokens: a
prefix s is followed by the token a, and the prefixes are in order of length and then of their tokens, the empty one
first: after a, prefix s becomes prefix A s + 1 + a. Full strings y are in order of their tokens.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from equivalence.objectives import bradley_terry, dpo, rlhf, token_mdp
from equivalence.testing.targets.argument import FIXED
from equivalence.testing.targets.references import (
    named,
    newton_step,
    rides_on_floats,
    values_of,
    where_defined,
    whole_number,
)
from equivalence.testing.targets.responses_arguments import all_pairs
from equivalence.testing.targets.rows import members, row
from equivalence.testing.targets.target import Target
from mdps import scalars

CONVERGED = "iterate until the last digits stand still"
AXES = {"reward": "py", "policy": "py"}
BESIDE_LOGS = {"policy": FIXED}


def _regret_from_values(reward: Any, policy: Any, reference: Any, alpha: Any) -> Any:
    """alpha log Z - J, which cancels near the optimum."""
    best = rlhf.optimum(reward, reference, temperature=alpha).value
    return best - rlhf.value(reward, policy, reference, temperature=alpha)


def _loss_from_probabilities(logits: Any, reference: Any, comparisons: Any, alpha: Any) -> Any:
    """-log sigmoid(m) from the sigmoid."""
    preferred = scalars.sigmoid(dpo.margins(logits, reference, temperature=alpha))
    zero = scalars.constant(0, comparisons)
    compared = ~scalars.zero_mask(comparisons)
    return scalars.over(compared, lambda c, d: -c * scalars.log(d), comparisons, preferred, otherwise=zero).sum()


def _log_probabilities(logits: Any) -> Any:
    return logits - scalars.logsumexp(logits, axis=-1)[..., None]


def _margins_from_log_probabilities(logits: Any, reference: Any, alpha: Any) -> Any:
    return dpo.margins(_log_probabilities(logits), reference, temperature=alpha)


def _loss_from_log_probabilities(logits: Any, reference: Any, comparisons: Any, alpha: Any) -> Any:
    return dpo.loss(_log_probabilities(logits), reference, comparisons, temperature=alpha)


def _preferred(logits: Any, reference: Any, alpha: Any) -> Any:
    """sigmoid(m) as a softmax of two scores that are as large as the logits, with the rounding of their normalizer."""
    possible = ~scalars.zero_mask(reference)
    zero = scalars.constant(0, reference)
    normalizer = scalars.logsumexp(logits, axis=-1)[..., None]
    scores = (logits - normalizer) + normalizer
    score = alpha * scalars.over(possible, lambda x, p: x - scalars.log(p), scores, reference, otherwise=zero)
    pairs = np.broadcast_arrays(score[..., :, None], score[..., None, :])
    return scalars.exp(pairs[0] - scalars.logsumexp(np.stack(pairs, axis=-1), axis=-1))


def _gradient_from_probabilities(logits: Any, reference: Any, comparisons: Any, alpha: Any) -> Any:
    """As a cross entropy of probabilities does it: 1 - sigmoid(m), which cancels."""
    preferred = _preferred(logits, reference, alpha)
    zero = scalars.constant(0, comparisons)
    compared = ~scalars.zero_mask(comparisons)
    surprise = scalars.over(compared, lambda c, d: c * (1 - d), comparisons, preferred, otherwise=zero)
    return alpha * (np.swapaxes(surprise, -1, -2) - surprise).sum(axis=-1)


def _hessian_from_probabilities(logits: Any, reference: Any, comparisons: Any, alpha: Any) -> Any:
    """The weights c sigmoid(m) (1 - sigmoid(m)), and the normalizer, whose weight is the sum of the gradient, 0."""
    preferred = _preferred(logits, reference, alpha)
    diagonal = np.eye(comparisons.shape[-1], dtype=bool)
    zero = scalars.constant(0, comparisons)
    both = comparisons + np.swapaxes(comparisons, -1, -2)
    counted = ~scalars.zero_mask(both) & ~diagonal
    either = scalars.over(counted, lambda c, d: c * d * (1 - d), both, preferred, otherwise=zero)
    weight = (either + np.swapaxes(either, -1, -2)) / 2
    policy = scalars.exp(_log_probabilities(logits))
    covariance = np.where(diagonal, policy[..., None], zero) - policy[..., :, None] * policy[..., None, :]
    slope = _gradient_from_probabilities(logits, reference, comparisons, alpha).sum(axis=-1)
    own = alpha**2 * np.where(diagonal, weight.sum(axis=-1)[..., None], -weight)
    return own + slope[..., None, None] * covariance


ROADS = {
    "margins": (_margins_from_log_probabilities,),
    "loss": (_loss_from_probabilities, _loss_from_log_probabilities),
    "gradient": (_gradient_from_probabilities,),
    "hessian": (_hessian_from_probabilities,),
}


def _of_rewards(road: Callable[..., Any]) -> Callable[..., Any]:
    """A road of DPO at temperature 1 with a uniform reference, for Bradley and Terry's model."""

    def asked(reward: Any, comparisons: Any) -> Any:
        uniform, one = (0 * reward + 1) / reward.shape[-1], scalars.constant(1, reward)
        return road(reward, uniform, comparisons, one)

    return asked


def _rlhf() -> Iterator[Target]:
    yield from members(
        "rlhf.optimum",
        "reward reference alpha",
        (
            ("policy", "py", "pi* = ref exp(r / alpha) / Z(x)"),
            ("value", "p", "alpha log Z(x), Z = sum_y ref exp(r / alpha)"),
        ),
        named(rlhf.optimum, alpha="temperature"),
        "pi* = ref exp(r / alpha) / Z, and alpha log Z",
        axes=AXES,
    )
    both, all_of = "reward reference alpha", "reward policy reference alpha"
    rows = (
        ("optimal_logits", both, "py", "log pi*, normalized; -inf where ref = 0"),
        ("value", all_of, "p", "E_pi[r] - alpha KL(pi || ref) of each prompt"),
        ("gradient", all_of, "py", "pi (A - E_pi A), A = r - alpha log(pi / ref): to logits of pi; 0 where pi = 0"),
        ("regret", all_of, "p", "alpha KL(pi || pi*) of each prompt"),
        ("implicit_reward", "policy reference alpha", "py", "alpha log(pi / ref); -inf where pi = 0"),
    )
    for name, arguments, axes, meaning in rows:
        function = named(getattr(rlhf, name), alpha="temperature")
        roads = (_regret_from_values,) if name == "regret" else ()
        yield row(f"rlhf.{name}", arguments, axes, function, meaning, axes=AXES, roles=BESIDE_LOGS, roads=roads)


def _dpo() -> Iterator[Target]:
    margin = "m = alpha [theta(w) - theta(l) - log ref(w) + log ref(l)]"
    yield row(
        "dpo.comparisons",
        "preferences pairs",
        "pyy",
        where_defined(dpo.comparisons),
        "c(w, l) = (pairs(w, l) + pairs(l, w)) p(w > l)",
    )
    yield row(
        "dpo.margins",
        "logits reference alpha",
        "pyy",
        named(dpo.margins, alpha="temperature"),
        f"{margin}, [x, w, l]",
        whole=("reference",),
        roads=ROADS["margins"],
    )
    rows = (
        ("loss", "", "sum c (-log sigmoid(m)), a sum over prompts and pairs"),
        ("gradient", "py", "dL/dtheta(x, y) = alpha sum_z [c(z, y) sigmoid(-m(z, y)) - c(y, z) sigmoid(-m(y, z))]"),
        ("hessian", "pyy", "alpha^2 times the Laplacian of (c(y, z) + c(z, y)) sigmoid(m) sigmoid(-m)"),
    )
    for name, axes, meaning in rows:
        yield row(
            f"dpo.{name}",
            "logits reference comparisons alpha",
            axes,
            named(getattr(dpo, name), alpha="temperature"),
            f"{meaning}; {margin}",
            whole=("reference",),
            roads=ROADS[name],
        )
    yield row(
        "dpo.optimum",
        "reference comparisons alpha",
        "py",
        where_defined(_dpo_optimum),
        f"the policy of least loss, ref exp(f / alpha) / Z for the rewards f of largest likelihood; {CONVERGED}",
        whole=("reference",),
        draws={"comparisons": all_pairs},
    )


def _fit(comparisons: Any) -> np.ndarray:
    """The rewards of `bradley_terry.fit`, also in numbers that ride on floats."""
    if not rides_on_floats(comparisons):
        return bradley_terry.fit(comparisons).reward
    plain = values_of(comparisons)
    found = bradley_terry.fit(plain).reward
    slope = _slope(found, comparisons)
    hessian = bradley_terry.laplacian(plain, found[..., :, None] - found[..., None, :])
    return np.stack([newton_step(*row) for row in zip(found, slope, hessian, strict=True)])


def _surprise(reward: np.ndarray, comparisons: np.ndarray) -> np.ndarray:
    return comparisons * scalars.sigmoid(reward[..., None, :] - reward[..., :, None])


def _slope(reward: np.ndarray, comparisons: np.ndarray) -> np.ndarray:
    surprise = _surprise(reward, comparisons)
    return (np.swapaxes(surprise, -1, -2) - surprise).sum(axis=-1)


def _dpo_optimum(reference: Any, comparisons: Any, alpha: Any) -> np.ndarray:
    if not rides_on_floats(reference, comparisons, alpha):
        return dpo.optimum(reference, comparisons, temperature=alpha).policy
    return rlhf.optimum(_fit(comparisons), reference, temperature=alpha).policy


def _beside_uniform_reference(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of DPO at temperature 1 with a uniform reference, which drops out."""

    def asked(reward: Any, comparisons: Any) -> Any:
        uniform = (0 * reward + 1) / reward.shape[-1]
        return function(reward, uniform, comparisons)

    return where_defined(asked)


def _bradley_terry() -> Iterator[Target]:
    yield row(
        "bradley_terry.preferences",
        "reward",
        "pyy",
        where_defined(bradley_terry.preferences),
        "p(y > z) = sigmoid(r(y) - r(z)), [x, y, z]",
        axes=AXES,
    )
    rows = (
        ("loss", "", "sum c(w, l) (-log sigmoid(r(w) - r(l)))"),
        ("gradient", "py", "of the loss: sum_z [c(z, y) sigmoid(r(y) - r(z)) - c(y, z) sigmoid(r(z) - r(y))]"),
        ("hessian", "pyy", "the Laplacian of (c(y, z) + c(z, y)) sigmoid(m) sigmoid(-m), m = r(y) - r(z)"),
    )
    for name, axes, meaning in rows:
        function = _beside_uniform_reference(getattr(dpo, name))
        roads = tuple(map(_of_rewards, ROADS[name]))
        yield row(f"bradley_terry.{name}", "reward comparisons", axes, function, meaning, axes=AXES, roads=roads)
    yield row(
        "bradley_terry.fit",
        "comparisons",
        "py",
        where_defined(_fit),
        f"the rewards of largest likelihood, which sum to 0 over the responses to a prompt; {CONVERGED}",
        draws={"comparisons": all_pairs},
    )


def _tree(table: np.ndarray) -> token_mdp.TokenMDP:
    """The tree of strings whose prefixes a table [s, a] lists, in its arithmetic."""
    n_prefixes, n_tokens = table.shape
    length, seen = 0, 0
    while seen < n_prefixes:
        seen += n_tokens**length
        length += 1
    tree = token_mdp.token_mdp(n_tokens, length)
    level = scalars.level_of(table)
    if level != "carrier":
        return tree.to(level)
    zero, one = scalars.constant(0, table), scalars.constant(1, table)
    choice = np.frompyfunc(lambda x: one if x else zero, 1, 1)  # the tree has no others
    return tree._replace(mdp=tree.mdp.with_numbers(lambda x: np.asarray(choice(x), dtype=object), "carrier"))


def _padded(table: np.ndarray, tree: token_mdp.TokenMDP) -> np.ndarray:
    """The table with rows of zeros for finished strings."""
    rest = tree.mdp.n_states - len(table)
    return np.concatenate([table, np.full((rest, table.shape[1]), scalars.constant(0, table), dtype=table.dtype)])


def _token_policy(string_law: Any, n_tokens: Any) -> np.ndarray:
    tokens, n_prefixes = whole_number(n_tokens), 1
    length = 1
    while tokens**length < len(string_law):
        n_prefixes += tokens**length
        length += 1
    zero = scalars.constant(0, string_law)
    prefixes = np.full((n_prefixes, tokens), zero, dtype=string_law.dtype)
    return token_mdp.token_policy(_tree(prefixes), string_law[None])[:n_prefixes]


def _token_solution(token_reward: Any, token_reference: Any, alpha: Any) -> tuple[np.ndarray, ...]:
    tree, n = _tree(token_reward), len(token_reward)
    tables = (_padded(table, tree) for table in (token_reward, token_reference))
    return tuple(x[:n] for x in token_mdp.soft_solution(tree, *tables, temperature=alpha))


def _along_strings(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def asked(**values: Any) -> Any:
        table = values[name]
        tree = _tree(table)
        return function(tree, _padded(table, tree))[0]

    return where_defined(asked)


def _token_mdp() -> Iterator[Target]:
    prefixes = "prefixes s by length and then by tokens: s and then token a is prefix A s + 1 + a"
    yield from members(
        "token_mdp.soft_solution",
        "token_reward token_reference alpha",
        (
            ("q", "uv", f"Q(s, a) = r(s, a) + V(s a), V = 0 of full strings; {prefixes}"),
            ("v", "u", f"V(s) = alpha log sum_a ref exp(Q / alpha); {prefixes}"),
            ("policy", "uv", f"ref exp((Q - V) / alpha); {prefixes}"),
        ),
        where_defined(_token_solution),
        f"Q, V and pi of tokens, V(s) = alpha log sum_a ref exp(Q / alpha); {prefixes}",
    )
    rows = (
        ("sequence_reward", "token_reward", "sum_t r(s_t, a_t) of each full string"),
        ("sequence_law", "token_policy", "prod_t pi(a_t | s_t) of each full string"),
    )
    for name, argument, meaning in rows:
        function = _along_strings(getattr(token_mdp, name), argument)
        yield row(f"token_mdp.{name}", argument, "w", function, f"{meaning}; {prefixes}")
    yield row(
        "token_mdp.token_policy",
        "string_law n_tokens",
        "uv",
        where_defined(_token_policy),
        f"conditionals of a law over full strings; uniform after prefixes that it never gives; {prefixes}",
    )


RESPONSES = (*_rlhf(), *_dpo(), *_bradley_terry(), *_token_mdp())
