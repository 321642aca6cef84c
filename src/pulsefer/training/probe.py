"""Ask a finished network the same question with the frames of every window out of order.

A heart rate that was read from a pulse is gone without the order of the frames: such a network
falls to the constant. One that was read from who the person is, or from the colour of a flush,
stands in every frame and stays.

Shape suffixes: B batch, T frames of a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.core.seeding import generator
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.samples.loader import Batch, loader
from pulsefer.samples.split_file import read_split
from pulsefer.samples.store import Store
from pulsefer.samples.window import Windows
from pulsefer.training.fit import load_weights
from pulsefer.training.hr_scale import scale_of
from pulsefer.training.module import predict, prediction_table
from pulsefer.training.run import Run
from pulsefer.training.run_folder import fold_folder
from pulsefer.training.training_side import training_side

SHUFFLED = "last, frames shuffled"
"""What the selection rule of such predictions is called: the last epoch, asked otherwise."""


def shuffled(run: Run, store: Store, windows: Windows, *, seed: int = 0) -> pd.DataFrame:
    """Every fold's network of the last epoch on its own test windows, their frames shuffled.

    Nothing is trained. What was predicted once is read from RUN/shuffled-<seed>.parquet.

    Args:
        run: A finished run.
        store: Where the frames are.
        windows: What the run was given.
        seed: Of the orders.

    Returns:
        A row per test window, as `training.module.prediction_table` makes it; `selection` is
        `SHUFFLED`.

    Raises:
        BadInput: not the windows of the run.
    """
    file = run.folder / f"shuffled-{seed}.parquet"
    if file.is_file():
        return pd.read_parquet(file)
    folds = read_split(run.folder / "splits.csv", windows.windows)
    _require_same(run, windows)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Crnn(CrnnConfig(**run.about["train"]["model"]))
    ids = [one.id for one in windows.windows]
    tables = []
    for fold in folds:
        load_weights(model, fold_folder(run.folder, fold), "last")
        batches = out_of_order(loader(store, windows, fold.test, batch_size=256), ids, seed=seed)
        learning = [windows.windows[index] for index in fold.train]
        table = prediction_table(
            windows, predict(model, batches, device), fold=fold.fold, selection="last",
            side=training_side(learning),
            scale=scale_of(learning) if run.about["train"]["hr_by_dataset"] else None,
        )  # fmt: skip
        tables.append(table.assign(selection=SHUFFLED))
    found = pd.concat(tables, ignore_index=True)
    with whole_file(file) as part:
        found.to_parquet(part, index=False)
    return found


def out_of_order(batches: Iterable[Batch], ids: list[str], *, seed: int) -> Iterator[Batch]:
    """The same batches, the frames of each window in an order of their own.

    Args:
        batches: From `loader`.
        ids: Of all windows, by place: a window's order depends on its id and the seed alone.
        seed: Of the orders.
    """
    for batch in batches:
        n_frames = batch.frames.shape[1]
        order_BT = [frame_order(ids[place], n_frames, seed=seed) for place in batch.place.tolist()]
        rows_B1 = torch.arange(len(order_BT))[:, None]
        yield batch._replace(frames=batch.frames[rows_B1, torch.from_numpy(np.stack(order_BT))])


def frame_order(window_id: str, n_frames: int, *, seed: int) -> NDArray[np.int64]:
    """(n_frames,) a permutation that belongs to the window."""
    return generator(seed, "frames", window_id).permutation(n_frames)


def _require_same(run: Run, windows: Windows) -> None:
    """Equal windows have equal labels at equal places: `place` of the run's own table says so."""
    own = run.predictions[run.predictions["selection"] == "last"]
    place = own["place"].to_numpy()
    if len(windows.windows) != run.about["n_windows"] or not np.array_equal(
        own["hr_bpm"].to_numpy(),
        np.array([windows.windows[index].hr_bpm for index in place]),
        equal_nan=True,
    ):
        raise BadInput(
            f"windows for the run {run.folder}",
            expected="those that it was trained on",
            found="others, or other heart rates",
            remedy="cut them as run.json says, with the run's auxiliary target",
        )
