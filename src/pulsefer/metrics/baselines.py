"""What knowing nothing about the face would score.

These look at the labels that are scored (in-sample), so they are what a guesser could reach at
best: a network below them has shown nothing, and one above them has not yet shown much.

Shape letters: R resamples, P persons.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefer.metrics.bootstrap import Floats, Groups, person_sums, ratio

NAMES = (
    "majority",
    "majority_by_subject",
    "majority_by_stimulus",
    "hr_rmse_constant_bpm",
    "hr_rmse_subject_constant_bpm",
)


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
