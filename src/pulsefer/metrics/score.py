"""All scores of a table of predictions, each with its interval.

Shape letters: R resamples, P persons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.metrics import baselines, emotion, heart_rate
from pulsefer.metrics.bootstrap import Floats, Groups, draw, interval

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

OPTIONAL_COLUMNS = ("high_train_share", "hr_train_mean_bpm", "hr_pos_bpm", "hr_chrom_bpm")
"""What a network has to beat: the share of high labels and the mean rate on the training side of
the row's fold, and the rates that the skin's colour gives for the window. NaN where not known; a
column that is not there has no scores."""

RATES = ("hr_bpm", "hr_pred_bpm", *OPTIONAL_COLUMNS[1:])
"""Columns in bpm."""

MIRRORED = frozenset({"ece"})
"""Scores that chance can only make larger; see `bootstrap.interval`."""

KEYS = ["dataset", "subject", "trial"]
"""What names a trial."""

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
            bpm), and of what knows nothing (`baselines.NAMES`); NaN where there is nothing to
            score.
        n_rows: Rows that each of the values was made from: it takes a true rate to score a rate.
        unit: What one row is: a window, or a trial.
        n_windows: Windows that were predicted.
        n_trials: Trials they come from.
        n_subjects: Persons they come from.
        n_one_class: Persons with labels of one class only: they have no part in `auroc_within`.
        n_hr: Rows with a true and a predicted rate.
        n_hr_missing: Rows without a true rate.
    """

    values: Mapping[str, Value]
    n_rows: Mapping[str, int]
    unit: Unit
    n_windows: int
    n_trials: int
    n_subjects: int
    n_one_class: int
    n_hr: int
    n_hr_missing: int


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The rows of a table as arrays, all (n,), NaN where not known.

    Attributes:
        person: Number of the person, from 0.
        stimulus: Number of the clip, from 0.
        high: Truth.
        prob: Probability of "high".
        true_bpm: True rate.
        pred_bpm: The network's.
        high_share: Share of high labels on the training side.
        mean_bpm: Mean rate of the training side.
        colour_bpm: The rate of each of `baselines.COLOUR_METHODS`.
    """

    person: Groups
    stimulus: Groups
    high: NDArray[np.bool_]
    prob: Floats
    true_bpm: Floats
    pred_bpm: Floats
    high_share: Floats
    mean_bpm: Floats
    colour_bpm: Mapping[str, Floats]


def score(
    predictions: pd.DataFrame, *, unit: Unit = "window", seed: int = 0, n_bootstrap: int = 2000
) -> Scores:
    """Score a table of predictions.

    Args:
        predictions: `PREDICTION_COLUMNS`, those of `OPTIONAL_COLUMNS` that are known, and any
            others.
        unit: "window" scores every window; "trial" every trial, as `rows_of` has it.
        seed: Of the resamples.
        n_bootstrap: Resamples of persons.

    Returns:
        Values and counts.

    Raises:
        BadInput: as `rows_of`.
    """
    c = columns_of(rows_of(predictions, unit))
    n_persons = int(c.person.max()) + 1
    draws = draw(n_persons, n_bootstrap, seed)
    once = _baselines(c, np.ones((1, n_persons)))
    values = {
        **emotion.point(c.high, c.prob, c.person),
        **heart_rate.point(c.true_bpm, c.pred_bpm, c.person),
        **{name: float(value[0]) for name, value in once.items()},
    }
    spread = {
        **emotion.resampled(c.high, c.prob, c.person, draws),
        **heart_rate.resampled(c.true_bpm, c.pred_bpm, c.person, draws),
        **_baselines(c, draws),
    }
    n_rows = {name: int(used.sum()) for name, used in _used(c).items()}
    return Scores(
        values={
            name: Value(
                value,
                *interval(spread[name], n_persons, mirror=value if name in MIRRORED else None),
            )
            for name, value in values.items()
        },
        n_rows=n_rows,
        unit=unit,
        n_windows=len(predictions),
        n_trials=predictions.groupby(KEYS).ngroups,
        n_subjects=n_persons,
        n_one_class=int(emotion.one_class(c.high, c.person).sum()),
        n_hr=n_rows["hr_rmse_bpm"],
        n_hr_missing=int(np.isnan(c.true_bpm).sum()),
    )


def rows_of(predictions: pd.DataFrame, unit: Unit) -> pd.DataFrame:
    """The rows that are scored.

    A trial has one rating, so its windows are not so many answers: it is one row, with the mean
    probability of its windows, and the mean rates of those of its windows that have a true one.

    Args:
        predictions: As in `score`.
        unit: "window" or "trial".

    Raises:
        BadInput: columns are missing; no rows; an emotion that is not 0 or 1; a probability or a
            share that is not one; a window twice in one fold; with unit "trial", a trial with two
            emotions.
    """
    _check(predictions, unit)
    if unit == "window":
        return predictions
    # A rate counts where there is a true one to compare it with.
    has_rate = predictions["hr_bpm"].notna()
    rates = [name for name in predictions.columns if name in RATES]
    table = predictions.assign(**{name: predictions[name].where(has_rate) for name in rates})
    shares = [name for name in ("emotion_prob", "high_train_share") if name in table.columns]
    first = {"stimulus": "first", "emotion": "first"}
    mean = dict.fromkeys([*shares, *rates], "mean")
    return table.groupby(KEYS, sort=True).agg({**first, **mean}).reset_index()


def columns_of(rows: pd.DataFrame) -> Columns:
    """What `rows_of` gives, as arrays."""

    def numbers(name: str) -> Floats:
        if name not in rows.columns:
            return np.full(len(rows), np.nan)
        return np.asarray(rows[name], np.float64)

    def groups(name: str) -> Groups:
        return np.asarray(rows.groupby(["dataset", name], sort=True).ngroup(), np.intp)

    return Columns(
        person=groups("subject"),
        stimulus=groups("stimulus"),
        high=rows["emotion"].to_numpy() == 1,
        prob=numbers("emotion_prob"),
        true_bpm=numbers("hr_bpm"),
        pred_bpm=numbers("hr_pred_bpm"),
        high_share=numbers("high_train_share"),
        mean_bpm=numbers("hr_train_mean_bpm"),
        colour_bpm={name: numbers(f"hr_{name}_bpm") for name in baselines.COLOUR_METHODS},
    )


def _baselines(c: Columns, draws: Floats) -> dict[str, Floats]:
    return {
        **baselines.baselines(c.high, c.true_bpm, c.person, c.stimulus, draws),
        **baselines.from_training(
            c.high, c.high_share, c.true_bpm, c.pred_bpm, c.mean_bpm, c.person, draws
        ),
        **baselines.from_colour(c.true_bpm, c.colour_bpm, c.person, draws),
    }


def _used(c: Columns) -> dict[str, NDArray[np.bool_]]:
    """(n,) which rows each score was made from."""
    known = np.isfinite(c.true_bpm)
    scored = heart_rate.scored(c.true_bpm, c.pred_bpm)
    shared, has_mean = np.isfinite(c.high_share), np.isfinite(c.mean_bpm)
    return {
        **dict.fromkeys((*emotion.NAMES, *baselines.ORACLES), np.ones(len(known), bool)),
        "auroc_within": ~emotion.one_class(c.high, c.person)[c.person],
        **dict.fromkeys(heart_rate.NAMES, scored),
        **dict.fromkeys(("hr_rmse_constant_bpm", "hr_rmse_subject_constant_bpm"), known),
        **dict.fromkeys(("prior", "brier_prior"), shared),
        "hr_rmse_train_mean_bpm": known & has_mean,
        "hr_skill": scored & has_mean,
        **{
            f"hr_{error}_{method}_bpm": heart_rate.scored(c.true_bpm, rate)
            for method, rate in c.colour_bpm.items()
            for error in ("mae", "rmse")
        },
    }


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
    if "high_train_share" in predictions.columns:
        share = predictions["high_train_share"].dropna()
        if not share.between(0, 1).all():
            raise refuse("high_train_share in [0, 1]", str(share[~share.between(0, 1)].iloc[0]))
    twice = predictions.duplicated([*KEYS, "start_s", "fold"])
    if twice.any():
        raise refuse(
            "a window once in a fold",
            f"{int(twice.sum())} rows that repeat one",
            "score one run, and one selection rule, at a time",
        )
    emotions = predictions.groupby(KEYS)["emotion"].nunique()
    if unit == "trial" and (emotions > 1).any():
        raise refuse("one emotion for a trial", f"two for {'/'.join(emotions.idxmax())}")
