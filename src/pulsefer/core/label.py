"""From a rating on 1-9 to low or high. The rule at the middle moves 5 % of DEAP's labels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, get_args

Threshold = Literal["ge5", "gt5", "drop_middle"]
THRESHOLDS: tuple[Threshold, ...] = get_args(Threshold)
MIDDLE = 5.0
HALF_WIDTH = 0.5
LOW_BELOW, HIGH_FROM = 3.5, 6.5
"""Ends of the middle class of three."""


def label(rating: float, threshold: Threshold = "ge5") -> int | None:
    """1 high, 0 low, None for a rating the rule leaves out.

    Paper: "using the value = 5 as the threshold" (Sec. III-B); it does not say where 5 goes.
    Choice: `ge5`, 5 and above is high, as the network's ancestor has it; `gt5`, only above 5;
    `drop_middle` leaves out everything closer to 5 than 0.5, the people who clicked the middle.

    Raises:
        ValueError: a rating that is not 1-9, or an unknown rule.

    >>> [label(5.0, rule) for rule in ("ge5", "gt5", "drop_middle")]
    [1, 0, None]
    """
    if not (math.isfinite(rating) and 1.0 <= rating <= 9.0):
        raise ValueError(f"a rating is 1-9, found {rating}")
    if threshold == "ge5":
        return int(rating >= MIDDLE)
    if threshold == "gt5":
        return int(rating > MIDDLE)
    if threshold == "drop_middle":
        return None if abs(rating - MIDDLE) < HALF_WIDTH else int(rating > MIDDLE)
    raise ValueError(f"threshold is one of {', '.join(THRESHOLDS)}; found {threshold!r}")


def third(rating: float) -> int:
    """0 low, 1 middle, 2 high: three classes, as one of the compared papers has them.

    Choice: 1-3, 4-6 and 7-9, as ratings in whole numbers are usually divided; between those the
    nearest whole number counts.

    Raises:
        ValueError: a rating that is not 1-9.

    >>> [third(rating) for rating in (3.0, 3.5, 6.0, 6.5)]
    [0, 1, 1, 2]
    """
    if not (math.isfinite(rating) and 1.0 <= rating <= 9.0):
        raise ValueError(f"a rating is 1-9, found {rating}")
    return int(rating >= LOW_BELOW) + int(rating >= HIGH_FROM)


def balance(ratings: Iterable[float]) -> dict[Threshold, tuple[int, int]]:
    """How many ratings are low and how many high, by each rule.

    >>> balance([4.0, 5.0, 5.0, 6.0])
    {'ge5': (1, 3), 'gt5': (3, 1), 'drop_middle': (1, 1)}
    """
    found = list(ratings)
    labels = {rule: [label(rating, rule) for rating in found] for rule in THRESHOLDS}
    return {rule: (given.count(0), given.count(1)) for rule, given in labels.items()}
