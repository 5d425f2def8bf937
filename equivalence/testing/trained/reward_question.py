"""What is asked about a learned reward."""

from typing import Any, NamedTuple

import numpy as np

from equivalence.testing.trained.problem import Problem
from mdps import MDP, scalars


class RewardQuestion(NamedTuple):
    """The true problem, the learned reward, the level of the answer, a reference policy, and notes to be made."""

    true: Problem
    learned: np.ndarray
    level: str
    policy: Any
    notes: list[str]

    def at_level(self) -> tuple[MDP, np.ndarray, np.ndarray]:
        """The model, the learned reward and the true one."""
        learned, true = (scalars.convert(r, self.level) for r in (self.learned, self.true.reward))
        return self.true.mdp.to(self.level), learned, true
