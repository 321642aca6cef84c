"""Fit one model to one fold; stop at any moment, start again, end in the same bytes.

What chance decides is a function of the seed and the place in the training: the order of the
windows, and the state of the generator behind dropout, which is set anew before every step. So a
checkpoint at an epoch's end (weights, optimiser, history) is all that an exact resume needs. The
bytes are those of one machine and number of threads; on a GPU not every kernel repeats itself.
"""

from __future__ import annotations

import logging
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from pulsefer.core.errors import BadInput
from pulsefer.core.files import sweep, whole_file
from pulsefer.core.seeding import derive_seed
from pulsefer.models.crnn import Crnn
from pulsefer.samples.loader import loader
from pulsefer.samples.split import Split
from pulsefer.samples.store import Store
from pulsefer.samples.window import Windows
from pulsefer.training.config import Selection, TrainConfig
from pulsefer.training.module import TwoTasks, predict

Advance = Callable[[float], None]
RULES: tuple[Selection, ...] = ("last", "validation")


@dataclass(frozen=True)
class Fold:
    """What `fit` leaves.

    Attributes:
        folder: history.csv, predictions.parquet, last.safetensors, validation.safetensors (where
            there is a validation part), tensorboard/.
        history: A row per epoch: epoch, then bce, accuracy, hr_rmse_bpm of both sides.
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
    advance: Advance | None = None,
) -> Fold:
    """Train on one side of a split, predict the other.

    Both results are kept: that of the last epoch, and that of the epoch with the lowest
    cross-entropy on the validation part where there is one. The test part chooses nothing.

    Args:
        store: Where the frames are.
        windows: What was cut.
        split: Who learns, who chooses, who is predicted. An empty test side predicts nothing.
        config: Settings.
        folder: Where to write; a finished fit in it is returned as it is, a half one goes on.
        advance: Called with 1 after every epoch.

    Raises:
        BadInput: the training side has only one class.
    """
    folder = Path(folder)
    history_file, predictions_file = folder / "history.csv", folder / "predictions.parquet"
    if predictions_file.is_file():
        _drop_checkpoints(folder)
        if advance:
            advance(config.epochs)
        return Fold(folder, pd.read_csv(history_file), pd.read_parquet(predictions_file))
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    _refuse_one_class(windows, split)
    module = _new_module(windows, split, config)
    epochs = _Epochs(folder, derive_seed(config.seed, "dropout", split.name, split.fold), advance)
    with _quiet(), _interruptible():
        trainer = Trainer(
            max_epochs=config.epochs,
            precision=config.precision,
            accelerator="auto",
            devices=1,
            # "warn", for a GPU may have no deterministic kernel of the pooling's gradient.
            deterministic="warn",
            logger=TensorBoardLogger(folder, name="tensorboard", version=""),
            callbacks=[epochs],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )
        trainer.fit(
            module,
            loader(
                store, windows, split.train,
                batch_size=config.batch_size,
                shuffle_seed=derive_seed(config.seed, "order", split.name, split.fold),
            ),
            loader(store, windows, split.validation, batch_size=256) if split.validation else None,
            ckpt_path=folder / "last.pt" if (folder / "last.pt").is_file() else None,
            weights_only=True,
        )  # fmt: skip
    for name in RULES:
        if (checkpoint := folder / f"{name}.pt").is_file():
            _to_safetensors(checkpoint, folder / f"{name}.safetensors")
    predictions = _predictions(store, windows, split, module.model, folder)
    with whole_file(predictions_file) as part:
        predictions.to_parquet(part, index=False)
    _drop_checkpoints(folder)
    return Fold(folder, pd.read_csv(history_file), predictions)


def load_weights(model: Crnn, folder: Path, selection: Selection) -> None:
    """Put the weights of a finished fit into a network of the same shape."""
    from safetensors.torch import load_model

    load_model(model, folder / f"{selection}.safetensors")


def _to_safetensors(checkpoint: Path, file: Path) -> None:
    from safetensors.torch import save_file

    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    with whole_file(file) as part:
        save_file({name.removeprefix("model."): state[name].contiguous() for name in state}, part)


def _drop_checkpoints(folder: Path) -> None:
    """A finished fit goes on no more: three times the weights' size is freed."""
    for name in RULES:
        (folder / f"{name}.pt").unlink(missing_ok=True)


class _Epochs(Callback):
    """History, the seed of every epoch, and a checkpoint that is whole or absent."""

    def __init__(self, folder: Path, seed: int, advance: Advance | None) -> None:
        self.folder, self.seed, self.advance = folder, seed, advance
        self.history: list[dict[str, float]] = []

    def on_train_start(self, _trainer: Trainer, _module: LightningModule) -> None:
        if self.advance and self.history:
            self.advance(len(self.history))

    def on_train_epoch_start(self, _trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, TwoTasks)
        module.train_sums.clear()
        module.validation_sums.clear()

    def on_train_batch_start(
        self, trainer: Trainer, _module: LightningModule, _batch: Any, batch_idx: int
    ) -> None:
        # Before every step, not every epoch: a loader that starts again draws from the generator.
        torch.manual_seed(derive_seed(self.seed, trainer.current_epoch, batch_idx))

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        assert isinstance(module, TwoTasks)
        figures = {
            **module.train_sums.figures("train"),
            **module.validation_sums.figures("validation"),
        }
        self.history.append({"epoch": float(trainer.current_epoch + 1), **figures})
        for logger in trainer.loggers:
            logger.log_metrics(figures, trainer.current_epoch + 1)
        bce = [row["validation_bce"] for row in self.history]
        with whole_file(self.folder / "last.pt") as part:
            trainer.save_checkpoint(part)
            # The chosen epoch first: a kill between the two repeats the epoch and writes it again.
            if bce[-1] <= np.nanmin([np.inf, *bce]):
                with whole_file(self.folder / "validation.pt") as chosen:
                    shutil.copyfile(part, chosen)
        with whole_file(self.folder / "history.csv") as part:
            pd.DataFrame(self.history).to_csv(part, index=False)
        if self.advance:
            self.advance(1)

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = list(state_dict["history"])


def _new_module(windows: Windows, split: Split, config: TrainConfig) -> TwoTasks:
    torch.manual_seed(derive_seed(config.seed, "weights"))
    module = TwoTasks(config)
    if config.model.heart_rate and config.hr_start == "train_mean":
        rates = np.array([windows.windows[index].hr_bpm for index in split.train])
        if np.isfinite(rates).any():
            module.model.start_heart_rate_at(float(np.nanmean(rates)))
    return module


def _predictions(
    store: Store,
    windows: Windows,
    split: Split,
    model: Crnn,
    folder: Path,
) -> pd.DataFrame:
    rules = RULES if split.validation else RULES[:1]
    parts = []
    for selection in rules:
        if not split.test:
            break
        load_weights(model, folder, selection)
        device = next(model.parameters()).device
        found = predict(model, loader(store, windows, split.test, batch_size=256), device)
        chosen = [windows.windows[index] for index in found["index"].tolist()]
        parts.append(
            pd.DataFrame(
                {
                    "dataset": [window.dataset for window in chosen],
                    "subject": [window.subject for window in chosen],
                    "trial": [window.trial for window in chosen],
                    "stimulus": [window.stimulus for window in chosen],
                    "start_s": [window.start_s for window in chosen],
                    "fold": split.fold,
                    "emotion": [window.emotion for window in chosen],
                    "emotion_prob": found["emotion_prob"].numpy().astype(np.float64),
                    "hr_bpm": [window.hr_bpm for window in chosen],
                    "hr_pred_bpm": found["hr_pred_bpm"].numpy().astype(np.float64),
                    "selection": selection,
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _refuse_one_class(windows: Windows, split: Split) -> None:
    found = {windows.windows[index].emotion for index in split.train}
    if found != {0, 1}:
        raise BadInput(
            f"split by {split.name}, fold {split.fold}",
            expected="low and high labels on the training side",
            found=f"only {sorted(found)}",
            remedy="fewer folds, more recordings, or another threshold rule",
        )


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C stays Ctrl-C: Lightning turns it into an exit, and deafens the process to the next."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from stop


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's banners and its advice on worker processes are not for our users."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        for text in (
            ".*does not have many workers.*",
            ".*have no `val_dataloader`.*",
            ".*GPU available but not used.*",
            ".*isinstance\\(treespec, LeafSpec\\).*",
            ".*Found .* module\\(s\\) in eval mode.*",
        ):
            warnings.filterwarnings("ignore", text)
        try:
            yield
        finally:
            logger.setLevel(level)
