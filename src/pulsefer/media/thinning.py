"""Which pictures of a live stream are used, so that there are no more than so many a second."""

from __future__ import annotations

import math


class Thinning:
    """Says of each picture in turn whether it is used.

    As in a file: the next picture comes about as much later as this one came, so the one that is
    nearest to the wanted time is used.

    >>> wanted = Thinning(10.0)
    >>> [wanted(time_s) for time_s in (0.0, 0.05, 0.1, 0.15, 0.2)]
    [True, False, True, False, True]
    """

    def __init__(self, at_most_hz: float | None) -> None:
        """Begin.

        Args:
            at_most_hz: None uses all.
        """
        self._least_s = 1.0 / at_most_hz if at_most_hz else 0.0
        self._before_s, self._used_s = 0.0, -math.inf

    def __call__(self, time_s: float) -> bool:
        """Whether the picture of this time is used.

        Args:
            time_s: Since the first picture; not less than the one before.
        """
        ahead_s, self._before_s = (time_s - self._before_s) / 2, time_s
        if time_s + ahead_s < self._used_s + self._least_s:
            return False
        self._used_s = time_s
        return True
