"""Problems without a horizon: which targets there are of them, and what an iteration that stops early leaves open.

With `infinite_horizon=True` a subject takes `transition, initial, discount`, the discount below 1, and everything is
stationary: no array has an axis t, and where a target with a horizon speaks of marginals at each step, which are not
discounted, this one speaks of discounted visits rho(s, a) = sum_t gamma^t mu_t(s, a). Targets are those of the library
that have an answer without a horizon; the others are listed here, with the reason.

What floats may be off by is derived for any way to solve the equations (`mdps.recorded`): the roundings of one backup,
and those of elimination, carried to the answer by (I - gamma P_pi)^-1 and by the formula that follows.

A subject that iterates stops somewhere. With `stops_at` = tau it says that each of its iterations ends where the last
change is at most tau in the sup norm, of values, of visits, or of both. What is allowed then grows by

    eps = tau / (1 - gamma)            each soft-optimal or optimal value v(s) is off by so much, and q by gamma eps
    (I - A)^-1 1 tau                   values and visits of a given policy, linear systems, entry by entry

carried through the formula by its derivatives (first order, by adjoints), twice: a policy may be made of the last q and
the v before it. With delta = 2 eps / alpha each log pi(a | s) of the soft-optimal policy is off by at most delta, and
terms of second order by at most delta / (1 - gamma) of the first: so much of the bound that is carried forward without
cancelling is allowed besides. Where delta / (1 - gamma) is above 1/4 nothing is derived, and the option is refused;
soft values themselves have Banach's bound whatever it is. An optimal policy jumps where actions tie, and has no bound.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equivalence.testing.targets.target import Target

WITHOUT_END = "without a horizon: T is infinite, nothing has an axis t, and visits are discounted"
DISCOUNTS = (*("1/2", "9/10") * 4, "99/100")  # a few instances that need a thousand steps
LARGEST_REWARD = 30  # so that values can be found to 1e-12, where many iterations stop
SECOND_ORDER = 0.25  # the largest share of terms of second order with which stops_at is derived

_NO_LIMIT = "discounted and without end, Z of trajectories grows without bound"
_STEPS = "it is about steps that are told apart"
_LISTED = "it is about a list of trajectories, of which there are infinitely many"
_MESSAGES = "messages in nats as seen from the start depend on the step"
NEEDS_A_HORIZON: dict[str, str] = {  # by the beginning of the name
    "state_marginals": _STEPS,
    "marginals": _STEPS,
    "boltzmann": _NO_LIMIT,
    "maxent": _NO_LIMIT,
    "inference": "returns are discounted and divergences of trajectories are not, which grow without bound",
    "f_irl": "the library has it with a horizon alone",
    "soft_messages": _MESSAGES,
    "causal.log_likelihood.of_law": _LISTED,
    "causal.log_likelihood.of_marginals": _STEPS,
    "demonstrations": _LISTED,
    "path_ratios": _LISTED,
    "trajectory_gan": _LISTED,
    "policy_divergences.trajectory_kl": "it is infinite where two policies differ for ever",
    "policy_divergences.trajectory_kl_gradient": "it is infinite where two policies differ for ever",
}
JUMPS = ("optimal_solution", "optimal_solution.policy")
BY_CONTRACTION = ("soft_solution.q", "soft_solution.v", "optimal_solution.q", "optimal_solution.v")


def needs_a_horizon(target: "Target") -> str:
    """Why a target cannot be asked without a horizon; '' where it can."""
    if "mdp" not in target.arguments or "mdp" in target.unseen:
        return "it takes no model"
    found = (why for name, why in NEEDS_A_HORIZON.items() if target.name == name or target.name.startswith(f"{name}."))
    return next(found, "")


def jumps(target: "Target") -> str:
    """Why an iteration for a target must not stop early; '' where it may."""
    return "an optimal policy jumps where actions tie; judge optimal_solution.v or .q" if target.name in JUMPS else ""


def open_log_policy(target: "Target", discount: Any, temperature: Any) -> float:
    """delta / (1 - gamma): the share of terms of second order where the subject stops early; 0 where there are none."""
    if "temperature" not in target.arguments or target.name in BY_CONTRACTION:
        return 0.0
    rest = 1 - float(discount)
    return 2 * target.layout.stops_at / (float(temperature) * rest**2)
