"""Whether a window of a contact signal has a heart rate that can be believed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from pulsefer.core.types import Signal, SignalKind

from .beats import TOLERANCE_S, Beats, near
from .clean import bridged, clean
from .rate import heart_rate_bpm
from .spectrum import spectral_rate

Floats = NDArray[np.float64]

MIN_AGREEMENT = 0.9
"""Share of beats that both detectors have."""
MIN_COVERAGE = 0.8
"""Share of the time that lies in believable intervals."""
MIN_TEMPLATE = 0.8
"""Mean correlation of the beats with their mean beat."""
MAX_DIFFERENCE_BPM = 5.0
"""Between the rate from beats and the rate from the spectrum."""
STUCK_S = 0.1
"""So long at the highest or lowest value is clipping; five times as long anywhere is flat."""
MARGIN_S = 2.0
"""What is kept on both sides of a window while it is filtered."""


@dataclass(frozen=True, slots=True)
class WindowRate:
    """Heart rate of a window, or why it has none.

    Attributes:
        hr_bpm: From the beats; NaN where rejected.
        quality: In [0, 1], the weakest of four: agreement of the detectors, coverage, template
            correlation, and 1 - |rate of beats - rate of spectrum| / 25 bpm. At least 0.8 where
            accepted; 0 where a window was rejected before these could be measured.
        reason: "" where accepted, else the first that applies of "coverage" (the signal does not
            fill the window), "clipped" (or a flat line), "beats" (fewer than 3 confirmed ones),
            "range" (outside 40-180 bpm), "agreement", "coverage" (too little of the time lies in
            believable intervals), "template", "spectrum".
    """

    hr_bpm: float
    quality: float
    reason: str


def window_rate(signal: Signal, beats: Beats, start_s: float, end_s: float) -> WindowRate:
    """Rate of the beats inside [start_s, end_s), if the window passes the gate.

    Choice: a window passes when at least 90 % of the beats are found by both detectors, at least
    80 % of the time lies in intervals of 0.3-2 s within 30 % of their median, the beats correlate
    with their mean by 0.8 or more, the rate is within 5 bpm of the spectrum's, and nothing is
    clipped or flat.

    Args:
        signal: The trial's signal.
        beats: What `signals.beats.beats` found in it.
        start_s: Begin of the window, on the signal's clock.
        end_s: End of the window, on the signal's clock.

    Raises:
        ValueError: a window that does not end after its start.
    """
    if not start_s < end_s:
        raise ValueError(f"a window ends after its start, found {start_s:g}-{end_s:g} s")
    fs_hz = signal.fs_hz
    slack_s = 0.5 / fs_hz
    if start_s < signal.start_s - slack_s or end_s > signal.end_s + slack_s:
        return _rejected("coverage")
    first = max(round((start_s - signal.start_s) * fs_hz), 0)
    last = min(round((end_s - signal.start_s) * fs_hz), len(signal.values))
    if _is_stuck(signal.values[first:last], fs_hz):
        return _rejected("clipped")
    times_s = _within(beats.times_s, start_s, end_s)
    if len(times_s) < 3:
        return _rejected("beats")
    try:
        hr_bpm = heart_rate_bpm(times_s)
    except ValueError:
        return _rejected("range")

    before = max(first - round(MARGIN_S * fs_hz), 0)
    near_by = bridged(signal.values[before : last + round(MARGIN_S * fs_hz)])
    # The filter sees numbers of one size, whatever the sensor's unit.
    wave = clean(signal.kind, (near_by - near_by.mean()) / np.ptp(near_by), fs_hz)
    inside = wave[first - before : last - before]
    if signal.kind == "ecg":
        inside, half_width_s = _swell(inside, fs_hz), 0.12
    else:
        half_width_s = 30.0 / hr_bpm
    at = (times_s - signal.start_s) * fs_hz - before
    # The upside-down beat correlates with its mean as the upright one does.
    template = _template(wave, at, half_width_s * fs_hz)
    agreement = _agreement(signal.kind, beats, start_s, end_s)
    coverage = _coverage(beats.times_s, start_s, end_s)
    # A wider band than is believed: a peak of 42 bpm in 5 s has its foot below 40.
    by_spectrum = spectral_rate(inside, fs_hz, low_bpm=30.0, high_bpm=200.0).hr_bpm
    difference_bpm = abs(hr_bpm - by_spectrum) if math.isfinite(by_spectrum) else 25.0
    failed = {
        "agreement": agreement < MIN_AGREEMENT,
        "coverage": coverage < MIN_COVERAGE,
        "template": template < MIN_TEMPLATE,
        "spectrum": difference_bpm > MAX_DIFFERENCE_BPM,
    }
    reason = next((word for word, is_so in failed.items() if is_so), "")
    quality = min(agreement, coverage, template, 1.0 - min(difference_bpm / 25.0, 1.0))
    return WindowRate(math.nan if reason else hr_bpm, quality, reason)


def _rejected(reason: str) -> WindowRate:
    return WindowRate(math.nan, 0.0, reason)


def _is_stuck(raw: Floats, fs_hz: float) -> bool:
    """Clipped (long at an extreme) or flat (longer at any value)."""
    changes = np.flatnonzero(np.diff(raw, prepend=np.nan, append=np.nan))
    run_s = np.diff(changes) / fs_hz
    value = raw[changes[:-1]]
    at_extreme = (value == raw.max()) | (value == raw.min())
    return bool((run_s >= 5 * STUCK_S).any() or (run_s[at_extreme] >= STUCK_S).any())


def _within(times_s: Floats, start_s: float, end_s: float) -> Floats:
    first, last = np.searchsorted(times_s, [start_s, end_s])
    return times_s[first:last]


def _agreement(kind: SignalKind, beats: Beats, start_s: float, end_s: float) -> float:
    """Confirmed beats of both detectors over all beats of both."""
    tolerance_s = TOLERANCE_S[kind]
    own = near(_within(beats.all_s, start_s, end_s), beats.other_s, tolerance_s)
    others = near(_within(beats.other_s, start_s, end_s), beats.all_s, tolerance_s)
    n = len(own) + len(others)
    return float(own.sum() + others.sum()) / n if n else 0.0


def _coverage(times_s: Floats, start_s: float, end_s: float) -> float:
    """Share of [start, end) in intervals of 0.3-2 s that are within 30 % of their median.

    One more interval is believed before the first and after the last beat of the trial, whose
    neighbours were not recorded.
    """
    first, last = np.searchsorted(times_s, [start_s, end_s])
    inside_s = np.diff(times_s[max(first - 1, 0) : last + 1])
    median_s = float(np.median(inside_s))
    fence_s = np.concatenate([[times_s[0] - median_s], times_s, [times_s[-1] + median_s]])
    fence_s = fence_s[first : last + 2]
    interval_s = np.diff(fence_s)
    believed = (np.abs(interval_s - median_s) <= 0.3 * median_s) & (interval_s >= 0.3)
    believed &= interval_s <= 2.0
    part_s = np.minimum(fence_s[1:], end_s) - np.maximum(fence_s[:-1], start_s)
    return min(float(part_s[believed & (part_s > 0)].sum()) / (end_s - start_s), 1.0)


def _template(wave: Floats, at: Floats, half_width: float) -> float:
    """Mean correlation of the stretches around each beat with their mean; 0 to 1."""
    offsets = np.linspace(-half_width, half_width, 48)
    places = at[:, None] + offsets
    stretches = np.interp(places.ravel(), np.arange(len(wave)), wave).reshape(places.shape)
    stretches -= stretches.mean(axis=1, keepdims=True)
    mean = stretches.mean(axis=0)
    norms = np.linalg.norm(stretches, axis=1) * np.linalg.norm(mean)
    if not (norms > 0).all():
        return 0.0
    return max(float(np.mean(stretches @ mean / norms)), 0.0)


def _swell(ecg: Floats, fs_hz: float) -> Floats:
    """One smooth wave for each QRS: its spectrum peaks at the rate, that of spikes anywhere."""
    steepness = np.abs(np.gradient(ecg))
    width = max(round(0.15 * fs_hz), 1)
    return np.asarray(uniform_filter1d(uniform_filter1d(steepness, width), width))
