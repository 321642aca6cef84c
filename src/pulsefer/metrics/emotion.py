"""Scores of the emotion: low or high.

`point` asks scikit-learn; `resampled` gives the same numbers for many resamples of persons at once,
from counts.

Shape letters: R resamples, P persons.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsefer.metrics import calibration
from pulsefer.metrics.bootstrap import Floats, Groups, person_sums, ratio

THRESHOLD = 0.5
"""Probability from which on the answer is "high"."""

NAMES = (
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "mcc",
    "auroc",
    "auroc_within",
    "brier",
    "ece",
)


def point(high: NDArray[np.bool_], prob: Floats, person: Groups | None = None) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro F1, MCC, two AUROCs, Brier score, calibration error.

    Where the truth has one class only, balanced accuracy, macro F1, MCC and AUROC compare something
    with nothing: they are NaN.

    `auroc` ranks all rows together: a network that gives one person higher probabilities than
    another is judged by that too. `auroc_within` is the mean over persons of each person's own.
    Choice: a person with one class only has none and is left out of that mean; `one_class` counts
    them.

    Args:
        high: (n,) truth.
        prob: (n,) probability of "high".
        person: (n,) number of the person of each row, from 0; None if all are of one.

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
        "ece": calibration.ece(high, prob),
    }
    if high.all() or not high.any():
        return {name: scores.get(name, math.nan) for name in NAMES}
    who = np.zeros(len(high), np.intp) if person is None else person
    own = [
        float(metrics.roc_auc_score(high[rows], prob[rows]))
        for rows in (who == one for one in np.unique(who))
        if high[rows].any() and not high[rows].all()
    ]
    return {
        **scores,
        "balanced_accuracy": float(metrics.balanced_accuracy_score(high, said)),
        "f1_macro": float(metrics.f1_score(high, said, average="macro", zero_division=0)),
        "mcc": float(metrics.matthews_corrcoef(high, said)),
        "auroc": float(metrics.roc_auc_score(high, prob)),
        "auroc_within": float(np.mean(own)) if own else math.nan,
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
    auroc, auroc_within = _aurocs(high, prob, person, draws)
    return {
        "accuracy": ratio(tp + tn, n),
        "balanced_accuracy": recall,
        "f1_macro": np.where(two_classes, f1, np.nan),
        "mcc": np.where(two_classes, mcc, np.nan),
        "auroc": auroc,
        "auroc_within": auroc_within,
        "brier": ratio(squares, n),
        "ece": calibration.resampled(high, prob, person, draws),
    }


def one_class(high: NDArray[np.bool_], person: Groups) -> NDArray[np.bool_]:
    """(P,) whether all of a person's rows have the same label."""
    n, n_high = np.bincount(person), np.bincount(person, high)
    return np.asarray((n_high == 0) | (n_high == n))


def _aurocs(
    high: NDArray[np.bool_], prob: Floats, person: Groups, draws: Floats
) -> tuple[Floats, Floats]:
    """Share of pairs (high, low) that stand in the right order: of all rows, and within persons.

    A tie is half a pair. Pairs are counted once for every two persons: won[p, q] pairs of a high
    row of p and a low row of q. A resample weighs them by how often p and q were drawn; the
    diagonal has the pairs within a person.
    """
    n_persons = draws.shape[1]
    of_high, prob_high = person[high], prob[high]
    won = np.zeros((n_persons, n_persons))
    for other in range(n_persons):
        lows = np.sort(prob[~high & (person == other)])
        below = np.searchsorted(lows, prob_high, "left")
        up_to = np.searchsorted(lows, prob_high, "right")
        won[:, other] = np.bincount(of_high, (below + up_to) / 2, minlength=n_persons)
    n_high = np.bincount(of_high, minlength=n_persons).astype(np.float64)
    n_low = np.bincount(person[~high], minlength=n_persons).astype(np.float64)
    of_all = ratio(((draws @ won) * draws).sum(axis=1), (draws @ n_high) * (draws @ n_low))
    own = ratio(np.diag(won), n_high * n_low)
    has_both = np.isfinite(own)
    within = ratio(draws @ np.where(has_both, own, 0), draws @ has_both.astype(np.float64))
    return of_all, within
