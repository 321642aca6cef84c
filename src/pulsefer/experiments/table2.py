"""Table 2: the systems that the paper compares with on MAHNOB-HCI, on the same windows and folds.

    pulsefer reproduce table2 --store MAHNOB --budget paper

A second specimen holds the answer to what WMD-DTW's published 94 % can be: faces without
expression, and a skin whose response to a clip is the same in everybody, as the ratings nearly are.
Persons who were never seen are then read well, and clips that were never seen are not.
"""

from __future__ import annotations

import dataclasses

from pulsefer.datasets.synthetic import Effects
from pulsefer.experiments.budget import Budget
from pulsefer.experiments.compared import CRNN, FACES, RELATED, Line, Table
from pulsefer.experiments.experiment import FACE, SMOKE, Experiment, Specimen
from pulsefer.experiments.published import TABLE_2

CLIP = dataclasses.replace(
    FACE,
    name="clip in the skin",
    dataset="mahnob_hci",
    effects=Effects(
        expression=0.0, hr_to_flush=0.0, arousal_to_hr_bpm=0.0, stimulus_to_rating=0.85,
        subject_to_rating=0.05, clips_in_common=8,
    ),
    subjects=8,
)  # fmt: skip

TABLE = Table(
    "table2",
    "ecg",
    (
        *FACES,
        Line("NCA", "nca_knn", obtained="10 folds, three classes", by_trial=True),
        Line("NCA, 3 classes", "nca_knn", obtained="10 folds", n_classes=3, by_trial=True),
        Line(
            "WMD-DTW",
            "wmd_dtw",
            obtained="“user-independent” folds that are not described",
            by_trial=True,
        ),
        *CRNN,
        *RELATED,
    ),
    TABLE_2,
    only={CLIP.name: ("WMD-DTW", "STL", "MTL")},
)


def specimens(budget: Budget) -> list[Specimen]:
    """A face that shows the rating, and a skin that knows the clip."""
    if budget.name == "smoke":
        small = dataclasses.replace(SMOKE, subjects=4, trials=6)  # each with a neutral clip before
        return [dataclasses.replace(small, name="smoke of MAHNOB-HCI", dataset="mahnob_hci")]
    return [dataclasses.replace(FACE, name="face of MAHNOB-HCI", dataset="mahnob_hci"), CLIP]


EXPERIMENT = Experiment(
    name="table2",
    claim="What is read of persons who were never seen may be the clip that everybody watched.",
    specimens=specimens,
    arms=TABLE.arms,
    rows=TABLE.rows,
    needs="an ECG, as MAHNOB-HCI has",
)
