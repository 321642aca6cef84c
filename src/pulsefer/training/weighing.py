"""What the weighting of the losses did in an epoch: the same figures whatever the method.

Shape suffixes: 2 the two tasks, 22 task by task.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pulsefer.objectives.weighting import cosine

MEASURED_EVERY = 100
"""Steps from one look at the shared layers' gradients to the next, where a method does not look by
itself. Choice: a look is two more backward passes, more than a step, so this costs some 1 %; the
first step is always one."""

COLUMNS = (
    "loss_emotion", "loss_heart_rate_bpm", "weight_emotion", "weight_heart_rate", "effective_beta",
    "gradient_emotion", "gradient_heart_rate", "gradient_ratio", "gradient_cosine",
    "gradient_conflicts",
)  # fmt: skip


class Weighing:
    """Totals over one epoch, of the steps in which both losses were known.

    A weight is what a loss is multiplied by, all in all: the slope of the number that goes down, or
    the share of the gradient that the shared layers follow. `effective_beta` is the mean weight of
    the heart rate over that of the emotion: the static beta, per bpm, that would have given it as
    much. Gradients are those of the raw losses on the shared layers, seen every `MEASURED_EVERY`
    steps or, where the method looks at them, at every one; `gradient_ratio` is the length of the
    heart rate's over the emotion's with their weights in it, `gradient_conflicts` the share of
    looks in which they pointed against each other.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Start an epoch."""
        self.n = self.n_looks = 0
        # On the device, and read once an epoch.
        self.losses_2: Tensor | float = 0.0
        self.weights_2: Tensor | float = 0.0
        self.norms_2: Tensor | float = 0.0
        self.weighed_2: Tensor | float = 0.0
        self.cosine: Tensor | float = 0.0
        self.conflicts: Tensor | float = 0.0

    def add(self, losses_2: Tensor, weights_2: Tensor) -> None:
        """Count one step."""
        self.n += 1
        self.losses_2 = self.losses_2 + losses_2.detach().double()
        self.weights_2 = self.weights_2 + weights_2.detach().double()

    def look(self, gramian_22: Tensor, weights_2: Tensor) -> None:
        """Count the gradients of one step.

        Args:
            gramian_22: Of the raw losses' gradients on the shared layers.
            weights_2: Of that step.
        """
        self.n_looks += 1
        gramian_22 = gramian_22.detach().double()
        norms_2 = gramian_22.diagonal().sqrt()
        c = cosine(gramian_22)
        self.norms_2 = self.norms_2 + norms_2
        self.weighed_2 = self.weighed_2 + weights_2.detach().double().abs() * norms_2
        self.cosine = self.cosine + c
        self.conflicts = self.conflicts + (c < 0)

    def figures(self, _side: str) -> dict[str, float]:
        """Means over the epoch, under the names of `COLUMNS`; NaN where nothing counted."""
        losses, weights = (_pair(total, self.n) for total in (self.losses_2, self.weights_2))
        norms, weighed = (_pair(total, self.n_looks) for total in (self.norms_2, self.weighed_2))
        looks = self.n_looks or math.nan
        values = (
            *losses, *weights, _over(weights), *norms, _over(weighed),
            float(self.cosine) / looks, float(self.conflicts) / looks,
        )  # fmt: skip
        return dict(zip(COLUMNS, values, strict=True))


def _pair(total: Tensor | float, n: int) -> tuple[float, float]:
    if not n:
        return math.nan, math.nan
    emotion, heart_rate = (torch.as_tensor(total) / n).tolist()
    return emotion, heart_rate


def _over(pair: tuple[float, float]) -> float:
    """Heart rate over emotion."""
    return pair[1] / pair[0] if pair[0] else math.nan
