"""What a detector of beats may be given: whole, finite, centred, filtered."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, filtfilt, sosfiltfilt

from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal, SignalKind

Floats = NDArray[np.float64]

MIN_LENGTH_S = 5.0
"""Shorter signals are refused."""
MAX_GAP_S = 0.5
"""Longest run of missing values (NaN) that a straight line bridges: less than a beat."""
FS_HZ: dict[SignalKind, tuple[float, float]] = {"ppg": (20.0, 10_000.0), "ecg": (100.0, 10_000.0)}
"""Sampling rates that can be meant. The PPG filter reaches to 8 Hz, a QRS lasts 0.08 s."""


def filled(signal: Signal) -> Floats:
    """The values with short gaps bridged, centred on their median and scaled to a range of 1.

    Raises:
        BadInput: as `signals.beats.beats`.
    """
    name = f"{signal.kind} signal" if signal.kind in FS_HZ else "signal"
    if signal.kind not in FS_HZ:
        raise BadInput(name, expected="kind ppg or ecg", found=repr(signal.kind))
    low_hz, high_hz = FS_HZ[signal.kind]
    if not low_hz <= signal.fs_hz <= high_hz:
        raise BadInput(
            name,
            expected=f"a sampling rate of {low_hz:g}-{high_hz:g} Hz",
            found=f"{signal.fs_hz:g} Hz",
            remedy="look the rate up in the header of the file",
        )
    values = np.asarray(signal.values, dtype=np.float64)
    if values.ndim != 1:
        raise BadInput(name, expected="one dimension", found=f"shape {values.shape}")
    if not math.isfinite(signal.start_s):
        raise BadInput(name, expected="a finite start", found=f"{signal.start_s}")
    length_s = len(values) / signal.fs_hz
    if length_s < MIN_LENGTH_S:
        raise BadInput(name, expected=f"{MIN_LENGTH_S:g} s or more", found=f"{length_s:.2f} s")
    if np.isinf(values).any():
        raise BadInput(name, expected="finite values", found="an infinite one")
    edges = np.flatnonzero(np.diff(np.isnan(values), prepend=False, append=False))
    longest_s = float((edges[1::2] - edges[::2]).max(initial=0)) / signal.fs_hz
    if longest_s > MAX_GAP_S:
        raise BadInput(
            name,
            expected=f"no gap longer than {MAX_GAP_S:g} s",
            found=f"one of {longest_s:.2f} s (NaN)",
            remedy="cut the signal there and use the parts",
        )
    values = bridged(values)
    low, high = float(values.min()), float(values.max())
    if not high / 2 - low / 2 > 1e-12 * max(abs(low), abs(high)):
        raise BadInput(
            name,
            expected="a signal that changes",
            found=f"{low:g} throughout",
            remedy="the sensor was off, or this is the wrong channel",
        )
    return np.asarray((values - np.median(values)) / (high - low))


def clean(kind: SignalKind, values: Floats, fs_hz: float) -> Floats:
    """Filter without delay, as NeuroKit2 does for the detectors that are used here.

    PPG: Butterworth 0.5-8 Hz, second order. ECG: high-pass 0.5 Hz, fifth order, and a mean over
    one period of 50 Hz, forwards and backwards. The coefficients are kept: to compute them takes
    longer than to filter a window.
    """
    filtered: Floats = sosfiltfilt(_coefficients(kind, fs_hz), values)
    if kind == "ppg":
        return filtered
    period = int(fs_hz / 50.0)
    return np.asarray(filtfilt(np.full(period, 1.0 / period), [1.0], filtered))


@lru_cache(maxsize=32)
def _coefficients(kind: SignalKind, fs_hz: float) -> Floats:
    order, cut_hz, form = (2, [0.5, 8.0], "bandpass") if kind == "ppg" else (5, 0.5, "highpass")
    return np.asarray(butter(order, cut_hz, btype=form, fs=fs_hz, output="sos"))


def bridged(values: Floats) -> Floats:
    """The values with a straight line through each run of NaN."""
    is_missing = np.isnan(values)
    if not is_missing.any():
        return values
    index = np.arange(len(values))
    return np.interp(index, index[~is_missing], values[~is_missing])
