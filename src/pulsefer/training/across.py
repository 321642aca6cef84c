"""Train on one data set, test on another: a run's network on windows that it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.types import DataKind
from pulsefer.models import checkpoint
from pulsefer.samples.loader import loader
from pulsefer.samples.store import Store, require_alike
from pulsefer.samples.window import WindowConfig, Windows
from pulsefer.training.hr_scale import HeartRateScale
from pulsefer.training.module import predict, prediction_table
from pulsefer.training.run import Run
from pulsefer.training.training_side import TrainingSide


@dataclass(frozen=True)
class Tested:
    """Predictions of a run's network on another store.

    Attributes:
        run: Whose network.
        predictions: A row per window, as `Run.predictions`; the epoch is always the last.
        config: Fingerprint of the run and of what it was tested on.
        manifest: Fingerprint of the tested windows.
        data_kind: "synthetic" as soon as either side is.
    """

    run: Run
    predictions: pd.DataFrame
    config: str
    manifest: str
    data_kind: DataKind

    @property
    def folder(self) -> Path:
        """RUN/on/<fingerprint>: predictions.parquet."""
        return self.run.folder / "on" / self.config


def windows_of(run: Run) -> WindowConfig:
    """The windows that a run learned from: its network takes no others."""
    return WindowConfig(**run.about["windows"])


def require_unseen(run: Run, store: Store) -> None:
    """Refuse to test on what was learned: no person may be on both sides, and faces are cut alike.

    Raises:
        BadInput: so it is, or the run has no network.
    """
    if "compared" in run.about:
        raise BadInput(
            str(run.folder),
            expected="a run of a network",
            found=f"one of {run.system}, which keeps nothing that could be asked later",
            remedy="train the system on both data sets together, or on this one",
        )
    require_alike(store, run.about["store"], f"the run {run.folder}")
    both = sorted({f"{one.dataset}/{one.subject}" for one in store} & set(run.about["persons"]))
    if both:
        shown = ", ".join(both[:3]) + (" ..." if len(both) > 3 else "")
        raise BadInput(
            str(store.path),
            expected="persons that the run did not learn from",
            found=f"{len(both)} that it did ({shown})",
            remedy=f"its own data are scored by `pulsefer evaluate {run.folder}`",
        )


def predict_on(
    run: Run,
    store: Store,
    windows: Windows,
    *,
    colour: Mapping[str, NDArray[np.float64]] | None = None,
) -> Tested:
    """Predict the windows of a store by the network that was fitted to all of the run's data.

    Args:
        run: A finished run with a final network.
        store: Where the frames are; of other persons, cut in the same way.
        windows: What `window(store, windows_of(run))` gave.
        colour: Heart rates by colour, (n,) bpm for the windows, by the method's name.

    Raises:
        BadInput: no final network, a person of the run, or faces that were cut otherwise.
    """
    require_unseen(run, store)
    if not (run.folder / checkpoint.MODEL / checkpoint.CONFIG).is_file():
        raise BadInput(
            str(run.folder),
            expected="a run with a network fitted to everything",
            found="one that was trained with --no-final",
            remedy="give its `pulsefer train` command again, without --no-final",
        )
    import torch

    model = checkpoint.load(run.folder / checkpoint.MODEL)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    everything = np.arange(len(windows.windows))
    found = predict(model, loader(store, windows, everything.tolist(), batch_size=256), device)
    scale = run.about["hr_scale"]
    table = prediction_table(
        windows, found, fold=0, selection="last",
        side=TrainingSide(**run.about["training_side"]),
        scale=HeartRateScale(**scale) if scale else None,
    )  # fmt: skip
    for method, rates_bpm in (colour or {}).items():
        table[f"hr_{method}_bpm"] = rates_bpm[table["place"].to_numpy()]
    tested = Tested(
        run,
        table,
        config=fingerprint([run.about["fingerprint"], [one.key for one in store]]),
        manifest=fingerprint([one.id for one in windows.windows]),
        data_kind="real" if {run.data_kind, store.data_kind} == {"real"} else "synthetic",
    )
    with whole_file(tested.folder / "predictions.parquet") as part:
        table.to_parquet(part, index=False)
    return tested
