"""The geometric mean of the losses: no scale, nothing to choose.

Shape suffixes: 2 the two tasks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pulsefer.objectives.weighting import LossLevel

EPS = 1e-8
"""Smallest loss that is believed: the logarithm's slope at 0 is infinite."""


class Gls(LossLevel):
    """Geometric loss strategy (Chennupati et al., CVPR workshops 2019).

        L = sqrt(L_emotion L_heart_rate)

    Its gradient goes along sum_i grad L_i / L_i: each task counts by the share of its loss that a
    step takes away. Multiplying a loss by a number changes the length of the gradient and not its
    direction, so alpha and beta cancel and bpm are as good as z-scores. The beta that would do the
    same at a moment is L_emotion / L_heart_rate.

    Choice: a loss below 1e-8 counts as 1e-8 and has no gradient; without a heart rate L is
    L_emotion, the geometric mean of one.
    """

    takes_base = False

    def forward(self, losses_2: Tensor) -> Tensor:
        """The geometric mean."""
        return torch.exp(losses_2.clamp_min(EPS).log().mean())
