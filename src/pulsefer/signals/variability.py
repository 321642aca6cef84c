"""Heart-rate variability from the colour of skin, where the signal allows it. It seldom does.

Shape suffixes: T time, C the channels red, green, blue, F frequencies.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, detrend, sosfiltfilt

from pulsefer.signals.colour import evenly
from pulsefer.signals.evidence import BLOOD_RGB, FLOOR, LOWEST_HZ, evidence

Floats = NDArray[np.float64]

NOISE_MS: Final = 10.0
"""Choice: more RMSSD than this from the camera's noise alone, and none is given. Adults at rest
have 20 to 50 ms."""
N_BEATS: Final = 20
ABOVE: Final = 4.5
"""Choice: from this many times the rate on a pulse has no power to speak of."""
ODD_SHARE: Final = 0.05
"""Choice: of the intervals, so many may differ from the median by more than a quarter; they are
left out, as Malik et al. (1996) leave out what is no normal beat."""


class Variability(NamedTuple):
    """Variability of the intervals between beats.

    Attributes:
        rmssd_ms: Root mean square of successive differences; NaN where it is not to be believed.
        sdnn_ms: Standard deviation of the intervals; NaN in the same places.
        noise_ms: RMSSD that the noise of the wave alone makes, as estimated; NaN without a pulse.
    """

    rmssd_ms: float
    sdnn_ms: float
    noise_ms: float


NO_VARIABILITY: Final = Variability(math.nan, math.nan, math.nan)


def variability(rgb_TC: Floats, time_s: Floats, *, least_s: float = 30.0) -> Variability:
    """RMSSD and SDNN of a colour trace.

    The channels are weighed for blood against the noise beside the pulse's lines (as in
    `evidence`), the wave is kept from half to one and a half times the rate, and a beat is where it
    rises through zero: the phase of the fundamental, whose bandwidth is just what one value per
    beat can carry. Noise of spread s on a wave of amplitude a moves a crossing by s / (2 pi f a),
    and the second difference of three crossings by sqrt(6) times that: `noise_ms`.

    The band keeps some 85 to 90 % of an RMSSD.

    Choice: nothing is subtracted. Where noise makes more than 10 ms there is no answer; a figure
    that is mostly noise would look like a lively heart. Films of a pulse of 1 % at CRF 18 have
    some 30 to 90 ms of noise: expect an answer from light, quiet, uncompressed recordings only.

    Args:
        rgb_TC: (T, 3) mean colour of skin, any scale; NaN where there was no face.
        time_s: (T,) increasing times, seconds.
        least_s: Shorter traces have none.

    Raises:
        BadInput: shapes that do not match, times that do not increase.
    """
    even = evenly(rgb_TC, time_s)
    # A frame's duration belongs to the length, and a window may hold a frame less than it should.
    if even is None or len(even[0]) / even[1] < least_s - 0.5:
        return NO_VARIABILITY
    found = evidence(rgb_TC, time_s)
    if not found.clear:
        return NO_VARIABILITY
    even_TC, fs_hz = even
    rate_hz = found.hr_bpm / 60
    level_TC = detrend(even_TC / even_TC.mean(axis=0) - 1, axis=0)
    weights_C = _weights(level_TC, fs_hz, rate_hz)
    wave_T = -level_TC @ weights_C
    low_hz, high_hz = 0.5 * rate_hz, min(1.5 * rate_hz, fs_hz / 2 - 0.5)
    band = butter(2, (low_hz, high_hz), btype="bandpass", fs=fs_hz, output="sos")
    kept_T = sosfiltfilt(band, wave_T)
    noise_s = _crossing_noise_s(level_TC, weights_C, kept_T, fs_hz, rate_hz)
    noise_ms = 1000 * math.sqrt(6) * noise_s
    beats_s = _rises(kept_T) / fs_hz
    # The filter has nothing to look at beyond the ends.
    edge_s = 1 / rate_hz
    beats_s = beats_s[(beats_s > edge_s) & (beats_s < len(kept_T) / fs_hz - edge_s)]
    intervals_ms = 1000 * np.diff(beats_s)
    if noise_ms > NOISE_MS or len(intervals_ms) < N_BEATS:
        return NO_VARIABILITY._replace(noise_ms=noise_ms)
    odd = np.abs(intervals_ms / np.median(intervals_ms) - 1) > 0.25
    if odd.mean() > ODD_SHARE:
        return NO_VARIABILITY._replace(noise_ms=noise_ms)
    successive = ~odd[1:] & ~odd[:-1]
    differences_ms = np.diff(intervals_ms)[successive]
    return Variability(
        rmssd_ms=float(np.sqrt(np.mean(differences_ms**2))),
        sdnn_ms=float(np.std(intervals_ms[~odd], ddof=1)),
        noise_ms=noise_ms,
    )


def _weights(level_TC: Floats, fs_hz: float, rate_hz: float) -> Floats:
    """(3,) how red, green and blue are added so that blood passes as 1 and noise least."""
    hz_F = np.fft.rfftfreq(len(level_TC), 1 / fs_hz)
    x_FC = np.fft.rfft(level_TC, axis=0)
    beside = (hz_F > LOWEST_HZ) & (hz_F < 3 * rate_hz)
    for harmonic in (1, 2):
        beside &= np.abs(hz_F - harmonic * rate_hz) > 0.25 * rate_hz
    noise_CC = (x_FC[beside].T @ x_FC[beside].conj()).real
    noise_CC += (FLOOR * np.trace(noise_CC) / 3 + np.finfo(np.float64).tiny) * np.eye(3)
    p_C = np.asarray(BLOOD_RGB)
    weights_C = np.linalg.solve(noise_CC, p_C)
    return np.asarray(weights_C / (weights_C @ p_C))


def _crossing_noise_s(
    level_TC: Floats, weights_C: Floats, kept_T: Floats, fs_hz: float, rate_hz: float
) -> float:
    """By how much the noise of the wave moves a crossing, seconds.

    Beside the pulse's line lie the sidebands that variability itself makes, so noise cannot be
    read there. The two directions of colour that blood does not move carry noise and no pulse: they
    tell how much of it there is at the pulse's rate, and above the pulse's harmonics, where there
    is nothing but noise in any direction, how much more or less of it the wave has.
    """
    hz_F = np.fft.rfftfreq(len(level_TC), 1 / fs_hz)
    x_FC = np.fft.rfft(level_TC, axis=0)
    p_C = np.asarray(BLOOD_RGB)
    without_C2 = np.linalg.svd(p_C[None])[2][1:].T  # spans what is orthogonal to blood
    other_F = (np.abs(x_FC @ without_C2) ** 2).mean(axis=1)
    wave_F = np.abs(x_FC @ weights_C) ** 2
    here = np.abs(hz_F / rate_hz - 1) < 0.5
    above = hz_F > min(ABOVE * rate_hz, fs_hz / 2 - 1)
    # Never less than what the wave has up there: noise seldom falls towards low frequencies. Of a
    # wave without any noise the ratio means nothing.
    ratio = min(float(wave_F[above].mean()) / max(float(other_F[above].mean()), 1e-300), 10.0)
    density = max(ratio * float(other_F[here].mean()), float(wave_F[above].mean())) / len(level_TC)
    noise_sd = math.sqrt(density * 2 * rate_hz / fs_hz)  # in a band as wide as the rate
    amplitude = math.sqrt(2 * float(np.var(kept_T)))
    return noise_sd / (2 * math.pi * rate_hz * max(amplitude, 1e-30))


def _rises(wave_T: Floats) -> Floats:
    """Places where the wave rises through zero, in samples, by the straight line between two."""
    at = np.flatnonzero((wave_T[:-1] < 0) & (wave_T[1:] >= 0))
    return np.asarray(at + wave_T[at] / (wave_T[at] - wave_T[at + 1]))
