"""Fixed weights, or a heart rate that fades: equation (7).

Shape suffixes: 2 the two tasks.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

from torch import Tensor

from pulsefer.objectives.weighting import LossLevel

Schedule = Literal["constant", "linear", "cosine"]


class Static(LossLevel):
    """Equation (7), with a beta that may change from epoch to epoch.

        L = alpha L_emotion + beta(e) L_heart_rate                                      (7)

        constant   beta(e) = beta
        linear     beta(e) = beta + (beta_end - beta) t
        cosine     beta(e) = beta + (beta_end - beta) (1 - cos(pi t)) / 2

    where e is the epoch from 0, E their number, W `warmup_epochs`, and t = (e - W) / (E - 1 - W)
    goes from 0 to 1 over the epochs after the warm-up. While it lasts, beta(e) = beta (e + 1) / W
    on the constant schedule and on the others.

    Paper: alpha = 1, beta = 0.01, constant (Sec. III-D, IV-B).
    Choice: schedules by epoch, so that an epoch has one objective; the cheapest method that moves.

    Args:
        base: alpha and beta.
        schedule: How beta goes to `beta_end`.
        beta_end: Where it is in the last epoch, per bpm.
        warmup_epochs: In how many epochs it first grows to beta.
    """

    weights_2: Tensor

    def __init__(
        self,
        base: tuple[float, float],
        *,
        schedule: Schedule = "constant",
        beta_end: float = 0.0,
        warmup_epochs: int = 0,
    ) -> None:
        super().__init__(base)
        if schedule not in get_args(Schedule):
            raise ValueError(f"schedule is one of {get_args(Schedule)}, found {schedule!r}")
        if not (math.isfinite(beta_end) and beta_end >= 0):
            raise ValueError(f"beta_end is a finite number of at least 0, found {beta_end}")
        if warmup_epochs < 0:
            raise ValueError(f"warmup_epochs is at least 0, found {warmup_epochs}")
        self.schedule, self.beta_end, self.warmup_epochs = schedule, beta_end, warmup_epochs
        self.register_buffer("weights_2", self.base_2.clone(), persistent=False)

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Set beta of this epoch."""
        alpha, beta = self.base_2.tolist()
        self.weights_2.copy_(self.base_2.new_tensor([alpha, self._beta(beta, epoch, epochs)]))

    def forward(self, losses_2: Tensor) -> Tensor:
        """Equation (7)."""
        return (self.weights_2 * losses_2).sum()

    def _beta(self, beta: float, epoch: int, epochs: int) -> float:
        if epoch < self.warmup_epochs:
            return beta * (epoch + 1) / self.warmup_epochs
        if self.schedule == "constant":
            return beta
        t = (epoch - self.warmup_epochs) / max(epochs - 1 - self.warmup_epochs, 1)
        if self.schedule == "cosine":
            t = (1 - math.cos(math.pi * t)) / 2
        return beta + (self.beta_end - beta) * t
