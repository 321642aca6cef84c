"""Table 1: the systems that the paper compares with on DEAP, on the same windows and folds.

    pulsefer reproduce table1 --store DEAP --budget paper

What is compared, and why the paper's column is no ranking: `experiments.compared`.
"""

from __future__ import annotations

from pulsefer.experiments.budget import Budget
from pulsefer.experiments.compared import CRNN, FACES, RELATED, Line, Table
from pulsefer.experiments.experiment import FACE, SMOKE, Experiment, Specimen
from pulsefer.experiments.published import TABLE_1
from pulsefer.samples.window import PRESETS, WindowConfig

TABLE = Table(
    "table1",
    "ppg",
    (
        *FACES,
        Line("3D-CNN", "cnn_3d", "title", "an unknown protocol"),
        Line("R-ELM", "r_elm", "title", "an unknown protocol", by_trial=True),
        Line("mRMR + RF", "mrmr_rf", obtained="folds over pooled windows, probably", by_trial=True),
        Line("CNN", "ppg_cnn", obtained="windows of pulses, split unknown", by_trial=True),
        *CRNN,
        *RELATED,
        Line(
            "MTTS-CAN",
            "mtts_can",
            "code",
            windows={
                "smoke": WindowConfig(length_s=6.0, n_frames=60),
                "desk": WindowConfig(length_s=10.0, n_frames=100),
                "paper": PRESETS["pulse"],
            },
        ),
    ),
    TABLE_1,
)
"""MTTS-CAN says no emotion: it is a reference for the heart rate, on windows that hold one."""


def specimens(budget: Budget) -> list[Specimen]:
    """A face that shows the rating, and a heart that follows arousal."""
    return [SMOKE if budget.name == "smoke" else FACE]


EXPERIMENT = Experiment(
    name="table1",
    claim="On DEAP's windows and folds the systems of Table 1 are not where their papers put them.",
    specimens=specimens,
    arms=TABLE.arms,
    rows=TABLE.rows,
    needs="a PPG, as DEAP has",
)
