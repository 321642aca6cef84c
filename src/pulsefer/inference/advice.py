"""What a person who sits before a camera is told: the heart rate, or what to do to get one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pulsefer.inference.columns import REASONS
from pulsefer.inference.config import AnalyzeConfig
from pulsefer.signals.colour import MIN_LENGTH_S

Row = dict[str, Any]

ADVICE = {
    "no_face": "no face in sight",
    "small": "come closer",
    "dark": "more light",
    "bright": "less light",
    "moving": "hold still",
    "no_peak": "no clear pulse: hold still, more light",
}
"""What to do about `hr_reason`."""


def note(faces: dict[int, Row], rows: Iterable[Row], step_s: float) -> None:
    """Bring the newest row of every face up to date; `since_s` is added: when it came in sight."""
    for row in rows:
        now_s = row["time_s"]
        if row.get("face_id") is not None:
            before = faces.get(row["face_id"])
            since_s = before["since_s"] if before else now_s
            faces[row["face_id"]] = {**row, "since_s": since_s}
        # Faces of one step come one after the other: the others may still be on their way.
        late_s = now_s - (1.5 if row.get("face_id") is not None else 0.5) * step_s
        for face_id in [i for i, face in faces.items() if face["time_s"] < late_s]:
            del faces[face_id]


def heart_words(row: Row, config: AnalyzeConfig) -> str:
    """The heart rate, or what to do to get one.

    >>> dark = {"time_s": 2.0, "hr_reason": "dark"}
    >>> heart_words({"hr_bpm": 71.6}, AnalyzeConfig()), heart_words(dark, AnalyzeConfig())
    ('72 bpm', 'more light')
    >>> heart_words({"time_s": 2.0, "since_s": 1.0, "hr_reason": "short"}, AnalyzeConfig())
    '3 s to go'
    """
    if known(row.get("hr_bpm")):
        return f"{row['hr_bpm']:.0f} bpm"
    reason = row.get("hr_reason") or ""
    here_s = row["time_s"] + config.step_s - row.get("since_s", row["time_s"])
    if reason == "short":
        left_s = MIN_LENGTH_S - here_s
        return f"{math.ceil(left_s)} s to go" if left_s > 0 else "a moment"
    if reason == "no_peak" and here_s < config.hr_window_s:
        return "not clear yet"
    return ADVICE.get(reason, REASONS.get(reason, reason))


def known(value: Any) -> bool:
    """Whether a cell of a row holds a number."""
    return value is not None and math.isfinite(value)
