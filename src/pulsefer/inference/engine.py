"""What a trained network must offer to be asked frame by frame, wherever it computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Answer(NamedTuple):
    """What a network says after one more frame of one window.

    Attributes:
        emotion_logit: Logit of the high class, not calibrated.
        hr_bpm: Beats per minute; NaN without a heart-rate head.
        state: To be given back with the window's next frame; what it is, only the engine knows.
    """

    emotion_logit: float
    hr_bpm: float
    state: Any


class Engine(Protocol):
    """A network that takes one frame at a time.

    Several windows may want the same frame: their states go through in one batch, and what does
    not depend on the state (the CNN, the input's convolution) is computed once.
    """

    @property
    def takes_change(self) -> bool:
        """Whether it looks at changes, so that the first frame of a window is no step."""

    def step(
        self, crop: NDArray[np.uint8], before: NDArray[np.uint8] | None, states: Sequence[Any]
    ) -> list[Answer]:
        """One more frame for several windows.

        Args:
            crop: (64, 64, 3) uint8, RGB.
            before: The frame before it in these windows; None exactly where no change is looked at.
            states: Of each window; None begins one, from the zero state it was trained with.

        Returns:
            An answer for each state, in their order.
        """
