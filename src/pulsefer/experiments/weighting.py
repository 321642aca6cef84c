"""Which weighting? Every method against the curve of static betas, each tuned with as many trials.

The claim before it runs: no method of weighing the two losses reads the emotion better than a
static beta that was looked for as long. Kurin et al. and Xin et al. (both NeurIPS 2022) found so
for tasks of equal right; here one task only helps.

    pulsefer reproduce weighting --store DEAP --budget paper

On a desk it takes about an hour on two cores.

What is compared is not one setting but one way of looking for it. A *family* is a method with its
trials, and every family has the same number. For every fold and seed the trial with the least
cross-entropy on the held-out part of the training side is taken, and what that network says of the
test side is the family's answer. The test side is asked once. Beside the methods stand a tuned STL
(is it the heart rate, or would another dropout have done?) and static betas with placebo targets
(is it the heart, or any second task?).

Which trial was taken where, and how all others did on the held-out part, is left as a table in
OUT/weighting/.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from pulsefer.core.files import whole_file
from pulsefer.core.fingerprint import fingerprint
from pulsefer.experiments.arms import Answers, Cell, difference_rows
from pulsefer.experiments.budget import Budget
from pulsefer.experiments.experiment import SMOKE, Experiment, Specimen, pooled
from pulsefer.experiments.grid import Arm, Grid
from pulsefer.experiments.placebo import CONTROLS, HELPS
from pulsefer.experiments.weighting_trials import STATIC, Family, Trial, families
from pulsefer.reports.row import Row
from pulsefer.samples.split import By
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import Run

VALIDATION = 0.34
"""Choice: a third of the learning persons are held out, for what is tuned by two of ten trials each
is tuned by chance."""
UNTUNED = ", as it comes"
METRICS = frozenset(
    {"balanced_accuracy", "auroc", "hr_rmse_bpm", "hr_rmse_train_mean_bpm", "hr_skill",
     "hr_pearson_within"}
)  # fmt: skip
"""Of every point of a curve and of every family; the runs have all others."""
TOLD = ("effective_beta", "gradient_ratio", "gradient_cosine", "gradient_conflicts")
"""What is said of the weighting itself; see `training.weighing`."""


TELLS = dataclasses.replace(HELPS, name=f"{HELPS.name} (others)", seed=2)
"""As the positive control of `placebo`, of people that no setting was chosen by: those of seed 3
were looked at for `_budget`."""


def _budget(data: str, budget: Budget) -> Budget:
    """What a store is worth.

    Choice: in the specimen a window is one frame, for what is planted stands in every one; five
    seeds in two folds are ten networks of each trial, below which no p over networks is small; and
    320 steps of batches of four cost two thirds of the desk's 240 of eight.
    """
    if data != TELLS.name:
        return budget
    return dataclasses.replace(
        budget, n_frames=1, seeds=5, epochs=8, batch_size=4, dimensions=(CONTROLS[HELPS.name],)
    )


def _places(stores: Mapping[str, Path], budget: Budget) -> list[tuple[str, str]]:
    """Pairs of store and rating."""
    return [(data, dimension) for data in stores for dimension in _budget(data, budget).dimensions]


def _cell(data: str, dimension: str, family: Family, trial: Trial) -> Cell:
    # Without the heart-rate head there is nothing that a target could be taught to.
    name = family.name if trial.weights or trial.beta is None else STATIC
    by: By = "subject"
    return Cell(data, dimension, f"{name}, {trial.name}", by)


def arms(stores: Mapping[str, Path], budget: Budget) -> list[Arm]:
    """Every trial of every family, on the same folds with the same seeds."""
    found: dict[str, Arm] = {}
    for data, dimension in _places(stores, budget):
        size = _budget(data, budget)
        for family in families(budget.name):
            for trial in family.trials:
                cell = _cell(data, dimension, family, trial)
                for arm in cell.arms(stores[data], size, _train(size, trial)):
                    protocol = _protocol(arm.protocol)
                    found[arm.name] = dataclasses.replace(
                        arm, protocol=protocol,
                        auxiliary=family.auxiliary if trial.weights else "true",
                    )  # fmt: skip
    return list(found.values())


def _protocol(protocol: Protocol) -> Protocol:
    return dataclasses.replace(protocol, validation=VALIDATION)


def _train(budget: Budget, trial: Trial) -> TrainConfig:
    train = budget.train(0, heart_rate=trial.weights is not None)
    if trial.weights:
        train = dataclasses.replace(train, weights=trial.weights)
    if trial.learning_rate:
        train = dataclasses.replace(train, learning_rate=trial.learning_rate)
    if trial.dropout is not None:
        model = dataclasses.replace(train.model, dropout=trial.dropout)
        train = dataclasses.replace(train, model=model)
    return train


@dataclass(frozen=True)
class Tuned:
    """A family's answers, each by the trial that its own held-out part chose.

    Attributes:
        family: Which.
        runs: Of all trials and seeds.
        tables: What the chosen networks say of the test side, for each seed.
        told: Of each chosen network, `TOLD` over its whole training; NaN where there is nothing.
        trials: What was tried, and what was chosen: a row per seed, fold and trial.
    """

    family: Family
    runs: list[Run]
    tables: list[pd.DataFrame]
    told: pd.DataFrame
    trials: pd.DataFrame


def tune(family: Family, by_trial: Mapping[str, Sequence[Run | None]]) -> Tuned | None:
    """Choose a trial for every seed and fold.

    Args:
        family: Which.
        by_trial: Runs by the name of the trial, for each seed; None where it could not be trained.

    Returns:
        None where a seed has no run at all.
    """
    n_seeds = max(len(runs) for runs in by_trial.values())
    tables, told, rows = [], [], []
    for seed in range(n_seeds):
        runs = {name: run for name, own in by_trial.items() if (run := own[seed])}
        if not runs:
            return None
        held_out = pd.DataFrame({name: _held_out(run.history) for name, run in runs.items()})
        chosen = held_out.fillna(np.inf).idxmin(axis=1)
        parts = []
        for fold, name in chosen.items():
            predictions = runs[name].predictions
            own = (predictions["fold"] == fold) & (predictions["selection"] == "last")
            parts.append(predictions[own])
            told.append(_told(runs[name].history.query("fold == @fold")))
        tables.append(pd.concat(parts, ignore_index=True))
        rows += [
            {"family": family.name, "trial": name, "seed": seed, "fold": fold,
             "validation_bce": held_out.loc[fold, name], "chosen": chosen[fold] == name,
             "run": runs[name].about["fingerprint"]}
            for fold in held_out.index for name in runs
        ]  # fmt: skip
    every = [run for runs in by_trial.values() for run in runs if run]
    return Tuned(family, every, tables, pd.DataFrame(told), pd.DataFrame(rows))


def _held_out(history: pd.DataFrame) -> pd.Series[float]:
    """Cross-entropy of the last epoch, by fold; NaN where it has none."""
    last = history[history["epoch"] == history["epoch"].max()]
    return last.set_index("fold")["validation_bce"].sort_index()


def _told(history: pd.DataFrame) -> dict[str, float]:
    if "weight_emotion" not in history:
        return dict.fromkeys(TOLD, np.nan)
    means = history.mean(numeric_only=True)
    beta = means["weight_heart_rate"] / means["weight_emotion"]
    return {"effective_beta": beta, **{name: means[name] for name in TOLD[1:]}}


def rows(grid: Grid, stores: Mapping[str, Path], budget: Budget) -> list[Row]:
    """The curves, every family tuned, what its weights were, and static minus each of the others.

    A placebo's heart rates are no heart rates, so of those families only the emotion is scored. The
    p values are adjusted for all comparisons of one store and rating.
    """
    found: list[Row] = []
    for data, dimension in _places(stores, budget):
        size = _budget(data, budget)
        tuned = []
        for family in families(budget.name):
            by_trial = {
                trial.name: [
                    grid.runs.get(_cell(data, dimension, family, trial).name(seed))
                    for seed in range(size.seeds)
                ]
                for trial in family.trials
            }
            found += _along(family, by_trial, data)
            found += _untuned(family, by_trial, data)
            one = tune(family, by_trial)
            if one:
                tuned.append(one)
                found += [*_scores(one, data), *_weights(one, data, dimension)]
        found += _differences(tuned, data)
        if tuned:
            _leave(tuned, data, dimension)
    return found


def _along(family: Family, by_trial: Mapping[str, Sequence[Run | None]], data: str) -> list[Row]:
    """A curve's points, each with all its seeds."""
    found = []
    for trial in family.trials:
        runs = [run for run in by_trial[trial.name] if run]
        if trial.beta is None or not runs:
            continue
        found += pooled(
            runs, experiment="weighting", system=family.name, dataset=data, x_name="beta",
            x=trial.beta,
        )  # fmt: skip
    return _wanted(found, family)


def _untuned(family: Family, by_trial: Mapping[str, Sequence[Run | None]], data: str) -> list[Row]:
    """The method as it comes, for who trains once."""
    runs = [run for run in by_trial[family.default.name] if run] if family.default else []
    if not runs:
        return []
    scored = pooled(
        runs, experiment="weighting", system=f"{family.name}{UNTUNED}", dataset=data
    )  # fmt: skip
    return _wanted(scored, family)


def _scores(tuned: Tuned, data: str) -> list[Row]:
    scored = pooled(
        tuned.runs, experiment="weighting", system=tuned.family.tuned, dataset=data,
        predictions=tuned.tables,
    )  # fmt: skip
    kept = _wanted(scored, tuned.family)
    if any(table["hr_pred_bpm"].isna().any() for table in tuned.tables):
        # Somewhere beta = 0 was chosen: an error of the others alone would be no error of it.
        kept = [row for row in kept if row.dimension != "heart rate"]
    return kept


def _wanted(rows: Sequence[Row], family: Family) -> list[Row]:
    return [
        row for row in rows
        if row.metric in METRICS and row.selection == "last"
        and (row.dimension != "heart rate" or family.auxiliary == "true")
    ]  # fmt: skip


def _weights(tuned: Tuned, data: str, dimension: str) -> list[Row]:
    """Mean over the chosen networks with a 95 % t-interval; of the effective beta the geometric.

    Where a network was chosen that weighs nothing, the family has none.
    """
    found = []
    run = tuned.runs[0]
    for metric, values in tuned.told.items():
        if values.isna().any() or (metric == "effective_beta" and (values <= 0).any()):
            continue
        there, back = (np.log, np.exp) if metric == "effective_beta" else (np.array, np.array)
        of_networks = there(values.to_numpy(np.float64))
        n = len(of_networks)
        half = stdtrit(n - 1, 0.975) * of_networks.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
        mean = of_networks.mean()
        found.append(
            Row(
                experiment="weighting", system=tuned.family.tuned, dataset=data,
                data_kind=run.data_kind, dimension=dimension, metric=str(metric),
                value=float(back(mean)), low=float(back(mean - half)),
                high=float(back(mean + half)), protocol=run.about["protocol_name"],
                selection="last", unit="network", n=n, n_subjects=run.about["n_subjects"],
                seed=run.about["train"]["seed"], config=config_of(tuned.runs),
                manifest=run.about["manifest"], version=run.about["version"],
            )
        )  # fmt: skip
    return found


def _differences(tuned: Sequence[Tuned], data: str) -> list[Row]:
    """Tuned static minus each other."""
    answers = {
        one.family.name: Answers(one.family.tuned, data, one.runs, one.tables) for one in tuned
    }
    if STATIC not in answers:
        return []
    others = [one.family for one in tuned if one.family.name != STATIC]
    return difference_rows(
        [(answers[STATIC], answers[one.name]) for one in others], experiment="weighting"
    )


def config_of(runs: Sequence[Run]) -> str:
    """Fingerprint of what several runs were."""
    return fingerprint([run.about["fingerprint"] for run in runs])


def _leave(tuned: Sequence[Tuned], data: str, dimension: str) -> None:
    out = tuned[0].runs[0].folder.parents[1] / "weighting"
    out.mkdir(parents=True, exist_ok=True)
    name = f"{data}-{dimension}".replace(" ", "-").replace("/", "-")
    with whole_file(out / f"{name}.csv") as part:
        pd.concat([one.trials for one in tuned], ignore_index=True).to_csv(part, index=False)


def specimens(budget: Budget) -> list[Specimen]:
    """People whose hearts know what they feel; for a smoke test small."""
    return [SMOKE] if budget.name == "smoke" else [TELLS]


EXPERIMENT = Experiment(
    name="weighting",
    claim="No way of weighing the losses beats a static beta that was tuned with as many trials.",
    specimens=specimens,
    arms=arms,
    rows=rows,
)
