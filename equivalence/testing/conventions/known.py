"""Known mistakes: for each what it changes in the conventions, and a sentence. The simplest and most frequent first.

A mistake is a change of switches of one family; two of them in different switches are a pair. What a mistake does not
reach it leaves as it is, so a mistake need not say which targets it is about.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

from equivalence.testing.conventions.arguments import ARGUMENT, laws_of, slipped, slips
from equivalence.testing.conventions.control import Control, control
from equivalence.testing.conventions.given import Given, concerns, given
from equivalence.testing.conventions.imitation import (
    MISTAKES as IMITATION,
    Imitation,
    imitation,
    is_imitation,
    takes_logarithms,
)
from equivalence.testing.conventions.known_given import GIVEN
from equivalence.testing.conventions.mistake import OUTPUT as _OUTPUT, KnownMistake, known as _known
from equivalence.testing.conventions.output import Answered, answered
from equivalence.testing.conventions.paths import Paths, paths
from equivalence.testing.conventions.shaped import MISTAKES as SHAPED, ON_SHAPED, Shaped, shaped
from equivalence.testing.conventions.spaces import Spaces, spaces
from equivalence.testing.targets import Target
from equivalence.testing.targets.references import where_defined

_SIZES_OF_MODELS = (
    _known("mean over steps", "divided by T: a mean over steps, expected a sum", factor="over T"),
    _known("sum over steps of a mean", "multiplied by T", factor="times T"),
    _known(
        "normalized by the discounted horizon",
        "divided by sum_t<T gamma^t: visits are unnormalized",
        factor="over horizon",
    ),
    _known("mean over states", "divided by S", factor="over S"),
    _known("mean over actions", "divided by A", factor="over A"),
)

CONTROL = (
    *_OUTPUT[:1],
    _known("T+1 states counted", "T+1 states are counted, with rewards at T decisions", counted="T+1 states"),
    _known(
        "arrivals counted",
        "states are counted on arrival, s_1 ... s_T, with rewards at s_0 ... s_T-1",
        counted="arrivals",
    ),
    _known("terminal states counted", "terminal states are visited, and pay nothing", counted="terminal too"),
    _known("no discount in the policy", "the backward pass does not discount, the counts do", policy_discount="none"),
    _known("no discount in the counts", "the backward pass discounts, the counts do not", count_discount="none"),
    _known("no discount at all", "nothing is discounted", policy_discount="none", count_discount="none"),
    _known("counts discounted once more", "step t is counted with gamma^(t+1)", count_discount="one more"),
    _known(
        "discounts in reverse order",
        "a running sum G = gamma G + x goes forwards: step t is counted with gamma^(T-1-t)",
        count_discount="in reverse",
    ),
    _known("reward discounted once more", "gamma multiplies the reward too: Q = gamma (r + E V)", reward="delayed"),
    _known(
        "first policy for every step", "the policy of step 0 is used for each step of a finite horizon", steps="first"
    ),
    _known("last policy for every step", "the policy of the last step is used for each step", steps="last"),
    _known("policies in reverse order", "policies are collected backwards and used as they come", steps="reversed"),
    _known("hard maximum", "V is the maximum of Q, expected alpha log sum exp(Q / alpha)", backup="max"),
    _known("hard maximum and greedy policy", "plain control: maximum and argmax", backup="max", policy="greedy"),
    _known("greedy policy", "the policy is the argmax of soft Q", policy="greedy"),
    _known("optimistic backup", "log E exp(V) in place of E V: control hopes for its luck", backup="optimistic"),
    _known("soft maximum over everything", "one V for all states: log sum exp over states too", backup="over all"),
    _known("softmax over states", "states compete within an action: columns sum to 1", policy="over states"),
    _known("mean of Q", "V is the mean of Q over actions", backup="mean"),
    _known("log mean exp", "entropy relative to the uniform policy: V is lower by alpha log A", backup="logmeanexp"),
    _known("entropy forgotten in V", "V = E_pi Q: the entropy of the policy is left out", backup="no entropy"),
    _known("entropy added", "V counts -alpha log pi of a given policy as reward", backup="with entropy"),
    _known("P transposed", "P is read as [s', a, s] in both passes", dynamics="transposed"),
    _known("P transposed backward", "P is read as [s', a, s] in the backward pass", dynamics="transposed backward"),
    _known("P transposed forward", "P is read as [s', a, s] in the forward pass", dynamics="transposed forward"),
    _known("policy proportional to Q", "pi = Q / sum Q", policy="ratio of q"),
    _known("uniform policy", "visits of the uniform policy", policy="uniform"),
    _known("unavailable actions counted", "rows of zeros count as actions that lead to value 0", actions="all"),
    _known(
        "terminal states pay for ever",
        "terminal states earn their reward at every step, backward only",
        terminal="pays",
    ),
    _known("terminal states pay once", "terminal states earn their reward once, at the end", terminal="pays once"),
    _known(
        "terminal states absorbing backward",
        "terminal states go on with all actions in the backward pass, and end in the forward one",
        terminal="goes on backward",
    ),
    _known(
        "terminal states absorbing forward",
        "terminal states are visited until T in the forward pass, and are worth 0 in the backward one",
        terminal="goes on forward",
    ),
    _known("terminal states absorbing", "terminal states go on with all actions in both passes", terminal="goes on"),
    _known(
        "terminal states decide",
        "terminal states have a uniform policy: a mask of -1e9 in every entry is no mask",
        terminal="decides",
    ),
    _known("reward after the last step", "V_T is the reward, expected the final value 0", final="reward"),
    _known("one sweep too many", "T+1 steps in both passes", sweeps="T+1"),
    _known("one sweep too few", "T-1 steps in both passes", sweeps="T-1"),
    _known(
        "backward pass overwrites values",
        "later states see the new values of earlier ones in one sweep",
        update="overwritten",
    ),
    _known(
        "forward pass overwrites marginals", "what arrives in a sweep moves on in the same one", forward="overwritten"
    ),
    _known(
        "next state in place of the state",
        "the forward pass sums over the next state, mass flows backwards",
        forward="index swapped",
    ),
    _known("ended mass vanishes", "what has ended is nowhere: rows do not sum to 1", ended="vanishes"),
    _known("initial distribution ignored", "starts are taken to be uniform", initial="uniform"),
    _known("start in state 0", "the start is taken to be state 0", initial="first state"),
    _known("reward of the next state", "r(s') is earned in place of r(s)", reward="of the next state"),
    _known("unweighted mean of rewards", "r(s, a, s') is averaged without P", reward="unweighted mean"),
    _known("largest reward", "r(s, a, s') enters by its maximum over s'", reward="largest"),
    _known("optimistic reward", "r(s, a, s') enters by log E exp", reward="optimistic"),
    _known("cost as reward", "the reward is taken for a cost", reward="opposite"),
    _known("temperature in V alone", "the policy is exp(Q - V_1), without the temperature", temperature="v alone"),
    _known("temperature in the policy alone", "V = log sum exp Q, without the temperature", temperature="policy alone"),
    _known("temperature ignored", "temperature 1 is used", temperature="nowhere"),
    _known("temperature twice", "alpha^2 is used for alpha", temperature="twice"),
    _known("temperature inverted", "1 / alpha is used for alpha", temperature="inverse"),
    _known(
        "values in nats",
        "r / alpha is used as the reward, and values are not multiplied by alpha",
        temperature="reward divided",
    ),
    _known("not divided by the temperature", "the derivative to r / alpha, expected that to r", gradient="not divided"),
    _known("multiplied by the temperature", "multiplied by alpha, expected divided", gradient="multiplied"),
    _known(
        "frequencies of the model",
        "visits of the model are divided by T, those of the expert are not",
        visits="mean over steps",
    ),
    _known(
        "visits normalized to 1",
        "visits of the model are divided by their sum, those of the expert are not",
        visits="frequencies",
    ),
    _known(
        "expert normalized to 1",
        "visits of the expert are divided by their sum, those of the model are not",
        expert="frequencies",
    ),
    _known(
        "both normalized to 1",
        "frequencies of both sides: lengths of episodes are lost",
        expert="frequencies",
        visits="frequencies",
    ),
    _known("expert left out", "the term of the expert is missing", expert="absent"),
    _known("first step alone", "later values are detached: what follows the first step has no slope", visits="first"),
    _known("derivative to the expert", "the derivative to another argument: the reward", gradient="to the expert"),
    *_OUTPUT[1:],
    *_SIZES_OF_MODELS,
)

PATHS = (
    *_OUTPUT[:1],
    _known(
        "policy in true dynamics",
        "action probabilities of the messages, but chance is not tilted in the forward pass",
        visits="of the policy",
    ),
    _known(
        "causal in place of trajectories", "the soft policy's visits: E V in place of log E exp V", chance="averaged"
    ),
    _known(
        "Ziebart's forward pass",
        "action probabilities of the messages from the untilted start in the true dynamics",
        visits="of the policy",
        start="kept",
    ),
    _known(
        "soft value for log Z",
        "the soft value of the start stands for log Z: E V in place of log E exp V",
        chance="averaged",
        return_discount="recursive",
        start="log mean",
    ),
    _known("dynamics left out", "each possible trajectory weighs exp(R / alpha), without rho and P", chance="ignored"),
    _known("hard maximum", "the best trajectory in place of the sum", chance="hard max"),
    _known("start not tilted", "the forward pass starts at rho, the law at rho z_0 / Z", start="kept"),
    _known("mean of log z", "log Z = sum rho log z_0, expected log sum rho z_0", start="log mean"),
    _known("starts summed without weights", "Z = sum_s z_0(s), without rho", start="uniform"),
    _known("no discount in returns", "returns are not discounted, counts are", return_discount="none"),
    _known("no discount in the counts", "returns are discounted, counts are not", count_discount="none"),
    _known("no discount at all", "nothing is discounted", return_discount="none", count_discount="none"),
    _known(
        "log z discounted",
        "gamma multiplies log z_t+1: a soft backup, which is no sum over trajectories",
        return_discount="recursive",
    ),
    _known("returns discounted once more", "step t weighs gamma^(t+1)", return_discount="one more"),
    _known("counts discounted once more", "step t is counted with gamma^(t+1)", count_discount="one more"),
    _known("T+1 states counted", "T+1 states are counted, with rewards at T decisions", counted="T+1 states"),
    _known("arrivals counted", "states are counted on arrival", counted="arrivals"),
    _known("terminal states counted", "terminal states are visited, and pay nothing", counted="terminal too"),
    _known(
        "partition of the end not reset",
        "each sweep adds 1 to the partition function of terminal states",
        terminal="not reset",
    ),
    _known("one sweep too many", "T+1 steps", sweeps="T+1"),
    _known("one sweep too few", "T-1 steps", sweeps="T-1"),
    _known("first step for every step", "the kernel of step 0 is used for each step", steps="first"),
    _known("steps in reverse order", "kernels are collected backwards and used as they come", steps="reversed"),
    _known("cost as reward", "the reward is taken for a cost", reward="opposite"),
    _known("reward of the next state", "r(s') is earned in place of r(s)", reward="of the next state"),
    _known("temperature ignored", "temperature 1 is used", temperature="none"),
    _known("temperature twice", "alpha^2 is used for alpha", temperature="twice"),
    _known("not divided by the temperature", "the derivative to r / alpha, expected that to r", gradient="not divided"),
    _known("multiplied by the temperature", "multiplied by alpha, expected divided", gradient="multiplied"),
    _known(
        "frequencies of the model",
        "visits of the model are divided by T, those of the expert are not",
        model="mean over steps",
    ),
    _known("visits normalized to 1", "visits of the model are divided by their sum", model="frequencies"),
    _known("expert normalized to 1", "visits of the expert are divided by their sum", expert="frequencies"),
    _known("expert left out", "the term of the expert is missing", expert="absent"),
    _known("not normalized", "weights are not divided by Z", chance="unnormalized"),
    *_OUTPUT[1:],
    *_SIZES_OF_MODELS,
)

SPACES = (
    *_OUTPUT[:1],
    _known("labels swapped", "D is the probability of being a sample, expected that of being data", labels="swapped"),
    _known("energy with the other sign", "E is taken for a reward: exp(E)", energy="opposite"),
    _known(
        "generator without entropy", "the sampler is paid E + log Z, its entropy is missing", generator="no entropy"
    ),
    _known("density of the sampler missing", "log q is missing from the logit", density="none"),
    _known(
        "density of the sampler with the other sign",
        "log q is added to the logit, expected subtracted",
        density="opposite",
    ),
    _known("density of the data", "the density of the data stands for that of the sampler", density="of the data"),
    _known("density of the mixture", "the density of the mixture stands for that of the sampler", density="mixture"),
    _known("log Z missing", "log Z is left out", normalizer="none"),
    _known("log Z with the other sign", "log Z is added, expected subtracted", normalizer="opposite"),
    _known(
        "log Z of the energy", "the log partition function stands for the trained log Z", normalizer="of the energy"
    ),
    _known("term of the data alone", "the other term is missing", terms="data alone"),
    _known("term of the sampler alone", "the other term is missing", terms="sampler alone"),
    _known("term of the model alone", "the data are missing", terms="model alone"),
    _known("saturating generator loss", "E_q log(1-D), expected E_q[log(1-D) - log D]", generator="log(1-D)"),
    _known("non-saturating generator loss", "E_q[-log D], expected E_q[log(1-D) - log D]", generator="-log D"),
    _known("sum of logs", "log D + log(1-D), expected their difference", generator="sum"),
    _known("entropy twice", "the entropy of the sampler counts twice", generator="entropy twice"),
    _known(
        "weights of the sampler alone",
        "importance weights for samples of q, but samples are of the mixture",
        weights="of the sampler",
    ),
    _known("weights of the data alone", "importance weights for samples of p", weights="of the data"),
    _known(
        "weights of the true mixture", "the density of the data is taken to be known", weights="of the true mixture"
    ),
    _known("no importance weights", "samples are not weighted", weights="of the model"),
    _known("weights exp(-E) alone", "samples are weighted, but not by their density", weights="one"),
    _known(
        "data with density 1",
        "demonstrations enter the partition function with importance density 1",
        demonstrations="density 1",
    ),
    _known("demonstrations left out", "the mixture's weights, but samples of q alone", demonstrations="left out"),
    _known(
        "weights differentiated through",
        "the gradient goes through the importance weights, which are frozen",
        weight_gradient="through",
    ),
    _known("not normalized", "weights are not divided by their sum", normalized="not"),
    _known("log missing", "the partition function in place of its log", normalized="no log"),
    _known("weights sum to 1", "weights are self-normalized", normalized="sum to 1"),
    _known("log softmax over a singleton", "normalized over an axis of length 1: the log of 1", normalized="singleton"),
    _known("log mean exp", "a mean over outcomes in place of the sum: log Z is lower by log n", base="uniform"),
    _known("logit", "the logit in place of the probability", discriminator="logit"),
    _known("expectation under the sampler", "E_q[E] in place of E_p[E]", expectation="under the sampler"),
    _known("data and samples swapped", "p and q have changed places", expectation="swapped"),
    _known("energy twice", "2 E", energy="twice"),
    _known("divergence the other way", "KL(model || data) is descended", objective="reverse"),
    _known("softmax twice", "probabilities are given to a loss that takes logits", objective="softmax twice"),
    _known(
        "softplus cut off",
        "softplus(x) is x itself above 20, as torch has it; -logsigmoid(-x) is not",
        logs="softplus above 20",
    ),
    *_OUTPUT[1:],
    _known("mean over outcomes", "divided by n: a mean, expected a sum", factor="over n"),
)


# Numbers that people add lest a logarithm be that of 0
SMALL = (*(f"1e-{k}" for k in range(1, 17)), "1.1920928955078125e-07", "2.220446049250313e-16")
ON_PATHS = (
    "boltzmann.log_partition",
    "boltzmann.law",
    "boltzmann.occupancy",
    "maxent.log_likelihood",
    "maxent.gradient",
)
ON_CONTROL = ("policy_value", "state_marginals", "marginals", "occupancy", "causal.dual", "causal.gradient")
ON_SPACES = (
    *("ebm.log_partition", "ebm.law", "ebm.log_likelihood", "ebm.gradient"),
    *("gan.discriminator_gradient", "gan.discriminator_gradient.energy", "gan.discriminator_gradient.log_normalizer"),
    *("gan.discriminator", "gan.discriminator_loss", "gan.optimal_log_normalizer", "gan.generator_loss"),
    *("gcl.loss", "gcl.gradient", "gcl.importance_weights"),
)


class Family(NamedTuple):
    """The mistakes of a target, its conventions, and its formula with switches."""

    known: tuple[KnownMistake, ...]
    defaults: Any
    formula: Callable[..., Any]


def _family(target: Target) -> Family:
    """The family of a target; of most targets, slips of arguments and what is done to the answer."""
    if target.name in ON_SPACES:
        return Family(SPACES, Spaces(), spaces)
    if target.name in ON_PATHS:
        return Family(PATHS, Paths(), paths)
    if target.name in ON_CONTROL or target.name.startswith("soft_solution"):
        return Family(CONTROL, Control(), control)
    if is_imitation(target):
        return Family(_with_slips(target, IMITATION), Imitation(), imitation)
    if target.name in ON_SHAPED:
        return Family(_with_slips(target, SHAPED), Shaped(), shaped)
    if not target.on_model:
        told = (m for m in GIVEN if any(concerns(target, switch, value) for switch, value in m.changes))
        return Family(_with_slips(target, tuple(told)), Given(), given)
    return Family(_with_slips(target, (*_OUTPUT, *_SIZES_OF_MODELS)), Answered(), answered)


def _with_slips(target: Target, known: tuple[KnownMistake, ...]) -> tuple[KnownMistake, ...]:
    """The mistakes of a family, and those slips of arguments that it does not name."""
    named = {mistake.name for mistake in known}
    return (*known, *(slip for slip in slips(target.canonical or target) if slip.name not in named))


def reference(target: Target) -> Target:
    """The target by the formula with switches, at the library's conventions."""
    family = _family(target)
    return _with_formula(target, family.formula, family.defaults, {})


def known_mistakes(target: Target) -> tuple[KnownMistake, ...]:
    """What is known to go wrong with a target, the simplest first."""
    return _family(target).known


def explanations(target: Target, size: int) -> Iterator[tuple[KnownMistake, ...]]:
    """Sets of so many known mistakes in different switches, the simplest first."""
    return grouped(known_mistakes(target), size)


def grouped(known: Iterable[KnownMistake], size: int) -> Iterator[tuple[KnownMistake, ...]]:
    """Sets of so many of these mistakes in different switches."""
    for group in combinations(known, size):
        touched = [name for mistake in group for name, _ in mistake.changes]
        if len(set(touched)) == len(touched):
            yield group


def near(target: Target) -> list[list[KnownMistake]]:
    """Mistakes with a number, which is found from the answers: for each kind those with one number after the other."""
    own = target.canonical or target
    kinds: list[list[KnownMistake]] = []

    def kind(name: str, text: str, switch: str, how: str) -> None:
        told = [(name.format(c=c), text.format(c=c), {switch: f"{how} {c}"}) for c in SMALL]
        kinds.append([_known(name, text, **changes) for name, text, changes in told])

    if target.name.startswith("ebm.") and target.name in ON_SPACES:
        kind("log(model + {c})", "{c} is added to the model's probabilities, lest a log be that of 0", "logs", "plus")
        kind("model clipped to {c}", "the model's probabilities are kept above {c} in the log", "logs", "clipped")
    elif target.name in ON_SPACES or (is_imitation(target) and takes_logarithms(target)):
        kind("log(D + {c})", "{c} is added to D and 1 - D, lest a log be that of 0", "logs", "plus")
        kind("D clipped to {c}", "D is kept from 0 and 1 by {c}", "logs", "clipped")
    added = "{{c}} is added to {name}, lest a log be that of 0"
    if target.name in ON_SPACES and "sampler" in own.arguments:
        kind("log(sampler + {c})", added.format(name="sampler"), "density", "plus")
    elif target.name not in (*ON_SPACES, *ON_PATHS, *ON_CONTROL):
        for name in laws_of(own):
            kind(f"log({name} + {{c}})", added.format(name=name), ARGUMENT + name, "plus")
    return kinds


def mistaken(target: Target, group: tuple[KnownMistake, ...]) -> Target:
    """The target as it is under these mistakes."""
    family = _family(target)
    changes = {name: value for mistake in group for name, value in mistake.changes}
    slips_made = {name.removeprefix(ARGUMENT): how for name, how in changes.items() if name.startswith(ARGUMENT)}
    own = {name: how for name, how in changes.items() if not name.startswith(ARGUMENT)}
    return _with_formula(target, family.formula, replace(family.defaults, **own), slips_made)


def _with_formula(target: Target, formula: Callable[..., Any], c: Any, changes: dict[str, str]) -> Target:
    own = target.canonical or target
    roads = (formula(own, c, from_discriminator=True),) if formula in (spaces, imitation) else ()
    if changes:
        return target.with_reference(where_defined(_on_slips(formula(own, c), changes)))
    return target.with_reference(formula(own, c), roads)


def _on_slips(function: Callable[..., Any], changes: dict[str, str]) -> Callable[..., Any]:
    return lambda **values: function(**slipped(values, changes))
