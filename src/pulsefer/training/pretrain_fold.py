"""Pre-train the CNN on one side of a split of single pictures, predict the other.

Shape suffixes: B batch, H height, W width, C colour, D the two dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import LightningModule
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pulsefer.core.errors import BadInput
from pulsefer.core.files import sweep, whole_file
from pulsefer.core.seeding import derive_seed
from pulsefer.metrics.affect import Target
from pulsefer.models.frame_affect import DIMENSIONS, FrameAffect, FrameAffectConfig
from pulsefer.models.pixels import to_float
from pulsefer.objectives.affect import bce, ccc_loss, mse
from pulsefer.samples.face_store import FaceStore
from pulsefer.samples.loader import in_batches
from pulsefer.samples.split import Split
from pulsefer.training.config import Selection
from pulsefer.training.epochs import RULES, Advance, drop_checkpoints, load_weights, run_epochs
from pulsefer.training.parallel import counted_once, first_does, joined, meet, this_process

Loss = Literal["mse", "ccc"]


@dataclass(frozen=True)
class PretrainConfig:
    """How the CNN is pre-trained on single pictures.

    Paper: "pre-trained on AFEW-VA", and no more.
    Choice: the settings of the training itself; a sigmoid gives each dimension as a share of its
    scale, (v + 1) / 2, and the loss is the mean square error. Folds never cut through a person.
    Pictures are not mirrored or otherwise varied: the paper does not say so.

    Attributes:
        target: "regression" of the values, or "binary": above 0 or not.
        loss: Of a regression: "mse", or "ccc" (1 minus the concordance of the batch).
        epochs: Passes over the training side.
        batch_size: Pictures per step, over all processes (`training.parallel`).
        learning_rate: Of Adam.
        dropout: In the head that is dropped afterwards.
        folds: How many; each needs a person of its own.
        validation: Share of the training side that is held out to choose an epoch; 0 for none.
        precision: "32-true", or "bf16-mixed" for autocast.
        seed: Initial weights, dropout, order of the pictures.
        split_seed: Seed of the folds.
    """

    target: Target = "regression"
    loss: Loss = "mse"
    epochs: int = 15
    batch_size: int = 64
    learning_rate: float = 1e-3
    dropout: float = 0.5
    folds: int = 5
    validation: float = 0.2
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    seed: int = 0
    split_seed: int = 0

    def __post_init__(self) -> None:
        for name, kind in (("target", Target), ("loss", Loss)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(
                    f"{name} is one of {', '.join(get_args(kind))}, found {getattr(self, name)!r}"
                )
        if self.target == "binary" and self.loss != "mse":
            raise ValueError("a binary target has the cross-entropy as its loss; leave loss out")
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError(
                f"epochs and batch_size must be at least 1, found {self.epochs}, {self.batch_size}"
            )
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, found {self.learning_rate}")
        if self.folds < 2:
            raise ValueError(f"folds must be at least 2, found {self.folds}")
        if not 0.0 <= self.validation < 1.0:
            raise ValueError(f"validation is a share in [0, 1), found {self.validation}")
        FrameAffectConfig(self.dropout)


class FaceBatch(NamedTuple):
    """What a step takes.

    Attributes:
        faces: (B, H, W, C) uint8 RGB.
        target: (B, D) float32 in [0, 1], NaN where not known.
        place: (B,) int64, rows of the store's table.
    """

    faces: Tensor
    target: Tensor
    place: Tensor


class Faces(Dataset[FaceBatch]):
    """Some faces of a store; a whole batch is gathered at once."""

    def __init__(self, store: FaceStore, target: Target, indices: Sequence[int]) -> None:
        self.store = store
        self.indices = np.asarray(indices, np.intp)
        self.target = targets(store, target)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> FaceBatch:
        return self.__getitems__([position])

    def __getitems__(self, positions: Sequence[int]) -> FaceBatch:
        """The batch of several positions; PyTorch's loader calls this where it exists."""
        chosen = self.indices[np.asarray(positions, np.intp)]
        return FaceBatch(
            torch.from_numpy(self.store.faces(chosen)),
            torch.from_numpy(self.target[chosen]),
            torch.from_numpy(chosen),
        )


def targets(store: FaceStore, target: Target) -> NDArray[np.float32]:
    """(n, D) what the network is to say of every face, NaN where it is not known.

    Choice: a value of exactly 0 is not high.
    """
    value: NDArray[np.float32] = store.table[list(DIMENSIONS)].to_numpy(np.float32)
    if target == "regression":
        return np.float32(0.5) + np.float32(0.5) * value
    high = (value > 0).astype(np.float32)
    high[np.isnan(value)] = math.nan
    return high


def faces_loader(
    store: FaceStore,
    target: Target,
    indices: Sequence[int],
    *,
    batch_size: int = 256,
    shuffle_seed: int | None = None,
    part: tuple[int, int] = (0, 1),
) -> DataLoader[FaceBatch]:
    """Batches of some faces; without a seed in their order."""
    return in_batches(Faces(store, target, indices), batch_size, shuffle_seed, part)


def fit_fold(
    store: FaceStore,
    split: Split,
    config: PretrainConfig,
    *,
    folder: Path,
    advance: Advance | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train on one side of a split, predict the other, as `fit` does for clips.

    Args:
        store: Where the faces are.
        split: Rows of the store's table. An empty test side predicts nothing.
        config: Settings.
        folder: Where to write; a finished fit in it is returned as it is, a half one goes on.
        advance: Called with 1 after every epoch.

    Returns:
        History, a row per epoch: epoch, then loss and ccc (or accuracy) of both sides. Predictions
        of the test pictures, once per selection rule: labels on -1 to 1, and `*_pred`, the answer
        on the same scale, or with a binary target the probability of high.

    Raises:
        BadInput: the training side has no labels, or with a binary target only one.
    """
    meet([config, split, len(store)])
    advance = advance if this_process().first else None
    if done := first_does(partial(_finished, folder)):
        if advance:
            advance(config.epochs)
        return done
    _refuse_unlearnable(store, split, config.target)
    first_does(partial(_begin, folder))
    own = this_process().part
    torch.manual_seed(derive_seed(config.seed, "weights"))
    module = OneFrame(config)
    run_epochs(
        module,
        {"train": module.train_sums, "validation": module.validation_sums},
        faces_loader(
            store, config.target, split.train,
            batch_size=config.batch_size,
            shuffle_seed=derive_seed(config.seed, "order", split.fold),
            part=own,
        ),
        faces_loader(store, config.target, split.validation, part=own)
        if split.validation
        else None,
        folder=folder,
        n_epochs=config.epochs,
        precision=config.precision,
        chosen_by="validation_loss",
        seed=derive_seed(config.seed, "dropout", split.fold),
        advance=advance,
    )  # fmt: skip

    def finish() -> tuple[pd.DataFrame, pd.DataFrame]:
        predictions = _predictions(store, split, config, module.model, folder)
        with whole_file(folder / "predictions.parquet") as part:
            predictions.to_parquet(part, index=False)
        drop_checkpoints(folder)
        return pd.read_csv(folder / "history.csv"), predictions

    return first_does(finish)


def _finished(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """What an earlier call left, if it came to the end."""
    if not (folder / "predictions.parquet").is_file():
        return None
    drop_checkpoints(folder)
    return pd.read_csv(folder / "history.csv"), pd.read_parquet(folder / "predictions.parquet")


def _begin(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)


class OneFrame(LightningModule):
    """Valence and arousal of single pictures, for Lightning."""

    def __init__(self, config: PretrainConfig) -> None:
        super().__init__()
        self.config = config
        self.model = FrameAffect(FrameAffectConfig(config.dropout))
        self.train_sums = AffectSums(config)
        self.validation_sums = AffectSums(config)

    def training_step(self, batch: FaceBatch, _number: int) -> Tensor:
        """The loss of one batch, of which each of several processes has a part."""
        logit, target = joined(self.model(to_float(batch.faces)).float(), batch.target)
        self.train_sums.add(logit, target)
        if self.config.target == "binary":
            loss = bce(logit, target)
        else:
            of = mse if self.config.loss == "mse" else ccc_loss
            loss = of(torch.sigmoid(logit), target)
        # A last batch of one picture has no concordance: Adam's momentum alone moves the weights.
        return counted_once(logit.sum() * 0.0 if loss is None else loss)

    def validation_step(self, batch: FaceBatch, _number: int) -> None:
        """The same sums on the held-out part."""
        logit = self.model(to_float(batch.faces)).float()
        self.validation_sums.add(*joined(logit, batch.target))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, as in the training itself."""
        fused = self.device.type in ("cpu", "cuda")
        return torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate, fused=fused)


class AffectSums:
    """Answers over one epoch of one side: a concordance is not a mean over batches."""

    def __init__(self, config: PretrainConfig) -> None:
        self.config = config
        self.clear()

    def clear(self) -> None:
        """Start an epoch."""
        self.logits: list[Tensor] = []
        self.targets: list[Tensor] = []

    def add(self, logit: Tensor, target: Tensor) -> None:
        """Keep one batch; nothing here takes part in the gradient."""
        self.logits.append(logit.detach())
        self.targets.append(target)

    def figures(self, side: str) -> dict[str, float]:
        """What is minimised, over the whole side, and how good that is; NaN without pictures."""
        second = "accuracy" if self.config.target == "binary" else "ccc"
        if not self.targets:
            return {f"{side}_loss": math.nan, f"{side}_{second}": math.nan}
        logit, target = torch.cat(self.logits).cpu().double(), torch.cat(self.targets).cpu()
        if self.config.target == "binary":
            loss, known = bce(logit, target), ~torch.isnan(target)
            good = float(((logit > 0) == (target > 0.5))[known].double().mean())
        else:
            pred = torch.sigmoid(logit)
            loss = mse(pred, target) if self.config.loss == "mse" else ccc_loss(pred, target)
            off = ccc_loss(pred, target)
            good = math.nan if off is None else 1.0 - float(off)
        return {
            f"{side}_loss": math.nan if loss is None else float(loss),
            f"{side}_{second}": good,
        }


def _predictions(
    store: FaceStore, split: Split, config: PretrainConfig, model: FrameAffect, folder: Path
) -> pd.DataFrame:
    rows = store.table.iloc[list(split.test)].drop(columns=["part", "place", "data_kind"])
    rows = rows.assign(fold=split.fold)
    parts = []
    for selection in RULES if split.validation else RULES[:1]:
        if not split.test:
            break
        answer = _answers(store, split.test, config, model, folder, selection)
        named = {f"{name}_pred": answer[:, k] for k, name in enumerate(DIMENSIONS)}
        parts.append(rows.assign(**named, selection=selection))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _answers(
    store: FaceStore,
    indices: Sequence[int],
    config: PretrainConfig,
    model: FrameAffect,
    folder: Path,
    selection: Selection,
) -> NDArray[np.float64]:
    """(n, D) in the unit of the labels, or probabilities."""
    load_weights(model, folder, selection)
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        shares = torch.cat(
            [
                torch.sigmoid(model(to_float(batch.faces.to(device))).double()).cpu()
                for batch in faces_loader(store, config.target, indices)
            ]
        ).numpy()
    return shares if config.target == "binary" else 2 * shares - 1


def _refuse_unlearnable(store: FaceStore, split: Split, target: Target) -> None:
    """A dimension that nobody labelled is left alone; one with the same label for all is not."""
    target_ND = targets(store, target)
    anywhere = ~np.isnan(target_ND).all(axis=0)
    for name, column in zip(np.array(DIMENSIONS)[anywhere], target_ND.T[anywhere], strict=True):
        found = set(column[list(split.train)][~np.isnan(column[list(split.train)])].tolist())
        if len(found) < (2 if target == "binary" else 1):
            raise BadInput(
                f"{name}, fold {split.fold}",
                expected="low and high labels on the training side"
                if target == "binary"
                else "labels on the training side",
                found=f"only {sorted(found)}" if found else "none",
                remedy="fewer folds, or more pictures",
            )
