"""The face videos of DEAP: what their headers must say. Nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pulsefer.core.errors import BadInput, Problem
from pulsefer.datasets.avi import require_whole_avi
from pulsefer.datasets.deap_tree import Layout
from pulsefer.media.video import VideoInfo, probe

FPS_TOLERANCE_HZ = 0.5
"""A header this near to 50 means 50; further off, the file was encoded anew."""
SHORT_S = 0.5
"""A video may end this much before its trial does."""


@dataclass(frozen=True, slots=True)
class CheckedVideo:
    """A video that can be used.

    Attributes:
        info: What the header says.
        fps_hz: The rate to believe instead of the header's; None believes the header.
        warning: What deserves a look, or None.
    """

    info: VideoInfo
    fps_hz: float | None
    warning: Problem | None


def check_video(path: Path, layout: Layout) -> CheckedVideo:
    """Hold the header against the size of the file and the length of the trial.

    Choice: time is frame index over 50. A copy with another rate was encoded anew; it keeps the
    rate that it claims, and is named.

    Raises:
        BadInput: not a video, cut, or more than 0.5 s shorter than its trial.
    """
    require_whole_avi(path)
    info = probe(path)
    is_expected = abs(info.fps_hz - layout.fps_hz) <= FPS_TOLERANCE_HZ
    fps_hz = layout.fps_hz if is_expected else info.fps_hz
    length_s = info.n_frames / fps_hz
    # Zero means that the header does not say; the decoder finds out later.
    if info.n_frames and length_s < layout.length_s - SHORT_S:
        raise BadInput(
            str(path),
            expected=f"{layout.length_s:g} s of video as of physiology",
            found=f"{length_s:.2f} s ({info.n_frames} frames)",
            remedy="the video is cut, or its trial was not filmed to the end",
        )
    warning = None
    if not is_expected:
        warning = Problem(
            str(path),
            expected=f"{layout.fps_hz:g} frames/s",
            found=f"{info.fps_hz:.4g} frames/s, which are kept",
            remedy="the file was encoded anew; take it as DEAP delivers it",
            severity="warning",
        )
    return CheckedVideo(info, layout.fps_hz if is_expected else None, warning)
