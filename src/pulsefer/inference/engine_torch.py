"""A network asked frame by frame, in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pulsefer.inference.engine import Answer
from pulsefer.models.crnn import Crnn, State
from pulsefer.models.pixels import to_float


class TorchEngine:
    """An `Engine`; a window's state is a tensor on the device, of an LSTM with its cell.

    Args:
        model: As `checkpoint.load` gives it: in `eval()`.
        device: Where it computes; the model is moved there.
    """

    def __init__(self, model: Crnn, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.model = model.eval().to(self.device)

    @property
    def takes_change(self) -> bool:
        """See `Engine`."""
        return self.model.config.input != "appearance"

    @torch.inference_mode()
    def step(
        self, crop: NDArray[np.uint8], before: NDArray[np.uint8] | None, states: Sequence[Any]
    ) -> list[Answer]:
        """See `Engine`.

        Raises:
            ValueError: no frame before where a change is looked at, or one where it is not.
        """
        if (before is not None) != self.takes_change:
            raise ValueError("the frame before is given exactly where a change is looked at")
        if not states:
            return []
        output, state = self.model.step(
            self._frame(crop),
            State(_stacked(states), None if before is None else self._frame(before)),
        )
        assert state.h_BDHW is not None
        n = len(states)
        logit = output.emotion_logit.expand(n).tolist()
        rate = [math.nan] * n if output.hr_bpm is None else output.hr_bpm.expand(n).tolist()
        # Windows that all begin here are one: the batch is of one, and so is its answer.
        after = state.h_BDHW.expand(n, -1, -1, -1)
        return [Answer(*one) for one in zip(logit, rate, after, strict=True)]

    def _frame(self, crop: NDArray[np.uint8]) -> Tensor:
        return to_float(torch.tensor(crop, device=self.device))[None]


def _stacked(states: Sequence[Tensor | None]) -> Tensor | None:
    """(B, D, H, W), or None where every window begins: the zero state, with less to compute."""
    known = next((state for state in states if state is not None), None)
    if known is None:
        return None
    zero = torch.zeros_like(known)
    return torch.stack([zero if state is None else state for state in states])
