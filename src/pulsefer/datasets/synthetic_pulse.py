"""Beats at known times, and what a finger, an electrode and the skin make of them.

Synthetic: shapes by sums of bell curves, not by a model of the circulation. What is exact is the
time of every beat. A beat is the moment of the R peak; the pulse arrives later, by the same delay
for every beat.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.seeding import generator
from pulsefer.core.types import MAX_BPM, MIN_BPM

FINGER_DELAY_S = 0.28
"""From the R peak to the systolic peak in the finger, seconds. Choice: textbook size."""
FACE_DELAY_S = 0.22
"""From the R peak to the peak of the blood volume in the face, seconds. Choice: as above."""
BREATH_HZ = 0.25
"""Breathing, which speeds and slows the heart."""

Bell = tuple[float, float, float]
"""Height, time after the beat, width (standard deviation), the last two in seconds."""


def beat_times_s(
    hr_bpm: float,
    start_s: float,
    end_s: float,
    *,
    seed: int,
    variability: float = 0.0,
    lead_hr_bpm: float | None = None,
) -> NDArray[np.float64]:
    """Beats of a known rate.

    Choice: intervals vary with breathing and at random, half of the variance each; they are then
    scaled, so that the median interval from time 0 on is that of `hr_bpm`.

    Args:
        hr_bpm: Rate from time 0 on, bpm.
        start_s: Time of the first beat at the earliest, seconds; may be negative.
        end_s: No beat at this time or later, seconds.
        seed: Decides the phase and the variability.
        variability: Spread of the intervals, share of the interval, 0-0.2.
        lead_hr_bpm: Rate before time 0, bpm; None is the same. A reader that forgets to cut the
            lead of a signal, as the 3 s of DEAP, then finds a wrong rate.

    Returns:
        (n_beats,) increasing, seconds.

    Raises:
        ValueError: a rate, span or variability that no heart has.

    >>> beats = beat_times_s(75.0, 0.0, 4.0, seed=1)
    >>> np.diff(beats).round(6).tolist()
    [0.8, 0.8, 0.8, 0.8]
    """
    lead_hr_bpm = hr_bpm if lead_hr_bpm is None else lead_hr_bpm
    for name, rate in (("hr_bpm", hr_bpm), ("lead_hr_bpm", lead_hr_bpm)):
        if not MIN_BPM <= rate <= MAX_BPM:
            raise ValueError(f"{name} must lie in {MIN_BPM:g}-{MAX_BPM:g} bpm, found {rate}")
    if not -math.inf < start_s < end_s < math.inf:
        raise ValueError(f"beats need start_s < end_s, found {start_s} and {end_s}")
    if not 0 <= variability <= 0.2:
        raise ValueError(f"variability must lie in 0-0.2, found {variability}")
    rng = generator(seed, "beats")
    interval_s, lead_s = 60 / hr_bpm, 60 / lead_hr_bpm
    first_s = rng.uniform(0, 1) * interval_s
    breath_rad = rng.uniform(0, 2 * math.pi)

    def intervals(nominal_s: float, span_s: float) -> NDArray[np.float64]:
        # Twice what the span holds: however the draw falls, it is filled.
        n = 2 * math.ceil(max(span_s, 0) / nominal_s) + 2
        breath = np.sin(2 * math.pi * BREATH_HZ * nominal_s * np.arange(n) + breath_rad)
        chance = np.clip(rng.normal(size=n), -2, 2)
        share = 1 + variability * (breath + chance / math.sqrt(2))
        return np.asarray(nominal_s * share, np.float64)

    following = intervals(interval_s, end_s)
    n_kept = max(int(np.searchsorted(np.cumsum(following), end_s - first_s)), 1)
    following *= interval_s / np.median(following[:n_kept])
    after = first_s + np.concatenate([[0.0], np.cumsum(following)])
    before = first_s - np.cumsum(intervals(lead_s, first_s - start_s))[::-1]
    beats = np.concatenate([before, after])
    return np.asarray(beats[(beats >= start_s) & (beats < end_s)], np.float64)


def pulse_wave(beats_s: NDArray[np.float64], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blood volume in the skin of the face: about 0 at its lowest, about 1 at every peak.

    Args:
        beats_s: (n_beats,) increasing, seconds.
        time_s: (n,) when, on the same clock.

    Returns:
        (n,). The peak comes `FACE_DELAY_S` after each beat. Beats outside the span of `time_s`
        count too: give those just before it.
    """
    return _of_bells(beats_s, time_s, _blood(FACE_DELAY_S, width_s=0.075))


def ppg(
    beats_s: NDArray[np.float64],
    *,
    fs_hz: float,
    start_s: float,
    end_s: float,
    inverted: bool = False,
    offset: float = 0.0,
    scale: float = 1.0,
    noise: float = 0.0,
    seed: int = 0,
) -> NDArray[np.float64]:
    """A finger plethysmogram: systolic peak, dicrotic notch and wave, diastolic run-off.

    Args:
        beats_s: (n_beats,) increasing, seconds.
        fs_hz: Sampling rate.
        start_s: Time of the first sample, on the clock of the beats.
        end_s: No sample at this time or later.
        inverted: Peaks point down, as some amplifiers store them.
        offset: Value at rest, in the sensor's unit.
        scale: Height of a pulse, in the sensor's unit.
        noise: Spread of white noise, share of `scale`.
        seed: Decides the noise.

    Returns:
        (n,) samples; systolic peaks `FINGER_DELAY_S` after the beats.
    """
    wave = _of_bells(
        beats_s, _clock_s(fs_hz, start_s, end_s), _blood(FINGER_DELAY_S, width_s=0.065)
    )
    return _stored(wave, inverted, offset, scale, noise, seed)


def ecg(
    beats_s: NDArray[np.float64],
    *,
    fs_hz: float,
    start_s: float,
    end_s: float,
    inverted: bool = False,
    offset: float = 0.0,
    scale: float = 1.0,
    noise: float = 0.0,
    seed: int = 0,
) -> NDArray[np.float64]:
    """One lead of an electrocardiogram: P, Q, R, S and T waves, the R peak at the beat.

    Arguments are those of `ppg`; `scale` is the height of R.
    """
    bells: list[Bell] = [
        (0.12, -0.16, 0.022),
        (-0.10, -0.026, 0.008),
        (1.0, 0.0, 0.010),
        (-0.18, 0.027, 0.009),
        (0.28, 0.25, 0.045),
    ]
    wave = _of_bells(beats_s, _clock_s(fs_hz, start_s, end_s), bells)
    return _stored(wave, inverted, offset, scale, noise, seed)


def _blood(peak_s: float, *, width_s: float) -> list[Bell]:
    """Bells of one pulse, for an interval of 1 s; what follows the peak scales with sqrt."""
    return [(0.94, peak_s, width_s), (0.26, peak_s + 0.27, 0.07), (0.20, peak_s + 0.20, 0.13)]


def _of_bells(
    beats_s: NDArray[np.float64], time_s: NDArray[np.float64], bells: list[Bell]
) -> NDArray[np.float64]:
    wave = np.zeros(len(time_s))
    if len(beats_s) == 0:
        return wave
    intervals_s = np.diff(beats_s)
    intervals_s = np.append(intervals_s, intervals_s[-1] if len(intervals_s) else 1.0)
    main_s = max(bells)[1]
    for beat_s, interval_s in zip(beats_s, intervals_s, strict=True):
        # A slow heart spreads the later waves, by the square root of the interval as Bazett's QT.
        stretch = math.sqrt(interval_s)
        low, high = np.searchsorted(time_s, [beat_s - 0.5, beat_s + 0.5 + 1.2 * stretch])
        since_s = time_s[low:high] - beat_s
        for height, at_s, width_s in bells:
            late = at_s > main_s
            middle_s = main_s + (at_s - main_s) * stretch if late else at_s
            spread_s = width_s * stretch if late else width_s
            wave[low:high] += height * np.exp(-0.5 * ((since_s - middle_s) / spread_s) ** 2)
    return wave


def _clock_s(fs_hz: float, start_s: float, end_s: float) -> NDArray[np.float64]:
    if not fs_hz > 0 or not start_s < end_s:
        raise ValueError(
            f"a signal needs fs_hz > 0 and start_s < end_s, found {fs_hz}, {start_s}, {end_s}"
        )
    n_samples = round((end_s - start_s) * fs_hz)
    return start_s + np.arange(n_samples) / fs_hz


def _stored(
    wave: NDArray[np.float64],
    inverted: bool,
    offset: float,
    scale: float,
    noise: float,
    seed: int,
) -> NDArray[np.float64]:
    """What the amplifier writes down."""
    wave = wave + noise * generator(seed, "sensor").normal(size=len(wave))
    return offset + (-scale if inverted else scale) * wave
