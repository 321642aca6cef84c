"""`pulsefer pretrain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pulsefer.app.console import OK, next_step, say, show
from pulsefer.core.progress import progress
from pulsefer.experiments.pretraining import gather
from pulsefer.reports.row import append
from pulsefer.reports.table import table
from pulsefer.samples.face_store import open_face_store
from pulsefer.training.parallel import this_process
from pulsefer.training.pretrain import PretrainConfig, epochs_of
from pulsefer.training.pretrain import pretrain as pretrain_run

DEFAULT = PretrainConfig()


def pretrain(
    store: Path,
    /,
    *,
    out: Path,
    config: Annotated[PretrainConfig, Parameter(name="*")] = DEFAULT,
    final: bool = True,
) -> int:
    """Teach the paper's CNN valence and arousal from single pictures of faces.

    Nobody is ever on both sides of a fold. The figures are those of the folds; the weights in
    OUT/model are of a last fit to everything. May be stopped and started again at any time.

    * `pulsefer data prepare afew_va ROOT --store faces`, `pulsefer pretrain faces --out
      runs/pretrained`, `pulsefer train STORE --cnn runs/pretrained --out RUN`

    * Agreement instead of squared error: `--loss ccc`; low or high: `--target binary`

    Args:
        store: Folder that `data prepare afew_va` or `data prepare stills` made.
        out: Folder of the run.
        config: How it is trained and tested.
        final: At the end fit one network to everything: the weights for `train --cnn`.
    """
    faces = open_face_store(store)
    n_persons = len(faces.table[["dataset", "person"]].drop_duplicates())
    say(f"{len(faces)} pictures of {n_persons} persons ({faces.data_kind} data)")
    with progress("pretrain (epochs)", epochs_of(config, final=final)) as advance:
        run = pretrain_run(faces, config, folder=out, final=final, advance=advance)
    if not this_process().first:
        return OK  # one of several that trained; the first shows what came out
    rows = gather(run)
    append(out / "rows.jsonl", rows)
    show(table(rows, title=f"CNN on single pictures, by person ({run.data_kind} data)"))
    say(f"the same as rows: {out / 'rows.jsonl'}")
    if final:
        next_step(f"pulsefer train STORE --cnn {out} --out RUN")
    else:
        next_step(f"pulsefer pretrain {store} --out OTHER   # with --final: weights for `train`")
    return OK
