"""Intervals between beats that can be believed, and the heart rate as an even series from them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from pulsefer.core.errors import BadInput
from pulsefer.core.types import MAX_BPM, MIN_BPM, Signal

from .beats import beats
from .clean import FS_HZ, MAX_GAP_S, MIN_LENGTH_S

Floats = NDArray[np.float64]

MIN_KNOWN = 0.5
"""Share of the signal that believed intervals have to fill. Choice: half, as for the EDA."""
NEIGHBOURS = 11
"""Intervals around one whose median it is compared with."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class BeatIntervals:
    """Intervals between confirmed beats, without those that cannot be.

    Attributes:
        middle_s: (n,) increasing, the middle of each, on the clock of the signal.
        length_s: (n,) how long each lasted.
    """

    middle_s: Floats
    length_s: Floats

    def lengths_at(self, times_s: Floats) -> Floats:
        """Length of the interval at any time: straight lines between, held before and after."""
        return np.asarray(np.interp(times_s, self.middle_s, self.length_s))


def beat_intervals(signal: Signal) -> BeatIntervals:
    """Intervals of a whole trial, bad stretches left out.

    Choice: an interval counts where both its beats are confirmed by the second detector and none
    that is not confirmed lies between, where it means 40-180 bpm, and where it is within 30 % of
    the median of the eleven around it.
    Choice: a signal with gaps (NaN, infinite) of more than half a second is cut there, and what
    lasts 5 s or more is used.

    Raises:
        BadInput: no pulse signal, or believed intervals fill less than half of it.
    """
    name = f"{signal.kind} signal" if signal.kind in FS_HZ else "signal"
    if signal.kind not in FS_HZ:
        raise BadInput(name, expected="kind ppg or ecg", found=repr(signal.kind))
    middles_s, lengths_s = [np.empty(0)], [np.empty(0)]
    for stretch in _stretches(signal):
        try:
            found = beats(stretch)
        except BadInput:  # flat
            continue
        if len(found.times_s) < 2:
            continue
        whole = np.diff(np.searchsorted(found.all_s, found.times_s)) == 1
        middles_s.append((found.times_s[1:] + found.times_s[:-1])[whole] / 2)
        lengths_s.append(np.diff(found.times_s)[whole])
    middle_s, length_s = np.concatenate(middles_s), np.concatenate(lengths_s)
    if len(length_s):
        usual_s = median_filter(length_s, NEIGHBOURS, mode="nearest")
        kept = np.abs(length_s - usual_s) <= 0.3 * usual_s
        kept &= (length_s >= 60.0 / MAX_BPM) & (length_s <= 60.0 / MIN_BPM)
        middle_s, length_s = middle_s[kept], length_s[kept]
    known = float(length_s.sum()) / max(signal.end_s - signal.start_s, 1e-9)
    if known < MIN_KNOWN:
        raise BadInput(
            name,
            expected=f"believed beats in {MIN_KNOWN:.0%} of it",
            found=f"in {known:.0%}",
            remedy="the sensor was off or moved; leave this trial out",
        )
    return BeatIntervals(middle_s, length_s)


def rate_series(signal: Signal, *, fs_hz: float = 4.0) -> Floats:
    """Heart rate from beat to beat, as an even series without gaps.

    Choice: the rate 60 / interval stands in the middle of the interval; between, and across what
    `beat_intervals` left out, runs a straight line; before the first and after the last the rate is
    held.

    Args:
        signal: PPG or ECG.
        fs_hz: Rate of the series.

    Returns:
        (n,) bpm, n the whole samples that the signal holds; sample i at (i + 1/2) / fs_hz after
        the start.

    Raises:
        BadInput: as `beat_intervals`.
    """
    intervals = beat_intervals(signal)
    n_series = math.floor((signal.end_s - signal.start_s) * fs_hz + 1e-9)
    times_s = signal.start_s + (np.arange(n_series) + 0.5) / fs_hz
    return np.asarray(np.interp(times_s, intervals.middle_s, 60.0 / intervals.length_s))


def _stretches(signal: Signal) -> list[Signal]:
    """The parts between long gaps; short gaps stay in and are bridged by `beats`."""
    values = np.array(signal.values, dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    edges = np.flatnonzero(np.diff(np.isnan(values), prepend=False, append=False))
    gaps = edges.reshape(-1, 2)
    long = gaps[np.diff(gaps, axis=1)[:, 0] > MAX_GAP_S * signal.fs_hz]
    firsts, ends = [0, *long[:, 1]], [*long[:, 0], len(values)]
    return [
        dataclasses.replace(
            signal, values=values[first:end], start_s=signal.start_s + first / signal.fs_hz
        )
        for first, end in zip(firsts, ends, strict=True)
        if end - first >= MIN_LENGTH_S * signal.fs_hz
    ]
