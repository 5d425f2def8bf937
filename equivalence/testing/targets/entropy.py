"""Targets on an MDP: maximum entropy, causal and over trajectories; control as inference; state visits."""

from typing import Any

from equivalence.objectives import causal, demonstrations, f_irl, inference, maxent, path_ratios, soft_messages
from equivalence.objectives.demonstrations import Demonstrations
from equivalence.objectives.f_divergences import gradient_to_q
from equivalence.testing.targets.argument import FIXED
from equivalence.testing.targets.control import SOFT
from equivalence.testing.targets.curvatures import causal_from_moments, maxent_from_moments
from equivalence.testing.targets.rows import members, row, with_form
from mdps import boltzmann, scalars, trajectories

DUAL = "mdp reward expert temperature"
LINEAR = "mdp features theta temperature"
WITHOUT_UNDERFLOW = {"largest_reward": 30}  # of probabilities whose logarithm is taken


def _of_policy(mdp: Any, reward: Any, expert_policy: Any, temperature: Any) -> Any:
    return causal.log_likelihood(mdp, reward, policy=expert_policy, temperature=temperature)


def _of_law(mdp: Any, reward: Any, law: Any, temperature: Any) -> Any:
    return causal.log_likelihood(mdp, reward, law=law, temperature=temperature)


def _of_marginals(mdp: Any, reward: Any, marginals: Any, temperature: Any) -> Any:
    return causal.log_likelihood(mdp, reward, marginals=marginals, temperature=temperature)


_LIKELIHOOD = "E[sum_t gamma^t log pi_t(a_t | s_t)], pi soft-optimal, over"

CAUSAL = (
    row(
        "causal.dual",
        DUAL,
        "",
        causal.dual,
        "(<expert, r> - sum_s rho V_0) / alpha, V_0 the soft value",
        mean="steps",
    ),
    row(
        "causal.gradient",
        DUAL,
        "R",
        causal.gradient,
        "(expert - expected discounted visits of the soft-optimal policy) / alpha",
        mean="steps",
    ),
    row(
        "causal.log_likelihood",
        "mdp reward expert_policy temperature",
        "",
        _of_policy,
        f"{_LIKELIHOOD} trajectories of the expert's policy",
        roles={"expert_policy": FIXED},
        kinds=WITHOUT_UNDERFLOW,
        mean="steps",
    ),
    row(
        "causal.log_likelihood.of_law",
        "mdp reward law temperature",
        "",
        _of_law,
        f"{_LIKELIHOOD} a law on trajectories, in the order of `boltzmann.law`",
        roles={"law": FIXED},
        kinds=WITHOUT_UNDERFLOW,
        mean="steps",
    ),
    row(
        "causal.log_likelihood.of_marginals",
        "mdp reward marginals temperature",
        "",
        _of_marginals,
        f"{_LIKELIHOOD} an expert's marginals, not discounted",
        kinds=WITHOUT_UNDERFLOW,
        mean="steps",
    ),
    row(
        "causal.hessian",
        LINEAR,
        "kk",
        causal.hessian,
        "d2 dual / d theta2 for r = features theta: minus a covariance of discounted features",
        roads=(causal_from_moments,),
    ),
)
MAXENT = (
    row(
        "maxent.log_likelihood",
        DUAL,
        "",
        maxent.log_likelihood,
        "<expert, r> / alpha - log Z, Z over trajectories relative to rho prod P",
        mean="steps",
    ),
    row(
        "maxent.gradient",
        DUAL,
        "R",
        maxent.gradient,
        "(expert - expected visits under the law over trajectories rho prod P exp(R / alpha) / Z) / alpha",
        mean="steps",
    ),
    row(
        "maxent.hessian",
        LINEAR,
        "kk",
        maxent.hessian,
        "-Cov(f(tau)) / alpha^2 of discounted features under the law rho prod P exp(R / alpha) / Z",
        roads=(maxent_from_moments,),
    ),
)
DEMONSTRATED = "mdp reward states actions temperature"


def _demonstrated(function: Any) -> Any:
    def of_arrays(states: Any, actions: Any, **values: Any) -> Any:
        return function(demonstrations=Demonstrations(states, actions), **values)

    return of_arrays


_ARRAYS = "states [i, t] has T+1 columns; -1 stands past the end of a demonstration"
DEMONSTRATIONS = (
    row(
        "demonstrations.marginals",
        "mdp states actions",
        "tC",
        _demonstrated(demonstrations.marginals),
        f"the share of demonstrations that decided a in s at t, not discounted; {_ARRAYS}",
    ),
    row(
        "demonstrations.occupancy",
        "mdp states actions",
        "C",
        _demonstrated(demonstrations.occupancy),
        f"mean discounted counts over demonstrations; {_ARRAYS}",
        mean="steps",
    ),
    row(
        "demonstrations.log_likelihood",
        DEMONSTRATED,
        "",
        _demonstrated(demonstrations.log_likelihood),
        f"mean over demonstrations of sum_t gamma^t log pi_t(a_t | s_t), pi soft-optimal; {_ARRAYS}",
        kinds=WITHOUT_UNDERFLOW,
    ),
    row(
        "demonstrations.gradient",
        DEMONSTRATED,
        "R",
        _demonstrated(demonstrations.gradient),
        f"d log-likelihood / dr; not expert - visits where the dynamics are stochastic; {_ARRAYS}",
    ),
)


_MESSAGES = (
    ("q", "tsa", "log messages of actions in nats, as seen from the start: rewards at t weigh gamma^t / alpha"),
    ("v", "ts", "log messages of states, T+1 rows; 0 at the horizon and in terminal states"),
    ("policy", "tsa", "prior exp(q - v)"),
)
PRIORS = (("", "", "a uniform prior"), (".prior", " prior", "a prior policy"))
INFERENCE = tuple(
    target
    for suffix, prior, told in PRIORS
    for target in (
        *members(
            f"soft_messages.optimistic_messages{suffix}",
            f"mdp reward{prior} temperature",
            _MESSAGES,
            soft_messages.optimistic_messages,
            f"q_t = log sum_s' P exp(gamma^t r / alpha + v_t+1), v = log sum_a prior exp q, with {told}",
        ),
        *members(
            f"soft_messages.causal_messages{suffix}",
            f"mdp reward{prior} temperature",
            _MESSAGES,
            soft_messages.causal_messages,
            f"q_t = sum_s' P (gamma^t r / alpha + v_t+1), v = log sum_a prior exp q, with {told}",
        ),
        row(
            f"inference.log_evidence{suffix}",
            f"mdp reward{prior} temperature",
            "",
            inference.log_evidence,
            f"log p(O) = log E[exp(R / alpha)] over trajectories of {told}",
        ),
        *members(
            f"inference.posterior{suffix}",
            f"mdp reward{prior} temperature",
            (
                ("log_evidence", "", "log p(O) = log E[exp(R / alpha)]"),
                ("initial", "s", "p(s_0 | O)"),
                ("policy", "tsa", "p(a_t | s_t, O); rows of terminal states are 0"),
                ("dynamics", "tsax", "p(s_t+1 | s_t, a_t, O), tilted by what is hoped for"),
            ),
            inference.posterior,
            f"p(tau | O) as a Markov chain, with {told}",
        ),
        *members(
            f"inference.smoothing{suffix}",
            f"mdp reward{prior} temperature",
            (
                ("state_marginals", "ts", "p(s_t | O), T+1 rows; what has ended stays"),
                ("marginals", "tsa", "p(s_t, a_t | O)"),
            ),
            inference.smoothing,
            f"marginals of p(tau | O), with {told}",
        ),
        row(
            f"inference.elbo{suffix}",
            f"mdp reward policy{prior} temperature",
            "",
            inference.elbo,
            f"E[R] / alpha - KL(p_pi || p_0) with {told}: returns are discounted, the divergence is not",
            roles={"policy": FIXED, "prior": FIXED},
        ),
        row(
            f"inference.best_elbo{suffix}",
            f"mdp reward{prior} temperature",
            "",
            inference.best_elbo,
            f"the largest E[R] / alpha - KL(p_pi || p_0), with {told}",
        ),
        *members(
            f"inference.gap{suffix}",
            f"mdp reward policy{prior} temperature",
            (
                ("initial", "", "of starts"),
                ("policy", "", "of choices"),
                ("dynamics", "", "of chance"),
            ),
            inference.gap,
            f"log p(O) - ELBO as three divergences from p(tau | O), with {told}",
            roles={"policy": FIXED, "prior": FIXED},
        ),
    )
)
PATHS = (
    row(
        "path_ratios.log_ratios",
        "mdp policy",
        "n",
        lambda mdp, policy: path_ratios.log_ratios(trajectories(mdp), policy),
        "sum_t log pi_t(a_t | s_t) - log pi_0(a_t | s_t) of each trajectory, pi_0 uniform over available actions; -inf "
        "where the policy never goes; trajectories as in `boltzmann.law`",
    ),
    row(
        "path_ratios.luck",
        SOFT,
        "n",
        lambda mdp, reward, temperature: path_ratios.luck(trajectories(mdp), reward, temperature=temperature),
        "what chance gave each trajectory beyond what was expected, in nats, with a uniform prior",
    ),
)


def _by_moments(f: str) -> Any:
    """The gradient as E[n n'] h - E[n] (E[n] h), which loses digits where little varies."""

    def road(mdp: Any, reward: Any, expert: Any, temperature: Any) -> Any:
        centered = f_irl.gradient(mdp, reward, expert, f=f, temperature=temperature)
        visits = boltzmann.occupancy(mdp, reward, temperature=temperature, axes="s")
        mass = sum(mdp.discount**t for t in range(mdp.horizon))
        seen = ~scalars.zero_mask(visits)
        slope = scalars.over(
            seen,
            lambda e, v: gradient_to_q(f, e / mass, v / mass) / mass / temperature,
            expert,
            visits,
            otherwise=scalars.constant(0, visits),
        )
        mean = visits * (visits * slope).sum()
        return (centered + mean) - mean

    return road


DIVERGENCES_OF_VISITS = ("kl", "reverse_kl", "jensen_shannon")  # those of the paper
F_IRL = tuple(
    target
    for f in DIVERGENCES_OF_VISITS
    for target in (
        *(
            row(
                f"f_irl.{name}.{f}{'' if law == 'trajectories' else '.of_policy'}",
                DUAL,
                axes,
                with_form(function, f=f, law=law),
                f"{told} D_f(n_E || n), f = {f}, of state visits over sum_t gamma^t, n under {whose}; reward [s]",
                roads=(_by_moments(f),) if (law, axes) == ("trajectories", "s") else (),
                axes={"reward": "s", "expert": "s"},
                whole=("expert",),
                kinds={"terminal": False, "largest_reward": 100},
            )
            for law, whose in (("trajectories", "the law of trajectories"), ("policy", "the soft-optimal policy"))
            for name, axes, function, told in (
                ("divergence_loss", "", f_irl.divergence_loss, ""),
                ("gradient", "s", f_irl.gradient, "d/dr of"),
            )
        ),
        row(
            f"f_irl.covariance_of_policy.{f}",
            DUAL,
            "s",
            with_form(f_irl.covariance_of_policy, f=f),
            f"the paper's covariance over trajectories of the soft-optimal policy, f = {f}; reward [s]",
            axes={"reward": "s", "expert": "s"},
            whole=("expert",),
            kinds={"terminal": False, "largest_reward": 100},
        ),
    )
)
