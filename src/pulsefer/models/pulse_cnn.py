"""Two small convolutions, over the wave of a pulse and over the intervals between its beats.

Shape letters: B batch, T samples of the wave, N intervals, F features, K answers.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

WAVE_WIDTHS = (32, 64, 128)
WAVE_KERNELS = (7, 5, 3)
INTERVAL_WIDTHS = (32, 64)
SHORTEST_WAVE = 8
"""Samples: below this nothing is left after three poolings."""


class PulseCnn(nn.Module):
    """What a stretch of pulse says, from its wave, its intervals, and statistics of both.

    Choice: sizes. Of Lee et al. (2020) the abstract says that there is a CNN for the signal, one
    for the intervals, and statistics beside their features. Here: 1-32-64-128 kernels of 7, 5 and
    3 samples with pooling by 2, and 1-32-64 kernels of 3 intervals without; batch normalisation
    and ReLU after each; the mean over time; one hidden layer of 128, dropout of 0.5.

    Args:
        n_features: Statistics that stand beside, F; 0 for none.
        n_answers: K; 1 for a logit of "high", else one for each class.

    >>> sum(p.numel() for p in PulseCnn().parameters())
    66753
    """

    def __init__(self, n_features: int = 0, n_answers: int = 1) -> None:
        super().__init__()
        self.wave = nn.Sequential()
        width_in = 1
        for number, (width, kernel) in enumerate(zip(WAVE_WIDTHS, WAVE_KERNELS, strict=True), 1):
            self.wave.add_module(f"conv{number}", _conv(width_in, width, kernel))
            self.wave.add_module(f"norm{number}", nn.BatchNorm1d(width))
            self.wave.add_module(f"relu{number}", nn.ReLU(inplace=True))
            self.wave.add_module(f"pool{number}", nn.MaxPool1d(2))
            width_in = width
        self.intervals = nn.Sequential()
        width_in = 1
        for number, width in enumerate(INTERVAL_WIDTHS, 1):
            self.intervals.add_module(f"conv{number}", _conv(width_in, width, 3))
            self.intervals.add_module(f"norm{number}", nn.BatchNorm1d(width))
            self.intervals.add_module(f"relu{number}", nn.ReLU(inplace=True))
            width_in = width
        self.hidden = nn.Linear(WAVE_WIDTHS[-1] + INTERVAL_WIDTHS[-1] + n_features, 128)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.answer = nn.Linear(128, n_answers)
        nn.init.kaiming_normal_(self.hidden.weight, nonlinearity="relu")
        nn.init.xavier_normal_(self.answer.weight)
        for linear in (self.hidden, self.answer):
            nn.init.zeros_(cast(Tensor, linear.bias))

    def forward(self, wave_BT: Tensor, intervals_BN: Tensor, features_BF: Tensor) -> Tensor:
        """Logits, (B, K).

        Args:
            wave_BT: (B, T) the wave from 0 to 1, T at least 8.
            intervals_BN: (B, N) intervals, about standard scores.
            features_BF: (B, F) statistics, about -1 to 1; (B, 0) for none.

        Raises:
            ValueError: a wave that is too short.
        """
        if wave_BT.ndim != 2 or wave_BT.shape[1] < SHORTEST_WAVE:
            raise ValueError(
                f"expected waves (B, T) of {SHORTEST_WAVE} samples or more, found "
                f"{tuple(wave_BT.shape)}"
            )
        of_wave = self.wave(wave_BT[:, None]).mean(dim=2)
        of_intervals = self.intervals(intervals_BN[:, None]).mean(dim=2)
        x = torch.cat([of_wave, of_intervals, features_BF], dim=1)
        logits: Tensor = self.answer(self.drop(self.relu(self.hidden(x))))
        return logits


def _conv(width_in: int, width: int, kernel: int) -> nn.Conv1d:
    # Without offsets: the normalisation has its own.
    layer = nn.Conv1d(width_in, width, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer
