"""One set of features of the pulse, the same for PPG and ECG, for systems that look at no picture.

From a PPG the intervals are pulse intervals: from one systolic peak to the next. They are not the
NN intervals of an ECG: the time that the pulse takes to the finger changes too. The names here say
"interval" for both.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import detrend, lombscargle, periodogram
from scipy.stats import iqr, kurtosis, skew

from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal

from .beats import beats
from .clean import bridged, clean, filled
from .gate import MIN_COVERAGE

Floats = NDArray[np.float64]

LF_HZ = (0.04, 0.15)
HF_HZ = (0.15, 0.40)
SLOW_HZ = ((0.1, 0.2), (0.2, 0.3), (0.3, 0.4))
"""Bands of the signal itself, where vessels and breath move its baseline."""

OF_INTERVALS = (
    "interval_mean_s",
    "interval_sd_s",
    "interval_rmssd_s",
    "interval_sdsd_s",
    "interval_pnn50",
    "interval_pnn20",
    "interval_median_s",
    "interval_iqr_s",
    "interval_min_s",
    "interval_max_s",
    "interval_range_s",
    "interval_cv",
)
OF_SPECTRUM = (
    "lf_ln_s2",
    "hf_ln_s2",
    "lf_hf_ln",
    "lf_share",
    "hf_share",
    "total_ln_s2",
    "hf_peak_hz",
)
OF_WAVE = (
    "wave_mean",
    "wave_sd",
    "wave_skew",
    "wave_kurtosis",
    "wave_slope_per_s",
    "wave_curve_per_s2",
    "wave_share_01_02_hz",
    "wave_share_02_03_hz",
    "wave_share_03_04_hz",
)
NAMES = (*OF_INTERVALS, *OF_SPECTRUM, *OF_WAVE)
"""What stands in which place of the features."""

MIN_INTERVALS = 5
"""Fewer intervals have no features. Choice: what 5 s of a slow heart have."""
MIN_PERIODS = 2.0
"""Choice: a band needs a stretch of two periods of its lowest frequency: 50 s for LF, 13.3 s for
HF, 20, 10 and 6.7 s for the slow bands of the wave. The task force of 1996 asks for ten."""


class Intervals(NamedTuple):
    """Intervals between beats that can be believed.

    Attributes:
        at_s: (n,) when each ended.
        length_s: (n,) how long each was.
        change_s: (m,) from one to the next, where both are believed and share a beat.
    """

    at_s: Floats
    length_s: Floats
    change_s: Floats


def pulse_features(signal: Signal) -> Floats:
    """Features of one stretch of a PPG or an ECG, in the order of `NAMES`.

    Of the intervals between confirmed beats (seconds): mean, spread, root mean square of the
    changes from one to the next (RMSSD), spread of these changes, share of changes above 50 and
    20 ms, median, interquartile range, extremes, range, coefficient of variation. Of their
    Lomb-Scargle spectrum after the line is taken away: power 0.04-0.15 Hz (LF) and 0.15-0.40 Hz
    (HF), their ratio, their sum, their shares of the variance, the frequency of the HF peak. Of
    the wave: mean and spread in the sensor's unit; skewness; kurtosis; mean steepness and
    curvature of the filtered wave over its spread; the share of three slow bands in the variance.

    Choice: shares and not counts (NN50, NN20): a count grows with the stretch, and the length of
    a trial names the clip that was watched.
    Choice: powers and their ratio as logarithms, which spread evenly where powers have long tails.
    Choice: an interval is believed where it lasts 0.3-2 s and is within 30 % of the median; there
    are no features of intervals, in time or frequency, where believed ones are fewer than 5 or
    fill less than 80 % of the stretch (not counting a median interval at either end), as the gate
    of heart rates has it. A missed beat is a gap and no long interval.

    Args:
        signal: Kind "ppg" or "ecg". Where it starts on its clock does not matter.

    Returns:
        (28,). NaN where the stretch is shorter than two periods of a band, or where beats are too
        few. All NaN for what `signals.beats.beats` refuses: short, flat, infinite, with a long gap,
        another kind.
    """
    signal = dataclasses.replace(signal, start_s=0.0)
    try:
        shape = filled(signal)
        # NeuroKit2 takes the mean of no QRS at all where an ECG has none.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            times_s = beats(signal).times_s
    except BadInput:
        return np.full(len(NAMES), np.nan)
    intervals = believed(times_s, signal.end_s)
    # Huge numbers of a sensor overflow, an empty band has no logarithm: what is not finite was
    # not measured.
    with np.errstate(all="ignore"):
        found = [math.nan] * (len(OF_INTERVALS) + len(OF_SPECTRUM))
        if intervals is not None:
            found = [*_of_intervals(intervals), *_of_spectrum(intervals)]
        values = np.array([*found, *_of_wave(signal, shape)], np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def believed(times_s: Floats, length_s: float) -> Intervals | None:
    """Intervals of beats that can be believed; None where too few.

    Args:
        times_s: (n_beats,) increasing, seconds since the begin of the stretch.
        length_s: Of the stretch.
    """
    if len(times_s) <= MIN_INTERVALS:
        return None
    between_s = np.diff(times_s)
    median_s = float(np.median(between_s))
    is_so = np.abs(between_s - median_s) <= 0.3 * median_s
    is_so &= (between_s >= 0.3) & (between_s <= 2.0)
    changes_s = np.diff(between_s)[is_so[1:] & is_so[:-1]]
    enough_s = MIN_COVERAGE * (length_s - 2.0 * median_s)
    few = is_so.sum() < MIN_INTERVALS or len(changes_s) < 2
    if few or between_s[is_so].sum() < enough_s:
        return None
    return Intervals(times_s[1:][is_so], between_s[is_so], changes_s)


def _of_intervals(intervals: Intervals) -> list[float]:
    length_s, change_s = intervals.length_s, intervals.change_s
    mean_s, sd_s = length_s.mean(), length_s.std(ddof=1)
    return [
        mean_s,
        sd_s,
        math.sqrt(np.mean(change_s**2)),
        change_s.std(ddof=1),
        np.mean(np.abs(change_s) > 0.050),
        np.mean(np.abs(change_s) > 0.020),
        np.median(length_s),
        iqr(length_s),
        length_s.min(),
        length_s.max(),
        np.ptp(length_s),
        sd_s / mean_s,
    ]


def _of_spectrum(intervals: Intervals) -> list[float]:
    at_s, length_s = intervals.at_s, intervals.length_s
    span_s = float(at_s[-1] - at_s[0] + length_s[0])
    line = np.polynomial.Polynomial.fit(at_s, length_s, 1)
    rest_s = length_s - line(at_s)
    variance = np.mean(rest_s**2)
    if not variance > 1e-12:  # a metronome: rounding has no spectrum
        return [math.nan] * len(OF_SPECTRUM)
    lf, _ = _band(at_s, rest_s, span_s, LF_HZ)
    hf, hf_peak_hz = _band(at_s, rest_s, span_s, HF_HZ)
    return [
        np.log(lf),
        np.log(hf),
        np.log(lf) - np.log(hf),
        lf / variance,
        hf / variance,
        np.log(lf + hf),
        hf_peak_hz,
    ]


def _band(
    at_s: Floats, rest_s: Floats, span_s: float, band_hz: tuple[float, float]
) -> tuple[float, float]:
    """Power in a band, s^2, and where it peaks; NaN where the stretch is too short.

    A sine of amplitude a inside the band has a power of a^2 / 2.
    """
    low_hz, high_hz = band_hz
    if span_s * low_hz < MIN_PERIODS:
        return math.nan, math.nan
    # Eight points for each width of a peak.
    at_hz = np.linspace(low_hz, high_hz, math.ceil(8.0 * span_s * (high_hz - low_hz)) + 1)
    power = lombscargle(at_s, rest_s, 2.0 * math.pi * at_hz)
    density = 2.0 * span_s / len(at_s) * power
    return float(np.trapezoid(density, at_hz)), float(at_hz[np.argmax(power)])


def _of_wave(signal: Signal, shape: Floats) -> list[float]:
    """Of the signal itself; `shape` is it, scaled to a range of 1."""
    raw, fs_hz = bridged(np.asarray(signal.values, np.float64)), signal.fs_hz
    wave = clean(signal.kind, shape, fs_hz)
    slope_per_s = np.diff(wave / wave.std()) * fs_hz
    return [
        np.mean(raw),
        np.std(raw),
        skew(shape),
        kurtosis(shape),
        np.mean(np.abs(slope_per_s)),
        np.mean(np.abs(np.diff(slope_per_s))) * fs_hz,
        *_slow_shares(shape, fs_hz),
    ]


def _slow_shares(shape: Floats, fs_hz: float) -> list[float]:
    """Power of the slow bands over the variance, after the line is taken away."""
    length_s = len(shape) / fs_hz
    rest = detrend(shape)
    # Padded, so that every band has points at its edges for stretches of any length.
    n = 8 * len(rest)
    at_hz, density = periodogram(rest, fs_hz, nfft=n, detrend=False)
    step_hz, variance = fs_hz / n, float(np.mean(rest**2))
    shares = []
    for low_hz, high_hz in SLOW_HZ:
        inside = (at_hz >= low_hz) & (at_hz < high_hz)
        share = float(density[inside].sum()) * step_hz / variance
        shares.append(share if length_s * low_hz >= MIN_PERIODS else math.nan)
    return shares
