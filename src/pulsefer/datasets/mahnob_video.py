"""The colour camera among the six of MAHNOB-HCI, and what its header must say. Nothing is decoded.

The other five cameras are monochrome, most of them look from the side. With all of them
downloaded, "the .avi of the folder" is no answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pulsefer.core.errors import BadInput, Problem
from pulsefer.datasets.avi import require_whole_avi
from pulsefer.datasets.mahnob_session import Absent, Session, require_section
from pulsefer.media.video import VideoInfo, probe

FPS_TOLERANCE_HZ = 0.5
"""The rate in the container may be rounded; further off, the file was encoded anew."""


@dataclass(frozen=True, slots=True)
class Video:
    """A colour video that can be used.

    Attributes:
        path: The file.
        info: What its header says.
        fps_hz: The rate to believe instead of the header's; None believes the header.
        length_s: By the rate that is believed; infinite where the header has no number of frames.
        remarks: What deserves a look.
    """

    path: Path
    info: VideoInfo
    fps_hz: float | None
    length_s: float
    remarks: tuple[Problem, ...]


def find_colour(session: Session, files: Mapping[str, Path]) -> Path:
    """The video of the colour camera.

    It is the track that session.xml marks as coloured, or else the file of camera 1 that records
    the trigger. Mind the blanks in "_C1 trigger _C_Section_2.avi".

    Raises:
        Absent: it is not there.
        BadInput: several, or that of another session.
    """
    names = [name for name in session.colour_names if name in files]
    names = names or [n for n in files if "C1 trigger" in n and n.lower().endswith(".avi")]
    if not names:
        n_others = sum(name.lower().endswith(".avi") for name in files)
        raise Absent(
            str(session.folder),
            expected="the colour video, P..._C1 trigger _C_Section_...avi",
            found=f"none, {n_others} other videos" if n_others else "no video",
            remedy="download camera 1 of this session too",
        )
    if len(names) > 1:
        raise BadInput(
            str(session.folder),
            expected="one colour video",
            found=", ".join(names),
            remedy="which one is the face's cannot be told; keep the one of the data set",
        )
    require_section(session, names[0])
    return files[names[0]]


def open_video(path: Path, session: Session) -> Video:
    """Hold the header against the size of the file and the rate that session.xml gives.

    Choice: the rate is that of session.xml, four decimals, as long as the container says the same
    within 0.5. Rounded to 61 it would drift by 57 ms in two minutes.

    Raises:
        BadInput: not a video, or cut.
    """
    require_whole_avi(path)
    info = probe(path)
    said_hz = session.video_rate_hz
    is_believed = said_hz is not None and abs(info.fps_hz - said_hz) <= FPS_TOLERANCE_HZ
    fps_hz = said_hz if is_believed else None
    remarks: tuple[Problem, ...] = ()
    if not is_believed:
        said = "no rate" if said_hz is None else f"{said_hz:g} frames/s"
        remarks = (
            Problem(
                str(path),
                expected="the frame rate of session.xml",
                found=f"{said} there, {info.fps_hz:.6g} in the file, which is kept",
                remedy="the file was encoded anew; take it as MAHNOB-HCI delivers it",
                severity="warning",
            ),
        )
    length_s = info.n_frames / (fps_hz or info.fps_hz) if info.n_frames else math.inf
    return Video(path, info, fps_hz, length_s, remarks)
