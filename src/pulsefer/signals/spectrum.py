"""Heart rate of a pulse wave from its spectrum, and how much of the wave is pulse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import ZoomFFT, detrend
from scipy.signal.windows import hann

from pulsefer.core.types import MAX_BPM, MIN_BPM

MIN_LENGTH_S = 3.0
"""Two periods of the slowest rate; below it there is no peak to speak of."""
GRID_BPM = 0.1
"""Spacing of the spectrum. The parabola through the top goes well below it."""
SUBHARMONIC_SHARE = 0.4
"""A peak at half the rate wins if it has this share of the power of the highest peak."""


@dataclass(frozen=True, slots=True)
class SpectralRate:
    """What the spectrum of a wave says.

    Attributes:
        hr_bpm: Rate at the peak; NaN where there is none.
        quality: In [0, 1]. Share of the power near the peak and its first harmonic, mapped so
            that 0 is the share that white noise of this length reaches and 1 is all of it.
        snr_db: The same share as a ratio in dB, power near the peak and its harmonic over the
            rest of the band; NaN where there is no peak.
    """

    hr_bpm: float
    quality: float
    snr_db: float


NO_RATE = SpectralRate(math.nan, 0.0, math.nan)
"""No peak to be had."""


def spectral_rate(
    wave: NDArray[np.float64],
    fs_hz: float,
    *,
    low_bpm: float = MIN_BPM,
    high_bpm: float = MAX_BPM,
) -> SpectralRate:
    """Rate of the strongest periodic part of a wave between two rates.

    The line through the wave is taken away, the rest is weighted by a Hann window and its
    spectrum computed every 0.1 bpm; the top of the highest peak is read off a parabola through
    the logarithm of the power. A peak means a local maximum: a slope that rises into the edge of
    the band is drift, not pulse.

    Choice: if a peak with at least 40 % of the power stands at half the rate, the lower one is the
    rate: a dicrotic wave puts more power into its second harmonic than noise puts at one half.
    Choice: as in de Haan & Jeanne (2013), power counts as pulse within 6 bpm of the peak and
    12 bpm of its double, and the whole ends at 240 bpm (four thirds of `high_bpm`); windows shorter
    than 12.5 s have wider lines, and 1.25 / length Hz takes the place of 6 bpm. Ours begins at half
    of `low_bpm`, so that the skirt of a slow drift is not taken for a clean pulse.

    Args:
        wave: (n,) a pulse wave, any unit. Strong drift should have been filtered off.
        fs_hz: Its sampling rate.
        low_bpm: Lowest rate that may come out.
        high_bpm: Highest rate that may come out.

    Returns:
        The rate, or `NO_RATE` for a wave that is constant, shorter than 3 s, not finite, or
        without a peak in the band.

    Raises:
        ValueError: not one dimension, or a sampling rate too low to show `high_bpm`.

    >>> time_s = np.arange(300) / 30
    >>> round(spectral_rate(np.sin(2 * np.pi * 1.2 * time_s), 30.0).hr_bpm, 1)
    72.0
    """
    if wave.ndim != 1:
        raise ValueError(f"a wave has one dimension, found {wave.ndim}")
    if not 0 < low_bpm < high_bpm < 30.0 * fs_hz:
        raise ValueError(
            f"expected 0 < low_bpm < high_bpm < half of fs_hz, found {low_bpm:g}-{high_bpm:g} bpm "
            f"at {fs_hz:g} Hz"
        )
    length_s = len(wave) / fs_hz
    if length_s < MIN_LENGTH_S or not np.isfinite(wave).all():
        return NO_RATE
    level = float(np.abs(wave).max())
    flat = detrend(wave) if level else wave
    if float(np.ptp(flat)) <= 1e-9 * level:  # rounding alone is left
        return NO_RATE
    top_bpm = min(high_bpm * 4.0 / 3.0, 30.0 * fs_hz)
    rates_bpm, weight, zoom = _grid(len(wave), fs_hz, low_bpm / 2.0, top_bpm)
    line = zoom(flat / np.ptp(flat) * weight)
    power: NDArray[np.float64] = line.real**2 + line.imag**2

    rising = np.diff(power) > 0
    tops = np.flatnonzero(rising[:-1] & ~rising[1:]) + 1
    tops = tops[(rates_bpm[tops] >= low_bpm) & (rates_bpm[tops] <= high_bpm)]
    if not len(tops):
        return NO_RATE
    top = int(tops[np.argmax(power[tops])])
    half_width_bpm = max(6.0, 75.0 / length_s)
    below = tops[np.abs(rates_bpm[tops] - rates_bpm[top] / 2) <= half_width_bpm / 2]
    below = below[power[below] >= SUBHARMONIC_SHARE * power[top]]
    if len(below):
        top = int(below[np.argmax(power[below])])
    hr_bpm = float(rates_bpm[top] + GRID_BPM * _vertex(*np.log(power[top - 1 : top + 2])))

    is_pulse = np.abs(rates_bpm - hr_bpm) <= half_width_bpm
    is_pulse |= np.abs(rates_bpm - 2 * hr_bpm) <= 2 * half_width_bpm
    share = float(power[is_pulse].sum() / power.sum())
    by_chance = _share_of_noise(float(is_pulse.mean()), length_s * np.ptp(rates_bpm) / 60.0)
    return SpectralRate(
        hr_bpm=min(max(hr_bpm, low_bpm), high_bpm),
        quality=min(max((share - by_chance) / (1.0 - by_chance), 0.0), 1.0),
        snr_db=10.0 * math.log10(share / max(1.0 - share, 1e-12)),
    )


@lru_cache(maxsize=32)
def _grid(n: int, fs_hz: float, low_bpm: float, top_bpm: float) -> tuple[Any, Any, Any]:
    """Rates of the lines, the Hann window, and the chirp transform that computes only those."""
    n_lines = math.ceil((top_bpm - low_bpm) / GRID_BPM) + 1
    rates_bpm = low_bpm + GRID_BPM * np.arange(n_lines)
    band_hz = [rates_bpm[0] / 60.0, rates_bpm[-1] / 60.0]
    return rates_bpm, hann(n, sym=False), ZoomFFT(n, band_hz, n_lines, fs=fs_hz, endpoint=True)


def _share_of_noise(width: float, n_lines: float) -> float:
    """Share that the highest peak of white noise and its surroundings reach, about.

    A region of relative `width` holds `width` of the noise, and the highest of n independent,
    exponentially distributed lines holds (1 + 1/2 + ... + 1/n) / n of it.
    """
    n_lines = max(n_lines, 2.0)
    return min(width + (math.log(n_lines) + 0.5772) / n_lines, 0.95)


def _vertex(left: float, middle: float, right: float) -> float:
    """Where the parabola through three equidistant points has its top, in steps from the middle."""
    bend = left - 2.0 * middle + right
    return 0.0 if bend >= 0 else min(max(0.5 * (left - right) / bend, -0.5), 0.5)
