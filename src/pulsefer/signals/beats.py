"""Beats of a contact signal, PPG or ECG, by two detectors that have to agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from pulsefer.core.types import Signal, SignalKind

from .clean import clean, filled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOLERANCE_S: dict[SignalKind, float] = {"ppg": 0.080, "ecg": 0.050}
"""Two detections this close are one beat. A PPG peak is blunt, an R peak is not."""

CLEARLY = 0.3
"""A difference in disorder below this does not tell which way up a PPG is: real fingers that were
counted right differed by 0.1 either way; counting twice adds more."""


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """Beats of one signal, on the clock of the signal (`start_s` is added).

    Attributes:
        times_s: Beats on which two detectors agree, as the first one times them.
        all_s: Beats of the first detector.
        other_s: Beats of the second detector, moved by the median lag between the two.
        inverted: The signal stood upside down and was turned.
    """

    times_s: Floats
    all_s: Floats
    other_s: Floats
    inverted: bool


def beats(signal: Signal) -> Beats:
    """Find the beats of a whole trial.

    The detectors are NeuroKit2's. PPG: Elgendi et al. (2013), confirmed by the multi-scale detector
    of Bishop & Ercole (2018). ECG: NeuroKit's own, confirmed by Rodrigues et al. (2021) on 5-15 Hz,
    which misses fewer beats of synthetic ECGs than its Pan-Tompkins does.

    Choice: a PPG is taken the way up in which its beats are more regular and its two detectors
    agree better; where that does not decide, the way up in which it rises faster than it falls. An
    ECG is taken the way up in which the larger deflection of its QRS points up. The wrong way up
    puts the peaks where noise and the dicrotic wave are.

    Args:
        signal: 5 s or more. Gaps (NaN) up to 0.5 s are bridged by a straight line.

    Raises:
        BadInput: not one dimension, shorter than 5 s, a longer gap, infinite or constant values,
            or a sampling rate that cannot be meant (PPG 20-10,000 Hz, ECG 100-10,000 Hz).
    """
    wave = clean(signal.kind, filled(signal), signal.fs_hz)
    find = _ppg_beats if signal.kind == "ppg" else _ecg_beats
    first, other, inverted = find(wave, signal.fs_hz)
    tolerance_s = TOLERANCE_S[signal.kind]
    first_s, other_s = first / signal.fs_hz, other / signal.fs_hz
    other_s = other_s - _lag_s(first_s, other_s)
    return Beats(
        times_s=signal.start_s + first_s[near(first_s, other_s, tolerance_s)],
        all_s=signal.start_s + first_s,
        other_s=signal.start_s + other_s,
        inverted=inverted,
    )


def near(times_s: Floats, others_s: Floats, tolerance_s: float) -> NDArray[np.bool_]:
    """For each of `times_s` (n,), whether one of the sorted `others_s` is within the tolerance."""
    return np.abs(to_nearest_s(times_s, others_s)) <= tolerance_s


def to_nearest_s(times_s: Floats, others_s: Floats) -> Floats:
    """Signed distance from each time to the nearest of the sorted others; infinite if none."""
    fenced_s = np.concatenate([[-math.inf], others_s, [math.inf]])
    right = np.searchsorted(fenced_s, times_s)
    before_s, after_s = fenced_s[right - 1] - times_s, fenced_s[right] - times_s
    return np.where(-before_s < after_s, before_s, after_s)


def _lag_s(first_s: Floats, other_s: Floats) -> float:
    """Median time by which the other detector is late: a habit of detectors, not a disagreement."""
    gap_s = to_nearest_s(first_s, other_s)
    pairs_s = gap_s[np.abs(gap_s) <= 0.2]
    return float(np.median(pairs_s)) if len(pairs_s) else 0.0


def _ppg_beats(wave: Floats, fs_hz: float) -> tuple[Floats, Floats, bool]:
    """Peaks by both detectors, in samples, and whether the wave was turned."""
    # Elgendi's detector counts samples within a wave; below 100 Hz there are too few of them.
    finer = max(math.ceil(100.0 / fs_hz), 1)
    index = np.arange(len(wave))
    wave = CubicSpline(index, wave)(np.arange(finer * (len(wave) - 1) + 1) / finer)
    fs_hz = finer * fs_hz
    upright = _elgendi(wave, fs_hz), _bishop(wave, fs_hz)
    turned = _elgendi(-wave, fs_hz), _bishop(-wave, fs_hz)
    gain = _disorder(*upright, fs_hz) - _disorder(*turned, fs_hz)
    inverted = gain > 0 if abs(gain) > CLEARLY else _falls_faster(wave)
    first, other = turned if inverted else upright
    return first / finer, other / finer, inverted


def _disorder(first: Floats, other: Floats, fs_hz: float) -> float:
    """Coefficient of variation of the intervals plus share of unconfirmed beats of both."""
    if len(first) < 4 or len(other) < 4:
        return 3.0
    tolerance = TOLERANCE_S["ppg"] * fs_hz
    intervals = np.diff(first)
    unconfirmed = 2.0 - near(first, other, tolerance).mean() - near(other, first, tolerance).mean()
    return float(intervals.std() / intervals.mean() + unconfirmed)


def _falls_faster(wave: Floats) -> bool:
    """Whether the steepest slopes go down. A pulse rises in 0.1-0.2 s and takes longer to fall."""
    slope = np.diff(wave)
    # One jerk of the finger must not outvote a minute of beats.
    slope = np.clip(slope, *np.percentile(slope, [0.5, 99.5]))
    return bool(np.mean(slope**3) < 0)


def _elgendi(wave: Floats, fs_hz: float) -> Floats:
    from neurokit2 import ppg_findpeaks

    try:
        found = ppg_findpeaks(wave, sampling_rate=fs_hz, method="elgendi")
    except IndexError:  # how it says that nothing rises above its threshold
        return np.empty(0)
    return _refined(wave, _without_echoes(wave, np.asarray(found["PPG_Peaks"], np.int64)))


def _bishop(wave: Floats, fs_hz: float) -> Floats:
    """The multi-scale detector, in windows of 8 s at 25 Hz: its cost grows with the square of n.

    Choice: a beat nearer than half an interval to the end of its window is not seen, so windows
    overlap by 2 s, and both ends of the wave are mirrored for 2 s.
    """
    from neurokit2 import ppg_findpeaks

    rate_hz = min(25.0, fs_hz)
    margin = round(2.0 * fs_hz)
    mirrored = np.concatenate([wave[margin:0:-1], wave, wave[-2 : -margin - 2 : -1]])
    n_coarse = math.ceil(len(mirrored) * rate_hz / fs_hz)
    at = np.arange(n_coarse) * fs_hz / rate_hz
    coarse = np.interp(at, np.arange(len(mirrored)), mirrored)
    length, step = round(8.0 * rate_hz), round(6.0 * rate_hz)
    found: set[int] = set()
    for begin in range(0, max(n_coarse - length, 0) + step, step):
        begin = max(min(begin, n_coarse - length), 0)
        window = coarse[begin : begin + length]
        found.update(begin + ppg_findpeaks(window, method="bishop")["PPG_Peaks"])
    near_peaks = np.array(sorted(found), dtype=np.int64) * fs_hz / rate_hz - margin
    near_peaks = near_peaks[(near_peaks >= 0) & (near_peaks <= len(wave) - 1)]
    peaks = _climb(wave, np.rint(near_peaks).astype(np.int64), round(1.5 * fs_hz / rate_hz))
    return _refined(wave, _without_echoes(wave, peaks))


def _without_echoes(wave: Floats, peaks: Ints) -> Ints:
    """Without dicrotic and T waves: peaks less than half as high as both their neighbours."""
    if len(peaks) < 3:
        return peaks
    height = wave[peaks]
    lower_neighbour = np.minimum(height[:-2], height[2:])
    is_beat = np.concatenate([[True], height[1:-1] >= 0.5 * lower_neighbour, [True]])
    kept: Ints = peaks[is_beat]
    return kept


def _ecg_beats(wave: Floats, fs_hz: float) -> tuple[Floats, Floats, bool]:
    """R peaks by both detectors, in samples, and whether the wave was turned."""
    from neurokit2 import ecg_findpeaks, signal_filter

    reach = round(0.08 * fs_hz)
    band = signal_filter(wave, sampling_rate=fs_hz, lowcut=5, highcut=15, order=2)
    steep = ecg_findpeaks(band, sampling_rate=fs_hz, method="rodrigues2021")["ECG_R_Peaks"]
    steep = np.unique(steep.astype(np.int64))
    # Its threshold falls until something is found; what is found in a pause is much lower.
    height = np.ptp(_around(band, steep, reach), axis=1)
    steep = steep[height > 0.4 * np.median(height)] if len(steep) else steep
    qrs = _around(wave, steep, reach) - np.median(wave)
    inverted = bool(len(steep) and np.median(-qrs.min(axis=1)) > np.median(qrs.max(axis=1)))
    wave = -wave if inverted else wave
    first = ecg_findpeaks(wave, sampling_rate=fs_hz, method="neurokit")["ECG_R_Peaks"]
    first = _without_echoes(wave, first.astype(np.int64))
    return _refined(wave, first), _refined(wave, _climb(wave, steep, reach)), inverted


def _around(wave: Floats, centres: Ints, reach: int) -> Floats:
    """(n_centres, 2 reach + 1) samples around each centre; the ends of the wave are repeated."""
    places = centres[:, None] + np.arange(-reach, reach + 1)
    return np.asarray(wave[np.clip(places, 0, len(wave) - 1)])


def _climb(wave: Floats, near_peaks: Ints, reach: int) -> Ints:
    """The highest sample within reach of each place, each once."""
    if not len(near_peaks):
        return near_peaks
    highest = near_peaks - reach + _around(wave, near_peaks, reach).argmax(axis=1)
    return np.unique(np.clip(highest, 0, len(wave) - 1))


def _refined(wave: Floats, peaks: Ints) -> Floats:
    """Tops of the parabolas through each peak and its neighbours, in samples.

    What is no local maximum is no peak and is left out: an end of the wave, a slope.
    """
    peaks = peaks[(peaks > 0) & (peaks < len(wave) - 1)]
    left, middle, right = wave[peaks - 1], wave[peaks], wave[peaks + 1]
    is_top = (middle >= left) & (middle >= right) & (2.0 * middle > left + right)
    peaks, left, middle, right = peaks[is_top], left[is_top], middle[is_top], right[is_top]
    return peaks + 0.5 * (left - right) / (left - 2.0 * middle + right)
