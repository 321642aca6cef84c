"""A box around every face, and beside it what is known about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pulsefer.faces.follow import SeenFace
from pulsefer.inference.stamps import INK, SOFT, Line, Rgb, Stamp, label, lay

COLOURS: Final[tuple[Rgb, ...]] = (
    (86, 180, 233), (230, 159, 0), (46, 196, 150), (240, 228, 66),
    (204, 121, 167), (232, 112, 58), (122, 150, 255), (205, 205, 205),
)  # fmt: skip
"""One per face, for eyes that see colours in any way (after Okabe and Ito), light on dark."""

BRIEFLY: Final[Mapping[str, str]] = {
    "short": "too early",
    "moving": "moving",
    "dark": "too dark",
    "bright": "too bright",
    "small": "too small",
    "no_peak": "no clear pulse",
}
"""Why there is no heart rate (`columns.REASONS`), short enough for a label."""

FEW: Final = 2
"""Of more faces than this the labels are smaller, by `CROWDED`."""
CROWDED: Final = 0.75

Box = tuple[float, float, float, float]


def number(row: Mapping[str, Any], column: str) -> float:
    """A value of a row; NaN where it is missing in any way.

    >>> number({"hr_bpm": 72}, "hr_bpm"), number({"hr_bpm": None}, "hr_bpm"), number({}, "hr_bpm")
    (72.0, nan, nan)
    """
    try:
        return float(row[column])
    except (KeyError, TypeError, ValueError):
        return math.nan


def colour_of(face_id: int) -> Rgb:
    """The colour of a face, the same in its box, its label and its traces."""
    return COLOURS[face_id % len(COLOURS)]


def lines(seen: SeenFace, row: Mapping[str, Any], probabilities: Mapping[str, str]) -> list[Line]:
    """What a label says.

    Args:
        seen: The face.
        row: The last row that tells of it; empty where none does.
        probabilities: Columns and what they are called.
    """
    score = "out of sight" if seen.held else f"score {seen.face.score:.2f}"
    said = [Line(f"face {seen.face_id}  ·  {score}", 0.8, colour=SOFT)]
    hr_bpm, quality = number(row, "hr_bpm"), number(row, "hr_quality")
    reason = row.get("hr_reason")
    why = BRIEFLY.get(reason, reason.replace("_", " ")) if isinstance(reason, str) else ""
    if math.isfinite(hr_bpm):
        said.append(Line(f"{hr_bpm:.0f} bpm", 1.5, bold=True))
    else:
        said.append(Line(f"— {why}".strip(), 1.1, bold=True, colour=SOFT))
    if math.isfinite(hr_bpm) and math.isfinite(quality):
        said.append(Line(f"quality {quality:.2f}", 0.8, colour=SOFT))
    for column, name in probabilities.items():
        value = number(row, column)
        text = f"{value:.2f}" if math.isfinite(value) else "—"
        said.append(Line(f"{name} {text}", 0.95, colour=INK))
    return said


class Marks:
    """Draws boxes and labels; remembers where each label was, so that it does not jump about."""

    def __init__(self, letters: int, probabilities: Mapping[str, str]) -> None:
        """Nothing drawn yet.

        Args:
            letters: Size of letters, pixels.
            probabilities: Columns and what they are called.
        """
        self._letters = letters
        self._probabilities = probabilities
        self._side: dict[int, int] = {}

    def draw(
        self,
        image: NDArray[np.uint8],
        faces: Sequence[SeenFace],
        rows: Mapping[int, Mapping[str, Any]],
    ) -> None:
        """Mark the faces of a picture.

        Args:
            image: (H, W, 3) uint8; changed in place.
            faces: Those in it.
            rows: By face, the last row that tells of it.
        """
        self._side = {i: s for i, s in self._side.items() if any(i == f.face_id for f in faces)}
        boxes = [_box(seen) for seen in faces]
        for seen, box in zip(faces, boxes, strict=True):
            _outline(image, box, colour_of(seen.face_id), self._letters, dashed=seen.held)
        crowd = len(faces) > FEW
        letters = round(CROWDED * self._letters) if crowd else self._letters
        taken: list[Box] = []
        for seen, box in zip(faces, boxes, strict=True):
            said = lines(seen, rows.get(seen.face_id, {}), self._probabilities)
            made = label(tuple(said), letters, colour_of(seen.face_id))
            place = self._place(image.shape, seen.face_id, box, made, boxes, taken)
            lay(image, made, int(place[0]), int(place[1]))
            taken.append(place)

    def _place(
        self,
        shape: tuple[int, ...],
        face_id: int,
        box: Box,
        made: Stamp,
        boxes: Sequence[Box],
        taken: Sequence[Box],
    ) -> Box:
        """Where a label covers no face and no other label, or the least of them."""
        height, width = shape[:2]
        w, h, gap = made.width_px, made.height_px, round(0.6 * self._letters)
        left, upper, right, lower = box
        far_x, far_y = width - w - gap, height - h - gap
        spots = [
            (right + gap, upper), (left - gap - w, upper), (left, lower + gap),
            (left, upper - gap - h), (right + gap, lower - h), (left - gap - w, lower - h),
            (right - w, lower + gap), (right - w, upper - gap - h),
            (gap, gap), (far_x, gap), (gap, far_y), (far_x, far_y),
        ]  # fmt: skip
        best, least = (0.0, 0.0, float(w), float(h)), math.inf
        last = self._side.get(face_id)
        for side, (x, y) in enumerate(spots):
            x, y = round(min(max(x, 0), max(width - w, 0))), round(min(max(y, 0), height - h))
            spot = (float(x), float(y), float(x + w), float(y + h))
            cost = sum(_common(spot, other) for other in (*boxes, *taken))
            # Equal places go by their order, but a label stays where it was while it is free.
            cost = cost + (0.0 if side == last else 1e-3 * (side + 1))
            if cost < least:
                best, least, self._side[face_id] = spot, cost, side
        return best


def _box(seen: SeenFace) -> Box:
    face = seen.face
    left, upper = face.box_x_px, face.box_y_px
    return left, upper, left + face.box_w_px, upper + face.box_h_px


def _common(a: Box, b: Box) -> float:
    """Area that two boxes share, square pixels."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0)


def _outline(
    image: NDArray[np.uint8], box: Box, colour: Rgb, letters: int, *, dashed: bool
) -> None:
    """The outline of a box, cut off at the edges of the picture."""
    height, width = image.shape[:2]
    thick = max(1, round(letters / 10)) if dashed else max(2, round(letters / 7))
    dash = max(3, round(letters / 2))
    left, upper, right, lower = (round(edge) for edge in box)
    columns = np.arange(max(left, 0), min(right, width))
    rows = np.arange(max(upper, 0), min(lower, height))
    if dashed:
        columns = columns[(columns - left) // dash % 2 == 0]
        rows = rows[(rows - upper) // dash % 2 == 0]
    for y in (upper, lower - thick):
        image[max(y, 0) : max(y + thick, 0), columns] = colour
    for x in (left, right - thick):
        image[rows, max(x, 0) : max(x + thick, 0)] = colour
