"""Weights learned as uncertainties.

Shape suffixes: 2 the two tasks.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from pulsefer.objectives.weighting import EMOTION, HEART_RATE, LossLevel

Uncertainty = Literal["kendall", "revised"]
LogVarStart = Literal["zero", "first_batch"]


class Uw(LossLevel):
    """Uncertainty weighting (Kendall et al., CVPR 2018): log-variances s learned with the network.

        kendall   L = sum_i  exp(-s_i) L_i / 2 + s_i / 2
        revised   L = sum_i  exp(-s_i) L_i / 2 + log(1 + exp(s_i))

    "revised" (Liebel & Körner, 2018) cannot become negative; "kendall" can, and that is no fault:
    s_i / 2 is below 0 where a loss is below 1. Its best s_i is log L_i, where the task's weight is
    1 / (2 L_i): the geometric mean's (`gls`), but for how long it takes to get there.

    Kendall et al. have half the weight for a regression only. Choice: for both, as nearly all code
    has it; s takes up a constant factor.

    Alpha and beta cancel at the best s, so there are none here.

    Choice: s has a learning rate of its own. At the network's 0.001 it takes some 3,000 to 8,000
    steps to cover 90 % of the way, longer than a training of this network; at 0.025 some 100 to
    700. And it may begin at the first batch's log L_i instead of at 0, which is "beta = 1".

    Args:
        uncertainty: Which of the two.
        log_var_start: "zero" begins with equal weights, in bpm; "first_batch" at the first losses.
        log_var_rate: Learning rate of s.
    """

    takes_base = False
    begun: Tensor

    def __init__(
        self,
        *,
        uncertainty: Uncertainty = "kendall",
        log_var_start: LogVarStart = "zero",
        log_var_rate: float = 0.025,
    ) -> None:
        super().__init__()
        if uncertainty not in get_args(Uncertainty):
            raise ValueError(
                f"uncertainty is one of {get_args(Uncertainty)}, found {uncertainty!r}"
            )
        if log_var_start not in get_args(LogVarStart):
            raise ValueError(
                f"log_var_start is one of {get_args(LogVarStart)}, found {log_var_start!r}"
            )
        if not (math.isfinite(log_var_rate) and log_var_rate > 0):
            raise ValueError(f"log_var_rate is a positive number, found {log_var_rate}")
        self.uncertainty, self.log_var_start = uncertainty, log_var_start
        self.log_var_rate = log_var_rate
        # Apart, not one tensor: where no heart rate is known, its own has no gradient and rests.
        self.log_vars = nn.ParameterList(nn.Parameter(torch.zeros(())) for _ in range(2))
        self.register_buffer("begun", torch.tensor(int(log_var_start == "zero")))

    def param_groups(self) -> list[dict[str, Any]]:
        """The log-variances, at their own rate, without decay."""
        return [{"params": list(self.log_vars), "lr": self.log_var_rate, "weight_decay": 0.0}]

    def of_heart_rate(self) -> list[nn.Parameter]:
        """Its log-variance."""
        return [self.log_vars[HEART_RATE]]

    def forward(self, losses_2: Tensor) -> Tensor:
        """The sum of both terms."""
        self._begin(losses_2)
        return self._term(EMOTION, losses_2[EMOTION]) + self._term(HEART_RATE, losses_2[HEART_RATE])

    def alone(self, emotion: Tensor) -> Tensor:
        """The emotion's term; the heart rate's rests."""
        return self._term(EMOTION, emotion)

    def _term(self, task: int, loss: Tensor) -> Tensor:
        s = self.log_vars[task]
        own = s / 2 if self.uncertainty == "kendall" else nn.functional.softplus(s)
        return torch.exp(-s) * loss / 2 + own

    @torch.no_grad()
    def _begin(self, losses_2: Tensor) -> None:
        if bool(self.begun):
            return
        for s, loss in zip(self.log_vars, losses_2, strict=True):
            s.copy_(loss.clamp_min(torch.finfo(loss.dtype).tiny).log())
        self.begun.fill_(1)
