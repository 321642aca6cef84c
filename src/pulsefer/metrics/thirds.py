"""Scores of three classes (low, middle, high), for the one published figure that is of three.

Shape letters: R resamples, P persons, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pulsefer.core.errors import BadInput
from pulsefer.metrics.bootstrap import Floats, Groups, draw, interval, person_sums, ratio
from pulsefer.metrics.score import KEYS, Value

if TYPE_CHECKING:
    import pandas as pd

CLASSES = ("low", "middle", "high")
COLUMNS = tuple(f"prob_{name}" for name in CLASSES)
N_RESAMPLES = 2000


def score_thirds(predictions: pd.DataFrame, *, seed: int = 0) -> dict[str, Value]:
    """Accuracy, balanced accuracy and the largest class's share, by trial, with intervals.

    Of a trial the mean of its windows' probabilities counts, and the likeliest class is the answer.

    Args:
        predictions: A row for each window: dataset, subject, trial, fold; third (0 low, 1 middle,
            2 high, -1 unknown) and prob_low, prob_middle, prob_high.
        seed: Of the resamples over persons.

    Returns:
        accuracy_thirds, balanced_accuracy_thirds and majority_thirds, each 0-1. The last one knows
        the tested labels.

    Raises:
        BadInput: columns missing, or no trial whose class is known.
    """
    missing = {"third", "fold", *COLUMNS, *KEYS} - set(predictions.columns)
    if missing:
        raise BadInput(
            "predictions of three classes",
            expected="columns of a run of three classes",
            found=f"no {', '.join(sorted(missing))}",
        )
    known = predictions[predictions["third"] >= 0]
    if known.empty:
        raise BadInput("predictions of three classes", expected="known classes", found="none")
    trials = known.groupby([*KEYS, "fold"], sort=True)[["third", *COLUMNS]].mean().reset_index()
    truth = trials["third"].to_numpy(np.intp)
    right = trials[list(COLUMNS)].to_numpy().argmax(axis=1) == truth
    person: Groups = trials.groupby(["dataset", "subject"]).ngroup().to_numpy(np.intp)
    n_persons = int(person.max()) + 1
    of_class = np.eye(len(CLASSES))[truth]
    sums_PK = person_sums(
        np.concatenate([of_class, of_class * right[:, None]], axis=1), person, n_persons
    )
    point = _scores(np.ones((1, n_persons)) @ sums_PK)
    spread = _scores(draw(n_persons, N_RESAMPLES, seed) @ sums_PK)
    return {
        name: Value(float(point[name][0]), *interval(spread[name], n_persons)) for name in point
    }


def _scores(sums_RK: Floats) -> dict[str, Floats]:
    n_RK, right_RK = sums_RK[:, :3], sums_RK[:, 3:]
    n_R = n_RK.sum(axis=1)
    recalls = ratio(right_RK, n_RK)
    return {
        "accuracy_thirds": ratio(right_RK.sum(axis=1), n_R),
        # A class that nobody has is not asked for; with one class only there is nothing to balance.
        "balanced_accuracy_thirds": np.where(
            (n_RK > 0).sum(axis=1) > 1, np.nanmean(recalls, axis=1), np.nan
        ),
        "majority_thirds": ratio(n_RK.max(axis=1), n_R),
    }
