"""All scores of a table of predictions, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pulsefer.core.errors import BadInput
from pulsefer.metrics import baselines, emotion, heart_rate
from pulsefer.metrics.bootstrap import draw, interval

if TYPE_CHECKING:
    import pandas as pd

PREDICTION_COLUMNS = (
    "dataset",
    "subject",
    "trial",
    "stimulus",
    "start_s",
    "fold",
    "emotion",
    "emotion_prob",
    "hr_bpm",
    "hr_pred_bpm",
)
"""One row for each tested window: emotion 0 or 1, NaN for a rate that is not known."""

Unit = Literal["window", "trial"]


@dataclass(frozen=True, slots=True)
class Value:
    """A score and its 95 % interval over persons; NaN ends where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scores:
    """What came out.

    Attributes:
        values: Scores of the emotion (`emotion.NAMES`), of the heart rate (`heart_rate.NAMES`,
            bpm), and of guessing (`baselines.NAMES`).
        unit: What one row is: a window, or a trial.
        n_windows: Windows that were predicted.
        n_trials: Trials they come from.
        n_subjects: Persons they come from.
        n_hr: Rows with a true and a predicted rate.
        n_hr_missing: Rows without a true rate.
    """

    values: Mapping[str, Value]
    unit: Unit
    n_windows: int
    n_trials: int
    n_subjects: int
    n_hr: int
    n_hr_missing: int


def score(
    predictions: pd.DataFrame, *, unit: Unit = "window", seed: int = 0, n_bootstrap: int = 2000
) -> Scores:
    """Score a table of predictions.

    Args:
        predictions: `PREDICTION_COLUMNS`, and any others.
        unit: "window" scores every window. "trial" first takes the mean probability of the windows
            of a trial, and the mean rates of those of its windows that have a true one: a trial has
            one rating, so its windows are not so many answers.
        seed: Of the resamples.
        n_bootstrap: Resamples of persons.

    Returns:
        Values and counts.

    Raises:
        BadInput: columns are missing; no rows; an emotion that is not 0 or 1; a probability that
            is not one; a window twice in one fold; with unit "trial", a trial with two emotions.
    """
    _check(predictions, unit)
    trials = predictions.groupby(["dataset", "subject", "trial"], sort=True)
    rows = _by_trial(predictions) if unit == "trial" else predictions
    person = rows.groupby(["dataset", "subject"], sort=True).ngroup().to_numpy(np.intp)
    stimulus = rows.groupby(["dataset", "stimulus"], sort=True).ngroup().to_numpy(np.intp)
    high = rows["emotion"].to_numpy() == 1
    prob = rows["emotion_prob"].to_numpy(np.float64)
    true_bpm = rows["hr_bpm"].to_numpy(np.float64)
    pred_bpm = rows["hr_pred_bpm"].to_numpy(np.float64)

    n_persons = int(person.max()) + 1
    once, draws = np.ones((1, n_persons)), draw(n_persons, n_bootstrap, seed)
    guessed = baselines.baselines(high, true_bpm, person, stimulus, once)
    values = {
        **emotion.point(high, prob),
        **heart_rate.point(true_bpm, pred_bpm, person),
        **{name: float(value[0]) for name, value in guessed.items()},
    }
    spread = {
        **emotion.resampled(high, prob, person, draws),
        **heart_rate.resampled(true_bpm, pred_bpm, person, draws),
        **baselines.baselines(high, true_bpm, person, stimulus, draws),
    }
    return Scores(
        values={
            name: Value(value, *interval(spread[name], n_persons)) for name, value in values.items()
        },
        unit=unit,
        n_windows=len(predictions),
        n_trials=trials.ngroups,
        n_subjects=n_persons,
        n_hr=int(heart_rate.scored(true_bpm, pred_bpm).sum()),
        n_hr_missing=int(np.isnan(true_bpm).sum()),
    )


def _by_trial(predictions: pd.DataFrame) -> pd.DataFrame:
    # A predicted rate counts where there is a true one to compare it with.
    table = predictions.assign(
        hr_pred_bpm=predictions["hr_pred_bpm"].where(predictions["hr_bpm"].notna())
    )
    keys = ["dataset", "subject", "trial"]
    first = {"stimulus": "first", "emotion": "first"}
    mean = dict.fromkeys(("emotion_prob", "hr_bpm", "hr_pred_bpm"), "mean")
    return table.groupby(keys, sort=True).agg({**first, **mean}).reset_index()


def _check(predictions: pd.DataFrame, unit: Unit) -> None:
    def refuse(expected: str, found: str, remedy: str = "") -> BadInput:
        return BadInput("predictions", expected=expected, found=found, remedy=remedy)

    missing = [name for name in PREDICTION_COLUMNS if name not in predictions.columns]
    if missing:
        raise refuse(f"the columns {', '.join(PREDICTION_COLUMNS)}", f"no {', '.join(missing)}")
    if len(predictions) == 0:
        raise refuse("at least one window", "none")
    wrong = ~predictions["emotion"].isin([0, 1])
    if wrong.any():
        raise refuse("emotion 0 or 1", str(predictions["emotion"][wrong].iloc[0]))
    wrong = ~predictions["emotion_prob"].between(0, 1)
    if wrong.any():
        raise refuse("emotion_prob in [0, 1]", str(predictions["emotion_prob"][wrong].iloc[0]))
    window = ["dataset", "subject", "trial", "start_s", "fold"]
    twice = predictions.duplicated(window)
    if twice.any():
        raise refuse(
            "a window once in a fold",
            f"{int(twice.sum())} rows that repeat one",
            "score one run, and one selection rule, at a time",
        )
    emotions = predictions.groupby(["dataset", "subject", "trial"])["emotion"].nunique()
    if unit == "trial" and (emotions > 1).any():
        raise refuse("one emotion for a trial", f"two for {'/'.join(emotions.idxmax())}")
