"""One session of MAHNOB-HCI put together: its video, its physiology, and one clock for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pulsefer.core.errors import BadInput, Problem
from pulsefer.datasets.mahnob_clock import Clock, clock_of
from pulsefer.datasets.mahnob_session import Absent, Session, files_of, find_physiology
from pulsefer.datasets.mahnob_signal import Physiology, open_physiology
from pulsefer.datasets.mahnob_video import Video, find_colour, open_video

SHORT_S = 0.5
"""A video may end this much before its stimulus does."""
ENOUGH_S = 10.0
"""A video that ends earlier is used, with a warning, if this much of the stimulus is left."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A session that can be used.

    The trial's clock starts with the first frame that shows somebody who sees the stimulus.

    Attributes:
        session: What session.xml says.
        video: The colour video.
        physiology: The BDF and the stimulus in it.
        clock: How the two are tied.
        begin_s: Start of the trial on the video's clock, 0 or more.
        length_s: To the end of the stimulus, or of the video if that comes first.
        signal_start_s: First sample of the BDF on the trial's clock.
        remarks: What deserves a look, and what is normal but said.
    """

    session: Session
    video: Video
    physiology: Physiology
    clock: Clock
    begin_s: float
    length_s: float
    signal_start_s: float
    remarks: tuple[Problem, ...]


def open_trial(session: Session) -> Trial:
    """Open the files of a session and tie their clocks. No frame is decoded, no heart looked for.

    Choice: a trial is the stimulus. The video goes on through the questionnaire after it, where
    people look down and press keys; that part is cut off.

    Raises:
        Absent: no colour video or no BDF.
        BadInput: one of them cannot be used or belongs to another session.
    """
    files = files_of(session)
    video_path, bdf_path = _find_both(session, files)
    video = open_video(video_path, session)
    physiology = open_physiology(bdf_path)
    clock, remark = clock_of(session, files)
    begin_s = max(clock.offset_s, 0.0)
    missed_s = max(-clock.offset_s, 0.0)
    wanted_s = physiology.stimulus_s - missed_s
    there_s = video.length_s - begin_s
    remarks = [*video.remarks, *physiology.remarks, *([remark] if remark else [])]
    if there_s < wanted_s - SHORT_S:
        short = BadInput(
            str(video.path),
            expected=f"{wanted_s:.2f} s of video, to the end of the stimulus",
            found=f"{there_s:.2f} s",
            remedy="the copy broke off, or another session's video or BDF lies here",
        )
        if there_s < ENOUGH_S:
            raise short
        said = short.problem
        remarks.append(Problem(said.where, said.expected, said.found, said.remedy, "warning"))
    return Trial(
        session=session,
        video=video,
        physiology=physiology,
        clock=clock,
        begin_s=begin_s,
        length_s=min(wanted_s, there_s),
        signal_start_s=-physiology.start_s - missed_s,
        remarks=tuple(remarks),
    )


def _find_both(session: Session, files: Mapping[str, Path]) -> tuple[Path, Path]:
    """Colour video and BDF; where both are absent, that is one complaint."""
    found, absent = [], []
    for find in (find_colour, find_physiology):
        try:
            found.append(find(session, files))
        except Absent as one:
            absent.append(one.problem)
    if absent:
        raise Absent(
            str(session.folder),
            expected=" and ".join(problem.expected for problem in absent),
            found=", ".join(problem.found for problem in absent),
            remedy=absent[0].remedy,
        )
    video_path, bdf_path = found
    return video_path, bdf_path
