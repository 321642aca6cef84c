"""Units: which trial, person or clip every window belongs to, and how units are dealt out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Unit = Literal["window", "trial", "subject", "stimulus"]
Indices = NDArray[np.intp]

NAME: Mapping[Unit, Callable[[Any], str]] = {
    "window": lambda window: str(window.id),
    "trial": lambda window: f"{window.person}/{window.trial}",
    "subject": lambda window: str(window.person),
    "stimulus": lambda window: f"{window.dataset}/{window.stimulus}",
}
"""Name of the unit that a window belongs to, unique over all data sets."""

PLURAL: Mapping[Unit, str] = {
    "window": "windows",
    "trial": "trials",
    "subject": "subjects",
    "stimulus": "clips",
}


def codes(names: Sequence[str]) -> Indices:
    """(n,) a number for every name, from 0 in the order of the names; equal for equal names."""
    return np.unique(np.array(names, dtype=str), return_inverse=True)[1].astype(np.intp)


class Units:
    """The units of one kind.

    Args:
        windows: All windows; `Indices` point into them.
        kind: What they are cut into.
    """

    def __init__(self, windows: Sequence[Any], kind: Unit) -> None:
        self.what = PLURAL[kind]
        self.code = codes([NAME[kind](window) for window in windows])
        self._dataset = codes([window.dataset for window in windows])
        self._emotion = np.array([window.emotion for window in windows], np.float64)

    def count(self, some: Indices) -> int:
        """How many units some windows belong to."""
        return int(np.count_nonzero(np.bincount(self.code[some])))

    def folds(self, some: Indices, folds: int | None, seed: int, *, of: str = "") -> Indices:
        """Fold number of each window of `some`.

        Args:
            some: Windows.
            folds: How many; None for one of each unit.
            seed: Seed.
            of: Whose units they are, for the error.

        Raises:
            ValueError: too few units.
        """
        n = self.count(some)
        wanted = max(n, 2) if folds is None else folds
        if n < wanted:
            raise ValueError(
                f"{wanted} folds need at least {wanted} {self.what}{of and ' of ' + of}, found {n}"
                + ("; use fewer folds" if n > 1 else "")
            )
        return self._deal(some, wanted, seed)

    def held_out(self, some: Indices, share: float, seed: int) -> Indices:
        """Part number of each window of `some`; any one part has about `share` of the units.

        Raises:
            ValueError: there is one unit only.
        """
        n = self.count(some)
        if n < 2:
            raise ValueError(
                f"a validation part needs at least 2 {self.what} beside the tested ones, "
                f"found {n}; use more folds, or no validation part"
            )
        # With few units one of them is more than the share asked for; none is worse.
        return self._deal(some, max(2, min(round(1.0 / share), n)), seed)

    def _deal(self, some: Indices, parts: int, seed: int) -> Indices:
        """Part number of each window of `some`: units of like share of high, dealt by blocks."""
        code = self.code[some]
        size = np.bincount(code)
        there = size > 0
        unit: Indices = (np.cumsum(there) - 1)[code]
        size = size[there]
        share = np.bincount(unit, weights=self._emotion[some]) / size
        rng = np.random.default_rng(seed)
        chance = rng.permutation(len(size))
        dataset = np.empty(len(size), np.intp)
        dataset[unit] = self._dataset[some]
        by_share = np.lexsort((chance, share, dataset))
        blocks = [rng.permutation(parts) for _ in range(-(-len(size) // parts))]
        part_of = np.empty(len(size), np.intp)
        part_of[by_share] = np.concatenate(blocks)[: len(size)]
        return part_of[unit]
