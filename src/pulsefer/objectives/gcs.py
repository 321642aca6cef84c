"""The heart rate's gradient only where it agrees with the emotion's.

Shape suffixes: 2 the two tasks, 22 task by task.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from pulsefer.objectives.weighting import GradientLevel, cosine

Mode = Literal["gate", "cosine", "project"]


class Gcs(GradientLevel):
    """Gradient cosine similarity (Du et al., 2018): made for a task that only helps.

    With g the gradients of alpha L_emotion and beta L_heart_rate on the shared layers, c the cosine
    between them, and d = w_1 g_1 + w_2 g_2:

        gate      w = (1, 1) if c >= 0, else (1, 0)
        cosine    w = (1, max(0, c))
        project   w = (1, 1) if c >= 0, else (1 - g_1 g_2 / g_1 g_1, 1)

    "project" takes from g_2 what is against g_1. To the first order, no step climbs the emotion's
    loss in any of the three.

    Args:
        base: alpha and beta.
        mode: Which of the three.
    """

    def __init__(self, base: tuple[float, float], *, mode: Mode = "gate") -> None:
        super().__init__(base)
        if mode not in get_args(Mode):
            raise ValueError(f"mode is one of {get_args(Mode)}, found {mode!r}")
        self.mode = mode

    def forward(self, gramian_22: Tensor) -> Tensor:
        """Weights (1, w), or the projection's."""
        c = cosine(gramian_22)
        one = torch.ones_like(c)
        if self.mode == "cosine":
            return torch.stack([one, c.clamp_min(0.0)])
        if self.mode == "gate":
            return torch.stack([one, (c >= 0).to(c)])
        against = torch.where(c < 0, gramian_22[0, 1] / gramian_22[0, 0], 0.0)
        return torch.stack([one - against, one])
