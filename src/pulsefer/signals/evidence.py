"""Is there a pulse in the colour of this skin, and how fast is it? A test before an estimate.

Every rhythm finder finds a rhythm: in a codec's habits, in a head that sways, in noise. This one
asks first how likely noise alone is to show so blood-coloured a rhythm anywhere in the band of the
heart, and says so.

Shape suffixes: T time, C the channels red, green, blue, F frequencies, H harmonics, A amplitudes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft
from scipy.signal import detrend
from scipy.signal.windows import hann

from pulsefer.core.types import MAX_BPM, MIN_BPM
from pulsefer.signals.colour import evenly

Floats = NDArray[np.float64]

BLOOD_RGB: Final = (0.33, 0.77, 0.53)
"""How a pulse moves red, green and blue of skin, each relative to its mean: de Haan & van Leest,
Physiological Measurement 2014, for white light and a common camera."""
HARMONICS: Final = (1.0, 0.1, 0.01)
"""Choice: power of a pulse wave at once, twice and three times its rate. Contact waves have more at
twice (0.2 and above), a face somewhat less; it only has to tell a rate from its double."""
GRID_HZ: Final = 0.01
REACH_HZ: Final = 0.9
"""Choice: the noise at a frequency is judged from its neighbours this far on both sides."""
LINE: Final = 1.5
"""Half width of what counts as the line itself, in parts of 1 / length; also the width by which
frequencies under a Hann window are independent."""
LOWEST_HZ: Final = 0.45
"""Choice: below it heads sway and lamps are switched; it is no measure of the noise of a pulse."""
GAIN: Final = 1.5
"""Choice: the covariance is real, so each complex line counts for more than one look at the noise;
with this the chances come out right on white noise of any colour (a test says so)."""
FLOOR: Final = 1e-3
"""Part of the mean noise that every channel has at least: a channel may be constant."""
LEAST: Final = 1e-6
"""Noise that every channel has at least, in parts of its mean: that of a trace without any."""
PART: Final = 0.6
PERSISTS: Final = 1.0
"""Choice: evidence that the first and the last 60 % of the window must have for themselves; half of
all noise has 0.7. A burst of a codec or a single nod lies in one of them."""
CHANCE: Final = 0.03
"""Choice: a rhythm is taken for a pulse if noise shows one like it in fewer windows than this."""


class Evidence(NamedTuple):
    """What a colour trace says about a pulse.

    Attributes:
        hr_bpm: The most likely rate, whether or not it is to be believed; NaN where there is no
            trace to look at.
        quality: 1 minus the chance that noise without any pulse shows a rhythm as clear and as
            blood-coloured as this, somewhere from 40 to 180 bpm. It is no probability that the
            rate is right; and a codec's noise is not the noise of the theory, so that what passes
            without a pulse is one window in thirty only about.
        persists: Whether the first and the last part of the window show it as well.
    """

    hr_bpm: float
    quality: float
    persists: bool

    @property
    def clear(self) -> bool:
        """Whether it is to be believed."""
        return self.persists and self.quality >= 1.0 - CHANCE


NO_EVIDENCE: Final = Evidence(math.nan, 0.0, False)


class _Lines(NamedTuple):
    """Every frequency by itself.

    Attributes:
        hz_F: Frequencies.
        z_F: Evidence for blood; without a pulse it is distributed as Exp(1).
        noise_F: Power that noise has in the estimate of the pulse's amplitude.
    """

    hz_F: Floats  # noqa: N815
    z_F: Floats  # noqa: N815
    noise_F: Floats  # noqa: N815


def evidence(rgb_TC: Floats, time_s: Floats) -> Evidence:
    """Look for a pulse in a colour trace.

    Channels are divided by their means and tilted to level. At each frequency the spectrum
    x (3 complex numbers) is held against blood's direction p under the noise covariance S of its
    neighbours, by the detector of Kelly (IEEE Trans. AES 1986): with K looks at the noise

        T = |p' S^-1 x|^2 / (p' S^-1 p),    t = T / (K + x' S^-1 x),    z = -(K - 2) log(1 - t)

    and without a pulse z is Exp(1), whatever the noise's colour. So lamps and motion, which move
    all three channels alike, and the chroma noise of a codec weigh as little as they tell; this is
    the PBV method of de Haan & van Leest (2014) with the noise measured frequency by frequency.
    A rate f explains the lines at f, 2f and 3f: with amplitude A, of which noise has v at a line,

        L(f) = max over A of the sum over h of  z rho / (1 + rho) - log(1 + rho),  rho = A r_h / v

    (the third line's part no more than that of the first two), and the rate is where L is highest.
    A fundamental that drowns in noise is not held against f, one that should be seen and is not,
    is. The quality is Fisher's: z(f) + z(2f) is Gamma(2).

    Args:
        rgb_TC: (T, 3) mean colour of skin, any scale; NaN where there was no face.
        time_s: (T,) increasing times, seconds.

    Returns:
        `NO_EVIDENCE` for a trace that `colour.pulse_rate` would not read either: shorter than 5 s,
        under 8 frames a second, a gap above 1 s; or one that is black or constant.

    Raises:
        BadInput: shapes that do not match, times that do not increase.
    """
    even = evenly(rgb_TC, time_s)
    if even is None:
        return NO_EVIDENCE
    even_TC, fs_hz = even
    if (even_TC.mean(axis=0) <= 0).any() or not (np.ptp(even_TC, axis=0) > 0).any():
        return NO_EVIDENCE
    lines = _lines(even_TC, fs_hz, REACH_HZ)
    # The strongest line is no noise where other lines are looked at, least of all at half its rate.
    # Its own flanks it keeps: without them they would stand as high as itself.
    strong_hz = float(lines.hz_F[lines.z_F.argmax()]) * np.array([1.0, 2.0])
    others = _lines(even_TC, fs_hz, REACH_HZ, without_hz=strong_hz.tolist())
    flank_hz = 2 * LINE * fs_hz / len(even_TC)
    is_flank = (np.abs(lines.hz_F - strong_hz[:, None]) < flank_hz).any(axis=0)
    lines = _Lines(*(np.where(is_flank, a, b) for a, b in zip(lines, others, strict=True)))
    band = (lines.hz_F >= MIN_BPM / 60) & (lines.hz_F <= MAX_BPM / 60)
    rate_F = lines.hz_F[band]
    harmonics_HF = np.arange(1, len(HARMONICS) + 1)[:, None] * rate_F
    z_HF = np.interp(harmonics_HF, lines.hz_F, lines.z_F, right=0.0)
    noise_HF = np.interp(harmonics_HF, lines.hz_F, lines.noise_F, right=np.inf)
    amplitude_A = noise_HF[0].min() * np.logspace(0, 4, 25)
    share_H = np.asarray(HARMONICS)
    rho_AHF = amplitude_A[:, None, None] * share_H[:, None] / noise_HF
    gain_AHF = z_HF * rho_AHF / (1 + rho_AHF) - np.log1p(rho_AHF)
    pair_AF = gain_AHF[:, :2].sum(axis=1)
    # Where a codec is silent a stray line stands out: the third may not say more than the others.
    third_AF = np.minimum(gain_AHF[:, 2], np.maximum(pair_AF, 0.0))
    likelihood_F = (pair_AF + third_AF).max(axis=0)
    best = int(likelihood_F.argmax())
    rate_hz = float(rate_F[best])
    if 0 < best < len(rate_F) - 1:
        left, middle, right = likelihood_F[best - 1 : best + 2]
        bend = left - 2 * middle + right
        rate_hz += GRID_HZ * 0.5 * float((left - right) / bend) if bend < 0 else 0.0
    joint = float(z_HF[0, best] + z_HF[1, best])
    chance = min((1 + joint) * math.exp(-joint), 1.0)  # of Gamma(2)
    n_lines = (MAX_BPM - MIN_BPM) / 60 * len(even_TC) / fs_hz
    n_part = round(PART * len(even_TC))
    parts = even_TC[:n_part], even_TC[-n_part:]
    persists = all(_at(part, fs_hz, rate_hz) >= PERSISTS for part in parts)
    return Evidence(60 * rate_hz, (1 - chance) ** n_lines, persists)


def _lines(
    even_TC: Floats, fs_hz: float, reach_hz: float, *, without_hz: Sequence[float] = ()
) -> _Lines:
    """Every frequency by itself.

    Args:
        even_TC: (T, 3) colours on an even grid.
        fs_hz: Its rate.
        reach_hz: Neighbours this far tell the noise.
        without_hz: Lines that are no noise.
    """
    length_s = len(even_TC) / fs_hz
    level_TC = detrend(even_TC / even_TC.mean(axis=0) - 1, axis=0)
    n = next_fast_len(math.ceil(fs_hz / GRID_HZ - 1e-6), real=True)
    step_hz = fs_hz / n
    x_FC = rfft(level_TC * hann(len(level_TC), sym=False)[:, None], n, axis=0)
    top_hz = min(len(HARMONICS) * MAX_BPM / 60 + 0.2, fs_hz / 2 - step_hz)
    n_lines = int(min(top_hz + reach_hz, fs_hz / 2) / step_hz) + 1
    x_FC = x_FC[:n_lines]
    is_noise_F = np.ones(n_lines)
    for hz in without_hz:
        is_noise_F[np.abs(np.arange(n_lines) * step_hz - hz) < LINE / length_s] = 0.0
    power_FCC = (x_FC[:, :, None] * x_FC[:, None, :].conj()).real * is_noise_F[:, None, None]
    sums_FCC = np.concatenate([np.zeros((1, 3, 3)), np.cumsum(power_FCC, axis=0)])
    counts_F = np.concatenate([[0.0], np.cumsum(is_noise_F)])

    number_F = np.arange(math.floor((MIN_BPM / 60 - 0.02) / step_hz), int(top_hz / step_hz))
    hz_F = number_F * step_hz

    # Whole numbers of steps, so that a rounding of the clock moves no edge.
    reach, line = (math.floor(hz / step_hz + 1e-3) for hz in (reach_hz, LINE / length_s))
    low_F = np.clip(number_F - reach, math.ceil(LOWEST_HZ / step_hz - 1e-3), n_lines)
    high_F = np.minimum(number_F + reach, n_lines)
    from_F = np.maximum(number_F - line, low_F)
    to_F = np.minimum(number_F + line + 1, high_F)

    def beside(sums: Floats) -> Floats:
        return np.asarray(sums[high_F] - sums[low_F] - sums[to_F] + sums[from_F])

    n_F = np.maximum(beside(counts_F), 1.0)
    noise_FCC = beside(sums_FCC) / n_F[:, None, None]
    mean_F = np.trace(noise_FCC, axis1=1, axis2=2) / 3
    floor_F = FLOOR * mean_F + LEAST**2 * len(even_TC)
    noise_FCC += floor_F[:, None, None] * np.eye(3)
    looks_F = GAIN * n_F * step_hz * length_s / LINE

    p_C = np.asarray(BLOOD_RGB) / np.linalg.norm(BLOOD_RGB)
    inverse_FCC = np.linalg.inv(noise_FCC)
    x_FC = x_FC[number_F]
    white_FC = np.einsum("fij,fj->fi", inverse_FCC, x_FC)
    all_F = np.einsum("fi,fi->f", x_FC.conj(), white_FC).real
    clean_F = np.einsum("i,fij,j->f", p_C, inverse_FCC, p_C)
    of_blood_F = np.abs(white_FC @ p_C) ** 2 / clean_F  # T
    z_F = -np.maximum(looks_F - 2, 1.0) * np.log1p(-of_blood_F / (looks_F + all_F))
    return _Lines(hz_F, z_F, 1 / clean_F)


def _at(even_TC: Floats, fs_hz: float, rate_hz: float) -> float:
    """Most evidence of a part of the window near a rate."""
    # A part has wider lines, and needs wider surroundings.
    lines = _lines(even_TC, fs_hz, REACH_HZ + 0.3)
    near = np.abs(lines.hz_F - rate_hz) <= 0.08
    return float(lines.z_F[near].max()) if near.any() else 0.0
