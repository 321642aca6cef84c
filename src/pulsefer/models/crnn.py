"""The network of the paper: frames, a convolutional GRU, emotion, and heart rate beside it.

Shape letters: B batch, T time, S recurrent steps, C channels, D state channels, F features,
H height, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, cast, get_args

import torch
from torch import Tensor, nn

from pulsefer.core.fingerprint import SAID_IF_CHANGED
from pulsefer.models.conv_gru import ConvGru
from pulsefer.models.conv_lstm import ConvLstm
from pulsefer.models.description import FACE_PX as FACE_PX
from pulsefer.models.pixels import CHANNELS, Input, network_input

STATE_CHANNELS = 128
FEATURES = 16
MAP_PX = 6
"""Width and height of the map after three poolings: 64, 62, 30, 28, 13, 13, 6."""
FRAMES_AT_ONCE = 16

Recurrent = Literal["gru", "lstm"]


@dataclass(frozen=True, slots=True)
class CrnnConfig:
    """What an experiment may vary; the defaults are the paper's.

    Attributes:
        input: "appearance" the colours (paper); "difference" their normalised change from frame
            to frame; "both" six channels. With a change, T frames give T - 1 recurrent steps.
        heart_rate: Whether there is a heart-rate head: True is the paper's MTL, False its STL.
        dropout: Probability in the emotion head. Choice: 0.5; the paper does not say.
        recurrent: "gru" the paper's layer along time; "lstm" that of its ancestor, DeepVANet.
    """

    input: Input = "appearance"
    heart_rate: bool = True
    dropout: float = 0.5
    recurrent: Recurrent = field(default="gru", metadata=SAID_IF_CHANGED)

    def __post_init__(self) -> None:
        if self.input not in get_args(Input):
            raise ValueError(f"input is one of {', '.join(get_args(Input))}, found {self.input!r}")
        if not isinstance(self.heart_rate, bool):
            raise ValueError(f"heart_rate is true or false, found {self.heart_rate!r}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is in [0, 1), found {self.dropout}")
        if self.recurrent not in get_args(Recurrent):
            raise ValueError(f"recurrent is gru or lstm, found {self.recurrent!r}")


class Output(NamedTuple):
    """Answers for B clips.

    Attributes:
        emotion_logit: (B,) logit of the high class; `emotion_prob` makes it a probability.
        hr_bpm: (B,) beats per minute; None without a heart-rate head.
    """

    emotion_logit: Tensor
    hr_bpm: Tensor | None

    @property
    def emotion_prob(self) -> Tensor:
        """(B,) probability of the high class."""
        return torch.sigmoid(self.emotion_logit)


class State(NamedTuple):
    """What a live session keeps between two frames.

    Attributes:
        h_BDHW: State of the recurrent layer, of an LSTM with its cell behind it (2 D channels);
            None before the first recurrent step.
        before_BCHW: The frame before; None where the input needs no change.
    """

    h_BDHW: Tensor | None  # noqa: N815
    before_BCHW: Tensor | None  # noqa: N815


class FrameCnn(nn.Sequential):
    """Three convolutions of one frame, (B, C, 64, 64) to (B, 128, 6, 6).

    Paper: 32, 64, 128 kernels of 3x3, each layer followed by ReLU and 3x3 max pooling.
    Choice: pooling by 2 without padding, and the third convolution padded, so that the map is 6x6
    and Table 3's count comes out. The largest of rectified values is the rectified largest, so
    the ReLU stands behind the pooling, where it has a quarter of the work.

    Args:
        in_channels: C.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        widths = ((in_channels, 32, 0), (32, 64, 0), (64, 128, 1))
        for number, (wide_in, wide_out, padding) in enumerate(widths, start=1):
            layer = nn.Conv2d(wide_in, wide_out, 3, padding=padding)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(cast(Tensor, layer.bias))
            self.add_module(f"conv{number}", layer)
            self.add_module(f"pool{number}", nn.MaxPool2d(3, stride=2))
            self.add_module(f"relu{number}", nn.ReLU(inplace=True))


class Crnn(nn.Module):
    """Emotion and heart rate of a face clip, by one network (the paper's Fig. 2).

    Choice: weights begin so that the size of the activations survives the layers (He et al. 2015
    before a ReLU, Glorot & Bengio 2010 elsewhere); the paper starts from a pre-trained CNN and is
    silent about the rest. From PyTorch's defaults, on a small synthetic set, the network still
    gave every face the same answer after two hundred steps.

    The heart-rate head is made last and takes no number from the caller's chance: with the same
    seed, networks with and without it start alike everywhere else and drop the same units. What
    differs between them is then the heart rate.

    Args:
        config: None is the paper's network with both heads.

    >>> sum(p.numel() for p in Crnn().parameters())
    1052490
    """

    def __init__(self, config: CrnnConfig | None = None) -> None:
        super().__init__()
        self.config = config or CrnnConfig()
        self.cnn = FrameCnn(CHANNELS[self.config.input])
        # Named for what it is: saved networks know it under this name.
        if self.config.recurrent == "gru":
            self.gru = ConvGru(128, STATE_CHANNELS)
        else:
            self.lstm = ConvLstm(128, STATE_CHANNELS)
        self.feature = nn.Linear(STATE_CHANNELS * MAP_PX * MAP_PX, FEATURES)
        nn.init.xavier_normal_(self.feature.weight)
        self.emotion = nn.Sequential(
            nn.Linear(FEATURES, 20), nn.ReLU(), nn.Dropout(self.config.dropout), nn.Linear(20, 1)
        )
        with torch.random.fork_rng(devices=[]):
            self.heart_rate = nn.Linear(FEATURES, 1) if self.config.heart_rate else None

    def forward(self, x_BTCHW: Tensor) -> Output:
        """Answers for whole clips, each from the state after its last frame.

        Args:
            x_BTCHW: (B, T, 3, 64, 64) float in [0, 1], RGB (`pixels.to_float`).

        Raises:
            ValueError: another shape or type, or a single frame where a change is needed.
        """
        return self.heads(self.features(self.maps(x_BTCHW)))

    def maps(self, x_BTCHW: Tensor) -> Tensor:
        """(S, B, 128, 6, 6) the CNN's maps of every step, from clips as `forward` takes them."""
        _check(x_BTCHW, "(B, T, 3, 64, 64)", 5)
        need = 1 if self.config.input == "appearance" else 2
        if x_BTCHW.shape[1] < need:
            raise ValueError(
                f"input {self.config.input!r} needs at least {need} frames, "
                f"found {x_BTCHW.shape[1]}"
            )
        frames_TBCHW = _time_first(x_BTCHW)
        before = None if need == 1 else frames_TBCHW[:-1]
        x_SBCHW = network_input(before, frames_TBCHW[need - 1 :], self.config.input)
        map_NCHW = self._in_pieces(x_SBCHW.flatten(0, 1))
        return map_NCHW.view(*x_SBCHW.shape[:2], *map_NCHW.shape[1:])

    def features(self, map_SBCHW: Tensor) -> Tensor:
        """(B, 16) what both heads read, from the CNN's maps."""
        return self._feature(self.recurrent(map_SBCHW))

    def heads(self, feature_BF: Tensor) -> Output:
        """Answers from (B, 16) features."""
        logit = self.emotion(feature_BF).squeeze(1)
        return Output(logit, self.heart_rate(feature_BF).squeeze(1) if self.heart_rate else None)

    def step(self, x_BCHW: Tensor, state: State | None = None) -> tuple[Output, State]:
        """One more frame of a live clip; in `eval()` the same answers as `forward` on all so far.

        Args:
            x_BCHW: (B, 3, 64, 64) float in [0, 1], RGB.
            state: What the frame before gave; None begins a clip.

        Returns:
            The answers, and the state for the next frame. Where the input is a change, the first
            frame has none: its answers are NaN.

        Raises:
            ValueError: another shape or type.
        """
        _check(x_BCHW, "(B, 3, 64, 64)", 4)
        h, before = state or State(None, None)
        if self.config.input == "appearance":
            h = self.recurrent(self.cnn(x_BCHW)[None], h)
            return self.heads(self._feature(h)), State(h, None)
        if before is None:
            unknown = x_BCHW.new_full((len(x_BCHW),), torch.nan)
            return Output(unknown, unknown if self.heart_rate else None), State(None, x_BCHW)
        h = self.recurrent(self.cnn(network_input(before, x_BCHW, self.config.input))[None], h)
        return self.heads(self._feature(h)), State(h, x_BCHW)

    @property
    def trunk(self) -> list[nn.Parameter]:
        """Weights that both tasks share and that are learned: a frozen CNN's are not among them."""
        own = [one for one in self.cnn.parameters() if one.requires_grad]
        return [*own, *self.behind_cnn]

    @property
    def behind_cnn(self) -> list[nn.Parameter]:
        """Of these, the recurrent layer's and the feature's: nine tenths of them."""
        return [*self.recurrent.parameters(), *self.feature.parameters()]

    @property
    def recurrent(self) -> ConvGru | ConvLstm:
        """The layer along time."""
        return self.gru if self.config.recurrent == "gru" else self.lstm

    def start_heart_rate_at(self, mean_bpm: float) -> None:
        """Let the heart-rate head begin at the training set's mean instead of near zero.

        Choice: a switch of the training, off in the paper's recipe as far as one can read it. From
        zero the head is about 80 bpm wrong, and pushes that through the shared layers first.

        Args:
            mean_bpm: Mean heart rate of the training windows.

        Raises:
            ValueError: there is no heart-rate head.
        """
        if self.heart_rate is None:
            raise ValueError("this network has no heart-rate head (heart_rate=False)")
        nn.init.constant_(self.heart_rate.bias, mean_bpm)

    def start_cnn_from(self, tensors: Mapping[str, Tensor]) -> None:
        """Let the CNN begin with weights that were learned elsewhere.

        Paper: the CNN is "pre-trained on AFEW-VA".

        Args:
            tensors: As `FrameCnn.state_dict` names them, of a CNN of colours.

        Raises:
            ValueError: this network's input is not the colours alone, or other shapes.
        """
        if self.config.input != "appearance":
            raise ValueError(
                "a CNN that was pre-trained on single pictures has learned colours; this network's "
                f"input is {self.config.input!r}, choose 'appearance'"
            )
        wanted = {name: value.shape for name, value in self.cnn.state_dict().items()}
        if wanted != {name: value.shape for name, value in tensors.items()}:
            raise ValueError(f"expected the tensors {sorted(wanted)} of the paper's CNN")
        self.cnn.load_state_dict(tensors)

    def _in_pieces(self, x_NCHW: Tensor) -> Tensor:
        """Maps of N = S B frames, (N, 128, 6, 6)."""
        # The first layer makes 0.5 MB of a frame. In small pieces that stays in the cache and in
        # memory the process has; in one piece the system hands out fresh pages at every step.
        if x_NCHW.device.type != "cpu" or torch.compiler.is_compiling():
            return self.cnn(x_NCHW)  # type: ignore[no-any-return]
        pieces = [self.cnn(piece) for piece in torch.split(x_NCHW, FRAMES_AT_ONCE)]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _feature(self, h_BDHW: Tensor) -> Tensor:
        if self.config.recurrent == "lstm":
            h_BDHW = h_BDHW[:, :STATE_CHANNELS]  # the state alone: its cell lies behind it
        return self.feature(h_BDHW.flatten(1))  # type: ignore[no-any-return]


def _check(x: Tensor, expected: str, ndim: int) -> None:
    if x.ndim != ndim or x.shape[-3:] != (3, FACE_PX, FACE_PX) or not x.is_floating_point():
        raise ValueError(
            f"expected {expected} float in [0, 1], found {tuple(x.shape)} {x.dtype}; "
            "pixels.to_float makes it from stored frames"
        )


def _time_first(x_BTCHW: Tensor) -> Tensor:
    """(T, B, C, H, W), channels last in memory: every step's frames lie together."""
    return x_BTCHW.permute(1, 0, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
