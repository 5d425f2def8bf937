"""Targets on an MDP: rewards of the same policies, and how far two rewards are apart."""

from equivalence.objectives import reward_distances
from equivalence.testing.targets.argument import FIXED, NUMBER
from equivalence.testing.targets.drawing import values_to_the_end
from equivalence.testing.targets.rows import row, with_form
from mdps import inverse, shaping

SHAPING = (
    row(
        "shaping.shaped_reward",
        "mdp reward potential",
        "sa",
        with_form(shaping.shaped_reward, axes="sa"),
        "r(s, a) + gamma sum_s' P Phi(s') - Phi(s), wherever s' is; at unavailable actions r - Phi",
        roles={"reward": NUMBER},
    ),
    row(
        "shaping.shaped_reward.transitions",
        "mdp reward potential",
        "sax",
        with_form(shaping.shaped_reward, axes="sas"),
        "r + gamma Phi(s') - Phi(s), for every s'",
        roles={"reward": NUMBER},
    ),
    row(
        "shaping.potential_zero_at_ends",
        "mdp potential",
        "s",
        shaping.potential_zero_at_ends,
        "Phi(s), and 0 in terminal states",
    ),
    row(
        "shaping.redistributed_reward",
        "mdp reward table",
        "sax",
        shaping.redistributed_reward,
        "r + x(s, a, s') - sum_y P(y | s, a) x(s, a, y): of the same expected reward",
        roles={"reward": NUMBER},
    ),
    row(
        "shaping.value_of_constant",
        "mdp constant",
        "h",
        shaping.value_of_constant,
        "c (1 + gamma + ... + gamma^(T-t-1)), T+1 rows: what a constant reward adds to values without terminal states",
        kinds={"terminal": False},
    ),
    row(
        "inverse.reward_of_policy",
        "mdp policy v temperature",
        "tsa",
        inverse.reward_of_policy,
        "alpha log pi_t - gamma P V_t+1 + V_t: the reward for which the policy is soft-optimal with values V of T+1 "
        "rows, 0 at the horizon and in terminal states",
        axes={"policy": "tsa", "v": "hs"},
        draws={"v": values_to_the_end},
        roles={"v": FIXED},
        whole=("policy",),
    ),
)
_PLAIN = {"reward": NUMBER, "other_reward": NUMBER}
_OVER = "over every step, state and available action"
DISTANCES = (
    row(
        "reward_distances.value_adjusted",
        "mdp reward",
        "tsa",
        reward_distances.value_adjusted,
        "c_t = r + gamma P V_t+1 - V_t, V the value of the uniform policy: its advantage; 0 at unavailable actions",
        roles=_PLAIN,
    ),
    row(
        "reward_distances.value_adjusted.under_policy",
        "mdp reward policy",
        "tsa",
        reward_distances.value_adjusted,
        "c_t = r + gamma P V_t+1 - V_t, V the value of the policy: its advantage; 0 at unavailable actions",
        roles=_PLAIN,
    ),
    row(
        "reward_distances.minimal",
        "mdp reward",
        "tsa",
        reward_distances.minimal,
        f"c_t = r + gamma P u_t+1 - u_t with u such that the sum of squares {_OVER} is least",
        roles=_PLAIN,
    ),
    row(
        "reward_distances.canonically_shaped",
        "mdp reward",
        "sax",
        reward_distances.canonically_shaped,
        "r(s, a, s') + E[gamma r(s', A, S') - r(s, A, S') - gamma r(S, A, S')], uniform independent S, A, S'",
        roles=_PLAIN,
    ),
    *(
        row(
            f"reward_distances.starc.{canonical}",
            "mdp reward other_reward",
            "",
            with_form(reward_distances.starc, canonical=canonical),
            f"|c / |c| - c' / |c'|| / 2 of the forms `{canonical}` of two rewards, 0 / 0 = 0, {_OVER}",
            roles=_PLAIN,
        )
        for canonical in ("value_adjusted", "minimal")
    ),
    row(
        "reward_distances.epic",
        "mdp reward other_reward",
        "",
        reward_distances.epic,
        "sqrt((1 - rho) / 2), rho the correlation of the forms `canonically_shaped` of two rewards, uniform s, a, s'",
        roles=_PLAIN,
    ),
)
