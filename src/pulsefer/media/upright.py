"""How a stored picture is brought upright: phones film lying down and write which way is up."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Turn(NamedTuple):
    """A quarter turn, or one seen in a mirror: transposed first, then mirrored.

    Attributes:
        swaps: Rows become columns.
        mirrors_x: Left and right change places, afterwards.
        mirrors_y: Top and bottom change places, afterwards.
    """

    swaps: bool
    mirrors_x: bool
    mirrors_y: bool


AS_STORED = Turn(False, False, False)


def turn_of(picture: Any) -> Turn:
    """The turn that the display matrix of a decoded picture (`av.VideoFrame`) is nearest to.

    Choice: pictures are turned upright as the file says; a matrix that is no quarter turn counts
    as the nearest one.
    """
    try:
        matrix = picture.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV has no name for something else that lies beside the picture
        quarters = round(picture.rotation / 90) % 4  # anticlockwise
        return Turn(quarters % 2 == 1, quarters in (2, 3), quarters in (1, 2))
    if matrix is None:
        return AS_STORED
    # What is stored at (x, y) is shown at (a x + c y, b x + d y).
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].astype(float)
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Turn(True, bool(c < 0), bool(b < 0))
    return Turn(False, bool(a < 0), bool(d < 0))


def upright(image: NDArray[np.uint8], turn: Turn) -> NDArray[np.uint8]:
    """The (H, W, 3) picture as it is to be seen.

    >>> lying = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    >>> upright(lying, Turn(True, True, False))[..., 0].tolist()  # a quarter turn clockwise
    [[3, 0], [4, 1], [5, 2]]
    """
    if turn.swaps:
        image = image.swapaxes(0, 1)
    if turn.mirrors_x:
        image = image[:, ::-1]
    if turn.mirrors_y:
        image = image[::-1]
    return np.ascontiguousarray(image)
