"""The 68 landmarks of a synthetic face, where its warps have taken them.

Order of iBUG, from 0: 0-16 jaw, 17-21 and 22-26 brows, 27-35 nose, 36-41 and 42-47 eyes, 48-59
outer and 60-67 inner lips; left is left in the picture.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pulsefer.datasets.synthetic import Effects, Subject
from pulsefer.datasets.synthetic_face import SLACK
from pulsefer.datasets.synthetic_warp import Field, framed, undo_expression, undo_identity

N_LANDMARKS: Final = 68
# Marked by hand in the photograph, portrait pixels.
_PORTRAIT: Final = np.array([
    (181, 102), (181.5, 113), (182, 124), (182.5, 135), (184, 146), (188, 156), (196, 166),
    (208, 174.5), (224, 178), (240, 175), (250, 169), (256.5, 160.5), (262.5, 151), (266.5, 142),
    (269, 131), (270, 119), (270, 107),
    (190, 90), (195, 88.3), (200, 88), (206, 89.5), (213, 92),
    (238, 93), (244, 92), (250, 91.5), (256, 92), (262, 95.5),
    (224, 101), (225, 108), (225, 115), (224.5, 127),
    (214.5, 130), (219.5, 132), (224.5, 133.3), (230, 132.3), (234.5, 130.5),
    (192.5, 100), (198, 96.8), (205.5, 97), (211.5, 102.5), (205.5, 104), (197, 103.5),
    (236, 104.7), (242, 98.8), (250.5, 98.2), (258, 103), (251, 105), (242, 105.3),
    (202.5, 140.4), (210, 139), (218, 139.2), (224, 140), (230, 139.2), (238, 138.8),
    (243.8, 140.6),
    (238, 148.5), (231, 152.3), (224, 153.3), (216.5, 152.3), (210, 148.5),
    (204.5, 140.6), (216, 142.5), (224, 143.3), (231, 142.5), (242.5, 141),
    (231, 149.2), (224, 149.8), (216, 149.2),
])  # fmt: skip
_MIRRORED: Final = [
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
]  # fmt: skip
"""Which landmark stands in a mirrored face where this one stood."""
_REACH_PX: Final = 24.0
"""No warp takes a landmark further, portrait pixels."""
_LATTICE: Final = np.linspace(-1.0, 1.0, 17)
_ROUNDS: Final = 9


def landmarks_px(
    person: Subject,
    *,
    valence: float,
    arousal: float,
    effects: Effects,
    width_px: int,
    height_px: int,
) -> NDArray[np.float64]:
    """Where the landmarks lie in the picture that `snap` takes with the same arguments.

    Args:
        person: As the head stands.
        valence: Felt, -1 - 1.
        arousal: Felt, -1 - 1.
        effects: `expression` says how much of it the face shows.
        width_px: Width of the picture, square pixels.
        height_px: Height.

    Returns:
        (68, 2) continuous coordinates, as `faces.detector.Face` has them.
    """
    # The film fades between the whole expression and one that has relaxed by `SLACK`.
    shown = effects.expression * (1 - SLACK / 2)

    def portrait_at(x: Field, y: Field) -> tuple[Field, Field]:
        return undo_expression(*undo_identity(x, y, person), shown * valence, shown * arousal)

    x, y = _PORTRAIT.T.astype(np.float32)[:, :, None, None]
    at_x, at_y = x, y
    reach = _REACH_PX
    # The warps are known from the picture back to the portrait only, and nothing folds: look
    # for what comes from the landmark on a lattice that becomes finer and finer.
    for _ in range(_ROUNDS):
        near_x = (at_x + np.float32(reach) * _LATTICE).astype(np.float32)
        near_y = (at_y + np.float32(reach) * _LATTICE[:, None]).astype(np.float32)
        near_x, near_y = np.broadcast_arrays(near_x, near_y)
        from_x, from_y = portrait_at(near_x, near_y)
        far = ((from_x - x) ** 2 + (from_y - y) ** 2).reshape(N_LANDMARKS, -1)
        best = far.argmin(axis=1)[:, None]
        at_x, at_y = (
            np.take_along_axis(near.reshape(N_LANDMARKS, -1), best, axis=1)[:, :, None]
            for near in (near_x, near_y)
        )
        reach *= 3 / (len(_LATTICE) - 1)  # three steps of this lattice to either side
    places = _in_picture(
        np.stack([at_x, at_y], axis=-1).reshape(-1, 2), person, width_px, height_px
    )
    return places[_MIRRORED] if person.mirrored else places


def _in_picture(
    places: NDArray[np.float32], person: Subject, width_px: int, height_px: int
) -> NDArray[np.float64]:
    """Undo the framing, which turns, scales and shifts: three corners say all of it."""
    frame_x, frame_y = framed(person, width_px, height_px)
    first, right, low = (
        np.array([frame_x[corner], frame_y[corner]], np.float64)
        for corner in ((0, 0), (0, -1), (-1, 0))
    )
    steps = np.stack([(right - first) / (width_px - 1), (low - first) / (height_px - 1)], axis=1)
    # + 0.5: the centre of the first pixel.
    return np.asarray(np.linalg.solve(steps, (places - first).T).T + 0.5, np.float64)
