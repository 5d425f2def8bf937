"""What a training run returned, judged on an exact problem, whatever framework it ran in.

    verdict = judge_policy(model, env, expert_policy=expert)      # PPO, GAIL, AIRL, Q-learning, ...
    verdict = judge_reward(learned, env)                          # AIRL, MaxEnt IRL, preferences, ...
    verdict = judge_parameters(theta, env, features=phi, expert=counts)      # MaxEnt IRL, linear energies
    print(verdict)

`env` is an environment of `mdps.interop.to_gymnasium`, which holds the model and the reward, or an `MDP`. Numbers are
exact: rational where the question is, else balls that contain them; nothing is sampled and nothing is simulated.

Read       numbers     arrays, tensors and lists, exactly        problem   the exact problem of an environment
           asking      what a function or predict() says         policies  tables of policies; same_policies
           rewards     tables of rewards
Judged     policy      `judge_policy`: returns, divergences of occupancies and trajectories, beside an expert
           reward      `judge_reward` asks a reward_question: reward_distance, which is 0 up_to_shaping, or rounded;
                       reward_acting
           parameters  `judge_parameters`, of one of the families of objectives
Said       figures     numbers as they are reported; policy_verdict, reward_verdict, parameters_verdict

Nothing of any framework is imported: an object with `predict`, a function, a dict, an array, or a tensor that turns
into one will do.
"""

from equivalence.testing.trained.figures import Figure
from equivalence.testing.trained.parameters import judge_parameters
from equivalence.testing.trained.parameters_verdict import ParametersVerdict
from equivalence.testing.trained.policy import judge_policy
from equivalence.testing.trained.policy_verdict import PolicyVerdict
from equivalence.testing.trained.reward import judge_reward
from equivalence.testing.trained.reward_verdict import RewardVerdict

__all__ = [
    "Figure",
    "ParametersVerdict",
    "PolicyVerdict",
    "RewardVerdict",
    "judge_parameters",
    "judge_policy",
    "judge_reward",
]
