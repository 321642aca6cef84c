"""Each gradient without what is against the other.

Shape suffixes: 2 the two tasks, 22 task by task.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pulsefer.objectives.weighting import GradientLevel


class PcGrad(GradientLevel):
    """Projecting conflicting gradients (Yu et al., NeurIPS 2020).

    With g the gradients of alpha L_emotion and beta L_heart_rate on the shared layers and
    d = w_1 g_1 + w_2 g_2:

        w = (1, 1)                                             if g_1 g_2 >= 0
        w = (1 - g_1 g_2 / g_1 g_1, 1 - g_1 g_2 / g_2 g_2)     else

    With two tasks there is no order to draw, and it is twice UPGrad (Quinton & Rey, 2024). Where
    the gradients agree it is `static`. Both tasks are citizens of equal right: beta still decides.

    Args:
        base: alpha and beta.
    """

    def __init__(self, base: tuple[float, float]) -> None:
        super().__init__(base)

    def forward(self, gramian_22: Tensor) -> Tensor:
        """Weights of both projected gradients together."""
        product = gramian_22[0, 1]
        # A conflict has two gradients, so neither norm is 0.
        return torch.where(product < 0, 1.0 - product / gramian_22.diagonal(), 1.0)
