"""`pulsefer train` and `pulsefer evaluate`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

from pulsefer.app.console import OK, next_step, say, show
from pulsefer.core.progress import progress
from pulsefer.experiments.scoring import gather, gather_across
from pulsefer.models.checkpoint import load_cnn
from pulsefer.reports.methods import write_methods
from pulsefer.reports.row import append
from pulsefer.reports.table import shortlist, table
from pulsefer.samples.skin_rate import skin_rates
from pulsefer.samples.split import PROTOCOLS
from pulsefer.samples.store import Store, open_store, open_stores
from pulsefer.samples.window import PRESETS, WindowConfig, Windows, window
from pulsefer.training.across import predict_on, require_unseen, windows_of
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.fit import require_start
from pulsefer.training.module import require_weighting
from pulsefer.training.parallel import this_process
from pulsefer.training.run import Run, epochs_of, open_run
from pulsefer.training.run import train as train_run

flat = Parameter(name="*")
PAPER_WINDOWS, PAPER_TRAIN, BY_SUBJECT = PRESETS["paper"], TrainConfig(), Protocol()
Count = Literal["window", "trial"]


def train(
    store: Path,
    /,
    *more: Path,
    out: Path,
    cnn: Path | None = None,
    windows: Annotated[WindowConfig, flat] = PAPER_WINDOWS,
    protocol: Annotated[Protocol, flat] = BY_SUBJECT,
    config: Annotated[TrainConfig, flat] = PAPER_TRAIN,
    final: bool = True,
) -> int:
    """Train the paper's network on a store, or on several together, fold by fold, and score it.

    Defaults are the paper's where it says them, and the honest protocol (no person on both
    sides) where it does not. May be stopped and started again at any time: it ends in the same
    bytes. The whole configuration is written to OUT/run.json.

    * The paper's multi-task network: `pulsefer train STORE --out runs/mtl`

    * From a CNN that has seen faces: `pulsefer train STORE --out runs/mtl --cnn runs/pretrained`

    * Without the heart rate: `pulsefer train STORE --out runs/stl --model.no-heart-rate`

    * Another weighting of the two losses (docs/weighting.md): `--weights.beta 0.1`, or
      `--weights.method pcd --weights.tau 0.1`

    * What shuffled windows are worth: `pulsefer train STORE --out runs/leaky --by window_pooled`

    * As the network's ancestor: `--by window_within --folds 10`

    * What choosing the epoch on the test side buys: `--peek-at-test`

    * One person left out at a time: `--folds one_out`; no person and no clip on both sides: `--by
      subject_x_stimulus`

    * Two data sets in one network: `pulsefer train DEAP MAHNOB --out runs/both --hr-by-dataset`

    * Room for a pulse: `--length-s 10 --n-frames 125 --step-s 5`

    Args:
        store: Folder that `data prepare` made.
        more: Further ones, of other data sets; one network learns from all, with one emotion head.
        out: Folder of the run.
        cnn: What `pretrain` made, for the CNN to begin with; --freeze-cnn keeps it.
        windows: What a sample is.
        protocol: How the folds are made.
        config: How one model is fitted.
        final: At the end fit one model to everything, for `analyze` and `evaluate --on`. No figure
            of the folds comes from it.
    """
    require_weighting(config)
    start = load_cnn(cnn) if cnn else None
    opened = open_stores([store, *more])
    require_start(config, start, opened)
    cut = _windows(opened, windows)
    if protocol.leaky:
        say(f"[yellow]by {protocol.name}[/yellow]: what may cross to the tested side: "
            f"{PROTOCOLS[protocol.by]}. Its figures measure recognition of the trial, not emotion."
        )  # fmt: skip
    if config.peek_at_test:
        say("[yellow]best_on_test[/yellow]: the epoch is chosen by its accuracy on the test side. "
            "Its figures show what that buys, and are not results.")  # fmt: skip
    colour = _colour(opened, cut) if config.model.heart_rate else {}
    total = epochs_of(cut, protocol, config, final=final)
    with progress(f"train {config.system} (epochs)", total) as advance:
        run = train_run(
            opened,
            cut,
            protocol,
            config,
            folder=out,
            final=final,
            start=start,
            colour=colour,
            advance=advance,
        )
    if not this_process().first:
        return OK  # one of several that trained; the first shows what came out
    write_methods(run.folder, run.about)
    _show(run, "window")
    say(f"how it was done, ready to paste: {run.folder / 'methods.md'}")
    if final:
        next_step(f"pulsefer analyze VIDEO --model {out} --output FILE.csv")
    else:
        next_step(f"pulsefer evaluate {out} --unit trial")
    return OK


def evaluate(run: Path, /, *, on: Path | None = None, unit: Count = "trial") -> int:
    """Score a finished run: every figure with its protocol, interval and baseline.

    The rows are added to RUN/rows.jsonl; what is there already is not added twice.

    * Its own folds, by trial: `pulsefer evaluate RUN`

    * Trained on one data set, tested on another: `pulsefer evaluate RUN --on STORE`

    Args:
        run: Folder that `train` made.
        on: A store of other persons, for example of another data set. The network that was fitted
            to all of the run's data is tested on all of it, in windows like those it learned from.
        unit: Count windows, or trials (mean probability over the windows of a trial).
    """
    opened = open_run(run)
    if on is None:
        _show(opened, unit)
    else:
        _show_across(opened, open_store(on), unit)
    next_step(f"pulsefer analyze VIDEO --model {run} --output FILE.csv")
    return OK


def _windows(store: Store, config: WindowConfig) -> Windows:
    with progress("windows and heart rates (trials)", len(store)) as advance:
        cut = window(store, config, advance=advance)
    n_high = Counter(one.dataset for one in cut.windows if one.emotion)
    for dataset, n in sorted(Counter(one.dataset for one in cut.windows).items()):
        say(
            f"{dataset}: {n} windows of {config.length_s:g} s, "
            f"{n_high[dataset] / n:.0%} high {config.dimension} ({config.threshold})"
        )
    say(f"left out: {_counts(cut.left_out)}; without a heart rate: {_counts(cut.hr_rejected)}")
    return cut


def _colour(store: Store, windows: Windows) -> Mapping[str, NDArray[np.float64]]:
    """Heart rates by colour of the same windows: without them a network's error means nothing."""
    with progress("heart rates by POS and CHROM (trials)", len(store)) as advance:
        return skin_rates(store, windows, advance=advance)


def _counts(by_reason: Mapping[str, int]) -> str:
    return ", ".join(f"{n} ({reason})" for reason, n in sorted(by_reason.items())) or "none"


def _show(run: Run, unit: Count) -> None:
    rows = gather(run, experiment="train", unit=unit)
    append(run.folder / "rows.jsonl", rows)
    # One table for all data sets together, then one for each.
    for dataset in dict.fromkeys(row.dataset for row in rows):
        some = [row for row in rows if row.dataset == dataset]
        title = f"{dataset}: {run.system}, {run.dimension}, by {some[0].protocol}"
        show(table(shortlist(some), title=f"{title} ({run.data_kind} data)"))
    say(f"all {len(rows)} figures, as rows: {run.folder / 'rows.jsonl'}")


def _show_across(run: Run, store: Store, unit: Count) -> None:
    require_unseen(run, store)
    windows = _windows(store, windows_of(run))
    with_rates = run.about["train"]["model"]["heart_rate"]
    tested = predict_on(run, store, windows, colour=_colour(store, windows) if with_rates else None)
    rows = gather_across(tested, experiment="evaluate", unit=unit)
    append(run.folder / "rows.jsonl", rows)
    for dataset in dict.fromkeys(row.dataset for row in rows):
        some = [row for row in rows if row.dataset == dataset]
        title = f"{dataset}: {run.system}, {run.dimension}, {some[0].protocol}"
        show(table(shortlist(some), title=f"{title} ({tested.data_kind} data)"))
    say(f"all {len(rows)} figures, as rows: {run.folder / 'rows.jsonl'}")
