"""One step of the two tasks, for Lightning."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from pulsefer.models.crnn import Crnn, Output
from pulsefer.models.pixels import to_float
from pulsefer.objectives.emotion import binary_cross_entropy
from pulsefer.objectives.heart_rate import batch_rmse
from pulsefer.objectives.weighted_sum import weighted_sum
from pulsefer.samples.loader import Batch
from pulsefer.samples.window import Windows
from pulsefer.training.config import Selection, TrainConfig
from pulsefer.training.hr_scale import HeartRateScale
from pulsefer.training.parallel import counted_once, joined, this_process
from pulsefer.training.training_side import TrainingSide


class TwoTasks(LightningModule):
    """Emotion and, where the network has the head, heart rate.

    On several processes the losses and the sums are those of the joined batch (`parallel`): the
    figures of an epoch are the same on all, and count every window once.

    Sums over the epoch are kept, not means of batches: a smaller last batch must not count more,
    and a root of a mean is not a mean of roots.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Crnn(config.model)
        self.model.cnn.requires_grad_(not config.freeze_cnn)
        self.train_sums = Sums()
        self.validation_sums = Sums()
        self.head_rests = False

    def training_step(self, batch: Batch, _number: int) -> Tensor:
        """Equation (7); a batch without any valid heart rate has only the first term."""
        own = self.model(to_float(batch.frames))
        output, emotion, hr_bpm = of_all(own, batch)
        losses = {"emotion": binary_cross_entropy(output.emotion_logit, emotion)}
        if output.hr_bpm is not None:
            rmse = batch_rmse(output.hr_bpm, hr_bpm)
            if rmse is not None:
                losses["heart_rate"] = rmse
        self.train_sums.add(output, emotion, hr_bpm, losses["emotion"])
        weights = self.config.weights.by_task(heart_rate="heart_rate" in losses)
        loss = counted_once(weighted_sum(losses, weights))
        self.head_rests = own.hr_bpm is not None and "heart_rate" not in losses
        if self.head_rests and not this_process().alone:
            # The processes wait for every weight's gradient of each other.
            loss = loss + 0.0 * own.hr_bpm.sum()
        return loss

    def on_before_optimizer_step(self, _optimizer: torch.optim.Optimizer) -> None:
        """A head without a loss rests: a gradient of zero would let Adam's momentum move it."""
        if self.head_rests and self.model.heart_rate is not None:
            self.model.heart_rate.zero_grad(set_to_none=True)

    def validation_step(self, batch: Batch, _number: int) -> None:
        """The same sums on the held-out part."""
        output, emotion, hr_bpm = of_all(self.model(to_float(batch.frames)), batch)
        loss = binary_cross_entropy(output.emotion_logit, emotion)
        self.validation_sums.add(output, emotion, hr_bpm, loss)

    def peek(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Cross-entropy and accuracy of a side that takes no part; the training does not notice."""
        sums, was_training = Sums(), self.training
        self.eval()
        with torch.inference_mode():
            for batch in batches:
                there = Batch(*(part.to(self.device) for part in batch))
                output = self.model(to_float(there.frames))
                loss = binary_cross_entropy(output.emotion_logit, there.emotion)
                sums.add(output, there.emotion, there.hr_bpm, loss)
        self.train(was_training)
        figures = sums.figures("test")
        return {name: figures[name] for name in ("test_bce", "test_accuracy")}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Paper: Adam, learning rate 0.001."""
        fused = self.device.type in ("cpu", "cuda")
        learning = [one for one in self.model.parameters() if one.requires_grad]
        return torch.optim.Adam(learning, lr=self.config.learning_rate, fused=fused)


def of_all(own: Output, batch: Batch) -> tuple[Output, Tensor, Tensor]:
    """Answers, emotions and heart rates of the whole batch, of which this process has a part."""
    known = (own.emotion_logit, batch.emotion, batch.hr_bpm)
    if own.hr_bpm is None:
        logit, emotion, hr_bpm = joined(*known)
        return Output(logit, None), emotion, hr_bpm
    logit, emotion, hr_bpm, answer = joined(*known, own.hr_bpm)
    return Output(logit, answer), emotion, hr_bpm


class Sums:
    """Totals over one epoch of one side."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Start an epoch."""
        self.n = self.n_hr = 0
        self.bce = self.right = self.squares = 0.0

    def add(self, output: Output, emotion: Tensor, true_bpm: Tensor, bce: Tensor) -> None:
        """Count one batch; nothing here takes part in the gradient."""
        with torch.no_grad():
            n = len(emotion)
            self.n += n
            self.bce += float(bce) * n
            high = output.emotion_logit > 0
            self.right += float((high == (emotion > 0.5)).sum())
            if output.hr_bpm is not None:
                valid = true_bpm.isfinite()
                error = (output.hr_bpm.float() - true_bpm)[valid]
                self.n_hr += int(valid.sum())
                self.squares += float(error.square().sum())

    def figures(self, side: str) -> dict[str, float]:
        """Cross-entropy, accuracy and heart-rate RMSE of the epoch; NaN where nothing counted."""
        return {
            f"{side}_bce": self.bce / self.n if self.n else math.nan,
            f"{side}_accuracy": self.right / self.n if self.n else math.nan,
            f"{side}_hr_rmse_bpm": math.sqrt(self.squares / self.n_hr) if self.n_hr else math.nan,
        }


def predict(model: Crnn, batches: Any, device: torch.device) -> dict[str, Tensor]:
    """Probabilities and rates of all windows of a loader, in its order.

    Returns:
        index (n,), emotion_prob (n,), hr_pred_bpm (n,) with NaN where the network has no head.
    """
    found: dict[str, list[Tensor]] = {"index": [], "emotion_prob": [], "hr_pred_bpm": []}
    model.eval().to(device)
    with torch.inference_mode():
        for batch in batches:
            output = model(to_float(batch.frames.to(device)))
            found["index"].append(batch.place)
            found["emotion_prob"].append(output.emotion_prob.float().cpu())
            none = torch.full((len(batch.place),), math.nan)
            rate = none if output.hr_bpm is None else output.hr_bpm.float().cpu()
            found["hr_pred_bpm"].append(rate)
    return {name: torch.cat(parts) for name, parts in found.items()}


def prediction_table(
    windows: Windows,
    found: Mapping[str, Tensor],
    *,
    fold: int,
    selection: Selection,
    side: TrainingSide,
    scale: HeartRateScale | None = None,
) -> pd.DataFrame:
    """What `predict` found, beside the truth.

    The columns of `metrics.score.PREDICTION_COLUMNS`; `selection`; `place`, the position in the
    list of windows; and what the training side alone would answer.

    Args:
        windows: Those that the loader's indices point into.
        found: From `predict`.
        fold: Number of the fold.
        selection: How the epoch was chosen.
        side: What was learned from, for the baselines that know nothing else.
        scale: The common scale that the network answers on; None for plain bpm.
    """
    chosen = [windows.windows[index] for index in found["index"].tolist()]
    datasets = [window.dataset for window in chosen]
    hr_pred_bpm = found["hr_pred_bpm"].numpy().astype(np.float64)
    if scale:
        hr_pred_bpm = scale.from_common(datasets, hr_pred_bpm)
    high_train_share, hr_train_mean_bpm = side.of(datasets).T
    return pd.DataFrame(
        {
            "dataset": datasets,
            "subject": [window.subject for window in chosen],
            "trial": [window.trial for window in chosen],
            "stimulus": [window.stimulus for window in chosen],
            "start_s": [window.start_s for window in chosen],
            "fold": fold,
            "emotion": [window.emotion for window in chosen],
            "emotion_prob": found["emotion_prob"].numpy().astype(np.float64),
            "hr_bpm": [window.hr_bpm for window in chosen],
            "hr_pred_bpm": hr_pred_bpm,
            "selection": selection,
            "place": found["index"].numpy(),
            "high_train_share": high_train_share,
            "hr_train_mean_bpm": hr_train_mean_bpm,
        }
    )
