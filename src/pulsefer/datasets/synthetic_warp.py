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
    MOUTH_CORNERS,
    MOUTH_GAP_PX,
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
    dx, dy = np.zeros_like(x), np.zeros_like(y)
    # The photograph is about +0.8: 0 is a straight mouth, -1 a bent one.
    drop_px = 5.5 - 8.0 * pleasant
    wide_px = 1.0 + 2.2 * pleasant - 1.5
    for side, (corner_x, corner_y) in zip((-1, 1), MOUTH_CORNERS, strict=True):
        corner = _bump(x, y, (corner_x, corner_y + drop_px / 2), 11, 12)
        dy += drop_px * corner
        dx += side * wide_px * corner
    dy -= 0.25 * drop_px * _bump(x, y, MOUTH, 9, 9)
    lid_px, brow_px = 2.2 * awake - 0.3, 1.5 + 4.0 * awake
    for lid, brow, inner in zip(UPPER_LIDS, BROWS, INNER_BROWS, strict=True):
        dy -= lid_px * _bump(x, y, lid, 9.5, 4.2)
        dy -= brow_px * _bump(x, y, (brow[0], brow[1] - brow_px / 2 - 2), 14, 5)
        dy += max(0.0, -pleasant) * 3.5 * _bump(x, y, inner, 6, 6)
    x, y = x - dx, y - dy

    # Now in the photograph's own mouth: close the gap from both sides, or open it.
    across = np.clip((x - MOUTH[0]) / 20.5, -1, 1)
    shape = np.clip(1 - across**2, 0, 1)
    middle_y = MOUTH[1] - 5.2 * (1 - shape)
    gap_px = MOUTH_GAP_PX * shape
    from_line = y - middle_y
    fade = np.exp(-((from_line / 16) ** 2))
    y = y + shutting(pleasant) * gap_px / 2 * np.tanh(from_line / 0.9) * fade
    # The jaw takes lower lip and chin along.
    jaw_px = 4.5 * max(0.0, awake)
    falls = 1 / (1 + np.exp(-np.clip((from_line - 1.5) / 1.3, -30, 30)))
    falls *= np.exp(-(((x - MIDDLE_X) / 34) ** 2)) * np.exp(-((np.maximum(y - 168, 0) / 14) ** 2))
    return x, y - jaw_px * falls


def shutting(pleasant: float) -> float:
    """How much of the photographed gap between the lips is shut, 0-1; valence -1 - 1."""
    return float(np.clip(0.8 - 0.8 * pleasant, 0.0, 0.95))


def _bump(x: Field, y: Field, at: tuple[float, float], width: float, height: float) -> Field:
    """A bell of height 1; width and height are standard deviations, portrait pixels."""
    return np.exp(-0.5 * (((x - at[0]) / width) ** 2 + ((y - at[1]) / height) ** 2))
