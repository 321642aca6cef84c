"""Scores of the heart rate, from errors summed over the whole set.

A root of a mean is not a mean of roots: nothing here averages batches, trials or persons.

Shape letters: R resamples, P persons.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsefer.metrics.bootstrap import Floats, Groups, person_sums, ratio

NAMES = ("hr_mae_bpm", "hr_rmse_bpm", "hr_bias_bpm", "hr_pearson", "hr_pearson_within")

SAME_BPM = 1e-6
"""Spread below which rates are one rate: a correlation with it has no value."""


def scored(true_bpm: Floats, pred_bpm: Floats) -> NDArray[np.bool_]:
    """Rows with a truth and a prediction: the only ones that count.

    Args:
        true_bpm: (n,), NaN where the contact signal gave no rate.
        pred_bpm: (n,), NaN where the network gave none.

    Returns:
        (n,)
    """
    return np.isfinite(true_bpm) & np.isfinite(pred_bpm)


def point(true_bpm: Floats, pred_bpm: Floats, person: Groups) -> dict[str, float]:
    """Mean absolute error, root mean square error, bias and correlations.

    `hr_pearson_within` takes each person's own mean from truth and prediction first: a network that
    only knows who is who has a good error and a good correlation, and none within a person.

    Args:
        true_bpm: (n,).
        pred_bpm: (n,).
        person: (n,) number of the person of each row.

    Returns:
        bpm for the errors (bias: prediction minus truth), -1 to 1 for the correlations; NaN where
        there are no rows, or for a correlation with something that does not vary.
    """
    from sklearn import metrics

    rows = scored(true_bpm, pred_bpm)
    true, pred, who = true_bpm[rows], pred_bpm[rows], person[rows]
    if len(true) == 0:
        return dict.fromkeys(NAMES, math.nan)
    return {
        "hr_mae_bpm": float(metrics.mean_absolute_error(true, pred)),
        "hr_rmse_bpm": float(metrics.root_mean_squared_error(true, pred)),
        "hr_bias_bpm": float(np.mean(pred - true)),
        "hr_pearson": _pearson(true, pred),
        "hr_pearson_within": _pearson(_within(true, who), _within(pred, who)),
    }


def resampled(
    true_bpm: Floats, pred_bpm: Floats, person: Groups, draws: Floats
) -> dict[str, Floats]:
    """The scores of `point`, once for every resample of persons.

    Args:
        true_bpm: (n,).
        pred_bpm: (n,).
        person: (n,) number of the person of each row.
        draws: (R, P) how often each person is drawn.

    Returns:
        (R,) for each name.
    """
    rows = scored(true_bpm, pred_bpm)
    true, pred, who = true_bpm[rows], pred_bpm[rows], person[rows]
    if len(true) == 0:
        return {name: np.full(len(draws), np.nan) for name in NAMES}
    error = pred - true
    t, p = true - true.mean(), pred - pred.mean()  # smaller numbers, fewer digits lost
    ti, pi = _within(true, who), _within(pred, who)
    columns = [np.ones_like(t), error, np.abs(error), error**2]
    columns += [t, p, t * t, p * p, t * p, ti * ti, pi * pi, ti * pi]
    sums = draws @ person_sums(np.stack(columns, axis=1), who, draws.shape[1])
    n, bias, absolute, squares, st, sp, tt, pp, tp, tti, ppi, tpi = sums.T
    means = ratio(st, n), ratio(sp, n)
    return {
        "hr_mae_bpm": ratio(absolute, n),
        "hr_rmse_bpm": np.sqrt(ratio(squares, n)),
        "hr_bias_bpm": ratio(bias, n),
        "hr_pearson": _correlation(
            tp - n * means[0] * means[1], tt - n * means[0] ** 2, pp - n * means[1] ** 2, n
        ),
        "hr_pearson_within": _correlation(tpi, tti, ppi, n),
    }


def _pearson(a: Floats, b: Floats) -> float:
    from scipy import stats

    if len(a) < 2 or a.std() < SAME_BPM or b.std() < SAME_BPM:
        return math.nan
    return float(stats.pearsonr(a, b).statistic)


def _correlation(ab: Floats, aa: Floats, bb: Floats, n: Floats) -> Floats:
    vary = np.minimum(aa, bb) > n * SAME_BPM**2
    return np.where(vary, ratio(ab, np.sqrt(np.maximum(aa, 0) * np.maximum(bb, 0))), np.nan)


def _within(values: Floats, person: Groups) -> Floats:
    """Values minus the mean of their person."""
    count = np.maximum(np.bincount(person), 1)
    return values - (np.bincount(person, values) / count)[person]
