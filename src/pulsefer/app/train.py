"""`pulsefer train` and `pulsefer evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pulsefer.app.console import OK, next_step, say, show
from pulsefer.core.progress import progress
from pulsefer.experiments.scoring import gather
from pulsefer.reports.row import append
from pulsefer.reports.table import table
from pulsefer.samples.store import open_store
from pulsefer.samples.window import PRESETS, WindowConfig, window
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import Run, epochs_of, open_run
from pulsefer.training.run import train as train_run

flat = Parameter(name="*")
PAPER_WINDOWS, PAPER_TRAIN, BY_SUBJECT = PRESETS["paper"], TrainConfig(), Protocol()


def train(
    store: Path,
    /,
    *,
    out: Path,
    windows: Annotated[WindowConfig, flat] = PAPER_WINDOWS,
    protocol: Annotated[Protocol, flat] = BY_SUBJECT,
    config: Annotated[TrainConfig, flat] = PAPER_TRAIN,
    final: bool = True,
) -> int:
    """Train the paper's network on a store, fold by fold, and score it.

    Defaults are the paper's where it says them, and the honest protocol (no person on both
    sides) where it does not. May be stopped and started again at any time: it ends in the same
    bytes. The whole configuration is written to OUT/run.json.

    * The paper's multi-task network: `pulsefer train STORE --out runs/mtl`

    * Without the heart rate: `pulsefer train STORE --out runs/stl --model.no-heart-rate`

    * What a split by window is worth: `pulsefer train STORE --out runs/leaky --by window`

    * Room for a pulse: `--length-s 10 --n-frames 125 --step-s 5`

    Args:
        store: Folder that `data prepare` made.
        out: Folder of the run.
        windows: What a sample is.
        protocol: How the folds are made.
        config: How one model is fitted.
        final: At the end fit one model to everything, for `analyze`. No figure comes from it.
    """
    opened = open_store(store)
    with progress("windows and heart rates (trials)", len(opened)) as advance:
        cut = window(opened, windows, advance=advance)
    n_high = sum(one.emotion for one in cut.windows)
    share = n_high / len(cut.windows)
    say(
        f"{len(cut.windows)} windows of {windows.length_s:g} s from {len(opened)} trials, "
        f"{share:.0%} high {windows.dimension} ({windows.threshold})"
    )
    say(f"left out: {_counts(cut.left_out)}; without a heart rate: {_counts(cut.hr_rejected)}")
    if protocol.leaky:
        say("[yellow]by window[/yellow]: windows of one trial stand on both sides. Its figures "
            "measure recognition of the trial, not emotion.")  # fmt: skip
    total = epochs_of(cut, protocol, config, final=final)
    with progress(f"train {config.system} (epochs)", total) as advance:
        run = train_run(opened, cut, protocol, config, folder=out, final=final, advance=advance)
    _show(run, "window")
    if final:
        next_step(f"pulsefer analyze VIDEO --model {out} --output FILE.csv")
    else:
        next_step(f"pulsefer evaluate {out} --unit trial")
    return OK


def evaluate(run: Path, /, *, unit: Literal["window", "trial"] = "trial") -> int:
    """Score a finished run: every figure with its protocol, interval and baseline.

    The rows are added to RUN/rows.jsonl; what is there already is not added twice.

    Args:
        run: Folder that `train` made.
        unit: Count windows, or trials (mean probability over the windows of a trial).
    """
    opened = open_run(run)
    _show(opened, unit)
    next_step(f"pulsefer analyze VIDEO --model {run} --output FILE.csv")
    return OK


def _counts(by_reason: Mapping[str, int]) -> str:
    return ", ".join(f"{n} ({reason})" for reason, n in sorted(by_reason.items())) or "none"


def _show(run: Run, unit: Literal["window", "trial"]) -> None:
    rows = gather(run, experiment="train", unit=unit)
    append(run.folder / "rows.jsonl", rows)
    title = f"{run.system}, {run.dimension}, by {run.about['protocol_name']} ({run.data_kind} data)"
    show(table(rows, title=title))
    say(f"the same as rows: {run.folder / 'rows.jsonl'}")
