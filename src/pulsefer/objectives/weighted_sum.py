"""The sum of the losses, equation (7)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the two tasks; the defaults are the paper's.

    Attributes:
        alpha: Of the emotion loss.
        beta: Of the heart-rate loss, per bpm; 0 leaves the shared layers to the emotion alone.
    """

    alpha: float = 1.0
    beta: float = 0.01

    def __post_init__(self) -> None:
        for name, value in (("alpha", self.alpha), ("beta", self.beta)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is a finite number of at least 0, found {value}")

    def by_task(self, *, heart_rate: bool = True) -> dict[str, float]:
        """Weights under the names of the tasks.

        Args:
            heart_rate: Whether this batch has a heart-rate loss at all.

        >>> LossWeights().by_task()
        {'emotion': 1.0, 'heart_rate': 0.01}
        """
        emotion = {"emotion": self.alpha}
        return {**emotion, "heart_rate": self.beta} if heart_rate else emotion


def weighted_sum(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Equation (7): weight times loss, summed over tasks.

    Args:
        losses: One scalar for each task.
        weights: One number for each task.

    Returns:
        A scalar.

    Raises:
        ValueError: the tasks differ, or there are none.

    >>> weighted_sum({"a": torch.tensor(2.0), "b": torch.tensor(3.0)}, {"a": 1.0, "b": 0.5})
    tensor(3.5000)
    """
    if not losses or losses.keys() != weights.keys():
        raise ValueError(f"weights are for {sorted(weights)}, losses for {sorted(losses)}")
    return torch.stack([weights[task] * loss for task, loss in losses.items()]).sum()
