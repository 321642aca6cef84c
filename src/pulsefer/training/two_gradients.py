"""Two losses of one forward pass, and the gradients of each for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Step(NamedTuple):
    """What the backward pass of a step has to know of its forward pass.

    Attributes:
        losses: Raw loss of the emotion, and of the heart rate where it is known.
        total: What `training_step` gave.
        weights_2: Of the losses, where the method gives them without gradients.
        cut: The last numbers before a cut of the graph: maps or features.
        leaf: The same numbers, from which it went on.
    """

    losses: Sequence[Tensor]
    total: Tensor
    weights_2: Tensor | None = None
    cut: Tensor | None = None
    leaf: Tensor | None = None

    @property
    def both(self) -> bool:
        """Whether there are two losses to weigh."""
        return len(self.losses) == 2


def gradients(
    of: Tensor | None, weights: Sequence[Tensor], *, given: Tensor | None = None, keep: bool
) -> tuple[Tensor | None, ...]:
    """Gradients of a loss, or of a cut given its own; None for a weight that had no part.

    In a window of one frame the recurrent layer starts from nothing, and its weights of the state
    have none.
    """
    assert of is not None
    return torch.autograd.grad(of, weights, given, retain_graph=keep, allow_unused=True)


def known(gradient: Tensor | None) -> Tensor:
    """One that must have had a part."""
    assert gradient is not None
    return gradient


def weighed(weights: Tensor, pieces: Sequence[Tensor | None]) -> Tensor | None:
    """The sum of some gradients of one tensor, in single precision, in the tensor's own at last."""
    there = [piece for piece in pieces if piece is not None]
    if not there:
        return None
    whole = weights[0] * there[0].float()
    for weight, piece in zip(weights[1:], there[1:], strict=True):
        whole = whole + weight * piece.float()
    return whole.to(there[0].dtype)
