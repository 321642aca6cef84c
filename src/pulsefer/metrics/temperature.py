"""One number that makes the probabilities of a network mean what they say.

Guo, Pleiss, Sun & Weinberger, *On Calibration of Modern Neural Networks*, ICML 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefer.metrics.bootstrap import Floats, Groups
from pulsefer.metrics.calibration import ece, reliability

LOWEST, HIGHEST = 0.1, 100.0
"""Ends of the temperatures that are looked at."""

Highs = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A temperature, and what it does to answers that it was not fitted to.

    Every "after" is of temperatures that were fitted without the rows they are used on: those of
    the same person are left out, or of the same fold where there is one person. NaN where there is
    nothing to leave out, or nothing at all.

    Attributes:
        temperature: What a logit is divided by; 1 leaves it as it is.
        reason: Why it is 1 and was not fitted; "" where it was.
        at_end: The end of the search at which it lies, where the best lies beyond.
        n: Rows.
        persons: Persons in them.
        left_out: What "after" leaves out; "" where it is NaN.
        nll_before: Cross-entropy of the logits as they are, nats.
        nll_after: The same behind the temperature.
        ece_before: Expected calibration error of the probabilities as they are, 0 to 1.
        ece_after: The same behind the temperature.
        bins_before: What a reliability diagram shows of them: for each bin from_prob, to_prob, n,
            mean_prob, share_high; None where a bin is empty.
        bins: The same behind the temperature; empty where "after" is NaN.
    """

    temperature: float
    reason: str
    at_end: Literal["", "lowest", "highest"]
    n: int
    persons: int
    left_out: Literal["", "person", "fold"]
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float
    bins_before: tuple[dict[str, Any], ...]
    bins: tuple[dict[str, Any], ...]


def cross_entropy(logit: Floats, high: Highs, temperature: Floats | float = 1.0) -> float:
    """Mean negative log-likelihood of labels, nats.

    Args:
        logit: (n,) of "high".
        high: (n,) truth.
        temperature: One for all, or (n,).

    >>> round(cross_entropy(np.array([0.0, 0.0]), np.array([True, False])), 4)
    0.6931
    """
    right = np.where(high, logit, -logit) / temperature
    return float(np.logaddexp(0.0, -right).mean())


def temperature(logit: Floats, high: Highs) -> float:
    """The T that makes sigmoid(logit / T) most likely to have given the labels.

    The cross-entropy is convex in 1 / T, so there is one best T, and a search along log T finds it.
    No answer changes: what was above one half stays there, and the order stays what it was.

    Choice: T is looked for between 0.1 and 100. Logits that sort the labels without a fault would
    pull it to 0, and such that sort them no better than chance, to infinity; at 100 every usual
    logit says one half, as it should. Labels that are all the same tell nothing of chances: T is 1.

    Args:
        logit: (n,) finite.
        high: (n,) truth.

    Raises:
        ValueError: a logit that is not finite.

    >>> logit = 3 * np.log(np.array([3.0, 3.0, 3.0, 3.0]))  # said 27 to 1, came true 3 to 1
    >>> round(temperature(logit, np.array([True, True, True, False])), 3)
    3.0
    """
    from scipy.optimize import minimize_scalar

    if not np.isfinite(logit).all():
        raise ValueError(f"logits are finite, found {(~np.isfinite(logit)).sum()} that are not")
    if not one_and_other(high):
        return 1.0

    def at(log_t: float) -> float:
        return cross_entropy(logit, high, math.exp(log_t))

    ends = (math.log(LOWEST), math.log(HIGHEST))
    inside = minimize_scalar(at, bounds=ends, method="bounded", options={"xatol": 1e-9}).x
    # 1 comes first: where nothing is gained, as by answers that are certain and right, it stays.
    best = min((0.0, *ends, float(inside)), key=at)
    return {ends[0]: LOWEST, ends[1]: HIGHEST}.get(best, math.exp(best))


def one_and_other(high: Highs) -> bool:
    """Whether both labels are there."""
    return bool(high.any() and not high.all())


def without_own(logit: Floats, high: Highs, group: Groups) -> Floats:
    """(n,) for each row the temperature that the rows of the other groups ask for."""
    found = np.ones(len(logit))
    for number in np.unique(group):
        own = group == number
        found[own] = temperature(logit[~own], high[~own])
    return found


def probability(logit: Floats, temperature: Floats | float = 1.0) -> Floats:
    """The probability of "high" behind a temperature."""
    from scipy.special import expit

    return np.asarray(expit(logit / temperature), np.float64)


def calibrate(logit: Floats, high: Highs, person: Groups, fold: Groups) -> Calibration:
    """Fit the temperature to answers that were not learned from, and say what it is worth.

    Args:
        logit: (n,) finite, of "high".
        high: (n,) truth.
        person: (n,) number of the person of each row.
        fold: (n,) number of the fold whose network answered.

    Raises:
        ValueError: a logit that is not finite.
    """
    n_persons = len(np.unique(person))
    fitted = temperature(logit, high)
    after = prob_after = None
    left_out: Literal["", "person", "fold"] = ""
    if one_and_other(high) and (n_persons > 1 or len(np.unique(fold)) > 1):
        left_out, group = ("person", person) if n_persons > 1 else ("fold", fold)
        after = without_own(logit, high, group)
        prob_after = probability(logit, after)
    prob = probability(logit)
    return Calibration(
        temperature=fitted,
        reason=_reason(high),
        at_end="lowest" if fitted == LOWEST else "highest" if fitted == HIGHEST else "",
        n=len(logit),
        persons=n_persons,
        left_out=left_out,
        nll_before=cross_entropy(logit, high) if len(logit) else math.nan,
        nll_after=math.nan if after is None else cross_entropy(logit, high, after),
        ece_before=ece(high, prob),
        ece_after=math.nan if prob_after is None else ece(high, prob_after),
        bins_before=_bins(high, prob),
        bins=() if prob_after is None else _bins(high, prob_after),
    )


def _reason(high: Highs) -> str:
    if not len(high):
        return "no window was held out of the learning to fit it to"
    return "" if one_and_other(high) else "the windows that were held out have one label only"


def _bins(high: Highs, prob: Floats) -> tuple[dict[str, Any], ...]:
    rows = reliability(high, prob).to_dict("records") if len(prob) else []
    return tuple(
        {str(name): None if value != value else value for name, value in row.items()}
        for row in rows
    )
