"""A run: every fold of a protocol, then one model fitted to everything, in one folder.

RUN/run.json               configuration, protocol, data, fingerprint; written first
RUN/splits.csv             who learns, who chooses, who is tested, in every fold
RUN/folds/...              what `fit` leaves, a folder per fold
RUN/predictions.parquet    the test windows of all folds
RUN/history.csv            the epochs of all folds
RUN/final/                 the fit to all windows
RUN/validation.parquet     what the folds say of the windows they held out, for the temperature
RUN/model/                 its network, with card and settings: what `analyze --model RUN` loads
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.types import DataKind
from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn
from pulsefer.models.terms import licence, use
from pulsefer.samples.split import Split
from pulsefer.samples.split_file import write_split
from pulsefer.samples.store import Store
from pulsefer.samples.window import Windows
from pulsefer.training.calibrate import calibration_of, held_out
from pulsefer.training.card import card
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.fit import Advance, Fold, fit, load_weights, require_start
from pulsefer.training.hr_scale import scale_of
from pulsefer.training.module import require_weighting
from pulsefer.training.parallel import first_does, meet, this_process
from pulsefer.training.reliability import reliability
from pulsefer.training.run_folder import (
    about_of,
    claim,
    data_of,
    fold_folder,
    folds_of,
    plain,
    write_tables,
)

if TYPE_CHECKING:
    from pulsefer.models.checkpoint import CnnWeights


@dataclass(frozen=True)
class Run:
    """A finished run. Tables are read when asked for.

    Attributes:
        folder: Its folder.
        about: What `run.json` says.
    """

    folder: Path
    about: Mapping[str, Any]

    @property
    def system(self) -> str:
        """Either "STL" or "MTL", or the name of a compared system."""
        return str(self.about["system"])

    @property
    def data_kind(self) -> DataKind:
        """Either "real" or "synthetic"."""
        return cast(DataKind, self.about["data_kind"])

    @property
    def dimension(self) -> str:
        """The rating that was learned."""
        return str(self.about["windows"]["dimension"])

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Every test window of every fold, once per selection rule."""
        return pd.read_parquet(self.folder / "predictions.parquet")

    @cached_property
    def history(self) -> pd.DataFrame:
        """A row per fold and epoch."""
        return pd.read_csv(self.folder / "history.csv")


def train(
    store: Store,
    windows: Windows,
    protocol: Protocol,
    config: TrainConfig,
    *,
    folder: Path,
    final: bool = True,
    start: CnnWeights | None = None,
    marks: Mapping[str, Any] | None = None,
    colour: Mapping[str, NDArray[np.float64]] | None = None,
    advance: Advance | None = None,
) -> Run:
    """Fit every fold, gather the predictions, fit one model to everything.

    A kill loses at most one epoch: the same call goes on, and ends in the same bytes.

    Args:
        store: Where the frames are.
        windows: What was cut from it.
        protocol: How the folds are made.
        config: How one model is fitted.
        folder: Where the run lives. A run of the same configuration goes on or is returned.
        final: Also fit the model for `analyze`. No figure comes from it.
        start: Weights that the CNN begins with; None draws them.
        marks: What was done to the windows, for example {"auxiliary": "subject_mean"}; it is part
            of what the run is.
        colour: Heart rates by colour, (n,) bpm for the windows, by the method's name ("pos"): they
            stand beside the network's.
        advance: Called with 1 after every epoch; `epochs_of` says how many there are.

    Raises:
        BadInput: the folder holds another run, or a fold cannot be trained.
    """
    folder = Path(folder)
    require_weighting(config)
    require_start(config, start, store)
    folds = folds_of(windows, protocol)
    about = _about(store, windows, protocol, config, folds, start, marks)
    meet(about["fingerprint"])
    first_does(partial(claim, folder, about))
    first_does(partial(write_split, folder / "splits.csv", windows.windows, folds))
    done: list[Fold] = [
        fit(
            store,
            windows,
            fold,
            config,
            folder=fold_folder(folder, fold),
            start=start,
            advance=advance,
        )
        for fold in folds
    ]
    tables = [(fold.history, fold.predictions) for fold in done]
    first_does(partial(write_tables, folder, folds, tables, colour or {}))
    if final:
        _fit_final(store, windows, protocol, config, folder, about, start, advance)
    return Run(folder, about)


def epochs_of(windows: Windows, protocol: Protocol, config: TrainConfig, *, final: bool) -> int:
    """Epochs that `train` will count, for a progress bar."""
    return config.epochs * (len(folds_of(windows, protocol)) + final)


def steps_of(windows: Windows, protocol: Protocol, config: TrainConfig) -> int:
    """Steps of the optimiser that the folds of `train` will take."""
    return config.epochs * sum(
        math.ceil(len(fold.train) / config.batch_size) for fold in folds_of(windows, protocol)
    )


def epochs_done(folders: Iterable[Path]) -> int:
    """Epochs that the folds of some runs have finished, counted in what they wrote."""
    done = 0
    for folder in folders:
        for file in folder.glob("folds/*/history.csv"):
            with contextlib.suppress(OSError):  # just being replaced
                done += max(file.read_text("utf-8").count("\n") - 1, 0)
    return done


def open_run(folder: Path) -> Run:
    """Open a run that finished.

    Raises:
        BadInput: no run there, or one that did not finish.
    """
    folder = Path(folder)
    try:
        about = json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            str(folder),
            expected="a run with run.json",
            found=f"{type(error).__name__}",
            remedy="make one with `pulsefer train STORE --out RUN`",
        ) from error
    if not (folder / "predictions.parquet").is_file():
        raise BadInput(
            str(folder),
            expected="a finished run",
            found="one that was interrupted",
            remedy="give the same `pulsefer train` command again; it goes on where it was",
        )
    return Run(folder, about)


def _about(
    store: Store,
    windows: Windows,
    protocol: Protocol,
    config: TrainConfig,
    folds: list[Split],
    start: CnnWeights | None,
    marks: Mapping[str, Any] | None,
) -> dict[str, Any]:
    what = {
        **data_of(store, windows, protocol),
        "train": plain(config),
        # The weights, not their place: the same file elsewhere is the same start.
        "cnn": {"sha256": start.sha256, **_origin(start)} if start else None,
        "marks": dict(marks or {}),
    }
    kind = _data_kind(store, start)
    about = about_of(
        what, store, windows, protocol, folds, system=config.system, data_kind=kind
    )  # fmt: skip
    scale = scale_of(windows.windows) if config.hr_by_dataset else None
    return {**about, "hr_scale": plain(scale) if scale else None}


def _data_kind(store: Store, start: CnnWeights | None) -> DataKind:
    """Weights that began with synthetic faces are not purely of real ones."""
    tainted = start is not None and start.about.get("data_kind") != "real"
    return "synthetic" if tainted else store.data_kind


def _origin(start: CnnWeights) -> dict[str, Any]:
    """What the weights themselves say of where they learned."""
    return {name: start.about.get(name) for name in ("datasets", "data_kind", "fingerprint")}


def _fit_final(
    store: Store,
    windows: Windows,
    protocol: Protocol,
    config: TrainConfig,
    folder: Path,
    about: Mapping[str, Any],
    start: CnnWeights | None,
    advance: Advance | None,
) -> None:
    everything = Split(
        by="subject", within=None, fold=0, folds=1, seed=config.seed,
        train=tuple(range(len(windows.windows))), validation=(), test=(),
    )  # fmt: skip
    if first_does((folder / checkpoint.MODEL / checkpoint.CONFIG).is_file):
        if advance and this_process().first:
            advance(config.epochs)
        return
    fit(
        store, windows, everything, config,
        folder=folder / "final", start=start, advance=advance,
    )  # fmt: skip

    def save() -> None:
        model = Crnn(config.model)
        load_weights(model, folder / "final", "last")
        answers = held_out(store, windows, folds_of(windows, protocol), config, folder)
        said = {
            **about,
            "calibration": calibration_of(answers, protocol),
            "licence": licence(bound_by(store, start)),
            "use": use(_data_kind(store, start)),
        }
        picture = reliability(
            said["calibration"],
            dimension=windows.config.dimension,
            synthetic=about["data_kind"] == "synthetic",
        )
        checkpoint.save(
            model, folder / checkpoint.MODEL, card=card(said), about=said, reliability=picture
        )

    first_does(save)


def bound_by(store: Store, start: CnnWeights | None) -> set[str]:
    """Data sets whose terms bind the weights: those that real recordings are of.

    Args:
        store: What was learned from.
        start: Weights that the CNN began with; where they do not say that they learned from
            specimens alone, the terms of all their data sets hold.
    """
    own = {recording.dataset for recording in store if recording.data_kind == "real"}
    if start is None:
        return own
    told = start.about.get("licence", start.about).get("datasets")
    return own | set(["unknown pictures"] if told is None else told)
