"""`pulsefer reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pulsefer.app.console import CORES, OK, SKIPPED, next_step, problems_of, say, show
from pulsefer.core.fan_out import Backend, require_backend
from pulsefer.experiments.budget import SIZES, BudgetName
from pulsefer.experiments.reproduce import EXPERIMENTS, Plan, plan_experiments
from pulsefer.experiments.reproduce import reproduce as run_experiments
from pulsefer.reports.table import table

HEADLINES = (
    "balanced_accuracy", "difference_balanced_accuracy", "leakage_gap", "epochs_to_stl_best", "bce",
)  # fmt: skip
"""Metrics that a terminal shows; a report has them all."""
EPOCHS = ("last", "first")
"""And of which epoch: the last one, or the first to reach something."""


def reproduce(
    name: str,
    /,
    *more: str,
    out: Path = Path("results-new"),
    store: Annotated[list[Path] | None, Parameter(negative=())] = None,
    budget: BudgetName = "desk",
    dry_run: bool = False,
    workers: int = CORES,
    backend: Backend = "processes",
) -> int:
    """Run the paper's tables and figures, and the experiments that tell emotion from leakage.

    Without a store, specimens with a planted answer are filmed, and every figure says synthetic.
    What is finished in OUT is not run again: a killed command goes on where it was. Exit status
    1: some trainings were not possible, and are named.

    * What there is: `pulsefer reproduce all --dry-run --budget smoke`

    * The paper's Table 3 on your data: `pulsefer reproduce table3 --store DEAP --store MAHNOB
      --budget paper`

    * How much of an accuracy is leakage: `pulsefer reproduce leakage --store DEAP`

    * Which weighting of the two losses to take: `pulsefer reproduce weighting --store DEAP`

    Args:
        name: table1, table2, table3, table4, figure3, leakage, placebo, weighting, window_length,
            input; or all.
        more: Further ones; trainings that several of them want are done once.
        out: Folder of results.
        store: A folder that `data prepare` made; may be given once for each data set.
        budget: smoke shows in seconds that everything runs; desk tells in minutes what was
            planted in specimens; paper has the paper's settings.
        dry_run: List the trainings and an estimate of their time; film and cut, but train nothing.
        workers: Processes.
        backend: Where the trainings are: processes of this machine, or workers of the Ray cluster
            that RAY_ADDRESS names (docs/parallel.md; pip install 'pulsefer[cluster]').
    """
    require_backend(backend, workers=workers)
    size = SIZES[budget]
    planned = plan_experiments(
        [name, *more], out=out, budget=size, stores=store or (), workers=workers, say=say
    )
    _say_plan(planned, every=dry_run)
    if dry_run:
        next_step("the same without --dry-run")
        return OK
    done = run_experiments(planned, out=out, budget=size, workers=workers, backend=backend)
    for one in planned.jobs:
        rows = [
            row for row in done.rows
            if row.experiment == one and row.metric in HEADLINES and row.selection in EPOCHS
        ]  # fmt: skip
        if rows:
            show(table(rows, title=f"{one}: {EXPERIMENTS[one].claim}"))
    problems_of(done.problems)
    say(f"all {len(done.rows)} figures, as rows: {out / 'rows.jsonl'}")
    next_step(f"pulsefer report {out}")
    return SKIPPED if done.problems else OK


def _say_plan(planned: Plan, *, every: bool) -> None:
    for name, jobs in planned.jobs.items():
        n_done = sum(job.done for job in jobs)
        n_epochs = sum(job.n_epochs for job in jobs)
        where = ", ".join(planned.stores[name])
        if not jobs:
            say(f"{name}: nothing to train on {where}; it needs {EXPERIMENTS[name].needs}")
            continue
        say(f"{name}: {len(jobs)} trainings ({n_done} finished), {n_epochs} epochs, on {where}")
        for job in jobs if every else ():
            done = ", finished" if job.done else ""
            say(f"  {job.arm.name}: {job.n_windows} windows, {job.n_epochs} epochs{done}")
    minutes = planned.seconds / 60
    say(f"{len(planned.unique)} different trainings; about {minutes:.1f} minutes for what is left")
