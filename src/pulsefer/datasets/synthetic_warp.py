"""Where each pixel of a synthetic face is taken from: framing, identity, expression.

All maps go backward, from the picture to the portrait, and are smooth: nothing tears.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsefer.datasets.synthetic import Subject
from pulsefer.datasets.synthetic_portrait import (
    BROWS,
    EYES,
    FACE_PX,
    INNER_BROWS,
    MIDDLE_X,
    MIDDLE_Y,
    MOUTH,
    MOUTH_GAP_PX,
    MOUTH_HALF_PX,
    NOSE,
    UPPER_LIDS,
)

Field = NDArray[np.float32]


def framed(person: Subject, width_px: int, height_px: int) -> tuple[Field, Field]:
    """Portrait column and row under every pixel of the picture, the face still undeformed."""
    scale = FACE_PX / (person.face_height * height_px)
    x, y = np.meshgrid(
        (np.arange(width_px, dtype=np.float32) - (width_px - 1) / 2) / height_px,
        (np.arange(height_px, dtype=np.float32) - (height_px - 1) / 2) / height_px,
    )
    x = (x - person.offset_x) * (height_px * scale)
    y = (y - person.offset_y) * (height_px * scale)
    if person.mirrored:
        x = -x
    cos, sin = math.cos(person.tilt_rad), math.sin(person.tilt_rad)
    return (
        np.asarray(MIDDLE_X + cos * x - sin * y, np.float32),
        np.asarray(MIDDLE_Y + sin * x + cos * y, np.float32),
    )


def undo_identity(x: Field, y: Field, person: Subject) -> tuple[Field, Field]:
    """Where the portrait has what the person has at (x, y)."""
    near = _bump(x, y, (MIDDLE_X, MIDDLE_Y), 75, 75)
    out_x = x - near * (x - MIDDLE_X) * (1 - 1 / person.face_width)
    below = np.maximum(y - BROWS[0][1], 0)
    out_y = y - _bump(x, y, (MIDDLE_X, 140), 90, 45) * below * (1 - 1 / person.face_length)
    (left, left_y), (right, right_y) = EYES
    half = person.eye_distance / 2
    out_x += half * _bump(x, y, (left, left_y), 14, 13) - half * _bump(
        x, y, (right, right_y), 14, 13
    )
    nose = _bump(x, y, NOSE, 9, 9)
    out_x -= nose * np.tanh((x - NOSE[0]) / 6) * person.nose_width
    jaw = _bump(x, y, (MIDDLE_X, 160), 40, 20)
    out_x -= jaw * np.tanh((x - MIDDLE_X) / 22) * person.jaw_width
    return np.asarray(out_x, np.float32), np.asarray(out_y, np.float32)


def undo_expression(x: Field, y: Field, pleasant: float, awake: float) -> tuple[Field, Field]:
    """Where the photographed face, a broad smile, has what the expression has at (x, y).

    Choice: valence bends the line of the mouth, shuts or bares the teeth and draws the brows;
    arousal raises brows and upper lids and drops the jaw.

    Args:
        x: Column, portrait pixels.
        y: Row, portrait pixels.
        pleasant: Valence, -1 - 1.
        awake: Arousal, -1 - 1.
    """
    # The photograph is near +0.8: at 0 the mouth is straight, at -1 its corners hang.
    drop_px = 5.5 - 7.5 * pleasant
    wide_px = 2.2 * pleasant - 0.5
    across = (x - MOUTH[0]) / MOUTH_HALF_PX
    outside = np.maximum(np.abs(across) - 1, 0)
    bend = np.minimum(across**2, 1) * np.exp(-((outside / 0.6) ** 2)) - 0.3 * _bell(across, 0.6)
    dy = drop_px * bend * _bell(y - MOUTH[1] + 5 - drop_px / 2, 13)
    dx = wide_px * np.tanh(across * 2) * _bump(x, y, MOUTH, 22, 12)
    lid_px, brow_px = 2.2 * awake - 0.3, 1.5 + 4.0 * awake
    for lid, brow, inner in zip(UPPER_LIDS, BROWS, INNER_BROWS, strict=True):
        dy -= lid_px * _bump(x, y, lid, 9.5, 4.2)
        dy -= brow_px * _bump(x, y, (brow[0], brow[1] - brow_px / 2 - 2), 14, 5)
        dy += max(0.0, -pleasant) * 2.5 * _bump(x, y, inner, 8, 6)
    x, y = x - dx, y - dy

    # From here on the mouth is the photograph's. The jaw takes lower lip and chin along ...
    shape = np.clip(1 - ((x - MOUTH[0]) / MOUTH_HALF_PX) ** 2, 0, 1)
    line_y = MOUTH[1] - 5.2 * (1 - shape)
    jaw_px = 4.5 * max(0.0, awake)
    width_px = 0.4 + 0.3 * jaw_px + 5 * (1 - shape)  # wide enough that nothing folds
    falls = 0.5 + 0.5 * np.tanh((y - line_y - jaw_px / 2) / (2 * width_px))
    y = y - jaw_px * falls * _bell(x - MIDDLE_X, 26) * _bell(np.maximum(y - 170, 0), 11)
    # ... and the lips close the gap from both sides.
    from_line = y - line_y
    half_gap_px = shutting(pleasant) * MOUTH_GAP_PX * shape / 2
    return x, y + half_gap_px * np.tanh(from_line / 0.9) * _bell(from_line, 11)


def shutting(pleasant: float) -> float:
    """How much of the photographed gap between the lips is shut, 0-1; valence -1 - 1."""
    return float(np.clip(0.8 - 0.8 * pleasant, 0.0, 0.95))


def _bump(x: Field, y: Field, at: tuple[float, float], width: float, height: float) -> Field:
    """A bell of height 1; width and height are standard deviations, portrait pixels."""
    return _bell(x - at[0], width) * _bell(y - at[1], height)


def _bell(distance: Field, spread: float) -> Field:
    return np.asarray(np.exp(-0.5 * (distance / spread) ** 2), np.float32)
