"""How two losses become one step: what every method of this room is.

The emotion is the task, the heart rate only helps; they always come in this order. Some methods
look at the losses and give a number to go down (`LossLevel`). Others look at the gradients that the
two losses have on the layers they share, and say how much of each is taken (`GradientLevel`).

What a method remembers lies in buffers and parameters, so a checkpoint of the module resumes it.
Nothing here knows a network: `training.module` brings losses and gradients.

Shape suffixes: 2 the two tasks, 22 task by task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

EMOTION, HEART_RATE = 0, 1
"""Places of the tasks."""


class LossWeighting(nn.Module):
    """Weights of the emotion and the heart rate, by some method.

    Attributes:
        takes_base: Whether alpha and beta matter to it. They do not where they cancel.
        base_2: alpha and beta of equation (7), which are applied first; ones where they cancel.
        step: Batches in which both losses were known.

    Args:
        base: alpha and beta.
    """

    takes_base = True
    base_2: Tensor
    step: Tensor

    def __init__(self, base: tuple[float, float] = (1.0, 1.0)) -> None:
        super().__init__()
        self.register_buffer("base_2", torch.tensor(base), persistent=False)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Called before an epoch's first batch.

        Args:
            epoch: Its number, from 0.
            epochs: How many there will be.
        """

    def param_groups(self) -> list[dict[str, Any]]:
        """What the optimiser has to learn beside the network, with its own settings."""
        return []

    def of_heart_rate(self) -> list[nn.Parameter]:
        """What of that is left alone in a batch without a heart rate."""
        return []


class LossLevel(LossWeighting, ABC):
    """One number from two losses; its gradient is taken as always."""

    @abstractmethod
    def forward(self, losses_2: Tensor) -> Tensor:
        """The number to go down.

        Args:
            losses_2: (2,) raw losses, both known.
        """

    def alone(self, emotion: Tensor) -> Tensor:
        """The same where no heart rate of the batch is known: the task is skipped."""
        return self.base_2[EMOTION] * emotion


class GradientLevel(LossWeighting, ABC):
    """How much of each task's gradient the shared layers follow.

    The heads are no matter of weights: each goes down its own loss, times its base weight.
    """

    @abstractmethod
    def forward(self, gramian_22: Tensor) -> Tensor:
        """(2,) weights of the gradients.

        Args:
            gramian_22: Products of the gradients of the losses (times `base_2`) with each other.
        """


def gramian(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """(2, 2) products of two gradients, float32 at least, whatever the precision they came in.

    Args:
        first: A gradient in pieces, as `torch.autograd.grad` gives it for several parameters.
        second: The other, in pieces of the same shapes.

    >>> gramian([torch.tensor([3.0, 4.0])], [torch.tensor([1.0, 0.0])])
    tensor([[25.,  3.],
            [ 3.,  1.]])
    """
    a, b = ([_flat(piece) for piece in pieces] for pieces in (first, second))
    aa, ab, bb = (_product(*pair) for pair in ((a, a), (a, b), (b, b)))
    return torch.stack([aa, ab, ab, bb]).view(2, 2)


def cosine(gramian_22: Tensor) -> Tensor:
    """Cosine of the angle between two gradients; 0 where one is nothing."""
    norms = gramian_22.diagonal().sqrt().prod()
    return torch.where(norms > 0, gramian_22[0, 1] / norms, 0.0).clamp(-1.0, 1.0)


def _flat(piece: Tensor) -> Tensor:
    return (piece.float() if piece.element_size() < 4 else piece).reshape(-1)


def _product(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    pairs = zip(first, second, strict=True)
    return torch.stack([torch.dot(one, other) for one, other in pairs]).sum()
