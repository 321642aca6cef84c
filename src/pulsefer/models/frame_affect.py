"""Valence and arousal of a single picture: the network in which the paper's CNN is pre-trained.

Shape letters: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pulsefer.models.crnn import FACE_PX, FRAMES_AT_ONCE, MAP_PX, STATE_CHANNELS, FrameCnn

HIDDEN = 1000
DIMENSIONS = ("valence", "arousal")
"""Order of the two outputs."""


@dataclass(frozen=True, slots=True)
class FrameAffectConfig:
    """What an experiment may vary.

    Attributes:
        dropout: Probability before the last layer. Choice: 0.5; the paper does not say.
    """

    dropout: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is in [0, 1), found {self.dropout}")


class FrameAffect(nn.Module):
    """The CNN of one frame with a head of its own, which is dropped after the pre-training.

    Paper: the CNN "is pre-trained on AFEW-VA"; no head is described.
    Choice: 4608 -> 1000 -> ReLU -> dropout -> 2 -> sigmoid, that of the public ancestor of this
    network (DeepVANet). Weights begin as in `Crnn`, but for the last layer, which begins at zero: a
    thousand hidden units that all move at Adam's pace throw the first answers to the ends of the
    scale, and from its middle they do not have to come back.

    Args:
        config: None takes the defaults.

    >>> sum(p.numel() for p in FrameAffect().parameters())
    4704250
    """

    def __init__(self, config: FrameAffectConfig | None = None) -> None:
        super().__init__()
        self.config = config or FrameAffectConfig()
        self.cnn = FrameCnn()
        hidden = nn.Linear(STATE_CHANNELS * MAP_PX * MAP_PX, HIDDEN)
        nn.init.kaiming_normal_(hidden.weight, nonlinearity="relu")
        nn.init.zeros_(hidden.bias)
        answer = nn.Linear(HIDDEN, len(DIMENSIONS))
        nn.init.zeros_(answer.weight)
        nn.init.zeros_(answer.bias)
        self.head = nn.Sequential(hidden, nn.ReLU(), nn.Dropout(self.config.dropout), answer)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Logits of valence and arousal: a sigmoid makes them shares of the scale, 0 to 1.

        Args:
            x_BCHW: (B, 3, 64, 64) float in [0, 1], RGB (`pixels.to_float`).

        Returns:
            (B, 2).

        Raises:
            ValueError: another shape or type.
        """
        shape = x_BCHW.shape[1:]
        if x_BCHW.ndim != 4 or shape != (3, FACE_PX, FACE_PX) or not x_BCHW.is_floating_point():
            raise ValueError(
                f"expected (B, 3, {FACE_PX}, {FACE_PX}) float in [0, 1], found "
                f"{tuple(x_BCHW.shape)} {x_BCHW.dtype}; pixels.to_float makes it from stored faces"
            )
        if x_BCHW.device.type == "cpu":  # small pieces stay in the cache, as in `Crnn`
            pieces = [self.cnn(piece) for piece in torch.split(x_BCHW, FRAMES_AT_ONCE)]
            map_BCHW = torch.cat(pieces)
        else:
            map_BCHW = self.cnn(x_BCHW)
        logits: Tensor = self.head(map_BCHW.flatten(1))
        return logits
