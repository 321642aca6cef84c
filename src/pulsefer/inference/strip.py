"""The strip below the picture: what the last half minute was like, a colour for every face."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pulsefer.core.types import MAX_BPM, MIN_BPM
from pulsefer.inference.marks import colour_of, number
from pulsefer.inference.stamps import GROUND, INK, SOFT, Rgb, font

SHOWN_S: Final = 30.0
RULE: Final[Rgb] = (52, 60, 70)
WARNING: Final[Rgb] = (232, 112, 58)
FINE: Final = 3
"""Traces are drawn so many times larger and made small again, for smooth edges."""
FAINT: Final = 0.15
"""Opacity of a heart rate of no quality: seen, and not believed."""
ROUND_BPM: Final = 20.0
LEAST_BPM: Final = 40.0

NARROW: Final = 6
"""A picture of less width than this, in letters, has no room for traces."""

Rows = Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Told:
    """The rows of one step, and when they were known."""

    time_s: float
    known_s: float
    rows: dict[int, Mapping[str, Any]] = field(default_factory=dict)


class Strip:
    """Traces of the rows told so far, up to now.

    A trace at a time is the value that stood beside the face at that time: it is level from one
    row to the next, and broken where there was no value.
    """

    def __init__(
        self, width_px: int, letters: int, probabilities: Mapping[str, str], *, synthetic: bool
    ) -> None:
        """Lay out the strip.

        Args:
            width_px: Of the picture above.
            letters: Size of letters, pixels.
            probabilities: Columns that have a trace beside the heart rate's, and their names.
            synthetic: Whether the strip has to say that the model learned from synthetic data.
        """
        self._width, self._letters = width_px, letters
        self._lanes = {"hr_bpm": "heart rate, bpm"} | {
            column: f"{name}, probability" for column, name in probabilities.items()
        }
        if width_px < NARROW * letters:
            self._lanes = {}
        self._small = font(max(9, round(0.8 * letters)))
        self._bold = font(max(9, round(0.8 * letters)), bold=True)
        self._margin = round(0.7 * letters)
        self._title, self._plot = round(1.5 * letters), round(3.6 * letters)
        self._foot = round(1.6 * letters)
        across = max(1, min(len(self._lanes), width_px // (14 * letters)))
        self._across = across
        n_rows = math.ceil(len(self._lanes) / across)
        self._row = self._title + self._plot + round(0.5 * letters)
        self.height_px = n_rows * self._row + self._foot
        self._synthetic = synthetic
        self._told: deque[_Told] = deque()
        self._thick = max(2, round(letters / 7))
        self._stale = True
        self._traces: list[NDArray[np.uint8]] = []
        self._still = np.zeros((self.height_px, width_px, 3), np.uint8)
        self._drawn_s = 0.0
        self._clock = ""

    def tell(self, row: Mapping[str, Any], known_s: float) -> None:
        """Take a row.

        Args:
            row: Of the table.
            known_s: Time of the last frame before it was known.
        """
        time_s, face_id = number(row, "time_s"), number(row, "face_id")
        if not self._told or self._told[-1].time_s != time_s:
            self._told.append(_Told(time_s, known_s))
        if math.isfinite(face_id):
            self._told[-1].rows[int(face_id)] = row
        self._stale = True

    @property
    def rows(self) -> Rows:
        """The rows of the last step, by face."""
        return self._told[-1].rows if self._told else {}

    def draw(self, image: NDArray[np.uint8], now_s: float) -> None:
        """Draw the strip.

        Args:
            image: (height_px, width_px, 3) uint8; changed in place.
            now_s: Time of the picture above.
        """
        while len(self._told) > 1 and self._told[1].known_s < now_s - SHOWN_S:
            self._told.popleft()
            self._stale = True
        if self._stale:
            self._drawn_s = self._told[-1].known_s if self._told else now_s
            self._still, self._traces = self._drawn()
            self._stale, self._clock = False, ""
        if (clock := _clock(now_s)) != self._clock:
            self._clock = clock
            self._tick()
        image[:] = self._still
        for index, traces in enumerate(self._traces):
            x, y, wide = self._place(index)
            # Time goes on and no row is new: the traces move left, their last values stay.
            moved = round((now_s - self._drawn_s) * wide / SHOWN_S)
            lane = image[y : y + self._plot, x : x + wide]
            there = min(max(traces.shape[1] - moved, 0), wide)
            lane[:, :there] = traces[:, moved : moved + there]
            lane[:, there:] = traces[:, -1:]

    def _place(self, index: int) -> tuple[int, int, int]:
        """Left edge, upper edge and width of a lane's plot."""
        row, column = divmod(index, self._across)
        wide = (self._width - self._margin) // self._across
        labels = round(self._small.getlength("180")) + self._margin // 2
        x = self._margin + column * wide + labels
        return x, row * self._row + self._title, wide - labels - self._margin

    def _tick(self) -> None:
        """Write the time anew."""
        wide = round(self._small.getlength("0:00:00")) + self._margin
        picture = Image.new("RGB", (wide, self._foot), GROUND)
        at = (wide - self._margin, self._foot / 2)
        ImageDraw.Draw(picture).text(at, self._clock, font=self._small, fill=INK, anchor="rm")
        wide = min(wide, self._width)
        self._still[-self._foot :, -wide:] = np.asarray(picture)[:, -wide:]

    def _drawn(self) -> tuple[NDArray[np.uint8], list[NDArray[np.uint8]]]:
        """The strip without its traces, and those of every lane when the last row was new."""
        lanes = []
        picture = Image.new("RGB", (self._width, self.height_px), GROUND)
        draw = ImageDraw.Draw(picture)
        for index, (column, name) in enumerate(self._lanes.items()):
            x, y, wide = self._place(index)
            low, high = self._limits(column)
            at = (x, y - self._title / 2)
            draw.text(at, name, font=self._small, fill=SOFT, anchor="lm")
            for value, place in ((low, y + self._plot - 1), (high, y)):
                draw.line((x, place, x + wide - 1, place), fill=RULE)
                at = (x - self._margin // 2, place)
                draw.text(at, f"{value:g}", font=self._small, fill=SOFT, anchor="rm")
            ground = picture.crop((x, y, x + wide, y + self._plot))
            lane = Image.new("RGB", (wide + self._thick, self._plot))
            lane.paste(ground)
            lane.paste(ground, (self._thick, 0))
            traces = self._drawn_traces(column, wide, low, high)
            lane.paste(traces, mask=traces)
            lanes.append(np.array(lane))
        middle = self.height_px - self._foot / 2
        text = f"last {SHOWN_S:g} s"
        draw.text((self._place(0)[0], middle), text, font=self._small, fill=SOFT, anchor="lm")
        if self._synthetic:
            whole = "model trained on synthetic data"
            fits = (
                self._bold.getlength(whole)
                < self._width - 2 * self._bold.getlength(text) - 6 * self._margin
            )
            draw.text(
                (self._width / 2, middle), whole if fits else "synthetic",
                font=self._bold, fill=WARNING, anchor="mm",
            )  # fmt: skip
        return np.array(picture), lanes

    def _limits(self, column: str) -> tuple[float, float]:
        """Lowest and highest value of a lane: of a heart rate, what there is, in round steps."""
        if column != "hr_bpm":
            return 0.0, 1.0
        values = [number(row, column) for told in self._told for row in told.rows.values()]
        values = [value for value in values if math.isfinite(value)] or [75.0]
        low = math.floor((min(values) - 5) / ROUND_BPM) * ROUND_BPM
        high = math.ceil((max(values) + 5) / ROUND_BPM) * ROUND_BPM
        low = min(max(low, MIN_BPM), MAX_BPM - LEAST_BPM)
        return low, max(min(high, MAX_BPM), low + LEAST_BPM)

    def _drawn_traces(self, column: str, wide: int, low: float, high: float) -> Image.Image:
        """All faces' traces of one column, and a little of what the next second adds."""
        size = (wide + self._thick, self._plot)
        picture = Image.new("RGBA", (size[0] * FINE, size[1] * FINE))
        draw = ImageDraw.Draw(picture)
        half = self._thick * FINE / 2
        told = list(self._told)

        def across(time_s: float) -> float:
            return (1 + (time_s - self._drawn_s) / SHOWN_S) * wide * FINE

        def down(value: float) -> float:
            share = (min(max(value, low), high) - low) / (high - low)
            return half + (1 - share) * (self._plot * FINE - 2 * half)

        ends = [across(later.known_s) for later in told[1:]] + [float(picture.width)]
        for face_id in sorted({face_id for each in told for face_id in each.rows}):
            before = math.nan
            for each, right in zip(told, ends, strict=True):
                row = each.rows.get(face_id, {})
                value = number(row, column)
                if math.isfinite(value):
                    x, y = across(each.known_s), down(value)
                    colour = (*colour_of(face_id), round(255 * _opacity(row, column)))
                    if math.isfinite(before):
                        upper, lower = sorted((y, down(before)))
                        edges = (x - half, upper - half, x + half, lower + half)
                        draw.rectangle(edges, fill=colour)
                    edges = (x, y - half, right, y + half)
                    draw.rectangle(edges, fill=colour)
                before = value
        return picture.reduce(FINE)


def _opacity(row: Mapping[str, Any], column: str) -> float:
    quality = number(row, "hr_quality") if column == "hr_bpm" else math.nan
    return FAINT + (1 - FAINT) * min(max(quality, 0.0), 1.0) if math.isfinite(quality) else 1.0


def _clock(time_s: float) -> str:
    """A time as a player shows it.

    >>> _clock(75.9), _clock(3675.0)
    ('1:15', '1:01:15')
    """
    minutes, seconds = divmod(int(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
