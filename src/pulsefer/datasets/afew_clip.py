"""The labels of one clip of AFEW-VA, 001.json: held against what they must say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput

LABEL_MAX = 10.0
"""Valence and arousal of a frame are -10 - 10."""
N_LANDMARKS = 68
MAX_JSON_BYTES = 20_000_000
"""A true one has some 100 kB."""
PAL_PX = (720, 576)
PAL_ASPECT = 4 / 3
"""Width of a pixel of a frame of that size over its height."""

_NUMBERS = {int, float}
_CLIP = re.compile(r"\d{3}")
_FRAME = re.compile(r"\d{5}")
_EYE_LEFT, _EYE_RIGHT, _NOSE, _MOUTH = slice(36, 42), slice(42, 48), 30, [48, 54]


def clip_name(number: int) -> str:
    """Folder and `video_id` of a clip.

    >>> clip_name(7)
    '007'
    """
    return f"{number:03d}"


def frame_name(number: int) -> str:
    """Key of a frame and stem of its picture; they count from 0.

    >>> frame_name(7)
    '00007'
    """
    return f"{number:05d}"


def is_clip_name(name: str) -> bool:
    """Whether a folder or file of that name is a clip's."""
    return _CLIP.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFrame:
    """The labels of one frame.

    Attributes:
        name: "00000".
        valence: -1 - 1.
        arousal: -1 - 1.
        landmarks_px: (68, 2) in stored pixels, order of iBUG.
    """

    name: str
    valence: float
    arousal: float
    landmarks_px: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clip:
    """The labels of one clip.

    Attributes:
        actor: Without the accidents of blanks; "" where the file does not say.
        frames: Those that can be used, in order.
        faults: Name of a frame that cannot, and why.
        n_frames: All frames of the file.
    """

    actor: str
    frames: tuple[LabelledFrame, ...]
    faults: Mapping[str, str]
    n_frames: int


def read_clip(content: bytes, *, where: str, folder: str) -> Clip:
    """Parse the labels of a clip.

    Args:
        content: The file.
        where: Its name, for the complaint.
        folder: The clip's folder, which `video_id` must repeat.

    Raises:
        BadInput: no JSON, another clip's, no frames, or labels where `frames` is not above them.
    """
    try:
        labels: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadInput(
            where,
            expected="JSON with actor, frames, video_id",
            found=f"{type(error).__name__}: {error}",
            remedy="the copy broke off or is damaged; copy it again",
        ) from error
    if not isinstance(labels, dict):
        raise BadInput(where, expected="an object", found=type(labels).__name__)
    frames = labels.get("frames")
    if "frames" not in labels and any(map(_FRAME.fullmatch, labels)):
        raise BadInput(
            where,
            expected="labels under `frames`",
            found="frames at the top level",
            remedy="this is not the file that the authors give out; copy theirs",
        )
    if labels.get("video_id") != folder:
        raise BadInput(
            where,
            expected=f"video_id {folder!r} as its folder",
            found=repr(labels.get("video_id"))[:80],
            remedy="the labels are another clip's",
        )
    if not isinstance(frames, dict) or not frames:
        raise BadInput(where, expected="labelled frames", found="none under `frames`")
    usable, faults = [], {}
    for name, frame in sorted(frames.items()):
        if fault := _fault(name, frame):
            faults[name] = fault
            continue
        landmarks = _landmarks(frame.get("landmarks"))
        if landmarks is None:
            faults[name] = f"without {N_LANDMARKS} landmarks"
            continue
        valence, arousal = (float(frame[key]) / LABEL_MAX for key in ("valence", "arousal"))
        usable.append(LabelledFrame(name, valence, arousal, landmarks))
    actor = labels.get("actor")
    name = " ".join(actor.split()) if isinstance(actor, str) else ""
    return Clip(name, tuple(usable), faults, len(frames))


def five_of(landmarks_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eyes, nose, corners of the mouth, (5, 2), as `faces.detector.Face` has them.

    Choice: an eye is the mean of its six points, in which the lids weigh four times; the nose is
    its tip.
    """
    return np.stack(
        [
            landmarks_px[_EYE_LEFT].mean(axis=0),
            landmarks_px[_EYE_RIGHT].mean(axis=0),
            landmarks_px[_NOSE],
            *landmarks_px[_MOUTH],
        ]
    )


def _fault(name: str, frame: Any) -> str:
    """What is wrong with a frame, its landmarks aside; "" where nothing is."""
    if not _FRAME.fullmatch(name):
        return "without a number of five digits"
    if not isinstance(frame, dict):
        return "without labels"
    values: list[Any] = [frame.get(key) for key in ("valence", "arousal")]
    if not all(type(value) in _NUMBERS and value == value for value in values):
        return "without valence and arousal"
    if max(map(abs, values)) > LABEL_MAX:
        return f"with labels outside -{LABEL_MAX:g} - {LABEL_MAX:g}"
    return ""


def _landmarks(points: Any) -> NDArray[np.float64] | None:
    """(68, 2), or None where they are not 68 pairs of finite numbers."""
    if not (isinstance(points, list) and len(points) == N_LANDMARKS):
        return None
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        return None
    # Array makers take truth values and digits in quotes for numbers too.
    if not {type(value) for point in points for value in point} <= _NUMBERS:
        return None
    try:
        places = np.array(points, np.float64)
    except OverflowError:  # JSON has no largest integer
        return None
    return places if np.isfinite(places).all() else None
