"""A film of what was found: boxes, values and traces over the frames, the sound kept."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, OnProblem
from pulsefer.core.types import Frame
from pulsefer.faces.follow import SeenFace
from pulsefer.inference.hide import Area, area_of, hide
from pulsefer.inference.marks import Marks
from pulsefer.inference.stamps import letters_px
from pulsefer.inference.strip import Strip
from pulsefer.media.film_writer import FilmWriter

BACK_S: Final = 1.0
"""A face is hidden so long before it is found, too."""
BACK_BYTES: Final = 256 * 2**20
"""No more than this is kept to reach back: a second of 25 frames of 1080p takes 150 MB."""
BACK_ENLARGE: Final = 2.0
"""Hidden area over face before it was found: it may have been beside its place."""
PROBABILITIES: Final = {"valence_prob": "high valence", "arousal_prob": "high arousal"}
"""Columns with a trace of their own, and what they are called."""


@dataclass(slots=True)
class _Shown:
    """A frame on its way into the film."""

    frame: Frame
    faces: tuple[SeenFace, ...]
    hidden: list[Area]


class Overlay:
    """Draws on frames as they are analysed and writes them to a film.

    It streams like the analysis. So the film shows at every moment what was known then: a value
    stands there from the end of its second, and a face has none before its first row. The picture
    is left as it is but for boxes and labels; traces of the last half minute lie on a strip below
    it. Frames that were not analysed are not in the film: by default it has 25 a second at most.

    `blur_faces` replaces every face in sight, and for a moment after it was lost, by a few large
    cells (see `hide`), and a face that is found also in the second before, around the place where
    it was found. **A face that is not found is not hidden**, nor is one on its way to that place:
    who joins others is looked for every `FollowConfig.detect_every_s`. Nor is what else tells who
    somebody is: the voice, clothes, the place. Look at the film before you show it to anybody.

    Example:
        >>> with Overlay(Path("out.mp4"), source=path, columns=names) as overlay:  # doctest: +SKIP
        ...     overlay.show(frame, faces)
        ...     overlay.tell(row)
    """

    def __init__(
        self,
        path: Path | str,
        *,
        source: Path | str | None,
        columns: Sequence[str],
        blur_faces: bool = False,
        start_s: float = 0.0,
        end_s: float = math.inf,
        synthetic: bool = False,
        on_problem: OnProblem | None = None,
    ) -> None:
        """Refuse at once what cannot be written.

        Args:
            path: The film to write, ".mp4", ".mkv" or ".mov".
            source: The file that the frames come from, for its sound; None for a camera.
            columns: Those of the table; they decide which traces there are.
            blur_faces: Whether faces are made unrecognisable.
            start_s: Earlier frames are left out.
            end_s: Frames and sound from here on are left out.
            synthetic: Whether a model learned from synthetic data. The film says so.
            on_problem: Told where there is sound that cannot be had; without it the log is.

        Raises:
            BadInput: another suffix, or the path of the source.
        """
        self._film = FilmWriter(
            Path(path),
            sound_of=None if source is None else Path(source),
            end_s=end_s,
            on_problem=on_problem,
        )
        self._probabilities = {c: name for c, name in PROBABILITIES.items() if c in columns}
        self._blur, self._synthetic = blur_faces, synthetic
        self._start_s, self._end_s = start_s, end_s
        self._waiting: deque[_Shown | Mapping[str, Any]] = deque()
        self._open = ExitStack()
        self._n_shown = 0
        self._ids: set[int] = set()
        self._last_s = -math.inf
        self._shape: tuple[int, ...] = ()
        self._marks: Marks | None = None
        self._strip: Strip | None = None

    def __enter__(self) -> Self:
        """Itself, ready for frames."""
        self._open.enter_context(self._film)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the film in its place; after an error leave nothing.

        Raises:
            BadInput: no frame was shown.
        """
        if kind is not None:
            self._open.__exit__(kind, error, trace)
            return
        with self._open:
            self._write()

    def show(self, frame: Frame, faces: Sequence[SeenFace]) -> None:
        """Take a frame.

        Args:
            frame: Later than the one before; it is not changed.
            faces: Those in it.

        Raises:
            BadInput: another size than the frame before.
        """
        if not self._start_s <= frame.time_s < self._end_s:
            return
        hidden = []
        keep_from_s, most = math.inf, 0
        if self._blur:
            shape = frame.image.shape
            hidden = [area_of(seen, shape) for seen in faces]
            for seen in faces:
                if seen.face_id not in self._ids:
                    before = area_of(seen, shape, enlarge=BACK_ENLARGE)
                    for shown in self._waiting:
                        if isinstance(shown, _Shown):
                            shown.hidden.append(before)
            self._ids = {seen.face_id for seen in faces}
            keep_from_s, most = frame.time_s - BACK_S, BACK_BYTES // frame.image.nbytes
        self._waiting.append(_Shown(frame, tuple(faces), hidden))
        self._n_shown += 1
        self._write(keep_from_s, most)

    def tell(self, row: Mapping[str, Any]) -> None:
        """Take a row of the table, as soon as it is known: after the frames it was made of."""
        self._waiting.append(row)

    def _write(self, keep_from_s: float = math.inf, most: int = 0) -> None:
        """Draw and write what waits; keep frames from a time on, as many as there may be."""
        while self._waiting:
            first = self._waiting[0]
            if not isinstance(first, _Shown):
                if self._strip is not None:
                    self._strip.tell(first, self._last_s)
            elif first.frame.time_s >= keep_from_s and self._n_shown <= most:
                return
            else:
                self._n_shown -= 1
                self._film.write(first.frame.time_s, self._drawn(first))
            self._waiting.popleft()

    def _drawn(self, shown: _Shown) -> NDArray[np.uint8]:
        """The picture with all that is drawn on it, and the strip below."""
        image = shown.frame.image
        height, width = image.shape[:2]
        if self._strip is None or self._marks is None:
            letters = letters_px(height, width)
            self._marks = Marks(letters, self._probabilities)
            self._strip = Strip(width, letters, self._probabilities, synthetic=self._synthetic)
            # One for all frames: to ask for the memory of each costs more than to fill it.
            self._canvas = np.empty((height + self._strip.height_px, width, 3), np.uint8)
            self._shape = image.shape
        if image.shape != self._shape:
            raise BadInput(
                f"frame at {shown.frame.time_s:g} s",
                expected=f"a picture of {self._shape[1]}x{self._shape[0]} px, as before",
                found=f"{width}x{height} px",
                remedy="a film has one size; cut the source where its size changes",
            )
        picture = self._canvas[:height]
        picture[:] = image
        for area in shown.hidden:
            hide(picture, area)
        self._marks.draw(picture, shown.faces, self._strip.rows)
        self._strip.draw(self._canvas[height:], shown.frame.time_s)
        self._last_s = shown.frame.time_s
        return self._canvas
