"""MTTS-CAN: pulse and breathing from a face video, by convolutions with attention.

Liu, Fromm, Patel & McDuff, "Multi-Task Temporal Shift Attention Networks for On-Device Contactless
Vitals Measurement", NeurIPS 2020. Layers, sizes and pre-processing are those of the authors' public
code, written here from a description of it; its trained weights are not.

Shape letters: B batch, T frames of a clip, N steps (the changes between T frames), G frames of a
group, C channels, H height, W width.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from pulsefer.models.pixels import to_float

SIDE_PX = 36
"""Width and height of the pictures."""
GROUP = 10
"""Steps that see each other through the temporal shift, as published."""
HEADS = ("pulse", "respiration")
"""What the published network answers; "pulse" alone is the authors' TS-CAN."""
FLAT = 64 * 7 * 7


def resized(frames_THWC: Tensor) -> Tensor:
    """The pictures of a clip as the network's size.

    Choice: the mean over the area of each new pixel, in [0, 1], RGB.

    Args:
        frames_THWC: (T, H, W, 3) uint8, H and W at least 36.

    Returns:
        (T, 3, 36, 36) float32.
    """
    return F.interpolate(to_float(frames_THWC), (SIDE_PX, SIDE_PX), mode="area")


def motion(frames_TCHW: Tensor) -> Tensor:
    """What changes: (after - before) / (after + before), over its spread in the clip.

    The brightness of the lamp and of the skin cancels. The spread is that of the whole clip, so
    the clip has to be over before its first step is known.

    Args:
        frames_TCHW: (T, 3, H, W), 0 or more.

    Returns:
        (T - 1, 3, H, W) with a standard deviation of 1; zero where both pixels are black, and
        throughout where nothing changes.
    """
    before, after = frames_TCHW[:-1], frames_TCHW[1:]
    change = (after - before) / torch.where(after + before > 0, after + before, torch.inf)
    return _over(change, change.std(correction=0) if len(change) else change.sum())


def appearance(frames_TCHW: Tensor) -> Tensor:
    """The pictures, standardised over the whole clip: (T, 3, H, W), mean 0, deviation 1."""
    centred = frames_TCHW - frames_TCHW.mean()
    return _over(centred, centred.std(correction=0))


def steps(frames_THWC: Tensor, group: int = GROUP) -> tuple[Tensor, Tensor]:
    """Both inputs of the network for one clip.

    Choice: each step stands beside the picture that it starts from; steps that do not fill a group
    are left out at the end.

    Args:
        frames_THWC: (T, H, W, 3) uint8.
        group: G; 1 keeps every step.

    Returns:
        Motion and appearance, each (N, 3, 36, 36) with N a multiple of G; N = 0 for a clip of G
        frames or fewer.
    """
    small_TCHW = resized(frames_THWC)
    n = max(len(small_TCHW) - 1, 0) // group * group
    return motion(small_TCHW)[:n], appearance(small_TCHW)[:n]


def temporal_shift(x_BGCHW: Tensor) -> Tensor:
    """Let neighbours in time share channels.

    A third of the channels comes from the step after, a third from the step before, the rest
    stays. Nothing comes from outside the group: zeros do.

    Args:
        x_BGCHW: Groups of steps; C // 3 channels go either way.
    """
    third = x_BGCHW.shape[2] // 3
    after = F.pad(x_BGCHW[:, 1:, :third], (0, 0, 0, 0, 0, 0, 0, 1))
    before = F.pad(x_BGCHW[:, :-1, third : 2 * third], (0, 0, 0, 0, 0, 0, 1, 0))
    return torch.cat([after, before, x_BGCHW[:, :, 2 * third :]], dim=2)


class Attention(nn.Module):
    """Where in the face to look: a mask of mean 1/2 in every picture.

    Args:
        channels: C of the appearance.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mask = nn.Conv2d(channels, 1, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, 1, H, W); each picture sums to H W / 2."""
        m = torch.sigmoid(self.mask(x_BCHW))
        return m * (0.5 / m.mean(dim=(-2, -1), keepdim=True))  # m H W 0.5 / sum of m


class Branch(nn.Module):
    """Four convolutions with tanh, 36 to 34 and 17 to 15 pixels wide, without what is between.

    Both branches have these; only the one of motion shifts in time before each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 32, 3)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv4 = nn.Conv2d(64, 64, 3)


class MttsCan(nn.Module):
    """The network: derivatives of the waves from motion, told by the appearance where to look.

    Confirmed by the authors' code: every layer, its size, activation and drop-out, the shift, the
    attention, and that the heads answer derivatives.
    Choice: weights begin as Glorot & Bengio (2010) have it for tanh, biases at zero.

    Args:
        heads: One output each.
        group: G, the steps of a group; None takes all steps that it is given as one.

    >>> sum(p.numel() for p in MttsCan().parameters())
    934564
    """

    def __init__(self, heads: tuple[str, ...] = HEADS, group: int | None = GROUP) -> None:
        super().__init__()
        self.group = group
        self.motion, self.appearance = Branch(), Branch()
        self.attention1, self.attention2 = Attention(32), Attention(64)
        self.pool, self.drop = nn.AvgPool2d(2), nn.Dropout(0.25)
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(FLAT, 128), nn.Tanh(), nn.Dropout(0.5), nn.Linear(128, 1)
                )
                for name in heads
            }
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(self, motion_BNCHW: Tensor, appearance_BNCHW: Tensor) -> Tensor:
        """Derivatives of the waves at every step, (B, N, heads).

        Args:
            motion_BNCHW: (B, N, 3, 36, 36), as `steps` makes it.
            appearance_BNCHW: Same shape.

        Raises:
            ValueError: another shape, or N is no multiple of the group.
        """
        shape = motion_BNCHW.shape
        if (
            shape != appearance_BNCHW.shape
            or len(shape) != 5
            or shape[2:] != (3, SIDE_PX, SIDE_PX)
            or not shape[1]
            or shape[1] % (self.group or 1)
        ):
            raise ValueError(
                f"expected motion and appearance (B, N, 3, {SIDE_PX}, {SIDE_PX}) with N a multiple "
                f"of {self.group or 1}, found {tuple(shape)} and {tuple(appearance_BNCHW.shape)}"
            )
        m, a = motion_BNCHW.flatten(0, 1), appearance_BNCHW.flatten(0, 1)
        a = torch.tanh(self.appearance.conv1(a))
        a = torch.tanh(self.appearance.conv2(a))
        group = self.group or shape[1]
        m = torch.tanh(self.motion.conv1(_shifted(m, group)))
        m = torch.tanh(self.motion.conv2(_shifted(m, group)))
        m = self.drop(self.pool(m * self.attention1(a)))
        a = self.drop(self.pool(a))
        a = torch.tanh(self.appearance.conv3(a))
        a = torch.tanh(self.appearance.conv4(a))
        m = torch.tanh(self.motion.conv3(_shifted(m, group)))
        m = torch.tanh(self.motion.conv4(_shifted(m, group)))
        m = self.drop(self.pool(m * self.attention2(a))).flatten(1)
        answers = torch.cat([head(m) for head in self.heads.values()], dim=1)
        return answers.view(*shape[:2], -1)


def _shifted(x_NCHW: Tensor, group: int) -> Tensor:
    return temporal_shift(x_NCHW.view(-1, group, *x_NCHW.shape[1:])).flatten(0, 1)


def _over(values: Tensor, spread: Tensor) -> Tensor:
    """Values over their spread; zeros where they have none."""
    return values / spread if spread > 0 else torch.zeros_like(values)
