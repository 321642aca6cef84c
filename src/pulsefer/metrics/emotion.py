"""Scores of the emotion: low or high.

`point` asks scikit-learn; `resampled` gives the same numbers for many resamples of persons at once,
from counts.

Shape letters: R resamples, P persons.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsefer.metrics.bootstrap import Floats, Groups, person_sums, ratio

THRESHOLD = 0.5
"""Probability from which on the answer is "high"."""

NAMES = ("accuracy", "balanced_accuracy", "f1_macro", "mcc", "auroc", "brier")


def point(high: NDArray[np.bool_], prob: Floats) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro F1, MCC, AUROC and Brier score.

    Where the truth has one class only, balanced accuracy, macro F1, MCC and AUROC compare something
    with nothing: they are NaN.

    Args:
        high: (n,) truth.
        prob: (n,) probability of "high".

    Returns:
        The scores under their names, shares between 0 and 1.

    >>> point(np.array([True, True, False]), np.array([0.9, 0.4, 0.1]))["accuracy"]
    0.6666666666666666
    """
    from sklearn import metrics

    if len(high) == 0:
        return dict.fromkeys(NAMES, math.nan)
    said = prob >= THRESHOLD
    scores = {
        "accuracy": float(metrics.accuracy_score(high, said)),
        "brier": float(metrics.brier_score_loss(high, prob, pos_label=True)),
    }
    if high.all() or not high.any():
        return {name: scores.get(name, math.nan) for name in NAMES}
    return {
        **scores,
        "balanced_accuracy": float(metrics.balanced_accuracy_score(high, said)),
        "f1_macro": float(metrics.f1_score(high, said, average="macro", zero_division=0)),
        "mcc": float(metrics.matthews_corrcoef(high, said)),
        "auroc": float(metrics.roc_auc_score(high, prob)),
    }


def resampled(
    high: NDArray[np.bool_], prob: Floats, person: Groups, draws: Floats
) -> dict[str, Floats]:
    """The scores of `point`, once for every resample of persons.

    Args:
        high: (n,) truth.
        prob: (n,) probability of "high".
        person: (n,) number of the person of each row.
        draws: (R, P) how often each person is drawn.

    Returns:
        (R,) for each name.
    """
    said = prob >= THRESHOLD
    hits = np.stack([high & said, ~high & said, high & ~said, ~high & ~said], axis=1)
    columns = np.column_stack([hits, (prob - high) ** 2]).astype(np.float64)
    tp, fp, fn, tn, squares = (draws @ person_sums(columns, person, draws.shape[1])).T
    n, two_classes = tp + fp + fn + tn, (tp + fn > 0) & (tn + fp > 0)
    recall = (ratio(tp, tp + fn) + ratio(tn, tn + fp)) / 2
    f1 = (ratio(2 * tp, 2 * tp + fp + fn) + ratio(2 * tn, 2 * tn + fp + fn)) / 2
    spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    mcc = np.nan_to_num(ratio(tp * tn - fp * fn, spread))  # one answer only: 0, as scikit-learn
    return {
        "accuracy": ratio(tp + tn, n),
        "balanced_accuracy": recall,
        "f1_macro": np.where(two_classes, f1, np.nan),
        "mcc": np.where(two_classes, mcc, np.nan),
        "auroc": _auroc(high, prob, person, draws),
        "brier": ratio(squares, n),
    }


def _auroc(high: NDArray[np.bool_], prob: Floats, person: Groups, draws: Floats) -> Floats:
    """Share of pairs (high, low) that stand in the right order; a tie is half a pair.

    Pairs are counted once for every two persons: won[p, q] pairs of a high row of p and a low row
    of q. A resample weighs them by how often p and q were drawn.
    """
    n_persons = draws.shape[1]
    of_high, prob_high = person[high], prob[high]
    won = np.zeros((n_persons, n_persons))
    for other in range(n_persons):
        lows = np.sort(prob[~high & (person == other)])
        below = np.searchsorted(lows, prob_high, "left")
        up_to = np.searchsorted(lows, prob_high, "right")
        won[:, other] = np.bincount(of_high, (below + up_to) / 2, minlength=n_persons)
    n_high = draws @ np.bincount(of_high, minlength=n_persons)
    n_low = draws @ np.bincount(person[~high], minlength=n_persons)
    return ratio(((draws @ won) * draws).sum(axis=1), n_high * n_low)
