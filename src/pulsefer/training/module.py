"""One step of the two tasks, for Lightning.

Shape letters: B batch, T time, C channels, H height, W width, 2 the two tasks, 22 task by task.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from pulsefer.core.errors import BadInput
from pulsefer.core.seeding import derive_seed
from pulsefer.models.crnn import Crnn, Output
from pulsefer.models.pixels import to_float
from pulsefer.objectives.emotion import binary_cross_entropy
from pulsefer.objectives.heart_rate import batch_rmse
from pulsefer.objectives.loss_weights import build
from pulsefer.objectives.weighting import LossLevel, gramian
from pulsefer.samples.loader import Batch
from pulsefer.samples.window import Windows
from pulsefer.training.config import Selection, TrainConfig
from pulsefer.training.hr_scale import HeartRateScale
from pulsefer.training.parallel import counted_once, joined, summed, this_process
from pulsefer.training.training_side import TrainingSide
from pulsefer.training.two_gradients import Step, gradients, known, weighed
from pulsefer.training.weighing import MEASURED_EVERY, Weighing


def require_weighting(config: TrainConfig) -> None:
    """Refuse a weighting that is not to be had, or would let several processes drift apart.

    Raises:
        BadInput: of TorchJD, what is not there; gradients of all shared layers on more than one
            process.
    """
    build(config.weights)
    if config.weights.on_gradients and config.weights.on != "feature" and not this_process().alone:
        raise BadInput(
            f"weights.method {config.weights.method}",
            expected="a method that several processes can do together: one of the losses alone, or "
            "one that compares the gradients of the shared features",
            found=f"gradients of shared layers, on {this_process().n} processes; each would go its "
            "own way, without a word",
            remedy="--weights.on feature, or one process",
        )


class TwoTasks(LightningModule):
    """Emotion and, where the network has the head, heart rate.

    On several processes the losses and the sums are those of the joined batch (`parallel`): the
    figures of an epoch are the same on all, and count every window once.

    Sums over the epoch are kept, not means of batches: a smaller last batch must not count more,
    and a root of a mean is not a mean of roots.

    Weightings that look at gradients do so in `backward`, where Lightning lets a module do its own:
    accumulation, clipping, schedules and bfloat16 stay Lightning's.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        require_weighting(config)
        self.config = config
        self.model = Crnn(config.model)
        self.model.cnn.requires_grad_(not config.freeze_cnn)
        self.weighting = build(config.weights, seed=derive_seed(config.seed, "weighting"))
        self.weighting.begin_epoch(0, config.epochs)
        self.train_sums = Sums()
        self.validation_sums = Sums()
        self.weighing = Weighing()
        self.rates_known = False
        self.step: Step

    def training_step(self, batch: Batch, _number: int) -> Tensor:
        """The losses, weighed; a batch without any valid heart rate has only the emotion's."""
        cut, leaf = self._cut(to_float(batch.frames))
        own = self._after(cut if leaf is None else leaf)
        output, emotion, hr_bpm = of_all(own, batch)
        losses = [binary_cross_entropy(output.emotion_logit, emotion)]
        if output.hr_bpm is not None:
            rmse = batch_rmse(output.hr_bpm, hr_bpm)
            if rmse is not None:
                losses.append(rmse)
        self.train_sums.add(output, emotion, hr_bpm, losses[0])
        losses = [counted_once(loss) for loss in losses]
        loss, weights_2 = self._weigh(losses)
        self.rates_known |= len(losses) == 2
        if own.hr_bpm is not None and len(losses) == 1 and not this_process().alone:
            # The processes wait for every weight's gradient of each other.
            idle = (one.sum() for one in self.weighting.of_heart_rate())
            loss = loss + 0.0 * own.hr_bpm.sum() + 0.0 * sum(idle)
        self.step = Step(losses, loss, weights_2, cut, leaf)
        return loss

    def _cut(self, x_BTCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """Maps or features, and the same as a leaf where gradients are compared behind it."""
        on = self.config.weights.on if self.config.weights.on_gradients else "trunk"
        cut = self.model.maps(x_BTCHW)
        if on == "feature":
            cut = self.model.features(cut)
        return cut, None if on == "trunk" else cut.detach().requires_grad_()

    def _after(self, cut: Tensor) -> Output:
        """Answers, from maps or features."""
        return self.model.heads(cut if cut.ndim == 2 else self.model.features(cut))

    def _weigh(self, losses: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        """The number that the heads go down, and the weights in it where they are known by now."""
        if len(losses) == 1:
            if isinstance(self.weighting, LossLevel):
                return self.weighting.alone(losses[0]), None
            return self.weighting.base_2[0] * losses[0], None
        losses_2 = torch.stack(list(losses))
        if not isinstance(self.weighting, LossLevel):
            loss = (self.weighting.base_2 * losses_2).sum()
            self.weighting.step += 1
            return loss, None
        loss = self.weighting(losses_2)
        self.weighting.step += 1
        (weights_2,) = torch.autograd.grad(loss, losses_2, retain_graph=True)
        self.weighing.add(losses_2, weights_2)
        return loss, weights_2

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Gradients of one step, weighed as the method says.

        Args:
            loss: What `training_step` gave, times what Lightning put to it for accumulation.
            args: Of Lightning.
            kwargs: Of Lightning.
        """
        step = self.step
        if step.both and step.weights_2 is not None:
            if self._looks():
                found = [gradients(one, self.model.trunk, keep=True) for one in step.losses]
                self.weighing.look(self._joined_gramian(found), step.weights_2)
            super().backward(loss, *args, **kwargs)
        elif step.both or step.leaf is not None:
            self._backward_by_gradients(step, loss)
        else:
            super().backward(loss, *args, **kwargs)

    def _backward_by_gradients(self, step: Step, loss: Tensor) -> None:
        """The heads by themselves; the shared layers along the weighted sum of two gradients.

        Behind the cut every task's gradient is computed for itself. Before it there is one pass,
        which begins with the weighted sum: a gradient is linear in what it begins with.
        """
        (scale,) = torch.autograd.grad(loss, step.total, retain_graph=True)
        heads = [*self.model.emotion.parameters(), *self._rate_head()]
        torch.autograd.backward(loss, inputs=heads, retain_graph=True)
        behind = self._behind_cut()
        at = [] if step.leaf is None else [step.leaf]
        last = len(step.losses) - 1
        found = [
            gradients(one, [*behind, *at], keep=number < last)
            for number, one in enumerate(step.losses)
        ]
        weights_2 = self._weights_of(step, found) if step.both else self.weighting.base_2[:1]
        added = [weighed(scale * weights_2, pieces) for pieces in zip(*found, strict=True)]
        for weight, gradient in zip(behind, added, strict=False):
            if gradient is not None:
                weight.grad = gradient if weight.grad is None else weight.grad + gradient
        if step.cut is not None and step.cut.requires_grad and step.leaf is not None:
            torch.autograd.backward(step.cut, added[-1])

    def _weights_of(self, step: Step, found: Sequence[Sequence[Tensor | None]]) -> Tensor:
        """(2,) what each raw gradient is multiplied by; and what is told of it."""
        behind = self._behind_cut()
        if behind:
            gramian_22 = self._joined_gramian([one[: len(behind)] for one in found])
        else:  # the cut itself, of whose rows every process has its own
            n = this_process().n
            (gramian_22,) = summed(gramian(*([known(one[0]) / n] for one in found)))
        base_2 = self.weighting.base_2
        weights_2: Tensor = base_2 * self.weighting(gramian_22 * torch.outer(base_2, base_2))
        self.weighing.add(torch.stack(list(step.losses)), weights_2)
        if step.leaf is None:
            self.weighing.look(gramian_22, weights_2)
        elif self._looks():
            before = self.model.trunk[: len(self.model.trunk) - len(behind)]
            whole = [
                [*one[:-1], *gradients(step.cut, before, given=one[-1], keep=True)]
                if before else one[:-1]
                for one in found
            ]  # fmt: skip
            self.weighing.look(self._joined_gramian(whole), weights_2)
        return weights_2

    def _behind_cut(self) -> list[torch.nn.Parameter]:
        """Shared weights between the cut and the heads."""
        on = self.config.weights.on
        if on == "feature":
            return []
        return self.model.trunk if on == "trunk" else self.model.behind_cnn

    def _looks(self) -> bool:
        """Whether the gradients of this step are looked at in order to tell of them."""
        return (int(self.weighting.step) - 1) % MEASURED_EVERY == 0

    def _joined_gramian(self, of_weights: Sequence[Sequence[Tensor | None]]) -> Tensor:
        """Of the joined batch: the parts of a gradient that all processes have, added up."""
        n = this_process().n
        own = [[piece / n for piece in one if piece is not None] for one in of_weights]
        return gramian(*(summed(*one) for one in own))

    def _rate_head(self) -> Iterable[torch.nn.Parameter]:
        return self.model.heart_rate.parameters() if self.model.heart_rate else ()

    def on_train_epoch_start(self) -> None:
        """Some weightings change from epoch to epoch."""
        self.weighting.begin_epoch(self.current_epoch, self.config.epochs)

    def on_before_optimizer_step(self, _optimizer: torch.optim.Optimizer) -> None:
        """What has no loss rests: a gradient of zero would let Adam's momentum move it."""
        if not self.rates_known:
            for one in (*self._rate_head(), *self.weighting.of_heart_rate()):
                one.grad = None
        self.rates_known = False

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
        groups = [{"params": learning}, *self.weighting.param_groups()]
        return torch.optim.Adam(groups, lr=self.config.learning_rate, fused=fused)

    @property
    def sums(self) -> dict[str, Sums | Weighing]:
        """Totals of an epoch; where there is no heart rate to learn, nothing is weighed."""
        sides: dict[str, Sums | Weighing] = {
            "train": self.train_sums, "validation": self.validation_sums,
        }  # fmt: skip
        return {**sides, "weighing": self.weighing} if self.config.model.heart_rate else sides


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
