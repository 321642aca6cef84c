"""Two systems on the same people: is the difference more than the luck of who took part?

The person is the unit: every test here takes one difference for each person (or, for
`nadeau_bengio`, for each fold). Windows of a person, and folds that share training data, are not
so many independent answers; there is no test over windows, and no plain t-test over folds.

Shape letters: P persons, F arrangements of signs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pulsefer.core.errors import BadInput
from pulsefer.core.seeding import generator
from pulsefer.metrics import emotion, heart_rate
from pulsefer.metrics.bootstrap import Floats, draw, interval
from pulsefer.metrics.score import KEYS, Unit, columns_of, rows_of

if TYPE_CHECKING:
    import pandas as pd

METRICS = tuple(
    name for name in (*emotion.NAMES, *heart_rate.NAMES) if not name.endswith("_within")
)
"""What can be compared. Of one person, a score within persons is the score."""

MAX_EXACT = 12
"""Up to so many persons all arrangements of signs are looked at (4096), as MOABB does."""
N_FLIPS = 10_000
"""Arrangements that are drawn for more persons."""
SAME = 1e-9
"""Relative difference below which two sums are equal: they differ by rounding alone."""


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Mean difference over persons, and how often chance alone makes one as large.

    Attributes:
        mean: Of the differences, in the unit of the metric.
        low: Low end of its 95 % interval over persons, NaN for one person.
        high: High end.
        p: Two-sided; at least 1 / number of arrangements looked at, never 0.
        n: Persons.
        exact: Whether all arrangements were looked at.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int
    exact: bool


class RankTest(NamedTuple):
    """Wilcoxon's signed-rank test.

    Attributes:
        statistic: The smaller of the two sums of ranks.
        p: Two-sided.
        n: Persons whose difference is not 0.
    """

    statistic: float
    p: float
    n: int


class CorrectedT(NamedTuple):
    """A t-test over folds that share training data.

    Attributes:
        t: Statistic.
        p: Two-sided.
        df: Degrees of freedom.
    """

    t: float
    p: float
    df: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One system against another, over persons.

    Attributes:
        metric: A key of `METRICS`.
        unit: What one row is: a window, or a trial.
        test: First system minus second: mean, interval, sign-flip p.
        rank: Wilcoxon's test of the same differences.
        dz: Cohen's d_z, the mean difference over the spread of the differences.
        n_left_out: Persons without a value (for most scores: with one class only).
    """

    metric: str
    unit: Unit
    test: PairedTest
    rank: RankTest
    dz: float
    n_left_out: int


def by_person(predictions: pd.DataFrame, metric: str, *, unit: Unit = "trial") -> pd.Series:
    """One score for each person.

    Choice: what compares two classes (balanced accuracy, F1, MCC, AUROC) is NaN for a person who
    has one class only, as everywhere here. Accuracy in its place would put another quantity among
    the same numbers: a system that always says "high" has a balanced accuracy of one half with
    everybody, and an accuracy of 1 with those who only felt high. `accuracy` itself, `brier` and
    `ece` need one class and have a value for everybody.

    Args:
        predictions: As `score` takes them.
        metric: One of `METRICS`.
        unit: What is counted.

    Returns:
        (P,) values, NaN where a person has none, under dataset and subject.

    Raises:
        BadInput: as `score`; a metric that is not one of `METRICS`.
    """
    return _of_persons(rows_of(predictions, unit), metric)


def compare(
    first: Sequence[pd.DataFrame],
    second: Sequence[pd.DataFrame],
    metric: str,
    *,
    unit: Unit = "trial",
    seed: int = 0,
) -> Comparison:
    """First system minus second, over the persons that both were tested on.

    Choice: a person's difference is the mean over seeds, so that more seeds do not make more
    persons. Rates are compared on the rows where both systems have one.

    Args:
        first: Predictions of one system: a table for each seed, as `score` takes them.
        second: Of the other, in the same order: the folds of each pair are the same.
        metric: One of `METRICS`.
        unit: What is counted.
        seed: Of resamples and flips.

    Raises:
        BadInput: as `score`; no tables, or not as many of each; a pair that was not tested on the
            same rows in the same folds with the same truth; no person with a value.
    """
    import pandas as pd

    if not first or len(first) != len(second):
        raise BadInput(
            "predictions of two systems",
            expected="a table of each for every seed",
            found=f"{len(first)} and {len(second)}",
        )
    of_seeds = []
    for tables in zip(first, second, strict=True):
        one, other = _same_rows(*tables, unit, rates=metric in heart_rate.NAMES)
        of_seeds.append(_of_persons(one, metric) - _of_persons(other, metric))
    # A person without a value for one seed has none: the others would not be the same question.
    differences = pd.concat(of_seeds, axis=1).mean(axis=1, skipna=False)
    known = differences.dropna().to_numpy(np.float64)
    return Comparison(
        metric=metric,
        unit=unit,
        test=sign_flip(known, seed=seed),
        rank=wilcoxon(known),
        dz=cohen_dz(known),
        n_left_out=len(differences) - len(known),
    )


def sign_flip(differences: Floats, *, seed: int = 0) -> PairedTest:
    """Permutation test of paired differences, by their signs.

    If the two systems were alike, each person's difference could as well have had the other sign.
    p is the share of such arrangements whose mean is at least as far from 0; the one that was
    observed is always among them. All 2^n are looked at for up to 12 persons, else 10,000 that are
    drawn.

    Args:
        differences: (P,) one for each person.
        seed: Of the drawn flips and of the interval's resamples.

    Raises:
        BadInput: no differences, or one that is not finite.

    >>> sign_flip(np.array([1.0, 2.0, 3.0, 4.0])).p
    0.125
    """
    d = _finite(differences)
    n = len(d)
    if exact := n <= MAX_EXACT:
        bits_FP = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        bits_FP = generator(seed, "sign flips").integers(0, 2, (N_FLIPS, n))
    sums = (1.0 - 2.0 * bits_FP) @ d
    as_far = int((np.abs(sums) >= abs(d.sum()) - SAME * np.abs(d).sum()).sum())
    low, high = interval(draw(n, 2000, seed) @ d / n, n)
    return PairedTest(
        mean=float(d.mean()),
        low=low,
        high=high,
        p=as_far / 2**n if exact else (1 + as_far) / (1 + N_FLIPS),
        n=n,
        exact=exact,
    )


def wilcoxon(differences: Floats) -> RankTest:
    """Wilcoxon's signed-rank test, two-sided, by SciPy.

    Choice: differences of 0 are left out, as Wilcoxon did.

    Args:
        differences: (P,) one for each person.

    Raises:
        BadInput: no differences, or one that is not finite.
    """
    from scipy import stats

    d = _finite(differences)
    d = d[d != 0]
    if not len(d):
        return RankTest(0.0, 1.0, 0)
    found = stats.wilcoxon(d)
    return RankTest(float(found.statistic), float(found.pvalue), len(d))


def cohen_dz(differences: Floats) -> float:
    """Mean difference over the standard deviation (n - 1) of the differences.

    Args:
        differences: (P,) one for each person.

    Returns:
        0.2 is called small, 0.5 medium, 0.8 large; NaN for one person or without spread.
    """
    d = _finite(differences)
    spread = _spread(d)
    return float(d.mean() / spread) if spread else math.nan


def holm(p: Sequence[float]) -> Floats:
    """P values of several comparisons, adjusted so that none is found by having looked often.

    Holm (Scandinavian Journal of Statistics 1979): the smallest of m is multiplied by m, the next
    by m - 1, and so on; none may fall below one before it, nor exceed 1.

    Args:
        p: (m,) as they come.

    Returns:
        (m,) in the same order.

    Raises:
        BadInput: one that is not between 0 and 1.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise BadInput("p values", expected="numbers from 0 to 1", found=str(list(p)))
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def nadeau_bengio(differences: Floats, n_train: int, n_test: int) -> CorrectedT:
    """Corrected resampled t-test (Nadeau & Bengio, Machine Learning 2003).

    Folds of a repeated cross-validation share training data, so their differences vary less than
    they would over new data. Of J differences, with mean m and variance s^2 (divisor J - 1):

        t = m / sqrt((1 / J + n_test / n_train) * s^2), J - 1 degrees of freedom

    Args:
        differences: (J,) one for each fold of each repetition.
        n_train: Size of a training side: persons, where folds are made of persons.
        n_test: Size of a test side, in the same unit.

    Returns:
        t, p, df; t and p NaN where all differences are the same.

    Raises:
        BadInput: fewer than 2 differences, one that is not finite, or an empty side.
    """
    from scipy import stats

    d = _finite(differences)
    if len(d) < 2 or n_train < 1 or n_test < 1:
        raise BadInput(
            "differences over folds",
            expected="2 or more, and both sides with something in them",
            found=f"{len(d)} with {n_train} and {n_test}",
        )
    spread, df = _spread(d), len(d) - 1
    if not spread:
        return CorrectedT(math.nan, math.nan, df)
    t = float(d.mean() / (spread * math.sqrt(1 / len(d) + n_test / n_train)))
    return CorrectedT(t, float(2 * stats.t.sf(abs(t), df)), df)


def _of_persons(rows: pd.DataFrame, metric: str) -> pd.Series:
    import pandas as pd

    if metric not in METRICS:
        raise BadInput("metric", expected=f"one of {', '.join(METRICS)}", found=repr(metric))
    c = columns_of(rows)
    alone = np.eye(int(c.person.max()) + 1)  # a "resample" for each person: that person, once
    if metric in heart_rate.NAMES:
        values = heart_rate.resampled(c.true_bpm, c.pred_bpm, c.person, alone)[metric]
    else:
        values = emotion.resampled(c.high, c.prob, c.person, alone)[metric]
    names = pd.MultiIndex.from_frame(
        rows[["dataset", "subject"]].drop_duplicates().sort_values(["dataset", "subject"])
    )
    return pd.Series(values, names, name=metric)


def _same_rows(
    first: pd.DataFrame, second: pd.DataFrame, unit: Unit, *, rates: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables' rows in one order, with a predicted rate only where both have one."""
    folds = [*KEYS, "start_s", "fold"] if unit == "window" else [*KEYS, "fold"]
    # With repeated folds a window is tested more than once; a trial is one row all the same.
    keys = folds if unit == "window" else KEYS
    one, other = (rows_of(t, unit).sort_values(keys, ignore_index=True) for t in (first, second))
    tested = [t[folds].drop_duplicates().sort_values(folds).to_numpy() for t in (first, second)]
    truth = "hr_bpm" if rates else "emotion"
    for what, same in (
        ("rows in the same folds", np.array_equal(*tested)),
        (
            "truth",
            len(one) == len(other)
            and np.allclose(one[truth], other[truth], rtol=0, atol=1e-6, equal_nan=True),
        ),
    ):
        if not same:
            raise BadInput(
                "predictions of two systems",
                expected=f"the same {what}",
                found=f"other {what}",
                remedy="train both on the same windows with the same folds and seed",
            )
    if not rates:
        return one, other
    both = one["hr_pred_bpm"].notna() & other["hr_pred_bpm"].notna()
    one = one.assign(hr_pred_bpm=one["hr_pred_bpm"].where(both))
    return one, other.assign(hr_pred_bpm=other["hr_pred_bpm"].where(both))


def _finite(differences: Floats) -> Floats:
    d = np.asarray(differences, np.float64)
    if d.ndim != 1 or not len(d) or not np.isfinite(d).all():
        raise BadInput(
            "paired differences",
            expected="one finite number for each person",
            found=f"shape {d.shape}, {int((~np.isfinite(d)).sum())} not finite",
            remedy="leave out the persons without a value, and say how many",
        )
    return d


def _spread(d: Floats) -> float:
    """Standard deviation with n - 1; 0 for one value, or where only rounding differs."""
    spread = float(d.std(ddof=1)) if len(d) > 1 else 0.0
    return spread if spread > SAME * float(np.abs(d).max()) else 0.0
