"""Random weights: what any other method has to be better than.

Shape suffixes: 2 the two tasks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pulsefer.core.seeding import derive_seed
from pulsefer.objectives.weighting import LossLevel


class Rlw(LossLevel):
    """Random loss weighting (Lin et al., TMLR 2022): new weights at every step.

        L = w_1 alpha L_emotion + w_2 beta L_heart_rate,   w = softmax(z),   z ~ N(0, 1)^2

    A litmus test: nothing is learned about the tasks, so what it reaches is what noise in the
    weights is worth.

    Choice: of losses that alpha and beta have brought to one scale; in bpm it would be a noisy
    "beta = 1". The numbers come from the seed and the count of steps, not from the generator that
    dropout draws from: all processes have the same, a resumed training goes on with the same.

    Args:
        base: alpha and beta.
        seed: Of the weights.
    """

    def __init__(self, base: tuple[float, float], *, seed: int = 0) -> None:
        super().__init__(base)
        self.seed = seed

    def forward(self, losses_2: Tensor) -> Tensor:
        """The sum by this step's weights."""
        chance = torch.Generator().manual_seed(derive_seed(self.seed, "rlw", int(self.step)))
        w_2 = torch.softmax(torch.randn(2, generator=chance), 0)
        return (w_2.to(losses_2) * self.base_2 * losses_2).sum()
