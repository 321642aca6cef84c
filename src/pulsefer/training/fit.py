"""Fit one model to one fold; stop at any moment, start again, end in the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from pulsefer.core.errors import BadInput
from pulsefer.core.files import sweep, whole_file
from pulsefer.core.seeding import derive_seed
from pulsefer.models.crnn import Crnn
from pulsefer.samples.loader import loader
from pulsefer.samples.split import Split
from pulsefer.samples.store import Store
from pulsefer.samples.window import Windows
from pulsefer.training.config import Selection, TrainConfig
from pulsefer.training.epochs import RULES, Advance, drop_checkpoints, load_weights, run_epochs
from pulsefer.training.hr_scale import HeartRateScale, scale_of
from pulsefer.training.module import TwoTasks, predict, prediction_table, require_weighting
from pulsefer.training.parallel import first_does, meet, this_process
from pulsefer.training.training_side import training_side

if TYPE_CHECKING:
    from pulsefer.models.checkpoint import CnnWeights

__all__ = ["Advance", "Fold", "fit", "load_weights"]


@dataclass(frozen=True)
class Fold:
    """What `fit` leaves.

    Attributes:
        folder: history.csv, predictions.parquet, last.safetensors, validation.safetensors (where
            there is a validation part), best_on_test.safetensors (where that was asked for),
            tensorboard/.
        history: A row per epoch: epoch, then bce, accuracy, hr_rmse_bpm of both sides; test_bce
            and test_accuracy only where `peek_at_test` is on.
        predictions: The test windows, once per selection rule; see `metrics.score`.
    """

    folder: Path
    history: pd.DataFrame
    predictions: pd.DataFrame


def fit(
    store: Store,
    windows: Windows,
    split: Split,
    config: TrainConfig,
    *,
    folder: Path,
    start: CnnWeights | None = None,
    advance: Advance | None = None,
) -> Fold:
    """Train on one side of a split, predict the other.

    Where a launcher started several processes, all call this and have the same result; the first
    writes, predicts and calls `advance` (see `parallel`).

    Both results are kept: that of the last epoch, and that of the epoch with the lowest
    cross-entropy on the validation part where there is one. The test part chooses nothing, unless
    `peek_at_test` asks for a third result, that of the epoch which does best on it.

    Args:
        store: Where the frames are.
        windows: What was cut.
        split: Who learns, who chooses, who is predicted. An empty test side predicts nothing.
        config: Settings.
        folder: Where to write; a finished fit in it is returned as it is, a half one goes on.
        start: Weights that the CNN begins with; None draws them.
        advance: Called with 1 after every epoch.

    Raises:
        BadInput: the training side has only one class.
        ValueError: a frozen CNN that was not given, or one for another input.
    """
    folder = Path(folder)
    require_weighting(config)
    meet([config, split, windows.config, len(windows.windows)])
    advance = advance if this_process().first else None
    if done := first_does(partial(_finished, folder)):
        if advance:
            advance(config.epochs)
        return done
    first_does(partial(_begin, folder))
    require_start(config, start, store)
    _refuse_one_class(windows, split)
    learning = [windows.windows[index] for index in split.train]
    scale = scale_of(learning) if config.hr_by_dataset else None
    learned = scale.windows(windows) if scale else windows
    module = _new_module(learned, split, config, start)
    rules = _rules(split, config)
    peek = None
    if "best_on_test" in rules:
        tested = loader(store, learned, split.test, batch_size=256)
        peek = partial(module.peek, tested)
    own = this_process().part
    run_epochs(
        module,
        module.sums,
        loader(
            store, learned, split.train,
            batch_size=config.batch_size,
            shuffle_seed=derive_seed(config.seed, "order", split.name, split.fold),
            part=own,
        ),
        loader(store, learned, split.validation, batch_size=256, part=own)
        if split.validation
        else None,
        folder=folder,
        n_epochs=config.epochs,
        precision=config.precision,
        chosen_by="validation_bce",
        seed=derive_seed(config.seed, "dropout", split.name, split.fold),
        advance=advance,
        peek=peek,
    )  # fmt: skip

    def finish() -> Fold:
        predictions = _predictions(store, windows, split, rules, module.model, folder, scale)
        with whole_file(folder / "predictions.parquet") as part:
            predictions.to_parquet(part, index=False)
        drop_checkpoints(folder)
        return Fold(folder, pd.read_csv(folder / "history.csv"), predictions)

    return first_does(finish)


def _finished(folder: Path) -> Fold | None:
    """What an earlier call left, if it came to the end."""
    if not (folder / "predictions.parquet").is_file():
        return None
    drop_checkpoints(folder)
    history = pd.read_csv(folder / "history.csv")
    return Fold(folder, history, pd.read_parquet(folder / "predictions.parquet"))


def _begin(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)


def require_start(config: TrainConfig, start: CnnWeights | None, store: Store) -> None:
    """Refuse a start that does not go with the settings or the data, before anything is made.

    Raises:
        BadInput: weights that were learned on a data set that folds of this run are tested on.
        ValueError: a frozen CNN that was not given, or weights of another input or shape.
    """
    if start:
        both = sorted(set(start.about.get("datasets") or ()) & set(store.datasets))
        if both:
            raise BadInput(
                "the CNN's weights",
                expected=f"ones that never saw {', '.join(both)}, which is tested here",
                found=f"ones that were learned on {', '.join(start.about['datasets'])}",
                remedy="the tested persons would have been seen; pre-train on other pictures",
            )
        Crnn(config.model).start_cnn_from(start.tensors)
    elif config.freeze_cnn:
        raise ValueError("a frozen CNN needs weights to start from: give --cnn PATH")


def _new_module(
    windows: Windows, split: Split, config: TrainConfig, start: CnnWeights | None
) -> TwoTasks:
    torch.manual_seed(derive_seed(config.seed, "weights"))
    module = TwoTasks(config)
    if start:
        module.model.start_cnn_from(start.tensors)
    if config.model.heart_rate and config.hr_start == "train_mean":
        rates = np.array([windows.windows[index].hr_bpm for index in split.train])
        if np.isfinite(rates).any():
            module.model.start_heart_rate_at(float(np.nanmean(rates)))
    return module


def _predictions(
    store: Store,
    windows: Windows,
    split: Split,
    rules: tuple[Selection, ...],
    model: Crnn,
    folder: Path,
    scale: HeartRateScale | None,
) -> pd.DataFrame:
    side = training_side([windows.windows[index] for index in split.train])
    parts = []
    for selection in rules:
        load_weights(model, folder, selection)
        device = next(model.parameters()).device
        found = predict(model, loader(store, windows, split.test, batch_size=256), device)
        parts.append(
            prediction_table(
                windows, found, fold=split.fold, selection=selection, side=side, scale=scale
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _rules(split: Split, config: TrainConfig) -> tuple[Selection, ...]:
    """How epochs are chosen for prediction; without a test side nothing is predicted."""
    if not split.test:
        return ()
    rules = RULES if split.validation else RULES[:1]
    return (*rules, "best_on_test") if config.peek_at_test else rules


def _refuse_one_class(windows: Windows, split: Split) -> None:
    """One label only, over persons, is a mistake; of one person it is what the person felt.

    Choice: a network of one person with one label is trained all the same, and learns to say it.
    """
    if split.within:
        return
    found = {windows.windows[index].emotion for index in split.train}
    if found != {0, 1}:
        raise BadInput(
            f"split by {split.name}, fold {split.fold}",
            expected="low and high labels on the training side",
            found=f"only {sorted(found)}",
            remedy="fewer folds, more recordings, or another threshold rule",
        )
