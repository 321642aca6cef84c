"""When the stimulus starts on the video's clock, by the eye tracker's table.

All devices of MAHNOB-HCI wrote down the sample number of one audio recording. session.xml has the
sample at which the video was cut; the table of the eye tracker has the time at which the stimulus
started, and rows that tie its own time to audio samples.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pulsefer.core.errors import BadInput, Problem
from pulsefer.datasets.mahnob_session import Session

MAX_BYTES = 100_000_000
"""Far more than four minutes of rows at 60 Hz."""
HEAD_LINES = 50
"""The row of column names comes after 23 lines of properties; it is looked for this far."""
COLUMNS = ("Timestamp", "Event", "AudioSampleNumber")
START = "MovieStart"
N_ANCHORS = 25
MAX_OFFSET_S = 5.0
"""A video that begins further from its stimulus is not believed to do so."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How the clocks of video and stimulus are tied.

    Attributes:
        offset_s: Time on the video's clock at which the stimulus starts. Negative: the video
            begins so much after the stimulus.
        source: "tsv", by the eye tracker's table; "simple", the first frame is taken for the
            start of the stimulus.
    """

    offset_s: float
    source: Literal["tsv", "simple"]


SIMPLE = Clock(0.0, "simple")


def clock_of(session: Session, files: Mapping[str, Path]) -> tuple[Clock, Problem | None]:
    """The exact clock, or the simple one and why.

    Choice: without a table that can be used, the first frame is taken for the start of the
    stimulus, as most published work does; an offset of more than 5 s is not believed. With a
    table, the median over the 25 audio samples nearest to the start ties the clocks, so that one
    wrong cell, or a clock that drifts, does not matter.

    Args:
        session: What session.xml says.
        files: In the session's folder, by name.
    """
    try:
        offset_s = _offset_s(session, files)
    except BadInput as bad:
        return SIMPLE, _instead(bad.problem.where, bad.problem.expected, bad.problem.found, "note")
    if abs(offset_s) > MAX_OFFSET_S:
        return SIMPLE, _instead(
            str(session.folder),
            f"a video that begins within {MAX_OFFSET_S:g} s of its stimulus",
            f"{offset_s:.2f} s by the eye tracker's table",
            "warning",
        )
    return Clock(offset_s, "tsv"), None


def _instead(
    where: str, expected: str, found: str, severity: Literal["warning", "note"]
) -> Problem:
    remedy = "the first frame is taken for the start of the stimulus"
    return Problem(where, expected, found, remedy, severity)


def _offset_s(session: Session, files: Mapping[str, Path]) -> float:
    rate_hz, begin = session.audio_rate_hz, session.audio_begin
    if not rate_hz or rate_hz <= 0 or begin is None:
        raise BadInput(
            str(session.folder / "session.xml"),
            expected="audRate and audBeginSmp, the clock of all devices",
            found=f"{rate_hz} and {begin}",
        )
    start_ms, anchors = _read(_find(session, files))
    nearest = sorted(anchors, key=lambda anchor: abs(anchor[0] - start_ms))[:N_ANCHORS]
    at_start = [sample + (start_ms - at_ms) / 1000 * rate_hz for at_ms, sample in nearest]
    return float((np.median(at_start) - begin) / rate_hz)


def _find(session: Session, files: Mapping[str, Path]) -> Path:
    own = re.compile(rf"P{session.participant}-Rec\d+-.*_Section_{session.section}\.tsv")
    listed = [name for name in session.gaze_names if name in files]
    for name in (*listed, *files):
        if own.fullmatch(name):
            return files[name]
    raise BadInput(
        str(session.folder),
        expected=f"the eye tracker's table, P{session.participant}-Rec1-..."
        f"_Section_{session.section}.tsv",
        found="none",
    )


def _read(path: Path) -> tuple[float, list[tuple[float, float]]]:
    """Time of the start, ms, and (ms, audio sample) of every row that has one."""
    try:
        n_bytes = path.stat().st_size
        octets = path.read_bytes() if n_bytes <= MAX_BYTES else b""
    except OSError as error:
        raise BadInput(str(path), expected="a file that can be read", found=str(error)) from error
    if n_bytes > MAX_BYTES:
        raise BadInput(str(path), expected=f"at most {MAX_BYTES} bytes", found=f"{n_bytes}")
    is_wide = octets[:2] in (b"\xff\xfe", b"\xfe\xff")
    lines = octets.decode("utf-16" if is_wide else "utf-8-sig", errors="replace").splitlines()
    rows = ([cell.strip() for cell in line.split("\t")] for line in lines)
    places = None
    for _, cells in zip(range(HEAD_LINES), rows, strict=False):
        if set(COLUMNS) <= set(cells):
            places = [cells.index(name) for name in COLUMNS]
            break
    if places is None:
        raise BadInput(
            str(path),
            expected=f"the columns {', '.join(COLUMNS)} within {HEAD_LINES} lines",
            found=f"no such row in {len(lines)} lines",
        )
    start_ms, anchors = math.nan, []
    for cells in rows:
        time, event, sample = (cells[k] if k < len(cells) else "" for k in places)
        at_ms = _number(time)
        if event == START and math.isnan(start_ms):
            start_ms = at_ms
        if math.isfinite(at_ms) and _number(sample) > 0:
            anchors.append((at_ms, _number(sample)))
    if math.isnan(start_ms) or not anchors:
        raise BadInput(
            str(path),
            expected=f"a row {START} and rows with an AudioSampleNumber",
            found=f"{'no' if math.isnan(start_ms) else 'a'} {START}, {len(anchors)} such rows",
        )
    return start_ms, anchors


def _number(text: str) -> float:
    """NaN for what is none; some exports have decimal commas."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
