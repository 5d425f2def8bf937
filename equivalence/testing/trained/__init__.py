"""What a training run returned, judged on an exact problem, whatever framework it ran in.

    verdict = judge_policy(model, env, expert_policy=expert)      # PPO, GAIL, AIRL, Q-learning, ...
    verdict = judge_reward(learned, env)                          # AIRL, MaxEnt IRL, preferences, ...
    verdict = judge_parameters(theta, env, features=phi, expert=counts)      # MaxEnt IRL, linear energies
    print(verdict)

`env` is an environment of `mdps.interop.to_gymnasium`, which holds the model and the reward, or an `MDP`. Numbers are
exact: rational where the question is, else balls that contain them; nothing is sampled and nothing is simulated.

door        policies, rewards and problems as people have them, read into exact tables
figures     numbers as they are reported
returns     returns, optimal values, and where regret comes from
divergences of occupancies and trajectories, with the places where they are infinite; beside has those of an expert
policy      `judge_policy`      reward  `judge_reward`      parameters  `judge_parameters`

Nothing of any framework is imported: an object with `predict`, a function of an observation, an array, or a tensor
that turns into one will do.
"""

from equivalence.testing.trained.figures import Figure
from equivalence.testing.trained.parameters import ParametersVerdict, judge_parameters
from equivalence.testing.trained.policy import PolicyVerdict, judge_policy
from equivalence.testing.trained.reward import RewardVerdict, judge_reward

__all__ = [
    "Figure",
    "ParametersVerdict",
    "PolicyVerdict",
    "RewardVerdict",
    "judge_parameters",
    "judge_policy",
    "judge_reward",
]
