"""What a network has to beat.

`ORACLES` look at the labels that are scored (in-sample), so they are what a guesser could reach at
best: a network below them has shown nothing, and one above them has not yet shown much.
`FROM_TRAINING` know what the network could learn without looking: they can lose. `FROM_COLOUR`
learned nothing and read the pulse from the mean colour of the skin.

Shape letters: R resamples, P persons.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pulsefer.metrics.bootstrap import Floats, Groups, person_sums, ratio
from pulsefer.metrics.emotion import THRESHOLD

ORACLES = (
    "majority",
    "majority_by_subject",
    "majority_by_stimulus",
    "hr_rmse_constant_bpm",
    "hr_rmse_subject_constant_bpm",
)
"""In a resample the larger class is larger still: the intervals of `majority` and
`majority_by_stimulus` lie high, and may begin above the value."""
FROM_TRAINING = ("prior", "brier_prior", "hr_rmse_train_mean_bpm", "hr_skill")
COLOUR_METHODS = ("pos", "chrom")
"""Keys of `signals.colour.METHODS`."""
FROM_COLOUR = tuple(
    f"hr_{error}_{method}_bpm" for method in COLOUR_METHODS for error in ("mae", "rmse")
)
NAMES = (*ORACLES, *FROM_TRAINING, *FROM_COLOUR)


def baselines(
    high: NDArray[np.bool_],
    true_bpm: Floats,
    person: Groups,
    stimulus: Groups,
    draws: Floats,
) -> dict[str, Floats]:
    """Accuracy of the larger class, and heart-rate error of a constant, in every resample.

    `majority` always says the larger class; `majority_by_subject` the larger class of each person,
    `majority_by_stimulus` that of each clip. `hr_rmse_constant_bpm` always says the mean rate,
    `hr_rmse_subject_constant_bpm` each person's mean.

    Args:
        high: (n,) truth.
        true_bpm: (n,), NaN where unknown.
        person: (n,) number of the person of each row.
        stimulus: (n,) number of the clip of each row.
        draws: (R, P) how often each person is drawn; one row of ones gives the plain value.

    Returns:
        (R,) for each name; bpm for the errors, NaN where no rate is known.
    """
    n_persons = draws.shape[1]
    classes = np.stack([~high, high], axis=1).astype(np.float64)
    by_person = person_sums(classes, person, n_persons)
    n_clips = int(stimulus.max()) + 1 if len(stimulus) else 0
    by_both = np.zeros((n_persons, n_clips, 2))
    np.add.at(by_both, (person, stimulus, high.astype(np.intp)), 1)
    n = draws @ by_person.sum(axis=1)
    by_clip = np.tensordot(draws, by_both, axes=1)  # (R, clips, 2)
    known = np.isfinite(true_bpm)
    bpm, who = true_bpm[known], person[known]
    centred = bpm - bpm.mean() if len(bpm) else bpm
    ones, sums, squares = person_sums(
        np.stack([np.ones_like(bpm), centred, centred**2], axis=1), who, n_persons
    ).T
    inside = squares - sums**2 / np.maximum(ones, 1)
    n_bpm = draws @ ones
    mean = ratio(draws @ sums, n_bpm)
    return {
        "majority": ratio((draws @ by_person).max(axis=1), n),
        "majority_by_subject": ratio(draws @ by_person.max(axis=1), n),
        "majority_by_stimulus": ratio(by_clip.max(axis=2).sum(axis=1), n),
        "hr_rmse_constant_bpm": np.sqrt(np.maximum(ratio(draws @ squares, n_bpm) - mean**2, 0)),
        "hr_rmse_subject_constant_bpm": np.sqrt(ratio(draws @ np.maximum(inside, 0), n_bpm)),
    }


def from_training(
    high: NDArray[np.bool_],
    high_share: Floats,
    true_bpm: Floats,
    pred_bpm: Floats,
    mean_bpm: Floats,
    person: Groups,
    draws: Floats,
) -> dict[str, Floats]:
    """Scores of what the training side of each row's fold is on average, in every resample.

    `prior` is the accuracy of always giving the answer that is more frequent there ("high" from one
    half on), `brier_prior` the Brier score of always giving that share as the probability.
    `hr_rmse_train_mean_bpm` is the error of always saying the mean rate there; with the squared
    errors of the same rows,

        hr_skill = 1 - MSE of the network / MSE of the training mean

    so 0 is no better than knowing nothing, 1 is perfect, and less than 0 is worse than nothing. A
    balanced accuracy of the prior is not given: inside a fold it is one half by definition.

    Args:
        high: (n,) truth.
        high_share: (n,) share of high labels on the training side, NaN where not known.
        true_bpm: (n,), NaN where unknown.
        pred_bpm: (n,), NaN where the network gave none.
        mean_bpm: (n,) mean rate of the training side, NaN where not known.
        person: (n,) number of the person of each row.
        draws: (R, P) how often each person is drawn; one row of ones gives the plain value.

    Returns:
        (R,) for each of `FROM_TRAINING`; each from the rows that have what it needs.
    """
    known = np.isfinite(high_share)
    right = known & ((high_share >= THRESHOLD) == high)
    squares = (high_share - high) ** 2
    off = (mean_bpm - true_bpm) ** 2
    guessed = np.isfinite(off)
    error = (pred_bpm - true_bpm) ** 2
    both = guessed & np.isfinite(error)
    columns = [known, right, np.where(known, squares, 0), guessed, np.where(guessed, off, 0)]
    columns += [np.where(both, off, 0), np.where(both, error, 0)]
    table = np.column_stack(columns).astype(np.float64)
    n, n_right, brier, n_bpm, mse, mse_mean, mse_net = (
        draws @ person_sums(table, person, draws.shape[1])
    ).T
    return {
        "prior": ratio(n_right, n),
        "brier_prior": ratio(brier, n),
        "hr_rmse_train_mean_bpm": np.sqrt(ratio(mse, n_bpm)),
        "hr_skill": 1 - ratio(mse_net, mse_mean),
    }


def from_colour(
    true_bpm: Floats, colour_bpm: Mapping[str, Floats], person: Groups, draws: Floats
) -> dict[str, Floats]:
    """Errors of the classical methods, in every resample.

    Args:
        true_bpm: (n,), NaN where unknown.
        colour_bpm: (n,) for each of `COLOUR_METHODS`; NaN where the colour gave no rate, which
            leaves the row out.
        person: (n,) number of the person of each row.
        draws: (R, P) how often each person is drawn.

    Returns:
        (R,) for each of `FROM_COLOUR`, bpm.
    """
    found = {}
    for method in COLOUR_METHODS:
        error = colour_bpm[method] - true_bpm
        known = np.isfinite(error)
        error = np.where(known, error, 0)
        columns = np.column_stack([known, np.abs(error), error**2]).astype(np.float64)
        n, absolute, squares = (draws @ person_sums(columns, person, draws.shape[1])).T
        found[f"hr_mae_{method}_bpm"] = ratio(absolute, n)
        found[f"hr_rmse_{method}_bpm"] = np.sqrt(ratio(squares, n))
    return found
