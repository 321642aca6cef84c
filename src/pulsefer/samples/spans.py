"""The time that windows cover in their trials, in whole microseconds: neighbours do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefer.samples.units import NAME, Indices, codes

Mask = NDArray[np.bool_]
Times = NDArray[np.int64]


class Spans:
    """When every window begins and ends.

    Attributes:
        trial: (n,) number of the trial, over all persons.
        start_us: (n,) start on the trial's clock.
        end_us: (n,) end.
    """

    def __init__(self, windows: Sequence[Any]) -> None:
        self.trial = codes([NAME["trial"](window) for window in windows])
        start_s = np.array([window.start_s for window in windows], np.float64)
        length_s = np.array([window.length_s for window in windows], np.float64)
        self.start_us: Times = np.round(start_s * 1e6).astype(np.int64)
        self.end_us: Times = np.round((start_s + length_s) * 1e6).astype(np.int64)
        self._by_time = np.lexsort((self.start_us, self.trial))

    @property
    def longest_s(self) -> float:
        """Length of the longest window."""
        return float((self.end_us - self.start_us).max()) / 1e6

    def block(self, parts: int) -> Indices:
        """(n,) which of `parts` equal parts a window's middle lies in.

        Of the time from the first middle in its trial to the last, so that windows that are long
        for their trial fill the first and the last part as well.
        """
        middle = self.start_us + self.end_us  # twice, to stay whole
        first, last = self._extent(np.ones(len(self.trial), bool), middle, middle)
        part = (middle - first[self.trial]) * parts // np.maximum(last - first, 1)[self.trial]
        block: Indices = np.minimum(part, parts - 1).astype(np.intp)
        return block

    def reach_into(self, some: Mask) -> Mask:
        """(n,) whether a window shares time with that from the first of `some` to the last."""
        first, last = self._extent(some, self.start_us, self.end_us)
        mask: Mask = (self.start_us < last[self.trial]) & (self.end_us > first[self.trial])
        return mask

    def n_mixed(self, some: Mask, others: Mask) -> int:
        """Trials where one of `others` begins between the first of `some` and the last."""
        start = self.start_us
        first, last = self._extent(some, start, start)
        between = others & (start >= first[self.trial]) & (start <= last[self.trial])
        return len(np.unique(self.trial[between]))

    def shared_s(self, some: Mask, others: Mask) -> float:
        """Seconds that are covered by `some` and by `others`."""
        both = self._covered_us(some | others)
        return (self._covered_us(some) + self._covered_us(others) - both) / 1e6

    def _covered_us(self, some: Mask) -> int:
        """Length of the union, over all trials."""
        chosen = self._by_time[some[self._by_time]]
        if not len(chosen):
            return 0
        # One long line of time: every trial begins after the end of all before it.
        longest = int(self.end_us.max() - self.start_us.min()) + 1
        shift = self.trial[chosen].astype(np.int64) * longest
        start, end = self.start_us[chosen] + shift, self.end_us[chosen] + shift
        until = np.maximum.accumulate(end)
        begin = np.maximum(start[1:], until[:-1])
        return int(end[0] - start[0] + np.maximum(end[1:] - begin, 0).sum())

    def _extent(self, some: Mask, begin: Times, end: Times) -> tuple[Times, Times]:
        """(n_trials,) the first of `begin` and the last of `end` of some windows of every trial."""
        limit = np.iinfo(np.int64)
        n = int(self.trial.max(initial=-1)) + 1
        first, last = np.full(n, limit.max), np.full(n, limit.min)
        np.minimum.at(first, self.trial[some], begin[some])
        np.maximum.at(last, self.trial[some], end[some])
        return first, last
