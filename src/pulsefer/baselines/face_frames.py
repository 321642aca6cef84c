"""What the compared systems of faces are handed, checked before anything is learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.bundle import Bundle, Labels, Unit
from pulsefer.core.errors import BadInput

FACE_SHAPE = (64, 64, 3)


def require_faces(bundle: Bundle, unit: Unit) -> None:
    """Whether there are faces to look at, of the unit that the system knows.

    Raises:
        BadInput: no samples, samples without faces, or of another unit.
    """
    if bundle.unit != unit:
        raise BadInput(
            "bundle", expected=f"samples that are {unit}s", found=f"{bundle.unit}s",
            remedy="cut the samples as the system's `unit` says",
        )  # fmt: skip
    if not len(bundle.faces):
        raise BadInput("bundle", expected="faces", found="none")
    if not bundle.fps_hz > 0:
        raise BadInput("bundle", expected="frames per second above 0", found=f"{bundle.fps_hz}")


def require_labels(bundle: Bundle, labels: Labels, groups: NDArray[np.int64]) -> None:
    """Whether every sample has a label, low or high, and a person.

    Raises:
        BadInput: other numbers of them, or a class that is neither 0 nor 1.
    """
    counts = (len(bundle), len(labels.classes), len(labels.other), len(groups))
    if len(set(counts)) != 1:
        raise BadInput(
            "labels",
            expected=f"one class, one other rating and one group for each of {counts[0]} samples",
            found=f"{counts[1]}, {counts[2]} and {counts[3]}",
        )
    known = labels.other[~np.isnan(labels.other)]
    odd = sorted({*np.unique(labels.classes), *np.unique(known)} - {0, 1})
    if odd:
        raise BadInput(
            "labels", expected="classes 0 and 1, low and high",
            found=", ".join(f"{value:g}" for value in odd[:4]),
            remedy="this system knows two classes",
        )  # fmt: skip


def read_frames(bundle: Bundle, place: int, n_frames: int | None = None) -> NDArray[np.uint8]:
    """The frames of one sample.

    Args:
        bundle: Samples with faces.
        place: Which.
        n_frames: How many, evenly placed in the sample (frames are repeated where there are
            fewer); None is all.

    Returns:
        (T, 64, 64, 3) uint8 RGB.

    Raises:
        BadInput: anything else is there, or nothing.
    """
    frames = bundle.faces[place]()
    if frames.ndim != 4 or frames.shape[1:] != FACE_SHAPE or frames.dtype != np.uint8:
        raise BadInput(
            f"sample {place}",
            expected="(T, 64, 64, 3) uint8 RGB",
            found=f"{frames.shape} {frames.dtype}",
        )
    if not len(frames):
        raise BadInput(f"sample {place}", expected="at least one frame", found="none")
    return frames if n_frames is None else frames[evenly(len(frames), n_frames)]


def evenly(n_there: int, n_wanted: int) -> NDArray[np.int64]:
    """Places in the middle of equal parts.

    >>> evenly(10, 5).tolist(), evenly(3, 3).tolist(), evenly(2, 4).tolist()
    ([1, 3, 5, 7, 9], [0, 1, 2], [0, 0, 1, 1])
    """
    middles = (2 * np.arange(n_wanted) + 1) * n_there // (2 * n_wanted)
    return middles.astype(np.int64)
