"""Conductance of the skin as an even, slow series."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal

from .clean import bridged

Floats = NDArray[np.float64]
Part = Literal["whole", "tonic", "phasic"]
"""As recorded; its slow level; the responses on top of it."""

MIN_KNOWN = 0.5
"""Share of the series that has to have been measured. Choice: half; the rest would be invented."""
MIN_LENGTH_S = 5.0
"""Shorter signals are refused, as those of the pulse are."""


def electrodermal_series(signal: Signal, *, fs_hz: float = 4.0, part: Part = "whole") -> Floats:
    """The EDA at an even, low rate, without gaps.

    Choice: each sample is the median of the recording within it (a quarter of a second at 4 Hz), so
    that neither hum nor a spike of less than half that time comes through.
    Choice: a stretch that was not measured (NaN, infinite) becomes a straight line between its
    ends; before the first and after the last measurement their value is held. Both are what a slow
    level most likely did, and neither is a response.
    Choice: tonic is what NeuroKit2's filter leaves below 0.05 Hz, phasic the rest; its other
    methods take a solver or fit a model of the gland.

    Args:
        signal: Kind "eda", any unit.
        fs_hz: Rate of the series.
        part: What of it.

    Returns:
        (n,) in the unit of the signal, n the whole samples that the signal holds. Sample i is of
        the time from i / fs_hz to (i + 1) / fs_hz after the start.

    Raises:
        BadInput: another kind, not one dimension, a rate below `fs_hz`, less than 5 s, less than
            half of it measured, or nothing that changes.
    """
    name = "eda signal"
    if signal.kind != "eda":
        raise BadInput("signal", expected="kind eda", found=repr(signal.kind))
    if not signal.fs_hz >= fs_hz > 0:
        raise BadInput(
            name, expected=f"a sampling rate of {fs_hz:g} Hz or more", found=f"{signal.fs_hz:g} Hz"
        )
    values = np.array(signal.values, dtype=np.float64)
    if values.ndim != 1:
        raise BadInput(name, expected="one dimension", found=f"shape {values.shape}")
    length_s = len(values) / signal.fs_hz
    if length_s < MIN_LENGTH_S:
        raise BadInput(name, expected=f"{MIN_LENGTH_S:g} s or more", found=f"{length_s:.2f} s")
    series = _medians(values, signal.fs_hz, fs_hz)
    known = float(np.isfinite(series).mean())
    if known < MIN_KNOWN:
        raise BadInput(
            name,
            expected=f"{MIN_KNOWN:.0%} of it measured",
            found=f"{known:.0%}",
            remedy="the electrodes were off; leave this trial out",
        )
    series = bridged(series)
    level = float(np.abs(series).max())
    if not float(np.ptp(series / max(level, 1e-300))) > 1e-12:
        raise BadInput(
            name,
            expected="a signal that changes",
            found=f"{series[0]:g} throughout",
            remedy="the sensor was off, or this is the wrong channel",
        )
    if part == "whole":
        return series
    from neurokit2 import eda_phasic

    parts = eda_phasic(series, sampling_rate=fs_hz, method="highpass")
    tonic = np.asarray(parts["EDA_Tonic"], np.float64)
    return tonic if part == "tonic" else series - tonic


def _medians(values: Floats, from_hz: float, to_hz: float) -> Floats:
    """Median of each new sample's time; NaN where none of it was measured."""
    values[~np.isfinite(values)] = np.nan
    n_series = math.floor(len(values) / from_hz * to_hz + 1e-9)
    first = np.ceil(np.arange(n_series + 1) * from_hz / to_hz - 1e-9).astype(np.int64)
    lengths = np.diff(first)
    medians = np.full(n_series, np.nan)
    # Whole ratios of the rates have samples of one length; others have two.
    for length in np.unique(lengths):
        of_length = np.flatnonzero(lengths == length)
        pieces = values[first[of_length][:, None] + np.arange(length)]
        some = np.isfinite(pieces).any(axis=1)
        medians[of_length[some]] = np.nanmedian(pieces[some], axis=1)
    return medians
