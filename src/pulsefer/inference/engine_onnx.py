"""A network asked frame by frame, in ONNX Runtime: what `pulsefer export` wrote.

Nothing here, nor below it, imports PyTorch: this is what runs on a small device.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.onnx_file import OnnxFile
from pulsefer.inference.engine import Answer
from pulsefer.models.description import CONFIG, CRNN, FACE_PX, described

T = TypeVar("T")

MODEL: Final = "model.onnx"
"""The sequence model: `frames` (B, T, 64, 64, 3) bytes, to `emotion_logit` (B,) and, with a
heart-rate head, `hr_bpm` (B,)."""
STEP: Final = "step.onnx"
"""The streaming step: `state` (W, D, 6, 6) of W windows, one `frame` (64, 64, 3) in bytes and the
one `before`, where a change is looked at; to `next_state`, `emotion_logit` (W,), `hr_bpm` (W,)."""
CONFIG_KEY: Final = "pulsefer"
"""Name in each file's metadata of the text of `config.json`."""

PLACE: Final = (FACE_PX, FACE_PX, 3)
"""Of a frame."""
MAP_PX: Final = 6
STATE_CHANNELS: Final = {"gru": 128, "lstm": 256}
"""Of an LSTM the state, then its cell."""
INPUTS: Final = ("appearance", "difference", "both")


class OnnxEngine:
    """An `Engine`; a window's state is an array.

    Attributes:
        config: What `config.json` says.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """Open the streaming step.

        Args:
            folder: Where `pulsefer export` wrote it.
            threads: Of ONNX Runtime; None is its own choice.

        Raises:
            BadInput: a file is missing, damaged, or of another export; or ONNX Runtime is not
                installed.
        """
        folder = Path(folder)
        self.config = described(folder, CRNN)
        self._takes_change = self._one_of(folder, "input", INPUTS, "appearance") != INPUTS[0]
        kind = self._one_of(folder, "recurrent", tuple(STATE_CHANNELS), "gru")
        self._state = (STATE_CHANNELS[kind], MAP_PX, MAP_PX)
        has_rate = self._one_of(folder, "heart_rate", (True, False), True)
        frames = ("frame", "before") if self._takes_change else ("frame",)
        outputs = ("next_state", "emotion_logit", *(("hr_bpm",) if has_rate else ()))
        self._file = OnnxFile(
            folder / STEP,
            inputs={"state": ("float", (None, *self._state))}
            | dict.fromkeys(frames, ("uint8", PLACE)),
            outputs=outputs,
            threads=threads,
        )
        if not _says(self._file.metadata.get(CONFIG_KEY, ""), self.config):
            raise BadInput(
                str(folder / STEP),
                expected=f"the network that {CONFIG} describes",
                found="one of another description",
                remedy="copy the whole folder again, or write it again with `pulsefer export`",
            )

    @property
    def takes_change(self) -> bool:
        """See `Engine`."""
        return self._takes_change

    def step(
        self, crop: NDArray[np.uint8], before: NDArray[np.uint8] | None, states: Sequence[Any]
    ) -> list[Answer]:
        """See `Engine`.

        Raises:
            ValueError: no frame before where a change is looked at, or one where it is not.
        """
        if (before is not None) != self._takes_change:
            raise ValueError("the frame before is given exactly where a change is looked at")
        if not states:
            return []
        state = np.zeros((len(states), *self._state), np.float32)
        for own, known in zip(state, states, strict=True):
            if known is not None:
                own[:] = known
        given = {"frame": crop} if before is None else {"frame": crop, "before": before}
        after, logit, *rate = self._file(state=state, **given)
        rates = rate[0].tolist() if rate else [math.nan] * len(states)
        return [Answer(*one) for one in zip(logit.tolist(), rates, after, strict=True)]

    def _one_of(self, folder: Path, key: str, allowed: tuple[T, ...], default: T) -> T:
        """A setting of the network; those that came later are not said where they are usual."""
        found = self.config.get(key, default)
        if found not in allowed or type(found) is not type(default):
            raise BadInput(
                str(folder / CONFIG),
                expected=f'"{key}" as one of {json.dumps(allowed)}',
                found=json.dumps(found)[:80],
                remedy="write it again with `pulsefer export`",
            )
        return allowed[allowed.index(found)]


def _says(text: str, config: Mapping[str, Any]) -> bool:
    """Whether a file's metadata are those words; what is no JSON is not."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    # `described` adds what it takes for granted.
    return isinstance(found, dict) and {"about": {}, **found} == dict(config)
