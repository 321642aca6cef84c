"""Overlap of boxes. A box is (left, upper, right, lower), pixels; (n, 4) float64 arrays."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Share = Literal["union", "smaller"]


def overlap(a: Floats, b: Floats, *, of: Share = "union") -> Floats:
    """Common area of every pair over the area of their union (IoU) or of the smaller box.

    Args:
        a: (n, 4).
        b: (m, 4).
        of: "smaller" is 1 for a box inside another, whatever their sizes.

    Returns:
        (n, m), each in [0, 1].

    >>> two = np.array([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 2.0, 2.0]])
    >>> overlap(two[:1], two).tolist(), overlap(two[:1], two, of="smaller").tolist()
    ([[1.0, 0.5]], [[1.0, 1.0]])
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0.0, None).prod(axis=-1)
    area_a, area_b = ((box[:, 2:] - box[:, :2]).prod(axis=-1) for box in (a, b))
    if of == "smaller":
        whole = np.minimum(area_a[:, None], area_b[None, :])
    else:
        whole = area_a[:, None] + area_b[None, :] - common
    return np.asarray(common / np.maximum(whole, 1e-12), dtype=np.float64)


def strongest(
    boxes: Floats, scores: Floats, *, most: float, of: Share = "union"
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Args:
        boxes: (n, 4).
        scores: (n,).
        most: Overlap above which the weaker of two boxes goes.
        of: See `overlap`.

    Returns:
        Indices that stay, best score first; equal scores in the order given.
    """
    order = np.argsort(-scores, kind="stable")
    clash = overlap(boxes[order], boxes[order], of=of) > most
    stays = np.ones(len(order), dtype=bool)
    for rank in range(len(order)):
        if stays[rank]:
            stays[rank + 1 :] &= ~clash[rank, rank + 1 :]
    return order[stays]
