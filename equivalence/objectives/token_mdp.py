"""Responses as strings of tokens: the tree on which a language model decides.

A state is a prompt and the tokens so far, an action the next token, and dynamics append it. A response is over after
`length` tokens or after the token `end`. The prompt is the random start. With a reference policy ref(a | s) of tokens,
rewards r(s, a) of tokens and f(s) of finished responses (the model's `final_value`), undiscounted,

    Q*(s, a) = r(s, a) + V*(s a)
    V*(s)    = alpha log sum_a ref(a | s) exp(Q*(s, a) / alpha),      V* = f of finished responses
    pi*(a | s) = ref(a | s) exp((Q* - V*) / alpha)

A law over responses and a policy of tokens are the same thing: the probability of a string is the product of its
conditionals. Since dynamics are deterministic, the optimum of `rlhf` for the reward sum_t r_t + f of whole responses is
the optimum token by token, V*(prompt) = alpha log Z(prompt), and along every response y

    sum_t alpha log(pi*(a_t | s_t) / ref(a_t | s_t)) = sum_t r_t + f - V*(prompt)

and from any prefix s on the same with V*(s): the policy's log ratios are an advantage, r up to a shaping by V*, and
only their sums over whole responses to one prompt know the reward. In a stochastic environment (a user who answers,
say) a further term appears, the luck of `path_ratios.luck`.
Source: rafailov2024.
"""

from typing import Any, NamedTuple

import numpy as np

from equivalence.objectives.soft_messages import causal_messages, uniform_prior
from mdps import MDP, InvalidArgument, OutOfReach, scalars
from mdps.arguments import (
    LISTED,
    checked_law,
    checked_policy,
    checked_reward,
    checked_temperature,
    expected_reward,
    numbers,
)


class TokenMDP(NamedTuple):
    """The tree as a model, and what its states are.

    texts      the prompt's number and the tokens so far, one tuple a state; prompts come first.
    responses  [x, y], the state of each finished response, in the order of its tokens.
    """

    mdp: MDP
    texts: list[tuple[int, ...]]
    responses: np.ndarray

    def to(self, level: str) -> "TokenMDP":
        """The same tree in another arithmetic."""
        return self._replace(mdp=self.mdp.to(level))


class TokenSolution(NamedTuple):
    """Soft-optimal tokens: q [s, a] and v [s] in the unit of reward, policy [s, a]; q is log 0 past the end."""

    q: np.ndarray
    v: np.ndarray
    policy: np.ndarray


def token_mdp(n_tokens: int, length: int, *, end: int | None = None, prompts: Any = None) -> TokenMDP:
    """The deterministic tree of all responses of at most `length` of `n_tokens` tokens.

    end      the token that ends a response; by default every response has the full length.
    prompts  their law [x], the start of the model; by default there is one prompt.

    Errors: `OutOfReach` where a dense model would have more than a million entries.

    >>> tokens = token_mdp(2, 2, end=1)
    >>> tokens.texts
    [(0,), (0, 0), (0, 1), (0, 0, 0), (0, 0, 1)]
    >>> tokens.responses
    array([[3, 4, 2]])
    """
    for name, n in (("n_tokens", n_tokens), ("length", length)):
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise InvalidArgument(f"{name} is {n!r}; expected a whole number, at least 1")
    if end is not None and end not in range(n_tokens):
        raise InvalidArgument(f"end is {end!r}; expected one of the tokens 0 ... {n_tokens - 1}, or None")
    law = np.asarray([1] if prompts is None else prompts)
    if law.ndim != 1 or not law.size:
        raise InvalidArgument(f"prompts has shape {law.shape}; expected their law [x]")
    going = n_tokens - (end is not None)
    n_states = len(law) * (1 + sum(n_tokens * going**t for t in range(length)))
    if n_states**2 * n_tokens > LISTED:
        raise OutOfReach(f"{n_states:,} prefixes of {n_tokens} tokens are too many for a dense model; take fewer")
    texts: list[tuple[int, ...]] = [(x,) for x in range(len(law))]
    frontier, moves = list(range(len(law))), []
    for _ in range(length):
        ahead = []
        for s in frontier:
            for a in range(n_tokens):
                moves.append((s, a, len(texts)))
                if a != end:
                    ahead.append(len(texts))
                texts.append((*texts[s], a))
        frontier = ahead
    transition = np.full((len(texts), n_tokens, len(texts)), 0, dtype=object)
    for move in moves:
        transition[move] = 1
    start = np.full(len(texts), 0, dtype=object)
    start[: len(law)] = law
    level = "exact" if law.dtype.kind in "iu" else scalars.level_of(law)
    mdp = MDP(scalars.convert(transition, level), scalars.convert(start, level), horizon=length)
    finished = sorted((text, s) for s, text in enumerate(texts) if mdp.terminal[s])
    return TokenMDP(mdp, texts, np.array([s for _, s in finished]).reshape(len(law), -1))


def soft_solution(tokens: TokenMDP, reward: Any, reference: Any, *, temperature: Any = 1) -> TokenSolution:
    """Q*, V* and pi* of a reward [s], [s, a] or [s, a, s'] of tokens, relative to a reference policy [s, a].

    Rewards of finished responses are the model's `final_value`: see `paid_at_the_end`.
    """
    alpha = checked_temperature(temperature, tokens.mdp.level)
    messages = causal_messages(tokens.mdp, reward, prior=reference, temperature=alpha)
    depth = np.array([len(text) - 1 for text in tokens.texts])
    at, deciding = np.arange(len(depth)), np.minimum(depth, len(messages.q) - 1)
    q = messages.q[deciding, at]
    q = np.where(tokens.mdp.available, q * alpha, q)
    return TokenSolution(q, messages.v[depth, at] * alpha, messages.policy[deciding, at])


def paid_at_the_end(tokens: TokenMDP, reward: Any) -> TokenMDP:
    """The tree whose responses earn reward [x, y] when they are finished, as final values."""
    paid = _responses(tokens, reward, "reward")
    final = tokens.mdp.final_value.copy()
    final[tokens.responses] = paid
    return tokens._replace(mdp=tokens.mdp.with_final_value(final))


def sequence_reward(tokens: TokenMDP, reward: Any) -> np.ndarray:
    """sum_t r(s_t, a_t) + f of each response, [x, y]."""
    r = expected_reward(tokens.mdp, checked_reward(tokens.mdp, reward))
    return _along(tokens, r, lambda total, x: total + x) + tokens.mdp.final_value[tokens.responses]


def sequence_law(tokens: TokenMDP, policy: Any) -> np.ndarray:
    """prod_t pi(a_t | s_t) of each response given its prompt, [x, y]; rows sum to 1."""
    return _along(tokens, _policy(tokens, policy), lambda total, x: total * x)


def token_policy(tokens: TokenMDP, law: Any) -> np.ndarray:
    """The conditionals pi(a | s) of a law over the responses to each prompt [x, y]; [s, a].

    A prefix that the law never gives has the uniform row: every one would do.
    """
    mdp = tokens.mdp
    given = _responses(tokens, law, "law")
    if mdp.level != "carrier":
        for x, row in enumerate(given):
            checked_law(len(row), row, mdp.level, f"law[{x}]")
    mass = np.full(mdp.n_states, scalars.constant(0, given), dtype=given.dtype)
    mass[tokens.responses] = given
    ahead = np.argmax(mdp.support, axis=-1)  # the only state that follows
    zero = scalars.constant(0, mass)
    for s in reversed(range(mdp.n_states)):  # a text stands before those that it begins
        if mdp.available[s].any():
            mass[s] = mass[ahead[s]].sum()
    given_here = ~scalars.zero_mask(mass)[:, None] & mdp.available
    conditional = scalars.over(given_here, lambda x, total: x / total, mass[ahead], mass[:, None], otherwise=zero)
    return np.where(given_here, conditional, np.where(mdp.available, uniform_prior(mdp), zero))


def _policy(tokens: TokenMDP, policy: Any) -> np.ndarray:
    return checked_policy(tokens.mdp, policy)[0]


def _responses(tokens: TokenMDP, table: Any, name: str) -> np.ndarray:
    array = numbers(name, table, tokens.mdp.level)
    if array.shape != tokens.responses.shape:
        raise InvalidArgument(f"{name} has shape {array.shape}; expected {tokens.responses.shape}, [x, y]")
    return array


def _along(tokens: TokenMDP, table: np.ndarray, add: Any) -> np.ndarray:
    """The entries of a table [s, a] along each response, combined, [x, y]."""
    place = {text: s for s, text in enumerate(tokens.texts)}
    result = np.empty(tokens.responses.shape, dtype=table.dtype)
    for index, s in np.ndenumerate(tokens.responses):
        text = tokens.texts[s]
        entries = [table[place[text[:t]], text[t]] for t in range(1, len(text))]
        total = entries[0]
        for x in entries[1:]:
            total = add(total, x)
        result[index] = total
    return result
