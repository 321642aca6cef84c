"""Intervals by bootstrap over subjects.

Windows of one trial, and trials of one person, are not independent: the person is the unit that is
drawn. Every score here is a function of sums over persons, so a thousand resamples are one matrix
product.

Shape letters: R resamples, P persons, K columns that are summed.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.seeding import generator

Floats = NDArray[np.float64]
Groups = NDArray[np.intp]


def draw(n_persons: int, n_resamples: int, seed: int) -> Floats:
    """How often each person is in each resample.

    Args:
        n_persons: P.
        n_resamples: R.
        seed: Of the whole score; the draws do not depend on what is scored.

    Returns:
        (R, P); every row sums to P.
    """
    chance = generator(seed, "bootstrap")
    return chance.multinomial(
        n_persons, np.full(n_persons, 1 / n_persons), size=n_resamples
    ).astype(np.float64)


def person_sums(columns: Floats, person: Groups, n_persons: int) -> Floats:
    """Sums of columns over the rows of each person.

    Args:
        columns: (n, K).
        person: (n,) number of the person, from 0.
        n_persons: P.

    Returns:
        (P, K).
    """
    return np.stack(
        [np.bincount(person, column, minlength=n_persons) for column in columns.T], axis=1
    )


def interval(values: Floats, n_persons: int) -> tuple[float, float]:
    """The middle 95 % of resampled values.

    Choice: percentiles. Resamples in which the score has no value (one class only) are left out;
    where more than half have none, or there is one person only, the interval is NaN: unknown, not
    zero.

    Args:
        values: (R,), NaN where a resample has no value.
        n_persons: P.

    Returns:
        Low and high end.
    """
    known = values[np.isfinite(values)]
    if n_persons < 2 or len(known) == 0 or len(known) < len(values) / 2:
        return math.nan, math.nan
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def ratio(over: Floats, under: Floats) -> Floats:
    """Quotient; NaN where there is nothing to divide by."""
    return np.divide(over, under, out=np.full_like(over, np.nan), where=under > 0)
