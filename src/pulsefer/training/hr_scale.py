"""Heart rates of several data sets on one scale.

One laboratory's people are younger, sit, and wear an ECG; another's wear a finger clip. A network
trained on both can lower its heart-rate error by telling the laboratories apart. On the common
scale there is nothing to be had from that: every data set has the same mean and the same spread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pulsefer.samples.window import Window, Windows

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeartRateScale:
    """What a heart rate of each data set is on the common scale, and back.

    Choice: standardised inside its data set, then given the mean and the spread of all, so that
    the common scale is in bpm too and beta of equation (7) keeps its meaning. A data set that is
    not among them is taken to be on the common scale already.

    Attributes:
        mean_bpm: Mean over all.
        sd_bpm: Spread over all.
        by_dataset: Mean and spread of each, bpm.
    """

    mean_bpm: float
    sd_bpm: float
    by_dataset: Mapping[str, tuple[float, float]]

    def to_common(self, dataset: Sequence[str], hr_bpm: Floats) -> Floats:
        """(n,) rates of the data sets named beside them, on the common scale; NaN stays NaN."""
        mean, gain = self._line(dataset)
        return (hr_bpm - mean) * gain + self.mean_bpm

    def from_common(self, dataset: Sequence[str], hr_bpm: Floats) -> Floats:
        """The inverse of `to_common`."""
        mean, gain = self._line(dataset)
        return (hr_bpm - self.mean_bpm) / gain + mean

    def windows(self, windows: Windows) -> Windows:
        """The same windows with their rates on the common scale."""
        rates = self.to_common(
            [one.dataset for one in windows.windows],
            np.array([one.hr_bpm for one in windows.windows]),
        )
        moved = tuple(
            replace(one, hr_bpm=float(rate))
            for one, rate in zip(windows.windows, rates, strict=True)
        )
        return replace(windows, windows=moved)

    def _line(self, dataset: Sequence[str]) -> tuple[Floats, Floats]:
        known = [self.by_dataset.get(name, (self.mean_bpm, self.sd_bpm)) for name in dataset]
        mean, sd = np.array(known, np.float64).reshape(-1, 2).T
        return mean, self.sd_bpm / sd


def scale_of(windows: Sequence[Window]) -> HeartRateScale | None:
    """The scale of some windows, which should be those of the training side.

    Returns:
        None where no window has a rate. A data set whose rates do not differ keeps its spread at
        that of all: there is nothing to divide by.
    """
    rates = np.array([one.hr_bpm for one in windows], np.float64)
    names = np.array([one.dataset for one in windows])
    known = np.isfinite(rates)
    if not known.any():
        return None
    mean, sd = float(rates[known].mean()), float(rates[known].std())
    by_dataset = {}
    for name in sorted(set(names[known].tolist())):
        own = rates[known & (names == name)]
        own_sd = float(own.std())
        by_dataset[name] = (float(own.mean()), own_sd if own_sd > 0 else sd or 1.0)
    return HeartRateScale(mean, sd if sd > 0 else 1.0, by_dataset)
