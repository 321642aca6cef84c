"""The emotion's gradient, turned just so far that the heart rate gets its share.

Shape suffixes: 2 the two tasks, 22 task by task.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pulsefer.objectives.weighting import GradientLevel

EPS = 1e-8
"""Added to mean square norms before their root."""


class Pcd(GradientLevel):
    """Priority-constrained descent (Varam & AlHajri, TMLR 2026) for one task and one helper.

    With g the raw gradients of the two losses on the shared layers, s_i = 1 / sqrt(v_i + eps),
    v_i the bias-corrected running mean of |g_i|^2, and n_i = s_i g_i:

        d = argmin |d - n_1|^2 / 2   subject to   n_2 d >= tau n_2 n_2
          = n_1 + m n_2,   m = max(0, tau - n_1 n_2 / n_2 n_2)

    and d is brought back to the length of g_1, so w = (s_1, m s_2) |g_1| / |d|.

    The primary task leads: where its gradient already gives the heart rate the share tau of the
    progress that its own would, the heart rate adds nothing. tau has no scale. Multiplying a loss
    by a number leaves every step where it was, so alpha and beta cancel.

    Choice: where the emotion's gradient is 0 the step is 0, as in the reference.

    Args:
        tau: Share that is guaranteed, 0 to 1.
        ema_decay: Of the running means, 0 to below 1.
    """

    takes_base = False
    mean_squares_2: Tensor
    n: Tensor

    def __init__(self, *, tau: float = 0.02, ema_decay: float = 0.999) -> None:
        super().__init__()
        if not 0 <= tau <= 1:
            raise ValueError(f"tau is in [0, 1], found {tau}")
        if not 0 <= ema_decay < 1:
            raise ValueError(f"ema_decay is in [0, 1), found {ema_decay}")
        self.tau, self.ema_decay = tau, ema_decay
        self.register_buffer("mean_squares_2", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("n", torch.zeros((), dtype=torch.int64))

    def forward(self, gramian_22: Tensor) -> Tensor:
        """Weights of the raw gradients; the running means take this step in."""
        gram_22 = gramian_22.double()  # squares of squares
        s_2 = self._scales(gram_22.diagonal())
        n_22 = gram_22 * torch.outer(s_2, s_2)
        share = torch.where(n_22[1, 1] > 0, n_22[0, 1] / n_22[1, 1], math.inf)
        m = (self.tau - share).clamp_min(0.0)
        w_2 = torch.stack([torch.ones_like(m), m])
        length = (w_2 @ n_22 @ w_2).clamp_min(0.0).sqrt()
        wanted = gram_22[0, 0].sqrt()
        # Opposite gradients can leave nothing but rounding to be made long.
        gain = torch.where(length > 1e-6 * n_22.diagonal().amax().sqrt(), wanted / length, 0.0)
        return (gain * w_2 * s_2).to(gramian_22.dtype)

    def _scales(self, squares_2: Tensor) -> Tensor:
        self.n += 1
        self.mean_squares_2 *= self.ema_decay
        self.mean_squares_2 += (1 - self.ema_decay) * squares_2
        unbiased_2 = self.mean_squares_2 / (1 - self.ema_decay ** int(self.n))
        return torch.rsqrt(unbiased_2 + EPS)
