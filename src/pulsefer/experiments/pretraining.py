"""From a pre-training to rows: how well the CNN reads single faces of persons it has not seen."""

from __future__ import annotations

import math

from pulsefer.metrics.affect import score
from pulsefer.reports.row import Row
from pulsefer.training.pretrain import PretrainRun

N_RESAMPLES = 2000


def gather(run: PretrainRun) -> list[Row]:
    """All scores, for each dimension that has labels and each selection rule.

    Concordance, correlation and errors in units of -1 to 1, or with a binary target the scores of
    "above 0". The paper reports nothing of its pre-training.

    Args:
        run: A finished pre-training.
    """
    rows = []
    for selection, predictions in run.predictions.groupby("selection", sort=True):
        for dimension in run.about["labels"]:
            target = run.about["pretrain"]["target"]
            found = score(predictions, dimension, target, n_bootstrap=N_RESAMPLES)
            rows += [
                Row(
                    experiment="pretrain",
                    system=run.about["system"],
                    dataset="+".join(run.about["datasets"]),
                    data_kind=run.data_kind,
                    dimension=dimension,
                    metric=metric,
                    value=value.value,
                    low=value.low,
                    high=value.high,
                    protocol=run.about["protocol_name"],
                    selection=str(selection),
                    unit="frame",
                    n=found.n,
                    n_subjects=found.n_persons,
                    seed=run.about["pretrain"]["seed"],
                    config=run.about["fingerprint"],
                    manifest=run.about["manifest"],
                    version=run.about["version"],
                )
                for metric, value in found.values.items()
                if not math.isnan(value.value)
            ]
    return rows
