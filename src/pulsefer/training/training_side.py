"""What knowing only the training side would answer: the baselines that can lose."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pulsefer.samples.window import Window

Known = tuple[float, float]
"""Share of high labels, and mean heart rate in bpm (NaN where no window has one)."""


@dataclass(frozen=True, slots=True)
class TrainingSide:
    """Share of high labels and mean heart rate of what a network learned from.

    Choice: of several data sets each has its own; otherwise a network would be praised for
    knowing the laboratory. A data set that was not learned from is met with those of all.

    Attributes:
        overall: Of all windows.
        by_dataset: Of each data set.
    """

    overall: Known
    by_dataset: Mapping[str, Known]

    def of(self, datasets: Iterable[str]) -> np.ndarray:
        """(n, 2): share and rate for rows of the data sets named."""
        known = [self.by_dataset.get(name, self.overall) for name in datasets]
        return np.array(known, np.float64).reshape(-1, 2)


def training_side(windows: Sequence[Window]) -> TrainingSide:
    """What is known of some windows, which should be those of a training side."""
    names = sorted({one.dataset for one in windows})
    return TrainingSide(
        _known(windows),
        {name: _known([one for one in windows if one.dataset == name]) for name in names},
    )


def _known(windows: Sequence[Window]) -> Known:
    rates = np.array([one.hr_bpm for one in windows], np.float64)
    rates = rates[np.isfinite(rates)]
    mean = float(rates.mean()) if len(rates) else math.nan
    return float(np.mean([one.emotion for one in windows])), mean
