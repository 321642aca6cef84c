"""Batches: frames straight from the memory-mapped store, in an order that a seed decides.

Shape suffixes: B batch, T frames of a window, H height, W width, C colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, SequentialSampler

from pulsefer.core.seeding import generator
from pulsefer.samples.store import Store
from pulsefer.samples.window import Windows, frame_indices

T = TypeVar("T")


class Batch(NamedTuple):
    """What a training step takes.

    Attributes:
        frames: (B, T, H, W, C) uint8 RGB.
        emotion: (B,) float32, 0 or 1.
        hr_bpm: (B,) float32, NaN where there is none.
        place: (B,) int64, positions in the list of windows.
    """

    frames: Tensor
    emotion: Tensor
    hr_bpm: Tensor
    place: Tensor


class WindowFrames(Dataset[Batch]):
    """Some windows of a store; a whole batch is gathered at once."""

    def __init__(self, store: Store, windows: Windows, indices: Sequence[int]) -> None:
        self.windows = windows
        self.indices = np.asarray(indices, np.int64)
        self.recordings = {recording.key: recording for recording in store}
        self.emotion = np.array([w.emotion for w in windows.windows], np.float32)
        self.hr_bpm = np.array([w.hr_bpm for w in windows.windows], np.float32)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Batch:
        return self.__getitems__([position])

    def __getitems__(self, positions: Sequence[int]) -> Batch:
        """The batch of several positions; PyTorch's loader calls this where it exists."""
        chosen = self.indices[np.asarray(positions, np.intp)]
        # A part of a small batch may be empty, and has the shape of the others all the same.
        some = chosen if len(chosen) else self.indices[:1]
        frames = np.stack([self._frames(index) for index in some])[: len(chosen)]
        return Batch(
            torch.from_numpy(frames),
            torch.from_numpy(self.emotion[chosen]),
            torch.from_numpy(self.hr_bpm[chosen]),
            torch.from_numpy(chosen),
        )

    def _frames(self, index: int) -> np.ndarray:
        window = self.windows.windows[index]
        recording = self.recordings[window.key]
        return recording.faces[frame_indices(recording.time_s, window.start_s, self.windows.config)]


class Shuffled(Sampler[int]):
    """An order that is a function of seed and epoch alone, so that a resumed run repeats it."""

    def __init__(self, n: int, seed: int) -> None:
        self.n, self.seed, self.epoch = n, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[int]:
        return iter(generator(self.seed, "order", self.epoch).permutation(self.n).tolist())


class Parts(Sampler[list[int]]):
    """One part of every batch, for one of several processes: 65 in 2 parts are 33 and 32.

    What the batches are does not depend on the number of parts, and all parts of a batch, one
    after the other, are the batch.

    Args:
        order: Positions, the same for all parts; its `set_epoch` is called by Lightning.
        batch_size: Positions per batch, over all parts.
        part: Number of the part, from 0, and how many there are.
    """

    def __init__(self, order: Sampler[int], batch_size: int, part: tuple[int, int]) -> None:
        self.sampler, self.part = order, part
        self.batches = BatchSampler(order, batch_size, drop_last=False)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        number, count = self.part
        for batch in self.batches:
            small, more = divmod(len(batch), count)
            begin = number * small + min(number, more)
            yield batch[begin : begin + small + (number < more)]


def loader(
    store: Store,
    windows: Windows,
    indices: Sequence[int],
    *,
    batch_size: int = 64,
    shuffle_seed: int | None = None,
    part: tuple[int, int] = (0, 1),
) -> DataLoader[Batch]:
    """Batches of some windows.

    Args:
        store: Where the frames are.
        windows: What `window` gave.
        indices: Which of them; positions in `windows.windows`.
        batch_size: Paper: 64; over all parts. The last batch may be smaller, and the batch RMSE
            then counts it as much as a whole one.
        shuffle_seed: None keeps the order.
        part: Which part of every batch, and of how many; see `Parts`.
    """
    return in_batches(WindowFrames(store, windows, indices), batch_size, shuffle_seed, part)


def in_batches(
    data: Dataset[T], batch_size: int, shuffle_seed: int | None, part: tuple[int, int]
) -> DataLoader[T]:
    """Batches of anything that gathers a whole one at once; arguments as those of `loader`."""
    n = len(data)  # type: ignore[arg-type]
    order = SequentialSampler(range(n)) if shuffle_seed is None else Shuffled(n, shuffle_seed)
    parts = Parts(order, batch_size, part)
    return DataLoader(data, batch_sampler=parts, collate_fn=_as_it_is)


def _as_it_is(batch: Any) -> Any:
    """`__getitems__` has gathered the batch already."""
    return batch
