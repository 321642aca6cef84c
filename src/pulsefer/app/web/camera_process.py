"""The process that looks at one camera: pictures that a browser sent are decoded here.

    python -m pulsefer.app.web.camera_process ASK

ASK is JSON: the networks, the bounds. On standard input come pictures (`picture_pipe`) until it
ends. Lines of JSON on standard output are what goes to the browser.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import sys
import threading
from collections.abc import Generator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from pulsefer.app.web.child import confine
from pulsefer.app.web.picture_pipe import pictures
from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.types import Frame
from pulsefer.inference.advice import heart_words, note
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.session import Session
from pulsefer.media.thinning import Thinning

if TYPE_CHECKING:
    import pandas as pd

MOST_PX = 1280 * 1280
FORMATS = ("JPEG", "PNG", "WEBP")
BAD_IN_A_ROW = 30
"""A second of pictures that cannot be read: it is no camera."""
PATIENCE_S = 15.0
"""Without a picture for so long, it is over."""
FILE_MB = 16


class Sent:
    """Pictures that come through a pipe, each with its time; see `media.camera.FrameSource`.

    A picture that cannot be read is passed over, as one that got lost; many in a row are an error.

    Args:
        stream: See above.
        at_most_hz: Of more pictures a second, some are not decoded. None uses all.
    """

    name, paced, patience_s = "camera", True, PATIENCE_S

    def __init__(self, stream: BinaryIO, *, at_most_hz: float | None) -> None:
        self.problem: Problem | None = None
        self._stream, self._at_most_hz = stream, at_most_hz
        self._closed = threading.Event()

    def close(self) -> None:
        """End before the next picture."""
        self._closed.set()

    def __iter__(self) -> Generator[Frame]:
        """Nothing has to be opened."""
        return self._frames()

    def _frames(self) -> Generator[Frame]:
        wanted = Thinning(self._at_most_hz)
        first_s = last_s = math.nan
        shape: tuple[int, ...] | None = None
        n_bad = 0
        for index, (stamp_s, content) in enumerate(pictures(self._stream)):
            if self._closed.is_set():
                return
            first_s = stamp_s if math.isnan(first_s) else first_s
            time_s = stamp_s - first_s
            # Clocks of browsers are coarse, and some stand still between two pictures.
            if not math.isfinite(time_s) or time_s <= last_s or not wanted(time_s):
                continue
            try:
                image = decoded(content)
            except (OSError, ValueError, SyntaxError) as error:
                n_bad += 1
                if n_bad > BAD_IN_A_ROW:
                    self.problem = Problem(
                        self.name, expected="pictures (JPEG, PNG or WebP, up to 1280x1280 px)",
                        found=str(error), remedy="load the page anew",
                    )  # fmt: skip
                    return
                continue
            if shape is not None and image.shape != shape:
                self.problem = Problem(
                    self.name, expected=f"pictures of {shape[1]}x{shape[0]} px, as before",
                    found=f"{image.shape[1]}x{image.shape[0]} px",
                    remedy="start the camera anew after turning the device",
                )  # fmt: skip
                return
            n_bad, last_s, shape = 0, time_s, image.shape
            yield Frame(index, time_s, image)


def decoded(content: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(H, W, 3) uint8 RGB of a picture.

    Raises:
        ValueError: too large.
        OSError, SyntaxError: no picture; Pillow's words.
    """
    from PIL import Image

    try:
        # What is not called by name is not tried: Pillow reads formats that nobody sends.
        opened = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise ValueError("a picture of far too many pixels") from error
    with opened as picture:
        # The header, before memory is asked for.
        if picture.width * picture.height > MOST_PX:
            raise ValueError(f"a picture of {picture.width}x{picture.height} px")
        return np.asarray(picture.convert("RGB"), np.uint8)


def main(ask: dict[str, Any]) -> int:
    """Look, and say what is seen, until the pictures end."""
    end_s = 60 * ask["minutes"]
    confine(memory_mb=ask["memory_mb"], cpu_s=120 + 2 * end_s, file_mb=FILE_MB)
    try:
        analyzer = Analyzer(ask["models"] or None, device=ask["device"])
        config = analyzer.config
        stream = io.BufferedReader(io.FileIO(0, closefd=False))
        problems: list[Problem] = []
        session = Session(
            analyzer, Sent(stream, at_most_hz=config.fps_hz), end_s=end_s,
            on_problem=problems.append,
        )  # fmt: skip
        faces: dict[int, dict[str, Any]] = {}
        with session:
            _say({"kind": "ready", "step_s": config.step_s})
            for row in session:
                note(faces, [row], config.step_s)
                about = faces.get(row.get("face_id", -1), row)
                latency_s = session.latency_s.median_s
                _say(
                    {
                        "kind": "rows",
                        "rows": [_plain(row) | {"words": heart_words(about, config)}],
                        "seen": session.seen,
                        "dropped": session.dropped,
                        "latency_ms": None if math.isnan(latency_s) else 1000 * latency_s,
                    }
                )
        for problem in problems:
            _say({"kind": "problem", "problem": {**asdict(problem), "text": str(problem)}})
        _say({"kind": "end", "csv": _csv(session.table())})
    except BadInput as error:
        _say({"kind": "problem", "problem": {**asdict(error.problem), "text": str(error)}})
        return 1
    return 0


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """What is missing is null: JSON has no NaN."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in {"face_id": None, **row}.items()
    }


def _csv(table: pd.DataFrame) -> str:
    """As `analyze` writes it."""
    from pulsefer.inference.tables import csv_text

    return csv_text(table)


def _say(told: dict[str, Any]) -> None:
    # Whoever listened may be gone; then the pictures end, too.
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(told, default=_number, allow_nan=False).encode() + b"\n")


def _number(value: Any) -> float | int:
    """A NumPy number as one that JSON knows."""
    return value.item()  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
