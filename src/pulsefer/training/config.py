"""What a training is: frozen settings whose defaults are the paper's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pulsefer.models.crnn import CrnnConfig
from pulsefer.objectives.loss_weights import LossWeights
from pulsefer.samples.split import LEAKY, PROTOCOLS, By, Folds

Selection = Literal["last", "validation", "best_on_test"]


@dataclass(frozen=True)
class TrainConfig:
    """How one model is fitted.

    Paper: Adam, learning rate 0.001, 15 epochs, batch 64, alpha 1, beta 0.01 (Sec. III-D, IV-B).

    Attributes:
        model: The network; `model.heart_rate` False is the paper's STL, True its MTL.
        weights: alpha and beta of equation (7), or another way to weigh the two losses.
        epochs: Passes over the training side.
        batch_size: Windows per step, over all processes (`training.parallel`). The batch RMSE of
            equation (6) depends on it.
        learning_rate: Of Adam.
        hr_start: "default" starts the heart-rate head as PyTorch does, some 79 bpm from the
            truth; "train_mean" starts its bias at the mean of the training side. Choice: default,
            as the paper says nothing.
        hr_by_dataset: Learn heart rates relative to the mean and the spread of their own data set,
            where there are several; predictions are given back in bpm. See `hr_scale`.
        peek_at_test: Look at the test side after every epoch, and also report the epoch that does
            best there, under the name best_on_test: to show what such a choice buys, as the
            network's ancestor makes it. Choice: off; nothing of the test side is looked at then.
        freeze_cnn: Keep the weights that the CNN was given. Choice: off; the paper says that it
            is pre-trained, not that it rests.
        precision: "32-true", or "bf16-mixed" for autocast.
        seed: Initial weights, dropout, order of the windows.
    """

    model: CrnnConfig = field(default_factory=CrnnConfig)
    weights: LossWeights = field(default_factory=LossWeights)
    epochs: int = 15
    batch_size: int = 64
    learning_rate: float = 1e-3
    hr_start: Literal["default", "train_mean"] = "default"
    hr_by_dataset: bool = False
    peek_at_test: bool = False
    freeze_cnn: bool = False
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError(
                f"epochs and batch_size must be at least 1, found {self.epochs}, {self.batch_size}"
            )
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, found {self.learning_rate}")
        if not self.model.heart_rate and self.weights.method != "static":
            raise ValueError(
                f"without a heart-rate head there is nothing for {self.weights.method} to weigh: "
                "leave the method out, or keep the head"
            )

    @property
    def system(self) -> str:
        """Name in the paper's tables: "STL" without the heart-rate head, "MTL" with it."""
        return "MTL" if self.model.heart_rate else "STL"


@dataclass(frozen=True)
class Protocol:
    """How the folds are made; its name stands beside every figure.

    Attributes:
        by: What is kept apart, and so what may cross from the training side to the tested one.
            The network's ancestor has window_within, in 10 folds.
            window_within: the tested trials, by their other windows (one model per person);
            window_pooled: the tested trials, by their other windows, and the tested persons;
            block_within_trial: the tested trials, by their other seconds, and the tested persons;
            trial_within: the tested persons, by other trials (one model per person);
            trial_pooled: the tested persons, by other trials, and the clips, watched by others;
            subject: the clips, watched by other persons;
            stimulus: the tested persons, watching other clips;
            subject_x_stimulus: nothing, neither the tested persons nor the tested clips.
        folds: How many, or one_out: a fold for every person, trial or clip.
        validation: Share of the training side that is held out to choose an epoch and to draw
            the curves; 0 for none.
        split_seed: Seed of the shuffle.
    """

    by: By = "subject"
    folds: Folds = 5
    validation: float = 0.2
    split_seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in PROTOCOLS:
            raise ValueError(f"by is one of {', '.join(PROTOCOLS)}; found {self.by!r}")

    @property
    def name(self) -> str:
        """For example "subject" or "window_within"."""
        return self.by

    @property
    def leaky(self) -> bool:
        """Whether a trial stands on both sides."""
        return self.by in LEAKY
