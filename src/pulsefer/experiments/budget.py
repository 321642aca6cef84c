"""One dial for what an experiment may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from pulsefer.models.crnn import CrnnConfig
from pulsefer.samples.split import By
from pulsefer.samples.window import WindowConfig
from pulsefer.training.config import Protocol, TrainConfig

BudgetName = Literal["smoke", "desk", "paper"]
BUDGETS: tuple[BudgetName, ...] = get_args(BudgetName)


@dataclass(frozen=True, slots=True)
class Budget:
    """What an experiment may cost. The larger ones ask the same question with more certainty.

    Attributes:
        name: "smoke" shows in seconds that everything runs, and no more; "desk" tells in minutes
            on two cores what was planted in a specimen; "paper" is the paper's settings.
        seeds: Trainings of every arm, with other weights and orders.
        folds: Of every protocol.
        epochs: Passes over the training side. Paper: 15.
        batch_size: Paper: 64. Less where there are few windows.
        dropout: In the emotion head; 0 where what is to be learned in few steps must not be hidden
            half the time.
        hr_start: See `TrainConfig`.
        n_frames: Of a window of 1 s. Choice of the paper preset: 5.
        window_step_s: From one window's start to the next; None leaves no gap.
        dimensions: Ratings that are learned.
    """

    name: BudgetName
    seeds: int
    folds: int
    epochs: int
    batch_size: int
    dropout: float
    hr_start: Literal["default", "train_mean"]
    n_frames: int
    window_step_s: float | None
    dimensions: tuple[str, ...]

    def windows(self, dimension: str) -> WindowConfig:
        """The paper's likely windows of 1 s."""
        return WindowConfig(n_frames=self.n_frames, step_s=self.window_step_s, dimension=dimension)

    def protocol(self, by: By) -> Protocol:
        """A protocol with this many folds; blocks need three, one of them to choose an epoch by."""
        return Protocol(by=by, folds=max(self.folds, 3 if by == "block_within_trial" else 2))

    def train(self, seed: int, *, heart_rate: bool = True) -> TrainConfig:
        """The settings of one training."""
        return TrainConfig(
            model=CrnnConfig(heart_rate=heart_rate, dropout=self.dropout),
            epochs=self.epochs,
            batch_size=self.batch_size,
            hr_start=self.hr_start,
            seed=seed,
        )


SIZES: Mapping[BudgetName, Budget] = {
    "smoke": Budget("smoke", 1, 2, 1, 16, 0.0, "train_mean", 3, 2.0, ("valence",)),
    "desk": Budget("desk", 2, 2, 12, 8, 0.0, "train_mean", 3, 2.0, ("valence",)),
    "paper": Budget("paper", 5, 5, 15, 64, 0.5, "default", 5, None, ("valence", "arousal")),
}
