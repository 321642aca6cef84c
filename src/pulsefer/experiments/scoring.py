"""From runs to rows: every figure with its protocol, counts, interval and baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from pulsefer.core.errors import BadInput
from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.types import DataKind
from pulsefer.experiments.published import NONE, TABLE_3
from pulsefer.metrics import emotion
from pulsefer.metrics.bootstrap import draw, interval
from pulsefer.metrics.score import score
from pulsefer.reports.row import Row
from pulsefer.training.across import Tested
from pulsefer.training.run import Run

HEADLINE = "balanced_accuracy"
N_RESAMPLES = 2000


def gather(run: Run, *, experiment: str, unit: Literal["window", "trial"]) -> list[Row]:
    """All scores of a run, for each selection rule; of several data sets, also of each by itself.

    The published figure stands beside `accuracy`, which is what the paper prints, where the network
    learned from one data set as the paper's did.

    Args:
        run: A finished run.
        experiment: Name for the rows.
        unit: What is counted.
    """
    rows = []
    for selection, predictions in run.predictions.groupby("selection", sort=True):
        parts = {_dataset(run): (predictions, run.about["protocol_name"])}
        if len(run.about["datasets"]) > 1:
            protocol = f"{run.about['protocol_name']}, trained on {_dataset(run)}"
            for dataset, part in predictions.groupby("dataset", sort=True):
                parts[str(dataset)] = (part, protocol)
        for dataset, (part, protocol) in parts.items():
            rows += rows_of(
                run, part, experiment=experiment, unit=unit, dataset=dataset, protocol=protocol,
                selection=str(selection), compared=dataset == _dataset(run),
                config=run.about["fingerprint"], manifest=run.about["manifest"],
            )  # fmt: skip
    return rows


def gather_across(
    tested: Tested, *, experiment: str, unit: Literal["window", "trial"]
) -> list[Row]:
    """All scores of a run's network on data that it did not learn from.

    Args:
        tested: What `predict_on` gave.
        experiment: Name for the rows.
        unit: What is counted.
    """
    rows: list[Row] = []
    for dataset, part in tested.predictions.groupby("dataset", sort=True):
        rows += rows_of(
            tested.run, part, experiment=experiment, unit=unit, dataset=str(dataset),
            protocol=f"trained on {_dataset(tested.run)}", selection="last", compared=False,
            config=tested.config, manifest=tested.manifest, data_kind=tested.data_kind,
        )  # fmt: skip
    return rows


def rows_of(
    run: Run,
    predictions: pd.DataFrame,
    *,
    experiment: str,
    unit: Literal["window", "trial"],
    dataset: str,
    protocol: str,
    selection: str,
    compared: bool,
    config: str,
    manifest: str,
    data_kind: DataKind | None = None,
) -> list[Row]:
    """All scores of a table of predictions; one row for each that has a value.

    Args:
        run: Whose predictions: system, dimension, seed and version are taken from it.
        predictions: As `metrics.score.score` takes them.
        experiment: Name for the rows.
        unit: What is counted.
        dataset: Name of the data.
        protocol: Name of the protocol.
        selection: How the epoch was chosen.
        compared: Whether the paper's figure for this data set and system stands beside.
        config: Fingerprint of the configuration.
        manifest: Fingerprint of who stands where.
        data_kind: None takes the run's.
    """
    scores = score(predictions, unit=unit, seed=0, n_bootstrap=N_RESAMPLES)
    rows = []
    for metric, value in scores.values.items():
        if np.isnan(value.value):
            continue
        heart_rate = metric.startswith("hr_")
        published = TABLE_3.get((dataset, run.dimension, run.system), NONE)
        published = published if compared and metric == "accuracy" else NONE
        rows.append(
            Row(
                experiment=experiment,
                system=run.system,
                dataset=dataset,
                data_kind=data_kind or run.data_kind,
                dimension="heart rate" if heart_rate else run.dimension,
                metric=metric,
                value=value.value,
                low=value.low,
                high=value.high,
                protocol=protocol,
                selection=selection,
                unit=unit,
                n=scores.n_rows[metric],
                n_subjects=scores.n_subjects,
                seed=run.about["train"]["seed"],
                config=config,
                manifest=manifest,
                version=run.about["version"],
                paper=published.value,
                paper_where=published.where,
            )
        )
    return rows


def leakage_gap(
    leaky: Sequence[Run],
    honest: Sequence[Run],
    *,
    experiment: str,
    selection: str = "last",
    dataset: str | None = None,
) -> Row:
    """Balanced accuracy of a leaky protocol minus that of an honest one, of the same windows.

    Choice: the interval draws persons once for both protocols, so that what is hard about a person
    cancels.

    Args:
        leaky: A run for each seed.
        honest: As many, in the same order.
        experiment: Name for the row.
        selection: How the epoch was chosen.
        dataset: Name of the data; None takes the runs'.

    Raises:
        BadInput: the runs did not test the same windows.
    """
    key = ["seed", "dataset", "subject", "trial", "start_s"]
    tested = [_of_seeds(runs, selection).sort_values(key) for runs in (leaky, honest)]
    if not np.array_equal(*(one[key].to_numpy() for one in tested)):
        raise BadInput(
            f"{leaky[0].folder} and {honest[0].folder}",
            expected="the same windows in both",
            found=f"{len(tested[0])} and {len(tested[1])}, not the same",
        )
    person = tested[0].groupby(["dataset", "subject"]).ngroup().to_numpy(np.intp)
    n_persons = int(person.max()) + 1
    point = [emotion.point(*_answers(one))[HEADLINE] for one in tested]
    draws = draw(n_persons, N_RESAMPLES, 0)
    spread = [emotion.resampled(*_answers(one), person, draws)[HEADLINE] for one in tested]
    low, high = interval(spread[0] - spread[1], n_persons)
    one, other = leaky[0], honest[0]
    return Row(
        experiment=experiment,
        system=one.system,
        dataset=dataset or _dataset(one),
        data_kind=one.data_kind,
        dimension=one.dimension,
        metric="leakage_gap",
        value=point[0] - point[1],
        low=low,
        high=high,
        protocol=f"{one.about['protocol_name']} − {other.about['protocol_name']}",
        selection=selection,
        unit="window",
        n=len(person) // len(leaky),
        n_subjects=n_persons,
        seed=one.about["train"]["seed"],
        config=fingerprint([run.about["fingerprint"] for run in (*leaky, *honest)]),
        manifest=fingerprint([one.about["manifest"], other.about["manifest"]]),
        version=one.about["version"],
    )


def _of_seeds(runs: Sequence[Run], selection: str) -> pd.DataFrame:
    tables = [
        run.predictions[run.predictions["selection"] == selection].assign(seed=number)
        for number, run in enumerate(runs)
    ]
    return pd.concat(tables, ignore_index=True)


def _dataset(run: Run) -> str:
    return "+".join(run.about["datasets"])


def _answers(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Truth (n,) bool and probability (n,) of the high class."""
    return (
        predictions["emotion"].to_numpy() == 1,
        predictions["emotion_prob"].to_numpy(np.float64),
    )
