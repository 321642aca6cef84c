"""The epochs of one fit, whatever is learned: chance, checkpoints, history.

What chance decides is a function of the seed and the place in the training: the order of the
samples, and the state of the generator behind dropout, which is set anew before every step (each
of several processes has its own). So a
checkpoint at an epoch's end (weights, optimiser, history) is all that an exact resume needs. The
bytes are those of one machine and number of threads; on a GPU not every kernel repeats itself.
"""

from __future__ import annotations

import logging
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader

from pulsefer.core.files import whole_file
from pulsefer.core.seeding import derive_seed
from pulsefer.training.config import Selection
from pulsefer.training.parallel import first_does, this_process, trainer_settings

Advance = Callable[[float], None]
Peek = Callable[[], Mapping[str, float]]
RULES: tuple[Selection, ...] = ("last", "validation")
"""Rules that never look at the test side."""


class Sums(Protocol):
    """Totals over one epoch of one side."""

    def clear(self) -> None:
        """Start an epoch."""
        ...

    def figures(self, side: str) -> dict[str, float]:
        """What the epoch came to, under names that begin with the side."""
        ...


def run_epochs(
    module: LightningModule,
    sums: Mapping[str, Sums],
    train: DataLoader[Any],
    validation: DataLoader[Any] | None,
    *,
    folder: Path,
    n_epochs: int,
    precision: Literal["32-true", "bf16-mixed"],
    chosen_by: str,
    seed: int,
    advance: Advance | None = None,
    peek: Peek | None = None,
) -> None:
    """Train, or go on where a killed process stopped; leave weights, history and curves.

    Args:
        module: What is trained; its network is `module.model`.
        sums: The totals that the module keeps, under "train" and "validation".
        train: Batches to learn from.
        validation: Batches to choose an epoch with; None where there are none.
        folder: history.csv, last.safetensors, validation.safetensors (where there is a validation
            side) and tensorboard/ are written here, and last.pt and validation.pt while they can
            still be needed: `drop_checkpoints` removes them.
        n_epochs: Passes over `train`.
        precision: Of Lightning.
        chosen_by: Name of the figure whose lowest value chooses the epoch; NaN chooses none.
        seed: Of dropout.
        advance: Called with 1 after every epoch.
        peek: Gives figures of the test side after every epoch, `test_accuracy` among them: the
            first epoch where that is highest is kept as best_on_test. None looks at nothing.
    """
    last = folder / "last.pt"
    resume = last if first_does(last.is_file) else None
    with _quiet(), _interruptible():
        trainer = Trainer(
            max_epochs=n_epochs,
            precision=precision,
            **trainer_settings(),
            # "warn", for a GPU may have no deterministic kernel of the pooling's gradient.
            deterministic="warn",
            logger=TensorBoardLogger(folder, name="tensorboard", version=""),
            callbacks=[_Epochs(folder, sums, chosen_by, seed, advance, peek)],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )
        trainer.fit(
            module,
            train,
            validation,
            ckpt_path=resume,
            weights_only=True,
        )
    first_does(partial(_to_safetensors, folder))


def load_weights(model: nn.Module, folder: Path, selection: Selection) -> None:
    """Put the weights of a finished fit into a network of the same shape."""
    from safetensors.torch import load_model

    load_model(model, folder / f"{selection}.safetensors")


def drop_checkpoints(folder: Path) -> None:
    """A finished fit goes on no more: three times the weights' size is freed."""
    for name in get_args(Selection):
        (folder / f"{name}.pt").unlink(missing_ok=True)


def _to_safetensors(folder: Path) -> None:
    from safetensors.torch import save_file

    for rule in get_args(Selection):
        if not (checkpoint := folder / f"{rule}.pt").is_file():
            continue
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
        # What weighs the losses is in the checkpoint too, and no part of the network.
        tensors = {
            name.removeprefix("model."): state[name].contiguous()
            for name in state
            if name.startswith("model.")
        }
        with whole_file(folder / f"{rule}.safetensors") as part:
            save_file(tensors, part)


class _Epochs(Callback):
    """History, the seed of every epoch, and a checkpoint that is whole or absent."""

    def __init__(
        self,
        folder: Path,
        sums: Mapping[str, Sums],
        chosen_by: str,
        seed: int,
        advance: Advance | None,
        peek: Peek | None,
    ) -> None:
        self.folder, self.sums, self.chosen_by = folder, sums, chosen_by
        self.seed, self.advance, self.peek = seed, advance, peek
        self.history: list[dict[str, float]] = []

    def on_train_start(self, _trainer: Trainer, _module: LightningModule) -> None:
        if self.advance and self.history:
            self.advance(len(self.history))

    def on_train_epoch_start(self, _trainer: Trainer, _module: LightningModule) -> None:
        for side in self.sums.values():
            side.clear()

    def on_train_batch_start(
        self, trainer: Trainer, _module: LightningModule, _batch: Any, batch_idx: int
    ) -> None:
        # Before every step, not every epoch: a loader that starts again draws from the generator.
        # Choice: each of several processes has masks of its own, the first those of one process.
        rank = this_process().rank
        own = (rank,) if rank else ()
        torch.manual_seed(derive_seed(self.seed, trainer.current_epoch, batch_idx, *own))

    def on_train_epoch_end(self, trainer: Trainer, _module: LightningModule) -> None:
        figures = {
            name: value
            for side, sums in self.sums.items()
            for name, value in sums.figures(side).items()
        }
        if self.peek:
            figures.update(first_does(self.peek))
        self.history.append({"epoch": float(trainer.current_epoch + 1), **figures})
        for logger in trainer.loggers:
            logger.log_metrics(figures, trainer.current_epoch + 1)
        if not this_process().first:
            trainer.save_checkpoint(self.folder / "last.pt")  # takes part, and writes nothing
            return
        with whole_file(self.folder / "last.pt") as part:
            trainer.save_checkpoint(part)
            # The chosen epoch first: a kill between the two repeats the epoch and writes it again.
            for rule in self._chosen():
                with whole_file(self.folder / f"{rule}.pt") as chosen:
                    shutil.copyfile(part, chosen)
        with whole_file(self.folder / "history.csv") as part:
            pd.DataFrame(self.history).to_csv(part, index=False)
        if self.advance:
            self.advance(1)

    def _chosen(self) -> Iterator[Selection]:
        """Rules that prefer the epoch that has just ended to all before it."""
        losses = [row[self.chosen_by] for row in self.history]
        if losses[-1] <= np.nanmin([np.inf, *losses]):
            yield "validation"
        if self.peek:
            *before, now = (row["test_accuracy"] for row in self.history)
            if now > max(before, default=-np.inf):
                yield "best_on_test"

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = list(state_dict["history"])


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
