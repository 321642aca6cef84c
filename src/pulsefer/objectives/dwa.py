"""More weight for the loss that falls more slowly.

Shape suffixes: 2 the two tasks.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pulsefer.objectives.weighting import LossLevel


class Dwa(LossLevel):
    """Dynamic weight average (Liu et al., CVPR 2019).

        L = w_1 alpha L_emotion + w_2 beta L_heart_rate
        w_k(e) = 2 exp(r_k / T) / sum_i exp(r_i / T),   r_k = M_k(e - 1) / M_k(e - 2)

    where M_k(e) is the mean of task k's batch losses over epoch e and T the temperature. In the
    first two epochs both weights are 1.

    Rates have no unit, so the losses' scale stays whatever it is: with T = 2, rates of 0.9 and 1.0
    are weights of 0.975 and 1.025. It moves beta by a few percent and does not choose it; alpha and
    beta are applied first.

    Choice: batches without a heart rate have no say in its mean; where an epoch had none at all,
    or a mean of 0 lies two epochs back, both weights are 1.

    Args:
        base: alpha and beta.
        temperature: T; the larger, the more alike the weights.
    """

    sums_2: Tensor
    counts_2: Tensor
    means_22: Tensor
    weights_2: Tensor

    def __init__(self, base: tuple[float, float], *, temperature: float = 2.0) -> None:
        super().__init__(base)
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature is a positive number, found {temperature}")
        self.temperature = temperature
        self.register_buffer("sums_2", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("counts_2", torch.zeros(2, dtype=torch.float64))
        # The epoch before, and the one before that; NaN where there was none.
        self.register_buffer("means_22", torch.full((2, 2), math.nan, dtype=torch.float64))
        self.register_buffer("weights_2", torch.ones(2))

    def begin_epoch(self, epoch: int, epochs: int) -> None:  # noqa: ARG002
        """Weights from the two epochs before."""
        if not bool(self.counts_2.any()):
            return  # no epoch has ended
        self.means_22.copy_(torch.stack([self.sums_2 / self.counts_2, self.means_22[0]]))
        self.sums_2.zero_()
        self.counts_2.zero_()
        rates_2 = self.means_22[0] / self.means_22[1]
        known = bool(rates_2.isfinite().all())
        w_2 = (
            2 * torch.softmax(rates_2 / self.temperature, 0) if known else torch.ones_like(rates_2)
        )
        self.weights_2.copy_(w_2)

    def forward(self, losses_2: Tensor) -> Tensor:
        """The sum by this epoch's weights."""
        self._count(losses_2.detach())
        return (self.weights_2 * self.base_2 * losses_2).sum()

    def alone(self, emotion: Tensor) -> Tensor:
        """The emotion by this epoch's weight."""
        self._count(torch.stack([emotion.detach(), emotion.new_tensor(math.nan)]))
        return self.weights_2[0] * self.base_2[0] * emotion

    def _count(self, losses_2: Tensor) -> None:
        known = losses_2.isfinite()
        self.sums_2 += torch.where(known, losses_2, 0.0)
        self.counts_2 += known
