"""Heart, skin, breath and temperature of one session of MAHNOB-HCI, from its BDF file.

The file has 30 s before the stimulus, the stimulus, and 30 s after it. Two pulses in the trigger
channel say where the stimulus is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.types import Signal, SignalKind
from pulsefer.datasets import bdf
from pulsefer.datasets.mahnob_tree import BDF_LEAD_S
from pulsefer.signals.leads import Lead, best_lead

N_CHANNELS = 47
BDF_FS_HZ = 256.0
ECG_LABELS = ("EXG3", "EXG2", "EXG1")
"""Left abdomen, left and right upper chest; the cleanest by the recorders' word first."""
OTHER_LABELS: Mapping[SignalKind, str] = {
    "eda": "GSR1",
    "respiration": "Resp",
    "temperature": "Temp",
}
EDGE_TOLERANCE_S = 0.5
LENGTH_TOLERANCE_S = 1.0
"""A BDF has whole seconds."""
SHORTEST_STIMULUS_S = 5.0


@dataclass(frozen=True, slots=True)
class Physiology:
    """Where the stimulus lies in the BDF.

    Attributes:
        path: The file.
        start_s: Start of the stimulus, from the first sample on.
        stimulus_s: Its length.
        length_s: Length of the file.
        remarks: What is not as documented.
    """

    path: Path
    start_s: float
    stimulus_s: float
    length_s: float
    remarks: tuple[Problem, ...]


def open_physiology(path: Path) -> Physiology:
    """Read the header and the trigger channel; find the stimulus.

    A pulse is any value above 0 in the low byte: its height and width are documented nowhere.

    Raises:
        BadInput: no whole BDF, channels missing, no pair of pulses, or no stimulus between them.
    """
    info = bdf.probe(path)
    last = len(info.labels) - 1
    for label in (*ECG_LABELS, *OTHER_LABELS.values()):
        channel = info.channel(label, path)
        if info.fs_hz[channel] != info.fs_hz[last]:
            raise BadInput(
                str(path),
                expected=f"{label} at the rate of the triggers, {info.fs_hz[last]:g} Hz",
                found=f"{info.fs_hz[channel]:g} Hz",
            )
    fs_hz = info.fs_hz[last]
    is_on = bdf.read_channel(path, last, digital=True).astype(np.int64) & 0xFF > 0
    rises = np.flatnonzero(is_on[1:] & ~is_on[:-1]) + 1
    if len(rises) < 2 or len(rises) % 2:
        raise BadInput(
            str(path),
            expected="2 pulses in the trigger channel, start and end of the stimulus",
            found=str(len(rises)),
            remedy="where the stimulus is cannot be told",
        )
    start_s, end_s = float(rises[0]) / fs_hz, float(rises[1]) / fs_hz
    if end_s - start_s < SHORTEST_STIMULUS_S:
        raise BadInput(
            str(path),
            expected=f"a stimulus of {SHORTEST_STIMULUS_S:g} s or more between two pulses",
            found=f"{end_s - start_s:.2f} s",
            remedy="the trigger channel is damaged",
        )
    remarks = []

    def remark(expected: str, found: str) -> None:
        look = "the pulses are believed; look whether this is the right file"
        remarks.append(Problem(str(path), expected, found, look, "warning"))

    if len(rises) > 2:
        remark("2 pulses in the trigger channel", f"{len(rises)}, of which the first two are taken")
    if (len(info.labels), fs_hz) != (N_CHANNELS, BDF_FS_HZ):
        remark(f"{N_CHANNELS} channels at {BDF_FS_HZ:g} Hz", f"{last + 1} at {fs_hz:g} Hz")
    if abs(start_s - BDF_LEAD_S) > EDGE_TOLERANCE_S:
        remark(f"the stimulus {BDF_LEAD_S:g} s after the begin", f"{start_s:.2f} s")
    expected_s = end_s - start_s + 2 * BDF_LEAD_S
    if abs(info.length_s - expected_s) > LENGTH_TOLERANCE_S:
        remark(
            f"{expected_s:.1f} s, the stimulus and {BDF_LEAD_S:g} s before and after it",
            f"{info.length_s:g} s",
        )
    return Physiology(path, start_s, end_s - start_s, info.length_s, tuple(remarks))


def load_lead(path: Path, start_s: float) -> Lead:
    """The electrocardiogram that another lead confirms, and who confirms it.

    Choice: not EXG2 - EXG3 always, nor EXG3 always, as published loaders have it. A difference
    has the noise of both electrodes and is lost with either; one lead alone is lost with one.
    Three leads that are compared beat by beat survive one that is off, and say when two are.

    Args:
        path: The BDF.
        start_s: Time of its first sample on the trial's clock.

    Raises:
        BadInput: the file is broken, or no two leads agree.
    """
    leads = {label: _load(path, label, start_s, "ecg") for label in ECG_LABELS}
    try:
        return best_lead(leads)
    except BadInput as bad:
        raise BadInput(
            f"{path}: {bad.problem.where}",
            expected=bad.problem.expected,
            found=bad.problem.found,
            remedy=bad.problem.remedy,
        ) from bad


def load_ecg(path: Path, start_s: float) -> Signal:
    """The signal of `load_lead`, with the 30 s before and after the stimulus."""
    return load_lead(path, start_s).signal


def load_other(path: Path, start_s: float, kind: SignalKind) -> Signal:
    """Skin resistance (GSR1), breathing belt (Resp) or skin temperature (Temp).

    Raises:
        BadInput: the file is broken, or the channel does not change at all.
    """
    signal = _load(path, OTHER_LABELS[kind], start_s, kind)
    if np.ptp(signal.values) == 0:
        raise BadInput(
            f"{path}: {OTHER_LABELS[kind]}",
            expected="a signal that changes",
            found=f"{signal.values[0]:g} throughout",
            remedy="the sensor was off",
        )
    return signal


def _load(path: Path, label: str, start_s: float, kind: SignalKind) -> Signal:
    info = bdf.probe(path)
    channel = info.channel(label, path)
    return Signal(kind, bdf.read_channel(path, channel), info.fs_hz[channel], start_s)
