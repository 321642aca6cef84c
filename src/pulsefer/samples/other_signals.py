"""Contact signals beside the pulse, kept in the store for the systems that look at them.

They are no part of a recording's content address, which names faces, pulse and labels: a store
that was prepared before they were kept stays what it is, with all that was learned from it. What
is missing is added when the same data are prepared again, and no video is decoded for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.core.files import sweep, whole_file
from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.types import Recording, Signal, SignalKind
from pulsefer.samples.store import read_record

KEPT: tuple[SignalKind, ...] = ("eda",)
"""What is kept of what a reader offers: 0.3 MB of a trial's 20."""

Others = Mapping[SignalKind, Signal]


def read_others(recording: Recording, on_problem: OnProblem) -> dict[SignalKind, Signal]:
    """What can be read of them; a sensor that was off does not spoil a trial, and is a note."""
    found: dict[SignalKind, Signal] = {}
    for kind in KEPT:
        if kind not in recording.load_other:
            continue
        try:
            found[kind] = recording.load_other[kind]()
        except (BadInput, OSError) as error:
            on_problem(
                Problem(
                    recording.id,
                    expected=f"a signal of {kind}",
                    found=str(error),
                    remedy="the trial is kept without it",
                    severity="note",
                )
            )
    return found


def write_others(folder: Path, others: Others) -> dict[str, Any]:
    """Write them beside the pulse; gives what the record says of them."""
    about = {}
    for kind, signal in others.items():
        with whole_file(folder / f"{kind}.npy") as part:
            np.save(part, signal.values)
        about[kind] = _about(signal)
    return {"others": about} if about else {}


def complete(folder: Path, others: Others) -> None:
    """Add to a prepared recording what it lacks, or has otherwise. What it has besides stays."""
    record = dict(read_record(folder).record)
    there = dict(record.get("others", {}))
    new = {
        kind: signal
        for kind, signal in others.items()
        if there.get(kind) != _about(signal) or not (folder / f"{kind}.npy").is_file()
    }
    if not new:
        return
    sweep(folder)
    record["others"] = there | write_others(folder, new)["others"]
    with whole_file(folder / "record.json") as part:
        part.write_text(json.dumps(record, indent=1, sort_keys=True), "utf-8")


def _about(signal: Signal) -> dict[str, Any]:
    return {
        "fs_hz": signal.fs_hz,
        "start_s": signal.start_s,
        "fingerprint": fingerprint(signal.values),
    }
