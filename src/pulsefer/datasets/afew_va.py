"""AFEW-VA: 600 clips of actors in films, valence and arousal and 68 landmarks for every frame.

Kossaifi et al., AFEW-VA database for valence and arousal estimation in-the-wild, Image and Vision
Computing 65, 23-36, 2017. The data are given out for research only; none of them are here.
`write_fake` writes the same files with a planted answer.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, OnProblem, Problem, log_problem
from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.types import Picture, Still
from pulsefer.datasets.afew_clip import (
    MAX_JSON_BYTES,
    PAL_ASPECT,
    PAL_PX,
    Clip,
    five_of,
    read_clip,
)
from pulsefer.datasets.afew_fake import write_fake
from pulsefer.datasets.afew_tree import ClipFiles, Tree, find, require_clips
from pulsefer.datasets.members import Member, read_member
from pulsefer.media.image import decode_image

__all__ = ["read", "write_fake"]

NO_PICTURE = "without a picture"
MARGIN = 0.05
"""A landmark may lie this share of the picture's size outside of it."""


def read(
    root: Path, *, on_problem: OnProblem | None = None, pixel_aspect: float | None = None
) -> Iterator[Still]:
    """The frames of a copy, whole or partial, clip by clip and in order.

    The labels of a clip are read when it is its turn; pictures when they are loaded.

    Choice: a person is an actor's name; a clip without one is a person of its own. A frame
    without landmarks, with a label outside -10 - 10 or without a picture is left out; one
    problem a clip says how many.

    Args:
        root: Folder of the clips or of their zips, or one zip.
        on_problem: Told of what is left out or deserves a look; None writes it to the log.
        pixel_aspect: Width of a stored pixel over its height; None as `aspect_of`.

    Returns:
        Stills; valence and arousal are the labels over 10.

    Raises:
        BadInput: no clips.
        ValueError: a pixel aspect that is not positive.
    """
    if pixel_aspect is not None and not (math.isfinite(pixel_aspect) and pixel_aspect > 0):
        raise ValueError(f"pixel_aspect must be positive, found {pixel_aspect}")
    tell = on_problem or log_problem
    tree = find(Path(root), on_problem=tell)
    require_clips(tree)
    return _stills(tree, pixel_aspect, tell)


def read_labels(files: ClipFiles) -> Clip:
    """The labels of one clip; a frame without a picture is a fault too.

    Raises:
        BadInput: as `read_clip`.
    """
    content = read_member(files.labels, limit_bytes=MAX_JSON_BYTES)
    clip = read_clip(content, where=str(files.labels), folder=files.folder)
    gone = {f.name: NO_PICTURE for f in clip.frames if f.name not in files.pictures}
    there = tuple(frame for frame in clip.frames if frame.name not in gone)
    return Clip(clip.actor, there, dict(sorted({**clip.faults, **gone}.items())), clip.n_frames)


def problems_of(files: ClipFiles, clip: Clip) -> Iterator[Problem]:
    """What there is to say of a clip that is used."""
    if clip.faults:
        first, fault = next(iter(clip.faults.items()))
        counts = ", ".join(f"{n} {why}" for why, n in Counter(clip.faults.values()).items())
        yield Problem(
            f"{files.labels}: frame {first}",
            expected="a picture, 68 landmarks, and labels from -10 to 10",
            found=f"a frame {fault}; {len(clip.faults)} of {clip.n_frames} frames of the clip are "
            f"left out: {counts}",
            remedy="the others are used; copy the clip again if pictures are missing",
            # A few pictures are missing in everybody's copy.
            severity="warning" if set(clip.faults.values()) == {NO_PICTURE} else "error",
        )
    if not clip.actor:
        yield Problem(
            str(files.labels),
            expected="an actor",
            found="none",
            remedy="the clip is a person of its own; if its actor plays in others too, folds "
            "cannot keep them together",
            severity="warning",
        )


def aspect_of(width_px: int, height_px: int) -> float:
    """Width of a pixel over its height.

    Choice: frames of 720x576 are anamorphic PAL, widened to 960x576 by public loaders of this
    data set; frames of any other size have square pixels.
    """
    return PAL_ASPECT if (width_px, height_px) == PAL_PX else 1.0


def _stills(tree: Tree, pixel_aspect: float | None, tell: OnProblem) -> Iterator[Still]:
    for files in tree.clips.values():
        try:
            clip = read_labels(files)
        except BadInput as bad:
            tell(bad.problem)
            continue
        for problem in problems_of(files, clip):
            tell(problem)
        for frame in clip.frames:
            stored = _Stored(files.pictures[frame.name], five_of(frame.landmarks_px), pixel_aspect)
            yield Still(
                dataset="afew_va",
                person=clip.actor or f"unnamed {files.name}",
                clip=files.name,
                name=f"{files.name}/{frame.name}",
                valence=frame.valence,
                arousal=frame.arousal,
                data_kind=tree.data_kind,
                load=partial(_load, stored),
                content=partial(_content, stored),
            )


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    picture: Member
    landmarks_px: NDArray[np.float64]
    pixel_aspect: float | None


def _load(stored: _Stored) -> Picture:
    where = str(stored.picture)
    image = decode_image(read_member(stored.picture), where)
    height, width = image.shape[:2]
    places = stored.landmarks_px / [width, height]
    if places.min() < -MARGIN or places.max() > 1 + MARGIN:
        x, y = stored.landmarks_px.max(axis=0)
        raise BadInput(
            where,
            expected=f"landmarks inside the picture of {width}x{height}",
            found=f"eyes, nose and mouth that reach to x {x:.0f}, y {y:.0f}",
            remedy="the landmarks live in another frame size; take the pictures as given out",
        )
    aspect = stored.pixel_aspect or aspect_of(width, height)
    return Picture(image, stored.landmarks_px.copy(), aspect)


def _content(stored: _Stored) -> str:
    return fingerprint(
        {
            "sha256": hashlib.sha256(read_member(stored.picture)).hexdigest(),
            "landmarks_px": stored.landmarks_px,
            "pixel_aspect": stored.pixel_aspect or f"{PAL_ASPECT:.6f} for {PAL_PX}, else 1",
        }
    )
