"""Run experiments by name: on the stores that are given, or on specimens made for them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.fan_out import Backend
from pulsefer.experiments import (
    figure3,
    input_kind,
    leakage,
    placebo,
    table1,
    table2,
    table3,
    table4,
    weighting,
    window_length,
)
from pulsefer.experiments.budget import Budget
from pulsefer.experiments.experiment import Experiment, Say, store_of
from pulsefer.experiments.grid import Grid, Job, estimate_s, finished, plan, run_jobs
from pulsefer.reports.row import Row, append
from pulsefer.samples.store import open_store

EXPERIMENTS: Mapping[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        table1,
        table2,
        table3,
        table4,
        figure3,
        leakage,
        placebo,
        weighting,
        window_length,
        input_kind,
    )
}
"""By the name that `pulsefer reproduce` takes."""


@dataclass(frozen=True)
class Plan:
    """What would be run.

    Attributes:
        stores: By experiment: store by its name.
        jobs: By experiment; a job that two of them want is in both.
        seconds: Estimate for what is not finished.
    """

    stores: Mapping[str, Mapping[str, Path]]
    jobs: Mapping[str, Sequence[Job]]
    seconds: float

    @property
    def unique(self) -> list[Job]:
        """Every training once."""
        return list({job.folder: job for jobs in self.jobs.values() for job in jobs}.values())


@dataclass(frozen=True)
class Reproduced:
    """What came out.

    Attributes:
        rows: Of all experiments.
        problems: Arms that could not be trained.
    """

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def plan_experiments(
    names: Sequence[str],
    *,
    out: Path,
    budget: Budget,
    stores: Sequence[Path] = (),
    workers: int = 1,
    say: Say,
) -> Plan:
    """Film what is needed, cut the windows, and count.

    Args:
        names: Keys of `EXPERIMENTS`, or "all".
        out: Folder of results; what it holds already is not made again.
        budget: What it may cost.
        stores: Folders that `data prepare` made, each of another data set; none makes specimens.
        workers: Processes, here or on a cluster.
        say: Told what happens.

    Raises:
        BadInput: an unknown name, or two stores of one data set.
    """
    chosen = _chosen(names)
    given = _given(stores)
    here = min(workers, os.cpu_count() or 1)  # on a cluster only the trainings travel
    by_experiment: dict[str, Mapping[str, Path]] = {}
    for name in chosen:
        by_experiment[name] = given or {
            specimen.name: store_of(specimen, out, workers=here, say=say)
            for specimen in EXPERIMENTS[name].specimens(budget)
        }
    jobs = {
        name: plan(
            EXPERIMENTS[name].arms(by_experiment[name], budget), out=out, workers=here,
            show_progress=True,
        )
        for name in chosen
    }  # fmt: skip
    planned = Plan(by_experiment, jobs, 0.0)
    return Plan(by_experiment, jobs, estimate_s(planned.unique, workers=workers))


def reproduce(
    planned: Plan,
    *,
    out: Path,
    budget: Budget,
    workers: int = 1,
    backend: Backend = "processes",
) -> Reproduced:
    """Run what is planned, and append its rows to OUT/rows.jsonl.

    Args:
        planned: From `plan_experiments`.
        out: Folder of results.
        budget: As it was planned.
        workers: Processes.
        backend: Where they are.

    Raises:
        BadInput: a backend that is not there, or a worker that was lost; what is finished is kept.
    """
    unique = planned.unique
    done = run_jobs(unique, workers=workers, backend=backend, show_progress=True)
    rows: list[Row] = []
    for name, jobs in planned.jobs.items():
        grid = Grid(finished(jobs), ())
        rows += EXPERIMENTS[name].rows(grid, planned.stores[name], budget)
    append(out / "rows.jsonl", rows)
    return Reproduced(tuple(rows), done.problems)


def _chosen(names: Sequence[str]) -> list[str]:
    wanted = list(EXPERIMENTS) if "all" in names else list(dict.fromkeys(names))
    strange = [name for name in wanted if name not in EXPERIMENTS]
    if strange or not wanted:
        raise BadInput(
            "experiment",
            expected=f"all, or some of {', '.join(EXPERIMENTS)}",
            found=", ".join(strange) or "none",
        )
    return wanted


def _given(stores: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in stores:
        name = "+".join(open_store(path).datasets)
        if name in found:
            raise BadInput(
                str(path),
                expected="each store of another data set",
                found=f"a second one of {name}, beside {found[name]}",
            )
        found[name] = path
    return found
