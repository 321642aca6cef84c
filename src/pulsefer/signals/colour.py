"""Pulse and heart rate from the mean colour of skin, frame by frame, by the classical methods.

Shape suffixes: T time, C the channels red, green, blue, W windows, L samples of a window.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt
from scipy.signal.windows import hann

from pulsefer.core.errors import BadInput

from .spectrum import NO_RATE, SpectralRate, spectral_rate

Floats = NDArray[np.float64]
Method = Callable[[Floats, float], Floats]

BAND_HZ = (0.65, 3.5)
"""Pulse band, 39-210 bpm."""
WINDOW_S = 1.6
"""Length of the sliding window of POS and CHROM, seconds, from both papers."""
MIN_LENGTH_S = 5.0
"""Shorter traces have no rate."""
MAX_GAP_S = 1.0
"""Longest time between two frames with a face that is bridged by a straight line."""
MIN_FS_HZ = 8.0
"""Slower video cannot show 180 bpm and its surroundings."""


@dataclass(frozen=True, slots=True, eq=False)
class Pulse:
    """A pulse wave on an even grid.

    Attributes:
        wave: (n,) band-passed to 0.65-3.5 Hz without delay; up means darker skin, more blood, as
            in a contact PPG. No unit.
        fs_hz: Its sampling rate, the mean frame rate of the trace.
        start_s: Time of `wave[0]` on the clock of the frames.
    """

    wave: Floats
    fs_hz: float
    start_s: float


class RateAt(NamedTuple):
    """Rate of the window that ends at a time.

    Attributes:
        time_s: End of the window, on the clock of the frames.
        hr_bpm: Heart rate; NaN where the window has none.
        quality: As in `SpectralRate`; 0 where there is no rate.
    """

    time_s: float
    hr_bpm: float
    quality: float


def pos(rgb_TC: Floats, fs_hz: float) -> Floats:
    """Plane orthogonal to skin: Wang, den Brinker, Stuijk & de Haan, IEEE TBME 2017, Alg. 1.

    Args:
        rgb_TC: (T, 3) mean colour of skin on an even grid, positive, any scale.
        fs_hz: Sampling rate.

    Returns:
        (T,) wave, not filtered; up means darker.
    """
    red_WL, green_WL, blue_WL = _normalised(rgb_TC, fs_hz)  # C_n = N C
    first_WL = green_WL - blue_WL  # S = P C_n, P = (0 1 -1; -2 1 1)
    second_WL = green_WL + blue_WL - 2.0 * red_WL
    wave_WL = first_WL + _ratio(first_WL, second_WL) * second_WL  # h = S_1 + sigma-ratio S_2
    wave_WL -= wave_WL.mean(axis=1, keepdims=True)
    # The paper's h rises with brightness; more blood is darker.
    return -_overlap_add(wave_WL, np.ones(wave_WL.shape[1]))


def chrom(rgb_TC: Floats, fs_hz: float) -> Floats:
    """Chrominance: de Haan & Jeanne, IEEE TBME 2013, Eq. (9)-(16).

    Choice: the band-pass acts inside each window, as a projection on the Fourier lines of the
    pulse band, and windows slide by one sample under a Hann weight where the paper moves by half a
    window.

    Args:
        rgb_TC: (T, 3) mean colour of skin on an even grid, positive, any scale.
        fs_hz: Sampling rate.

    Returns:
        (T,) wave; up means darker.
    """
    red_WL, green_WL, blue_WL = _normalised(rgb_TC, fs_hz)
    n = red_WL.shape[1]
    lines_hz = np.fft.rfftfreq(n, 1.0 / fs_hz)
    in_band = (lines_hz > 0) & (lines_hz <= BAND_HZ[1])
    band_LL = np.fft.irfft(np.fft.rfft(np.eye(n), axis=0) * in_band[:, None], n, axis=0)
    first_WL = (3.0 * red_WL - 2.0 * green_WL) @ band_LL  # X_f
    second_WL = (1.5 * red_WL + green_WL - 1.5 * blue_WL) @ band_LL  # Y_f
    wave_WL = first_WL - _ratio(first_WL, second_WL) * second_WL  # S = X_f - alpha Y_f
    return _overlap_add(wave_WL, hann(n + 2)[1:-1])


def green(rgb_TC: Floats, fs_hz: float) -> Floats:  # noqa: ARG001 - a Method
    """The green channel alone, upside down: Verkruysse, Svaasand & Nelson, Opt. Express 2008."""
    return _channel(rgb_TC, 1)


def red(rgb_TC: Floats, fs_hz: float) -> Floats:  # noqa: ARG001 - a Method
    """The red channel alone, upside down: what is left when a lit fingertip covers the lens."""
    return _channel(rgb_TC, 0)


METHODS: Mapping[str, Method] = MappingProxyType(
    {"pos": pos, "chrom": chrom, "green": green, "red": red}
)
"""By the word that a user types."""


def pulse(rgb_TC: Floats, time_s: Floats, *, method: str = "pos") -> Pulse:
    """Pulse wave of a colour trace with time stamps.

    The trace is laid on an even grid by its time stamps first, so that dropped frames and a
    variable rate cannot shift the rate. Frames without a face (NaN) are left out and bridged by a
    straight line up to 1 s; at the ends they are cut off.

    Args:
        rgb_TC: (T, 3) mean colour of skin, any scale; NaN where there was no face.
        time_s: (T,) increasing times of the frames, seconds.
        method: A key of `METHODS`.

    Raises:
        BadInput: shorter than 5 s, slower than 8 frames a second, no face for longer than 1 s;
            or shapes that do not match, times that do not increase.
    """
    seen_TC, seen_s, lack = _seen(rgb_TC, time_s, method)
    if lack:
        raise BadInput(
            "colour trace",
            expected=f"{MIN_LENGTH_S:g} s at {MIN_FS_HZ:g} frames a second or more, "
            f"no face missing for longer than {MAX_GAP_S:g} s",
            found=lack,
            remedy="film for longer, with more light, and keep the face in the picture",
        )
    return _pulse(seen_TC, seen_s, method)


def pulse_rate(rgb_TC: Floats, time_s: Floats, *, method: str = "pos") -> SpectralRate:
    """Heart rate of a whole colour trace.

    Args:
        rgb_TC: As in `pulse`.
        time_s: As in `pulse`.
        method: A key of `METHODS`.

    Returns:
        The rate; `NO_RATE` for a trace that is too short, too slow, has lost the face for longer
        than 1 s, or has no pulse.

    Raises:
        BadInput: shapes that do not match, times that do not increase.
    """
    seen_TC, seen_s, lack = _seen(rgb_TC, time_s, method)
    if lack:
        return NO_RATE
    wave = _pulse(seen_TC, seen_s, method)
    return spectral_rate(wave.wave, wave.fs_hz)


def rates(
    rgb_TC: Floats,
    time_s: Floats,
    *,
    window_s: float = 10.0,
    step_s: float = 1.0,
    method: str = "pos",
) -> list[RateAt]:
    """Heart rate along a video, as it would have been known while filming.

    The value at time t comes from frames in (t - window_s, t] alone. Where the face was lost for
    longer than 1 s, only the frames after that count: the rate is NaN until there are 5 s of them.

    Args:
        rgb_TC: As in `pulse`.
        time_s: As in `pulse`.
        window_s: Length of the window, 5 s or more.
        step_s: Time between values.
        method: A key of `METHODS`.

    Returns:
        One value every `step_s`, from the first frame plus `step_s` to the last frame.

    Raises:
        BadInput: shapes that do not match, times that do not increase.
    """
    if window_s < MIN_LENGTH_S or step_s <= 0:
        raise ValueError(
            f"expected window_s >= {MIN_LENGTH_S:g} and step_s > 0, found {window_s:g}, {step_s:g}"
        )
    _check(rgb_TC, time_s, method)
    if not len(time_s):
        return []
    n_steps = math.floor((time_s[-1] - time_s[0]) / step_s + 1e-9)
    ends_s = time_s[0] + step_s * np.arange(1, n_steps + 1)
    return [rate_at(rgb_TC, time_s, end_s, window_s=window_s, method=method) for end_s in ends_s]


def rate_at(
    rgb_TC: Floats, time_s: Floats, end_s: float, *, window_s: float = 10.0, method: str = "pos"
) -> RateAt:
    """Heart rate as it is known at one time: one value of `rates`, for whoever keeps the frames.

    Args:
        rgb_TC: As in `pulse`; frames older than the window may be missing.
        time_s: As in `pulse`.
        end_s: Time of the value; later frames are not looked at.
        window_s: Length of the window, 5 s or more.
        method: A key of `METHODS`.
    """
    is_seen = np.isfinite(rgb_TC).all(axis=1)
    seen_TC, seen_s = rgb_TC[is_seen], time_s[is_seen]
    here = last_stretch(seen_s, end_s, window_s=window_s)
    rate = pulse_rate(seen_TC[here], seen_s[here], method=method) if here else NO_RATE
    return RateAt(float(end_s), rate.hr_bpm, rate.quality)


def evenly(rgb_TC: Floats, time_s: Floats) -> tuple[Floats, float] | None:
    """A colour trace on an even grid, gaps bridged as in `pulse`.

    Args:
        rgb_TC: As in `pulse`.
        time_s: As in `pulse`.

    Returns:
        (T', 3) colours and their rate in Hz; None for a trace that has no pulse rate.

    Raises:
        BadInput: shapes that do not match, times that do not increase.
    """
    seen_TC, seen_s, lack = _seen(rgb_TC, time_s, "pos")
    return None if lack else _evenly(seen_TC, seen_s)


def last_stretch(time_s: Floats, end_s: float, *, window_s: float) -> slice | None:
    """Which frames speak for a time: the window's, after the last long gap.

    Args:
        time_s: (T,) increasing times of the frames with a face.
        end_s: Time asked about; later frames are not looked at.
        window_s: Length of the window.

    Returns:
        None where the face was lost for longer than 1 s at the end.
    """
    # Half a microsecond: 10.000000000000002 s has to count as 10 s.
    first, last = np.searchsorted(time_s, [end_s - window_s + 5e-7, end_s + 5e-7])
    gaps = np.flatnonzero(np.diff(time_s[first:last]) > MAX_GAP_S)
    first += int(gaps[-1]) + 1 if len(gaps) else 0
    if last == first or end_s - time_s[last - 1] > MAX_GAP_S:
        return None
    return slice(int(first), int(last))


def _check(rgb_TC: Floats, time_s: Floats, method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"method is one of {', '.join(METHODS)}, found {method!r}")
    if rgb_TC.ndim != 2 or rgb_TC.shape[1] != 3 or time_s.shape != rgb_TC.shape[:1]:
        raise BadInput(
            "colour trace",
            expected="colours (T, 3) and times (T,)",
            found=f"{rgb_TC.shape} and {time_s.shape}",
        )
    if not np.isfinite(time_s).all() or (np.diff(time_s) <= 0).any():
        raise BadInput(
            "colour trace",
            expected="times that increase",
            found="a time that stands still, goes back or is not finite",
            remedy="use the time stamps of the frames, or index / rate",
        )


def _seen(rgb_TC: Floats, time_s: Floats, method: str) -> tuple[Floats, Floats, str]:
    """Frames with a face, their times, and what they lack to have a rate ("" for nothing)."""
    _check(rgb_TC, time_s, method)
    is_seen = np.isfinite(rgb_TC).all(axis=1)
    seen_TC, seen_s = rgb_TC[is_seen], time_s[is_seen]
    if len(seen_s) < 2:
        return seen_TC, seen_s, f"{len(seen_s)} frames with a face"
    length_s = float(seen_s[-1] - seen_s[0])
    frame_s = length_s / (len(seen_s) - 1)
    if length_s + frame_s < MIN_LENGTH_S - 1e-6:
        return seen_TC, seen_s, f"{length_s + frame_s:.1f} s"
    longest_s = float(np.diff(seen_s).max())
    if longest_s > MAX_GAP_S:
        return seen_TC, seen_s, f"no face for {longest_s:.1f} s"
    if 1.0 / frame_s < MIN_FS_HZ:
        return seen_TC, seen_s, f"{1.0 / frame_s:.1f} frames a second"
    return seen_TC, seen_s, ""


def _pulse(seen_TC: Floats, seen_s: Floats, method: str) -> Pulse:
    even_TC, fs_hz = _evenly(seen_TC, seen_s)
    wave = METHODS[method](even_TC, fs_hz)
    if np.ptp(wave) < 1e-9:  # of the brightness: rounding, no pulse
        wave = np.zeros_like(wave)
    band = butter(2, BAND_HZ, btype="bandpass", fs=fs_hz, output="sos")
    return Pulse(sosfiltfilt(band, wave), fs_hz, float(seen_s[0]))


def _evenly(seen_TC: Floats, seen_s: Floats) -> tuple[Floats, float]:
    fs_hz = (len(seen_s) - 1) / float(seen_s[-1] - seen_s[0])
    grid_s = np.linspace(seen_s[0], seen_s[-1], len(seen_s))
    even_TC = np.stack([np.interp(grid_s, seen_s, seen_TC[:, c]) for c in range(3)], axis=1)
    return even_TC, fs_hz


def _channel(rgb_TC: Floats, channel: int) -> Floats:
    trace = rgb_TC[:, channel]
    mean = float(trace.mean())
    return 1.0 - trace / mean if mean else np.zeros_like(trace)


def _normalised(rgb_TC: Floats, fs_hz: float) -> tuple[Floats, Floats, Floats]:
    """Each channel over its mean in every sliding window: 3 x (W, L). A dark channel is 0."""
    n = min(math.ceil(WINDOW_S * fs_hz), len(rgb_TC))
    windows_WCL = sliding_window_view(rgb_TC, n, axis=0)
    mean_WC1 = windows_WCL.mean(axis=2, keepdims=True)
    safe_WC1 = np.where(mean_WC1 == 0, np.inf, mean_WC1)
    normalised_CWL = np.moveaxis(windows_WCL / safe_WC1, 1, 0)
    return normalised_CWL[0], normalised_CWL[1], normalised_CWL[2]


def _ratio(first_WL: Floats, second_WL: Floats) -> Floats:
    """Standard deviation over standard deviation, (W, 1); 0 where the second is constant."""
    second_W1 = second_WL.std(axis=1, keepdims=True)
    first_W1 = first_WL.std(axis=1, keepdims=True)
    return np.asarray(first_W1 / np.where(second_W1 == 0, np.inf, second_W1))


def _overlap_add(wave_WL: Floats, weight_L: Floats) -> Floats:
    """Mean of what the windows say of each sample, by their weight: (W, L) -> (W + L - 1,)."""
    n_windows, n = wave_WL.shape
    total = np.zeros(n_windows + n - 1)
    weight = np.zeros_like(total)
    for at in range(n):
        total[at : at + n_windows] += weight_L[at] * wave_WL[:, at]
        weight[at : at + n_windows] += weight_L[at]
    return np.asarray(total / weight)
