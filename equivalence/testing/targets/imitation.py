"""Targets on an MDP: adversarial imitation, its rewards, and what is recovered of them.

Tables of a discriminator have the shape of the policy beside them, [s, a] unless `policy_axes="tsa"`; the expert is
then its occupancy [s, a] (discounted), or its marginals [t, s, a] (not discounted: weights gamma^t are put on).
"""

from typing import Any

from equivalence.objectives import airl, gail, gail_saddle, surrogates, trajectory_gan
from equivalence.testing.targets import discriminators as through_d
from equivalence.testing.targets.argument import FIXED
from equivalence.testing.targets.control import FIXED_POLICY, SOFT
from equivalence.testing.targets.drawing import below_zero
from equivalence.testing.targets.rows import members, row, with_form
from mdps import trajectories

BESIDE: dict[str, Any] = {"axes": {"expert": "P"}, "policy": "sa"}
OVER_TRANSITIONS: dict[str, Any] = {"axes": {"f": "sax", "policy": "sa", "expert": "sax"}}
BOTH_FULL = ("policy", "expert")
_VISITS = "rho the policy's discounted visits"

AIRL = (
    row(
        "airl.discriminator",
        "mdp f policy",
        "P",
        airl.discriminator,
        "D = exp f / (exp f + pi), the probability of being expert; 1 where pi is 0",
        **BESIDE,
    ),
    row(
        "airl.discriminator_loss",
        "mdp f policy expert",
        "",
        airl.discriminator_loss,
        f"sum rho_E (-log D) + rho (-log(1 - D)), D = exp f / (exp f + pi), {_VISITS}: sums, not means",
        roads=(through_d.airl_loss,),
        roles=FIXED_POLICY,
        mean="halves",
        **BESIDE,
    ),
    row(
        "airl.discriminator_gradient",
        "mdp f policy expert",
        "P",
        airl.discriminator_gradient,
        f"dL_D/df = rho D - rho_E (1 - D), {_VISITS}; 0 where pi is 0",
        roads=through_d.AIRL_GRADIENTS,
        mean="halves",
        **BESIDE,
    ),
    row(
        "airl.discriminator.transitions",
        "mdp f policy",
        "sax",
        airl.discriminator,
        "D = exp f / (exp f + pi(a | s)) for f(s, a, s')",
        axes={"f": "sax", "policy": "sa"},
    ),
    row(
        "airl.discriminator_loss.transitions",
        "mdp f policy expert",
        "",
        airl.discriminator_loss,
        "sum rho_E (-log D) + rho (-log(1 - D)) over transitions, for f(s, a, s')",
        roads=(through_d.airl_loss,),
        roles=FIXED_POLICY,
        mean="halves",
        **OVER_TRANSITIONS,
    ),
    row(
        "airl.discriminator_gradient.transitions",
        "mdp f policy expert",
        "sax",
        airl.discriminator_gradient,
        "dL_D/df = rho D - rho_E (1 - D) over transitions, for f(s, a, s')",
        roads=through_d.AIRL_GRADIENTS,
        mean="halves",
        **OVER_TRANSITIONS,
    ),
    row(
        "airl.optimal_f",
        "mdp policy expert",
        "P",
        airl.optimal_f,
        "f* = log pi + log rho_E / rho; log pi where neither goes, and 0 where pi is 0",
        whole=BOTH_FULL,
        **BESIDE,
    ),
    *(
        row(
            f"airl.policy_reward.{name}",
            "mdp f policy",
            "P",
            with_form(airl.policy_reward, form=form),
            f"{form}, D = exp f / (exp f + pi); 0 at unavailable actions",
            roads=() if form == "f" else (through_d.airl_reward(form),),
            whole=("policy",),
            **BESIDE,
        )
        for name, form in (("airl", "f - log pi"), ("f", "f"), ("gail", "-log(1-D)"), ("log_d", "log D"))
    ),
    row(
        "airl.advantage",
        SOFT,
        "tsa",
        airl.advantage,
        "(Q_t - V_t) / alpha of soft-optimal control, the log of its policy; 0 at unavailable actions",
    ),
    row(
        "airl.f_of_transitions",
        "mdp airl_reward airl_potential",
        "sax",
        airl.f_of_transitions,
        "f = g + gamma h(s') - h(s), h = 0 in terminal s'",
    ),
    row(
        "airl.f_of_actions",
        "mdp airl_reward airl_potential",
        "sa",
        airl.f_of_actions,
        "f = E[g] + gamma E[h(s') | s, a] - h(s), h = 0 in terminal s'",
    ),
    *(
        target
        for suffix, axes, over in (("", "sa", "actions"), (".transitions", "sax", "transitions"))
        for target in members(
            f"airl.shaped_discriminator_gradient{suffix}",
            "mdp airl_reward airl_potential policy expert",
            (
                ("airl_reward", "R", f"dL_D/dg of f = g + gamma h(s') - h(s) over {over}"),
                ("airl_potential", "s", f"dL_D/dh of f = g + gamma h(s') - h(s) over {over}; 0 in terminal states"),
            ),
            airl.shaped_discriminator_gradient,
            f"gradients of the discriminator loss of f = g + gamma h(s') - h(s) over {over}",
            roads=through_d.SHAPED_GRADIENTS,
            axes={"policy": "sa", "expert": axes},
        )
    ),
)
_JUDGED = "D = sigmoid(logit)"
GAIL = (
    row(
        "gail.discriminator_loss",
        "mdp logit policy expert",
        "",
        gail.discriminator_loss,
        f"sum rho_E (-log D) + rho (-log(1 - D)), {_JUDGED} the probability of being expert, {_VISITS}: sums",
        roads=(through_d.gail_loss,),
        roles=FIXED_POLICY,
        mean="halves",
        **BESIDE,
    ),
    row(
        "gail.discriminator_gradient",
        "mdp logit policy expert",
        "P",
        gail.discriminator_gradient,
        f"dL_D/dlogit = rho D - rho_E (1 - D), {_JUDGED}, {_VISITS}",
        roads=through_d.GAIL_GRADIENTS,
        mean="halves",
        **BESIDE,
    ),
    row(
        "gail.optimal_discriminator",
        "mdp policy expert",
        "P",
        gail.optimal_discriminator,
        "D* = rho_E / (rho_E + rho); 1/2 where neither goes",
        **BESIDE,
    ),
    row(
        "gail.optimal_logit",
        "mdp policy expert",
        "P",
        gail.optimal_logit,
        "log(rho_E / rho); 0 where neither goes",
        whole=BOTH_FULL,
        **BESIDE,
    ),
    row(
        "gail.optimal_cost",
        "mdp policy expert",
        "P",
        gail.optimal_cost,
        "c* = log(1 - D*), D* = rho_E / (rho_E + rho); log 1/2 where neither goes, -inf where the expert alone goes",
        roads=(through_d.optimal_cost,),
        **BESIDE,
    ),
    *(
        row(
            f"gail.policy_reward.{name}",
            "mdp logit",
            "P",
            with_form(gail.policy_reward, form=form),
            f"{form}, D = sigmoid(logit) the probability of being expert; 0 at unavailable actions",
            roads=(through_d.gail_reward(form),),
            policy="sa",
            kinds={"largest_reward": 100} if name == "fairl_ratio" else {},
        )
        for name, form in (
            ("gail", "-log(1-D)"),
            ("log_d", "log D"),
            ("airl", "log D - log(1-D)"),
            ("fairl_ratio", "rho_E/rho"),
        )
    ),
    row(
        "gail.jensen_shannon",
        "mdp policy expert",
        "",
        gail.jensen_shannon,
        "KL(rho || m) + KL(rho_E || m), m = (rho + rho_E) / 2, of visits that are not normalized",
        roles=FIXED_POLICY,
        mean="halves",
        **BESIDE,
    ),
    row(
        "gail.optimal_value",
        "mdp policy expert",
        "",
        gail.optimal_value,
        "max_D sum rho log(1 - D) + rho_E log D",
        roads=(through_d.imitation_loss,),
        roles=FIXED_POLICY,
        **BESIDE,
    ),
    row(
        "gail.regularizer",
        "mdp cost expert",
        "",
        gail.regularizer,
        "psi_GA(c) = sum rho_E g(c), g(x) = -x - log(1 - e^x), for costs below 0",
        roads=(through_d.regularizer,),
        draws={"cost": below_zero},
        **BESIDE,
    ),
    row(
        "gail.regularizer_conjugate",
        "mdp difference expert",
        "",
        gail.regularizer_conjugate,
        "psi_GA*(x) = sup_c <x, c> - psi_GA(c) at x = rho - rho_E",
        **BESIDE,
    ),
    *(
        row(
            f"gail.{name}{suffix}",
            f"mdp policy expert{more}",
            axes,
            function,
            f"{told}{' - lambda H(pi)' if suffix else ''}",
            roads=(getattr(through_d, name),),
            roles=FIXED_POLICY,
            whole=("policy",) if suffix or axes else (),
            **BESIDE,
        )
        for suffix, more in (("", ""), (".entropy", " entropy_weight"))
        for name, axes, function, told in (
            ("imitation_loss", "", gail.imitation_loss, "max_D sum rho log(1 - D) + rho_E log D"),
            (
                "imitation_gradient",
                "P",
                gail.imitation_gradient,
                "d/dpi, entries as free numbers, of max_D sum rho log(1 - D) + rho_E log D",
            ),
            (
                "imitation_logit_gradient",
                "P",
                gail.imitation_logit_gradient,
                "d/dlogits of pi, of max_D sum rho log(1 - D) + rho_E log D",
            ),
        )
    ),
)
GAIL_SADDLE = (
    *(
        target
        for name, psi, draws in (("", "none", {}), (".psi_ga", "psi_GA", {"cost": below_zero}))
        for target in (
            row(
                f"gail_saddle.saddle_value{name}",
                "mdp cost policy expert entropy_weight",
                "",
                with_form(gail_saddle.saddle_value, psi=psi),
                f"-lambda H(pi) + <rho, c> - <rho_E, c>{' - psi_GA(c), c < 0' if draws else ''}",
                roles=FIXED_POLICY,
                roads=(through_d.SADDLE_ROADS["saddle_value"],) if draws else (),
                draws=draws,
                **BESIDE,
            ),
            row(
                f"gail_saddle.irl_value{name}",
                "mdp cost expert entropy_weight",
                "",
                with_form(gail_saddle.irl_value, psi=psi),
                f"min_pi (-lambda H(pi) + <rho, c>) - <rho_E, c>{' - psi_GA(c), c < 0' if draws else ''}",
                roads=(through_d.SADDLE_ROADS["irl_value"],) if draws else (),
                draws=draws,
                **BESIDE,
            ),
        )
    ),
    row(
        "gail_saddle.rl_policy",
        "mdp cost entropy_weight",
        "tsa",
        gail_saddle.rl_policy,
        "argmin_pi -lambda H(pi) + <rho, c>",
        policy="sa",
    ),
    row(
        "gail_saddle.saddle_cost",
        "mdp expert_policy entropy_weight",
        "P",
        gail_saddle.saddle_cost,
        "-lambda log pi_E; 0 at unavailable actions",
        whole=("expert_policy",),
        policy="sa",
    ),
)
SURROGATES = (
    row(
        "surrogates.best_response_value",
        "mdp policy expert trial",
        "",
        surrogates.best_response_value,
        "E_rho'[log rho_E / rho + log pi - log pi'], rho' the visits of the trial policy pi'",
        roles={"policy": FIXED, "trial": FIXED},
        whole=BOTH_FULL,
        **BESIDE,
    ),
    row(
        "surrogates.guaranteed_value",
        "mdp policy expert trial",
        "",
        surrogates.guaranteed_value,
        "E_rho'[log rho_E / rho] - sum_t gamma^t E_t[KL(pi'_t || pi_t)] (1 + gamma + ... + gamma^(T-t-1))",
        roles={"policy": FIXED, "trial": FIXED},
        whole=BOTH_FULL,
        kinds={"terminal": False},
        **BESIDE,
    ),
)
_LOGIT = "l = R / alpha - log Z - sum_t log pi_t"
TRAJECTORY_GAN = (
    row(
        "trajectory_gan.log_policy_product",
        "mdp policy",
        "n",
        lambda mdp, policy: trajectory_gan.log_policy_product(trajectories(mdp), policy),
        "sum_t log pi_t(a_t | s_t) of each trajectory, in the order of `boltzmann.law`; -inf where pi never goes",
    ),
    row(
        "trajectory_gan.logit",
        "mdp reward policy log_normalizer temperature",
        "n",
        trajectory_gan.logit,
        f"{_LOGIT} of each trajectory, in the order of `boltzmann.law`",
        whole=("policy",),
    ),
    row(
        "trajectory_gan.discriminator",
        "mdp reward policy log_normalizer temperature",
        "n",
        trajectory_gan.discriminator,
        f"D = sigmoid(l), {_LOGIT}; 1 where the policy never goes",
    ),
    row(
        "trajectory_gan.discriminator_loss",
        "mdp reward policy law log_normalizer temperature",
        "",
        lambda law, **values: trajectory_gan.discriminator_loss(data=law, **values),
        f"E_law[-log D] + E_pi[-log(1 - D)], D = sigmoid(l), {_LOGIT}: a sum, not a mean",
        roads=(through_d.trajectory_loss,),
        roles={"policy": FIXED, "law": FIXED},
        mean="halves",
    ),
    *members(
        "trajectory_gan.discriminator_gradient",
        "mdp reward policy law log_normalizer temperature",
        (
            ("reward", "R", "sum over trajectories of discounted counts times (q D - p (1 - D)) / alpha"),
            ("log_normalizer", "", "sum over trajectories of p (1 - D) - q D"),
        ),
        lambda law, **values: trajectory_gan.discriminator_gradient(data=law, **values),
        "d/dr and d/dlog Z of E_p[-log D] + E_q[-log(1 - D)], q the policy's law of trajectories, p the given one",
        roads=through_d.TRAJECTORY_GRADIENTS,
        mean="halves",
    ),
    row(
        "trajectory_gan.generator_loss",
        "mdp reward policy log_normalizer temperature",
        "",
        trajectory_gan.generator_loss,
        "E_q[log(1 - D) - log D] = log Z - E_q[R] / alpha + E_q[sum_t log pi_t]",
        roads=(through_d.trajectory_generator_loss,),
        roles=FIXED_POLICY,
    ),
    row(
        "trajectory_gan.optimal_logit",
        "mdp policy expert_policy",
        "n",
        trajectory_gan.optimal_logit,
        "sum_t log pi_E,t - log pi_t of each trajectory; -inf where the expert never goes",
        whole=("policy",),
    ),
    row(
        "trajectory_gan.policy_gradient",
        "mdp policy path_cost",
        "tsa",
        lambda mdp, policy, path_cost: trajectory_gan.policy_gradient(mdp, policy, path_cost),
        "dE[c] / dlogits of each pi_t, costs c of trajectories frozen",
    ),
)
