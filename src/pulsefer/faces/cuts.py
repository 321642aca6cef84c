"""Where a video jumps to another scene: nothing may glide across such a place."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

N_CELLS = 8
"""A picture is remembered as so many cells across and down."""
N_SAMPLES = 4
"""Pixels looked at per cell, across and down."""


class Cuts:
    """Compares each frame with the one before.

    Choice: a cut is where the pattern of 8x8 coarse cells loses its likeness (correlation below
    0.5) and the cells change by more than 12 grey levels on average. A lamp that goes on changes
    the level, not the pattern; a moving head or a pan changes the pattern, but little per frame.
    """

    def __init__(self, *, correlation: float = 0.5, change: float = 12.0) -> None:
        self.correlation = correlation
        self.change = change
        self._last: NDArray[np.float32] | None = None

    def is_cut(self, image: NDArray[np.uint8]) -> bool:
        """Whether this frame begins another scene; the first frame does not.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        now = _cells(image)
        last, self._last = self._last, now
        if last is None or float(np.abs(now - last).mean()) <= self.change:
            return False
        a, b = now - now.mean(), last - last.mean()
        likeness = float((a * b).sum())
        return likeness < self.correlation * float(np.sqrt((a * a).sum() * (b * b).sum()) + 1e-6)


def _cells(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(64, 3) coarse colours from a regular sample of the pixels."""
    sample = image.reshape(-1, 3).take(_places(*image.shape[:2]), axis=0)
    cells: NDArray[np.float32] = sample.mean(axis=1, dtype=np.float32)
    return cells


@functools.lru_cache(maxsize=8)
def _places(height: int, width: int) -> NDArray[np.intp]:
    """(64, 16) numbers of the pixels that are looked at, cell by cell."""
    n = N_CELLS * N_SAMPLES
    rows, columns = (((np.arange(n) + 0.5) * extent / n).astype(np.intp)
                     for extent in (height, width))  # fmt: skip
    places = (width * rows[:, None] + columns).reshape(N_CELLS, N_SAMPLES, N_CELLS, N_SAMPLES)
    return places.swapaxes(1, 2).reshape(N_CELLS**2, N_SAMPLES**2)
