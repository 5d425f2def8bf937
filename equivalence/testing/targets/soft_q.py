"""Targets on an MDP: learning from tables of Q, critics of density ratios, policy gradients, trust regions."""

from typing import Any

from equivalence.objectives import (
    dice,
    occupancy_flow,
    policy_divergences,
    policy_gradients,
    q_learning,
    sqil,
    trust_region,
)
from equivalence.testing.targets.argument import AVERAGING, FIXED, NUMBER
from equivalence.testing.targets.control import FIXED_POLICY
from equivalence.testing.targets.drawing import against_the_flow
from equivalence.testing.targets.rows import members, row, with_form

STEPS = {"expert": "tsa", "visits": "tsa"}  # marginals, not discounted, whatever Q is
_EXPERT = "rho_E = gamma^t times the expert's marginals"
_REWARD = "r_Q = Q - gamma E[V(s')]"

Q_LEARNING = (
    row(
        "q_learning.soft_values",
        "mdp q temperature",
        "V",
        q_learning.soft_values,
        "V = alpha log sum_a exp(Q / alpha) over available actions, T rows; 0 in terminal states",
    ),
    row(
        "q_learning.policy_of_q",
        "mdp q temperature",
        "P",
        q_learning.policy_of_q,
        "exp((Q - V) / alpha); 0 at unavailable actions",
    ),
    row(
        "q_learning.reward_of_q",
        "mdp q temperature",
        "P",
        q_learning.reward_of_q,
        f"{_REWARD}, V = 0 at the horizon and in terminal states; 0 at unavailable actions",
    ),
    *(
        row(
            f"q_learning.{name}{suffix}",
            f"mdp q expert{more} temperature",
            axes,
            function,
            f"{told}<rho_E, r_Q>{penalty} - sum_s rho V_0, {_REWARD}, {_EXPERT}",
            axes=STEPS,
        )
        for suffix, more, penalty in (
            ("", "", ""),
            (".chi_square", " chi_square", " - sum rho_E r_Q^2 / (4 a)"),
            (".chi_square_of_both", " chi_square visits", " - sum (rho_E + rho) r_Q^2 / (4 a)"),
        )
        for name, axes, function, told in (
            ("objective", "", q_learning.objective, ""),
            ("gradient", "P", q_learning.gradient, "d/dQ of "),
        )
    ),
    *(
        row(
            f"q_learning.{name}.{over}",
            "mdp expert visits chi_square",
            axes,
            with_form(function, over=over),
            told[over],
            axes=STEPS,
            whole=("expert",),
        )
        for name, axes, function, told in (
            (
                "optimal_reward",
                "tsa",
                q_learning.optimal_reward,
                {
                    "expert": "2 a (1 - rho / rho_E); 0 where neither goes",
                    "mixture": "2 a (rho_E - rho) / (rho_E + rho); 0 where neither goes",
                },
            ),
            (
                "penalized_distance",
                "",
                q_learning.penalized_distance,
                {
                    "expert": "a sum (rho - rho_E)^2 / rho_E, both weighted by gamma^t",
                    "mixture": "a sum (rho - rho_E)^2 / (rho_E + rho), both weighted by gamma^t",
                },
            ),
        )
        for over in ("expert", "mixture")
    ),
    row("q_learning.start_value", "mdp v", "", q_learning.start_value, "sum_s rho(s) V_0(s)"),
    row(
        "q_learning.visited_value",
        "mdp v visits",
        "",
        q_learning.visited_value,
        "sum_t gamma^t mu_t (V_t(s) - gamma E[V_t+1(s')]), V = 0 in terminal states and after the last step",
        axes=STEPS,
    ),
)
_ERROR = "Q - r - gamma V(s'), V = 0 in terminal states"
_TABLES = {"q": "sa"}
SQIL = (
    row(
        "sqil.cloning_loss",
        "mdp q demonstrations temperature",
        "",
        sqil.cloning_loss,
        "-sum N log pi_Q(a | s), N [s, a, s'] the demonstrated transitions, pi_Q = exp((Q - V) / alpha)",
        axes=_TABLES,
    ),
    row(
        "sqil.cloning_gradient",
        "mdp q demonstrations temperature",
        "sa",
        sqil.cloning_gradient,
        "d/dQ of -sum N log pi_Q: (N(s) pi_Q(a | s) - N(s, a)) / alpha",
        axes=_TABLES,
    ),
    *(
        row(
            f"sqil.{name}{suffix}",
            f"mdp q {more} temperature",
            axes,
            function,
            f"{told}{what}",
            axes=_TABLES | own,
        )
        for name, more, what, loss, slope, own in (
            (
                "squared_soft_bellman_error",
                "counts reward",
                f"sum N ({_ERROR})^2 for one number r",
                sqil.squared_soft_bellman_error,
                sqil.squared_soft_bellman_error_gradient,
                {"reward": ""},
            ),
            (
                "regularized_cloning",
                "demonstrations samples weight",
                "-sum N log pi_Q + lambda sum (N + N_samples) (Q - gamma V(s'))^2",
                sqil.regularized_cloning_loss,
                sqil.regularized_cloning_gradient,
                {},
            ),
            (
                "sqil",
                "demonstrations samples",
                "sum N (Q - 1 - gamma V(s'))^2 + sum N_samples (Q - gamma V(s'))^2",
                sqil.sqil_loss,
                sqil.sqil_gradient,
                {},
            ),
        )
        for suffix, axes, function, told in (
            ("_loss" if name != "squared_soft_bellman_error" else "", "", loss, ""),
            ("_gradient", "sa", slope, "d/dQ of "),
        )
    ),
    row(
        "sqil.boundary_value",
        "mdp q counts temperature",
        "",
        sqil.boundary_value,
        "sum N (V(s) - gamma V(s'))",
        axes=_TABLES,
    ),
)
_CRITIC: dict[str, Any] = {"axes": {"expert": "tsa"}, "roles": {"policy": AVERAGING}}
_NEXT = "nu - gamma E[nu(s', a')]"
DICE = (
    row(
        "dice.critic_loss",
        "mdp nu policy expert",
        "",
        dice.critic_loss,
        f"log E_E[exp({_NEXT})] - E_start[nu] / sum_t gamma^t P(a decision at t), E_E by gamma^t marginals, normalized",
        **_CRITIC,
    ),
    row(
        "dice.critic_gradient",
        "mdp nu policy expert",
        "P",
        dice.critic_gradient,
        f"d/dnu of log E_E[exp({_NEXT})] - E_start[nu] / M",
        **_CRITIC,
    ),
    row(
        "dice.optimal_critic",
        "mdp policy expert",
        "tsa",
        dice.optimal_critic,
        "action values of the policy for the reward log(n / n_E) of normalized visits",
        axes={"expert": "tsa", "policy": "tsa"},
        roles=FIXED_POLICY,
        whole=("policy", "expert"),
    ),
    row(
        "dice.sampled_critic_loss",
        "mdp nu policy expert",
        "",
        dice.sampled_critic_loss,
        "the loss with (s', a') sampled inside the exponential, in expectation",
        axes={"expert": "tsa"},
        roles=FIXED_POLICY,
    ),
)
_FREE_POLICY = {"reward": NUMBER}
POLICY_GRADIENTS = (
    *(
        row(
            f"policy_gradients.{name}{suffix}",
            f"mdp reward policy{more}",
            axes,
            function,
            f"{told}E[sum_t gamma^t {'(r - lambda log pi)' if suffix else 'r'}]",
            roles=FIXED_POLICY if suffix else _FREE_POLICY,
            whole=("policy",) if suffix else (),
            paid=("",) if not axes else (),
        )
        for suffix, more in (("", ""), (".entropy", " entropy_weight"))
        for name, axes, function, told in (
            ("regularized_value", "", policy_gradients.regularized_value, ""),
            ("policy_gradient", "P", policy_gradients.policy_gradient, "d/dpi, entries as free numbers, of "),
            ("logit_gradient", "P", policy_gradients.logit_gradient, "d/dlogits of pi, of "),
        )
    ),
    *(
        row(
            f"policy_gradients.immediate_reward_update.{name}",
            "mdp reward policy",
            "P",
            with_form(policy_gradients.immediate_reward_update, score=score),
            f"sum rho r d{score}(a | s) / dlogits: not a policy gradient, but printed as one",
            roles=_FREE_POLICY,
        )
        for name, score in (("log_pi", "log pi"), ("pi", "pi"))
    ),
)
DIVERGENCES = (
    row(
        "policy_divergences.trajectory_kl",
        "mdp policy expert_policy",
        "",
        policy_divergences.trajectory_kl,
        "sum_t E_mu_t[KL(pi_t || pi_E,t)], not discounted",
        roles={"policy": FIXED, "expert_policy": FIXED},
        whole=("expert_policy",),
    ),
    *members(
        "policy_divergences.trajectory_kl_gradient",
        "mdp policy expert_policy",
        (
            ("policy", "tsa", "d/dpi of sum_t E_mu_t[KL(pi_t || pi_E,t)], entries as free numbers"),
            ("expert_policy", "tsa", "-mu_t(s, a) / pi_E,t"),
        ),
        policy_divergences.trajectory_kl_gradient,
        "derivatives of sum_t E_mu_t[KL(pi_t || pi_E,t)] to both policies, entries as free numbers",
        roles={"policy": FIXED, "expert_policy": FIXED},
        whole=("policy", "expert_policy"),
    ),
    *(
        target
        for f in ("kl", "reverse_kl", "jensen_shannon", "gail", "pearson", "neyman", "squared_hellinger")
        for target in (
            row(
                f"policy_divergences.occupancy_divergence.{f}",
                "mdp policy expert",
                "",
                with_form(policy_divergences.occupancy_divergence, f=f),
                f"D_f(n || n_E) of occupancies divided by their masses, f = {f}",
                axes={"expert": "C"},
                roles=FIXED_POLICY,
                whole=("policy", "expert"),
            ),
            row(
                f"policy_divergences.occupancy_divergence_gradient.{f}",
                "mdp policy expert",
                "tsa",
                with_form(policy_divergences.occupancy_divergence_gradient, f=f),
                f"d/dpi_t, entries as free numbers, of D_f(n || n_E) of normalized occupancies, f = {f}",
                axes={"expert": "C"},
                roles=FIXED_POLICY,
                whole=("policy", "expert"),
            ),
        )
    ),
    row(
        "policy_divergences.through_occupancy",
        "mdp policy slope",
        "tsa",
        policy_divergences.through_occupancy,
        "d/dpi_t, entries as free numbers, of <rho, slope>: gamma^t mu_t(s) Q_t(s, a)",
    ),
)
_TRUST: dict[str, Any] = {"whole": ("expert",), "kinds": {"terminal": False, "largest_reward": 100}}
_DUAL = "G(r) = sum_s rho V_0 / M + beta log sum n_E exp(-r / beta), M = sum_t gamma^t, n_E = expert / M"
TRUST_REGION = (
    row(
        "trust_region.primal",
        "mdp policy expert kl_weight temperature",
        "",
        trust_region.primal,
        "alpha H(pi) / M - beta KL(n || n_E) of normalized visits, M = sum_t gamma^t",
        roles=FIXED_POLICY,
        **_TRUST,
    ),
    row("trust_region.dual", "mdp reward expert kl_weight temperature", "", trust_region.dual, _DUAL, **_TRUST),
    row(
        "trust_region.gradient",
        "mdp reward expert kl_weight temperature",
        "R",
        trust_region.gradient,
        f"dG/dr = n - q, q in proportion to n_E exp(-r / beta); {_DUAL}",
        **_TRUST,
    ),
    row(
        "trust_region.gap",
        "mdp reward expert kl_weight temperature",
        "",
        trust_region.gap,
        "beta KL(n || q), q in proportion to n_E exp(-r / beta): how far G(r) is above the primal value of pi_r",
        **_TRUST,
    ),
    row(
        "trust_region.direction",
        "mdp reward expert kl_weight temperature",
        "r",
        trust_region.direction,
        "r - beta log(n_E / n), n the normalized visits of the soft-optimal policy; 0 where no policy goes",
        **_TRUST,
    ),
    row(
        "trust_region.slope",
        "mdp reward expert kl_weight temperature",
        "",
        trust_region.slope,
        "-beta (KL(n || q) + KL(q || n)): the derivative of G along minus the direction",
        **_TRUST,
    ),
    row(
        "trust_region.trust_region_policy",
        "mdp reward policy trust_weight temperature",
        "tsa",
        trust_region.trust_region_policy,
        "argmax over pi of E[sum_t gamma^t (r + alpha H(pi) - eta KL(pi || policy))]",
    ),
    row(
        "trust_region.corrected_reward",
        "mdp reward direction step trust_weight temperature",
        "r",
        lambda mdp, **values: trust_region.corrected_reward(**values),
        "r - alpha epsilon / (alpha + eta) direction",
        axes={"direction": "R"},
        roles={"reward": NUMBER, "direction": NUMBER},
        unseen=("mdp",),
    ),
)
FLOW = (
    row(
        "occupancy_flow.policy_of_occupancy",
        "mdp marginals",
        "tsa",
        lambda mdp, marginals: occupancy_flow.policy_of_occupancy(mdp, marginals).policy,
        "mu_t(s, a) / mu_t(s); uniform over available actions where s is not visited",
        draws={"marginals": against_the_flow},
    ),
    row(
        "occupancy_flow.flow_residual",
        "mdp marginals",
        "ts",
        lambda mdp, marginals: occupancy_flow.flow_residual(mdp, marginals),
        "sum_a mu_t(s, a) - what arrives there; 0 for marginals of a policy",
        draws={"marginals": against_the_flow},
    ),
)
