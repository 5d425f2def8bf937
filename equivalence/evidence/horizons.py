"""The gradient of soft control over many steps in a field, for dynamics of any denominators.

The soft backup V_t(s) = alpha log sum_a exp(Q_t(s, a) / alpha) meets P at the next step, exp(sum P V / alpha), and so
needs roots of sums of weights; those of even degree are not unique in a field. Take instead the values for free,

    V_t(s) = alpha k log y_t(s),        k the common denominator of gamma P,

a free positive y for each (t, s), also at the end; and all weights e^{r_t(s, a) / alpha} but one of each (t, s). The
backup is linear in the one that is left,

    e^{r / alpha}  =  (y_t(s)^k - sum over the other actions of e^{Q / alpha}) / prod_s' y_{t+1}(s')^(k gamma P(s')),

so that the sum whose root is asked for is the k-th power of y_t(s) by construction. All rewards r_t(s, a) and final
values arise so: the quantifier is over rewards that depend on t. Steps of a horizon T are chained: each is a model with
horizon 1 that ends with the values of the one after it, solved by whatever is put in.

What is proved, with free dr_t(s, a), is d rho V_0 = sum_t gamma^t E_pi[dr_t]: every component of the gradient of the
dual, which is (rho_E - rho_pi) / alpha.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from equivalence.claims.steps import one_step
from equivalence.evidence.balls import Finding
from equivalence.evidence.field import POINTS, PRIME_BITS, TARGET, compared, seed_of, source_digest, source_of, texts
from equivalence.evidence.verdict import PROVED_FOR_ALL, REFUTED, Proof
from mdps import MDP, OutOfReach, marginals, soft_solution
from mdps.arguments import checked_horizon
from mdps.scalars.duals import jacobian
from mdps.scalars.elementary import log_of
from mdps.scalars.field import Field, FieldNumber, LogField, log2_error
from mdps.scalars.levels import exact_fraction
from mdps.scalars.primes import derived_prime, entropy

CLAIM = "causal_gradient_over_steps_eq_derivative_of_value"


class FreeSteps(NamedTuple):
    """Free rewards [t, s, a], and the values [t, s] of T+1 rows that soft control gives them; the last is final."""

    rewards: np.ndarray
    values: np.ndarray


def free_steps(field: Field, mdp: MDP, temperature: Any) -> FreeSteps:
    """Values with free exponentials and the rewards that give them, by one linear equation for each (t, s).

    The model is exact; its horizon says how many steps, and its final values do not matter: all of them are free.
    """
    alpha, gamma = exact_fraction(temperature), exact_fraction(mdp.discount)
    k = common_denominator(mdp)
    horizon = checked_horizon(mdp)
    values = np.empty((horizon + 1, mdp.n_states), dtype=object)
    rewards = np.full((horizon, *mdp.available.shape), LogField(field, {}), dtype=object)
    roots = [field.free() for _ in range(mdp.n_states)]
    values[horizon] = [_logarithm_of_power(field, y, k) * alpha for y in roots]
    for t in reversed(range(horizon)):
        after, roots = roots, [y if mdp.terminal[s] else field.free() for s, y in enumerate(roots)]
        for s in range(mdp.n_states):
            if mdp.terminal[s]:
                values[t, s] = values[horizon, s]
                continue
            values[t, s] = _logarithm_of_power(field, roots[s], k) * alpha
            rest = roots[s] ** k
            *others, last = np.flatnonzero(mdp.available[s]).tolist()
            for a in (*others, last):
                ahead = LogField(field, {})
                for s2 in np.flatnonzero(mdp.support[s, a]):
                    ahead = ahead + log_of(after[s2]) * (k * gamma * exact_fraction(mdp.transition[s, a, s2]))
                going_on = ahead.exponential()
                weight = field.free() if a != last else rest / going_on
                if others:
                    weight.factors = None  # the logarithm of a difference is one of its own
                rewards[t, s, a] = log_of(weight) * alpha
                rest = rest - weight * going_on
    return FreeSteps(rewards, values)


def common_denominator(mdp: MDP) -> int:
    """The least k for which k gamma P(s' | s, a) are whole numbers."""
    gamma = exact_fraction(mdp.discount)
    return math.lcm(*(int((gamma * exact_fraction(x)).q) for x in mdp.transition[mdp.support]))


def _logarithm_of_power(field: Field, y: FieldNumber, k: int) -> LogField:
    """k log y, which is from now on the logarithm of every number that is y^k."""
    logarithm = log_of(y) * k
    field.know_logarithm(y**k, logarithm)
    return logarithm


def check_causal_gradient(mdp: MDP, *, temperature: Any = 1, solve: Any = soft_solution) -> Finding:
    """Whether rho V_0 has the derivative sum_t gamma^t E_pi[dr_t] for all rewards r_t(s, a) and final values.

    mdp     an exact model with a horizon, of any denominators.
    solve   soft control, called with models of horizon 1.

    Errors: `OutOfReach` where the arithmetic cannot express what `solve` does.
    """
    statement = {
        "claim": CLAIM,
        "source": source_digest(),
        "transition": texts(mdp.transition),
        "initial": texts(mdp.initial),
        "discount": str(mdp.discount),
        "horizon": checked_horizon(mdp),
        "temperature": str(exact_fraction(temperature)),
        **({} if solve is soft_solution else {"foreign": source_of(solve)}),
    }
    k = common_denominator(mdp)
    wanted = checked_horizon(mdp) * math.log2(max(2, mdp.available.sum())) + 16  # about log2 of the degrees to come
    for bits in PRIME_BITS:
        if bits != PRIME_BITS[-1] and wanted - entropy(bits) + POINTS > TARGET:
            continue
        seed = seed_of(statement, 0)
        field = Field(derived_prime(seed, bits, coprime_to=k // (k & -k)), seed)
        with field.current():
            try:
                lhs, rhs = _sides(field, mdp, temperature, solve)
            except ZeroDivisionError:
                raise OutOfReach("a denominator is 0 at the point") from None
            different, tested = compared(field, np.array([lhs]), np.array([rhs]), ())
        degree, height = field.bounds(*tested)
        error = log2_error(field.prime.value, field.prime.entropy, degree, height) + POINTS
        if error <= TARGET:
            proof = Proof(("reward", "final_value"), degree, height, field.prime.value, field.branches, error)
            return Finding(REFUTED, None, different) if different else Finding(PROVED_FOR_ALL, None, "", proof)
    raise OutOfReach(f"degrees are too large for an error below 2^{TARGET} with a prime of {PRIME_BITS[-1]} bits")


def _sides(field: Field, mdp: MDP, temperature: Any, solve: Any) -> tuple[Any, Any]:
    """The derivative of rho V_0 by dual numbers, and sum_t gamma^t E_pi[dr_t] by marginals, for free dr_t(s, a)."""
    model = mdp.to("field")
    rewards, values = free_steps(field, mdp, temperature)
    slopes = np.empty(rewards.shape, dtype=object)
    for index in np.ndindex(*slopes.shape):
        slopes[index] = field.free() if mdp.available[index[1:]] else field.constant(0)
    step = one_step(model, values[-1])

    def value_of_start(eps: np.ndarray) -> Any:
        v: Any = values[-1]
        for r, dr in zip(rewards[::-1], slopes[::-1], strict=True):
            v = solve(step.with_final_value(v), r + eps[()] * dr, temperature=temperature).v[0]
        return (model.initial * v).sum()

    zero = np.full((), field.constant(0), dtype=object)
    policy = np.stack(
        [
            solve(step.with_final_value(after), r, temperature=temperature).policy[0]
            for r, after in zip(rewards, values[1:], strict=True)
        ]
    )
    visits = marginals(model, policy)
    weights = [model.discount**t for t in range(len(rewards))]
    expected = sum(w * (x * dr).sum() for w, x, dr in zip(weights, visits, slopes, strict=True))
    return jacobian(value_of_start, zero)[()], expected
