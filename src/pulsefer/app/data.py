"""`pulsefer data fake | check | prepare`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from pulsefer.app.console import OK, REFUSED, SKIPPED, next_step, problems_of, say, show
from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.progress import progress
from pulsefer.datasets import deap, deap_check, deap_fake
from pulsefer.datasets.synthetic import Effects
from pulsefer.samples.prepare import PrepareConfig
from pulsefer.samples.prepare import prepare as prepare_store

Dataset = Literal["deap"]
READERS: Mapping[str, Any] = {"deap": deap.read}
WRITERS: Mapping[str, Any] = {"deap": deap_fake.write_fake}
CHECKERS: Mapping[str, Any] = {"deap": deap_check.check}

flat = Parameter(name="*")
CORES = os.cpu_count() or 1
DEFAULT = PrepareConfig()


@dataclass(frozen=True)
class Specimen:
    """Size of a synthetic tree.

    Attributes:
        subjects: Persons.
        trials: Trials with video per person, at most 40; ratings and signals are there for all 40.
        seconds: Length of a trial. DEAP: 60.
        fps_hz: Frame rate. DEAP: 50.
        width_px: Width. DEAP: 720.
        height_px: Height. DEAP: 576.
        physiology: dat (preprocessed), bdf (original), or both.
        crf: Quality of the H.264; the pulse does not survive much above 23.
        hr_bpm: The same heart rate everywhere, instead of another one in every trial.
        seed: Equal seeds write equal bytes.
    """

    subjects: int = 2
    trials: int = 3
    seconds: float = 60.0
    fps_hz: float = 50.0
    width_px: int = 720
    height_px: int = 576
    physiology: Literal["dat", "bdf", "both"] = "dat"
    crf: int = 18
    hr_bpm: float | None = None
    seed: int = 0


def fake(
    dataset: Dataset,
    out: Path,
    /,
    *,
    specimen: Annotated[Specimen, flat] = Specimen(),
    effects: Annotated[Effects | None, Parameter(name="effects")] = None,
    workers: int = CORES,
) -> int:
    """Write a byte-true synthetic data set with known heart rates and ratings.

    It has the tree, names, formats and oddities of the real one, so every reader can be tried
    without a licence. Everything made from it is marked synthetic.

    * Small and quick: `pulsefer data fake deap OUT --seconds 12 --width-px 320 --height-px 256`

    * A faint expression, no pulse: `--effects.expression 0.3 --effects.pulse-amplitude 0`

    Args:
        dataset: deap.
        out: Folder to write into.
        specimen: Size.
        effects: What is planted: how visible expression and pulse are, what belongs to whom.
        workers: Processes.
    """
    tree = WRITERS[dataset](
        out, **asdict(specimen), effects=effects, workers=workers, show_progress=True
    )
    n_filmed = sum(planted.filmed for planted in tree.planted)
    say(
        f"{out}: {n_filmed} synthetic films, ratings and signals of {len(tree.planted)} trials; "
        "SPECIMEN.json says what was planted"
    )
    next_step(f"pulsefer data check {dataset} {out}")
    return OK


def check(dataset: Dataset, root: Path, /, *, deep: bool = False) -> int:
    """Compare a copy with the facts that are known of the data set.

    Exit status 0: whole, or merely partial (and it says so). 1: something is broken. 2: no folder.

    Args:
        dataset: deap.
        root: Folder of the data set, or any folder above it.
        deep: Also decode every video to its last frame. Slow.
    """
    from rich.markup import escape
    from rich.table import Table

    if not root.is_dir():
        raise BadInput(
            str(root),
            expected=f"the folder of {dataset}",
            found="a file" if root.exists() else "no such folder",
            remedy=f"check the path, or try `pulsefer data fake {dataset} OUT`",
        )
    report = CHECKERS[dataset](root, deep=deep, show_progress=True)
    colours = {"ok": "green", "note": "dim", "warning": "yellow", "broken": "bold red"}
    table = Table(title=f"{dataset}: {root}", title_justify="left", header_style="bold")
    for column in ("fact", "expected", "found", ""):
        table.add_column(column, overflow="fold")
    for row in report.rows:
        mark = f"[{colours[row.verdict]}]{row.verdict}[/]"
        table.add_row(escape(row.what), escape(row.expected), escape(row.found), mark)
    show(table)
    problems_of(report.problems)
    if not report.ok:
        n_broken = sum(row.verdict == "broken" for row in report.rows)
        say(f"[bold red]broken[/bold red]: {n_broken} facts; the lines above say what to do")
        next_step(f"pulsefer data prepare {dataset} {root} --store STORE   # leaves them out")
        return SKIPPED
    next_step(f"pulsefer data prepare {dataset} {root} --store STORE")
    return OK


def prepare(
    dataset: Dataset,
    root: Path,
    /,
    *,
    store: Path,
    config: Annotated[PrepareConfig, flat] = DEFAULT,
    workers: int = CORES,
) -> int:
    """Find and cut the faces, find the beats, and keep both in a store that training maps.

    May be stopped and started again at any time. Exit status 1: something was skipped, and is
    named; the rest is there. 2: nothing could be prepared.

    * `pulsefer data prepare deap ROOT --store STORE`

    * Smaller faces in the picture: `--follow.min-face-fraction 0.1`

    Args:
        dataset: deap.
        root: Folder of the data set.
        store: Folder of the store; made if absent, completed if there.
        config: How faces are cut.
        workers: Processes.
    """
    problems: list[Problem] = []
    recordings = list(READERS[dataset](root, on_problem=problems.append))
    with progress("prepare (trials)", len(recordings)) as advance:
        done = prepare_store(
            recordings, store=store, config=config, workers=workers, advance=advance
        )
    problems.extend(done.problems)
    problems_of(problems)
    n_bad = sum(problem.severity == "error" for problem in problems)
    say(f"{store}: {done.n_made} trials made, {done.n_kept} already there, {n_bad} skipped")
    if done.store is None:
        next_step(f"pulsefer data check {dataset} {root}")
        return REFUSED
    next_step(f"pulsefer train {store} --out RUN")
    return SKIPPED if n_bad else OK
