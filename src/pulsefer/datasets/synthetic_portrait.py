"""The portrait under the synthetic faces: where its parts are, and a person put together from it.

The portrait is the official NASA photograph that scikit-image ships as `skimage.data.astronaut`,
in the public domain. Only head and neck are taken; wall and clothes are drawn. Places are columns
and rows of that photograph, and called portrait pixels.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefer.datasets.synthetic import Subject

LEFT_PX, TOP_PX, WIDTH_PX, HEIGHT_PX = 10, -40, 440, 330
"""The canvas that a person is painted on, in portrait pixels."""
MIDDLE_X, MIDDLE_Y = 224.0, 127.0
"""Middle of the face, half way between hairline and chin."""
FACE_PX = 99.0
"""Hairline (row 78) to chin (row 177)."""
EYES = ((201.5, 100.5), (246.5, 103.0))
"""Middles of the eyes; the head is tilted a little."""
UPPER_LIDS = ((201.5, 96.5), (247.0, 98.5))
BROWS = ((202.0, 89.5), (250.0, 92.5))
INNER_BROWS = ((213.0, 92.0), (237.0, 93.0))
NOSE = (226.0, 122.0)
MOUTH = (223.0, 146.0)
"""Middle of the gap between the lips."""
MOUTH_HALF_PX = 20.5
"""From there to either corner, across; the corners lie 5 higher: she smiles."""
MOUTH_GAP_PX = 7.5
"""Height of the gap, in which the teeth show, at the middle of the mouth."""

# Outline of face and neck below the ears, where hair no longer tells head from wall, and around
# the dark collar that is left out.
_LOWER_HEAD = (
    (176, 84), (174, 100), (172, 118), (174, 127), (178, 131), (182, 132), (183, 140), (185, 151),
    (186, 160), (186, 175), (189, 182), (196, 185), (208, 187), (222, 189), (236, 190), (246, 188),
    (252, 185), (254, 178), (255, 171), (257, 163), (261, 156), (264, 149), (266, 142), (268, 136),
    (272, 136), (277, 134), (280, 128), (279, 110), (276, 84),
)  # fmt: skip
_FACE = (
    (188, 74), (184, 86), (181, 100), (181, 118), (174, 117), (173, 124), (177, 130), (182, 131),
    (184, 140), (186, 151), (187, 162), (187, 176), (195, 184), (208, 186), (222, 188), (236, 189),
    (246, 187), (252, 183), (254, 171), (257, 161), (263, 149), (266, 139), (270, 134), (277, 132),
    (278, 128), (270, 128), (270, 110), (268, 92), (262, 88), (240, 80), (215, 76), (200, 76),
)  # fmt: skip
_TEETH = (
    (204, 140.5), (209, 141), (216, 142), (224, 142.5), (232, 142), (238, 141), (242, 140.5),
    (239, 146), (233, 149.5), (226, 151), (218, 151), (211, 148.5), (205, 144),
)  # fmt: skip

_WALL_RGB = np.array([168.0, 172.0, 176.0], np.float32)
_CLOTH_RGB = np.array([150.0, 150.0, 150.0], np.float32)
_LIP_SHADOW_RGB = np.array([96.0, 48.0, 46.0], np.float32)
_DARK_SKIN_RGB = np.array([0.54, 0.44, 0.36], np.float32)
_DARK_HAIR_RGB = np.array([0.22, 0.22, 0.30], np.float32)
_EXPOSURE = 0.9
"""The photograph's skin comes near 255; a little darker, no pulse is clipped in the light."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """Layers of the photograph on the canvas, each (HEIGHT_PX, WIDTH_PX), float32.

    Attributes:
        rgb: (..., 3) the photograph, 0-255; outside the photograph its edge.
        head: How much of the pixel is head or neck, 0-1.
        skin: How much is skin that shows a pulse, 0-1; eyes, brows, teeth and hair do not.
        face: How much is face, neck or ear, all features included, 0-1.
        teeth: How much is teeth or the gap between the lips, 0-1.
        eyes: How much is eye, 0-1.
    """

    rgb: NDArray[np.float32]
    head: NDArray[np.float32]
    skin: NDArray[np.float32]
    face: NDArray[np.float32]
    teeth: NDArray[np.float32]
    eyes: NDArray[np.float32]


@functools.cache
def portrait() -> Portrait:
    """Cut the photograph into its layers, once in a process."""
    from scipy.ndimage import binary_fill_holes, gaussian_filter, label
    from skimage.data import astronaut

    photo: NDArray[np.float32] = astronaut().astype(np.float32)  # type: ignore[no-untyped-call]
    rows = np.clip(np.arange(TOP_PX, TOP_PX + HEIGHT_PX), 0, len(photo) - 1)
    columns = np.arange(LEFT_PX, LEFT_PX + WIDTH_PX)
    rgb = photo[np.ix_(rows, columns)]
    x, y = canvas_xy()

    lower_head = _polygon(_LOWER_HEAD, 0.7)
    # Hair against the wall: the wall is grey and bright, hair is neither.
    wall_like = np.abs(rgb - np.array([197.0, 188.0, 186.0], np.float32)).max(axis=2)
    hairy = (wall_like > 34) & (x > 148) & (x < 304) & (y > 12) & (y < 133)
    hairy |= lower_head > 0.5
    parts, _ = label(hairy)
    hairy = binary_fill_holes(parts == parts[int(MIDDLE_Y) - TOP_PX, int(MIDDLE_X) - LEFT_PX])
    head = np.clip(gaussian_filter(hairy.astype(np.float32), 0.9) * 1.6 - 0.6, 0, 1)
    head = np.where(y < 128, head, np.minimum(lower_head, 1))

    face = _polygon(_FACE, 1.2)
    teeth = _polygon(_TEETH, 0.7)
    eyes = np.zeros_like(face)
    for eye_x, eye_y in EYES:
        from_eye = np.hypot((x - np.float32(eye_x)) / 12, (y - np.float32(eye_y)) / 6)
        eyes = np.maximum(eyes, _smooth(1 - from_eye, 0, 0.3))
    # Hair, brows, lashes, nostrils and the shadow in the mouth are dark in blue; skin is not.
    bright = _smooth(gaussian_filter(rgb[..., 2], 0.8), 88, 128)
    skin = gaussian_filter(face * bright, 0.7) * (1 - eyes) * (1 - teeth)
    return Portrait(rgb, *(np.asarray(a, np.float32) for a in (head, skin, face, teeth, eyes)))


def canvas_xy() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row, in portrait pixels, of every pixel of the canvas."""
    columns = np.arange(LEFT_PX, LEFT_PX + WIDTH_PX, dtype=np.float32)
    rows = np.arange(TOP_PX, TOP_PX + HEIGHT_PX, dtype=np.float32)
    x, y = np.meshgrid(columns, rows)
    return x, y


def paint(person: Subject, *, shut: float) -> NDArray[np.float32]:
    """The person as photographed, before any warp: skin tone, hair, clothes, wall.

    Args:
        person: Whose colours.
        shut: How much the mouth is shut, 0 teeth show - 1 a dark gap in their place.

    Returns:
        (4, HEIGHT_PX, WIDTH_PX): red, green, blue, 0-255, and the share of skin, 0-1.
    """
    layers = portrait()
    x, y = canvas_xy()
    tone = 1 + person.tone * (_DARK_SKIN_RGB - 1)
    hair = 1 + person.hair * (_DARK_HAIR_RGB - 1)
    # Eyes and teeth keep half of their light on a dark face.
    bare = (1 - 0.7 * layers.eyes) * (1 - 0.8 * layers.teeth)
    skin_like = (layers.face * bare)[..., None]
    hair_like = (1 - layers.face)[..., None]
    head = layers.rgb * (1 + skin_like * (tone - 1)) * (1 + hair_like * (hair - 1))
    gap = (shut * layers.teeth)[..., None]
    head += gap * (_LIP_SHADOW_RGB * (1 + tone) / 2 - head)

    side = np.abs(x - 220)
    shoulder_y = 176 + 42 * (1 - np.exp(-np.maximum(side - 33, 0) / 24))
    shoulder_y += np.maximum(side - 115, 0) ** 2 / 40
    cloth = _smooth(y - shoulder_y, -1.0, 1.5)[..., None]
    shade = 1 - 0.25 * (side / 130) ** 2 + 0.06 * np.sin(side / 9 + y / 17) * (side / 60)
    shade *= 0.75 + 0.25 * _smooth(y - shoulder_y, 0, 16)
    wall = _WALL_RGB * (1.04 - 0.0004 * (y[..., None] - TOP_PX))
    clothes = _CLOTH_RGB * np.array(person.clothes_rgb, np.float32) * shade[..., None]
    picture = wall + cloth * (clothes - wall)
    # The collar hides the dark rim that the photograph's own leaves on the neck.
    collar_y = np.asarray(186 - 7 * ((x - 224) / 32) ** 2, np.float32)
    bare_head = layers.head * (1 - _smooth(y - collar_y, -1.0, 0.6))
    picture += bare_head[..., None] * (head - picture)
    skin = layers.skin * bare_head
    canvas = np.concatenate([picture * _EXPOSURE, skin[..., None]], axis=2)
    return np.ascontiguousarray(np.moveaxis(canvas, 2, 0), np.float32)


def _polygon(corners: tuple[tuple[float, float], ...], blur_px: float) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter
    from skimage.draw import polygon2mask

    rows_columns = [(y - TOP_PX, x - LEFT_PX) for x, y in corners]
    inside = polygon2mask((HEIGHT_PX, WIDTH_PX), rows_columns)  # type: ignore[no-untyped-call]
    return np.asarray(gaussian_filter(inside.astype(np.float32), blur_px), np.float32)


def _smooth(value: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)
