"""Pictures of a table: heart rate with its quality, affect over time, the path in the circumplex.

Without pyplot: no window, no global state, and a figure is freed like any object.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from pulsefer.inference.columns import faces
from pulsefer.inference.steps import Steps

INK, SOFT, LINE, WITHHELD = "#1c2430", "#5b6675", "#dfe3e8", "#e9ebee"
COLOURS = ("#0b6fb0", "#c2500a", "#0a8a66", "#a8518a", "#8a6d00", "#4b5fc0")
"""Of the first, second ... face; told apart by those who see less colour, too."""

LETTERS_PT = 9.5
WIDTH_IN = 8.0
TO_MINUTES_S = 600.0
"""Longer recordings have their time axis in minutes."""

STYLE: Mapping[Any, Any] = {
    "font.size": LETTERS_PT,
    "axes.titlesize": LETTERS_PT,
    "axes.labelsize": LETTERS_PT,
    "legend.fontsize": LETTERS_PT - 1,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "savefig.facecolor": "auto",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.titlelocation": "left",
}

AFFECT = ("valence_prob", "arousal_prob")
THIN = {"hr_pos_bpm": ("POS alone", (0, (4, 2))), "hr_chrom_bpm": ("CHROM alone", (0, (1, 1.5)))}
QUADRANTS = (
    (0.98, 0.98, "excited, happy"),
    (0.02, 0.98, "tense, angry"),
    (0.02, 0.02, "sad, tired"),
    (0.98, 0.02, "calm, content"),
)
"""Words of Russell's circle (1980), where both probabilities point."""


class Picture(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


@dataclass(frozen=True, eq=False)
class _Face:
    """One face at every step.

    Attributes:
        name: "face 0".
        colour: Its colour in every panel.
        there: (count,) whether it was in sight.
        values: (count,) of each column of numbers, NaN where there is none.
        reasons: (count,) words, "" where there is none.
    """

    name: str
    colour: str
    there: NDArray[np.bool_]
    values: Mapping[str, NDArray[np.float64]]
    reasons: Sequence[str]


@dataclass(frozen=True, eq=False)
class _Scene:
    """All faces and the time they share."""

    faces: Sequence[_Face]
    steps: Steps
    per_unit_s: float
    unit: str

    @property
    def edges(self) -> NDArray[np.float64]:
        """(count + 1,) start of every step and end of the last, in the unit of the axis."""
        steps = self.steps
        edges = steps.start_s + steps.step_s * np.arange(steps.count + 1)
        return np.asarray(edges / self.per_unit_s, np.float64)

    @property
    def middles(self) -> NDArray[np.float64]:
        """(count,) middle of every step, in the unit of the axis."""
        return (self.edges[:-1] + self.edges[1:]) / 2


def draw(table: pd.DataFrame, steps: Steps, kinds: Sequence[str]) -> Figure:
    """A figure of one panel or of several.

    Args:
        table: With the columns that the kinds need.
        steps: Of this table.
        kinds: "heart_rate", "affect", "circumplex".
    """
    scene = _scene(table, steps)
    shown = [name for name in AFFECT if name in table] if "affect" in kinds else []
    beside = bool(shown) and "circumplex" in kinds
    heights_in: list[float] = []
    if "heart_rate" in kinds:
        heights_in += [2.9, 0.3 + 0.3 * max(1, len(scene.faces))]
    first = len(heights_in)
    heights_in += [2.1 if beside else 1.8] * len(shown)
    if "circumplex" in kinds and not beside:
        heights_in += [5.2]
    alone = list(kinds) == ["circumplex"]
    with mpl.rc_context(dict(STYLE)):
        figure = Picture(
            figsize=(5.6 if alone else WIDTH_IN, sum(heights_in) + 0.8), layout="constrained"
        )
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(
            len(heights_in), 2, height_ratios=heights_in, width_ratios=[1.35, 1]
        )
        time_axes: list[Axes] = []
        if "heart_rate" in kinds:
            rate = figure.add_subplot(grid[0, :])
            lanes = figure.add_subplot(grid[1, :], sharex=rate)
            _heart_rate(rate, scene)
            _lanes(lanes, scene)
            time_axes += [lanes]
        for place, name in enumerate(shown):
            where = grid[first + place, 0] if beside else grid[first + place, :]
            axis = figure.add_subplot(where)
            _over_time(axis, scene, name)
            time_axes += [axis]
            if place + 1 < len(shown):
                axis.tick_params(labelbottom=False)
            if place == 0 and "heart_rate" not in kinds:
                _names(axis, scene)
        if "circumplex" in kinds:
            where = grid[first:, 1] if beside else grid[first:, :]
            _circumplex(figure.add_subplot(where), scene, named=alone)
        for axis in time_axes:
            axis.set_xlim(scene.edges[0], scene.edges[-1])
        # The rate has its axis below the lanes, affect below the last of its panels.
        last = time_axes[:1] if "heart_rate" in kinds else []
        for axis in {*last, *time_axes[-1:]}:
            axis.set_xlabel(f"time ({scene.unit})")
        for axis in figure.axes:
            axis.tick_params(color=SOFT, labelcolor=INK)
        figure.suptitle(_title(table), x=0.01, ha="left", fontsize=LETTERS_PT + 1, parse_math=False)
    return figure


def _scene(table: pd.DataFrame, steps: Steps) -> _Scene:
    known = ("face_share", "hr_bpm", "hr_quality", *THIN, *AFFECT)
    columns = {
        name: table[name].to_numpy(np.float64, na_value=np.nan) for name in known if name in table
    }
    words = table.get("hr_reason", pd.Series("", index=table.index)).fillna("").astype(str)
    seen = []
    for place, face in enumerate(faces(table)):
        rows = (table["face_id"] == face).fillna(False).to_numpy(bool)
        there = np.zeros(steps.count, bool)
        there[steps.of_row[rows]] = True
        reasons = [""] * steps.count
        for step, word in zip(steps.of_row[rows], words[rows], strict=True):
            reasons[step] = _line(word)
        values = {name: steps.place(rows, column) for name, column in columns.items()}
        colour = COLOURS[place % len(COLOURS)]
        seen.append(_Face(f"face {face}", colour, there, values, reasons))
    in_minutes = steps.count * steps.step_s > TO_MINUTES_S
    return _Scene(seen, steps, 60.0 if in_minutes else 1.0, "min" if in_minutes else "s")


def _title(table: pd.DataFrame) -> str:
    models = table.attrs.get("models") or []
    kinds = {model.get("data_kind") for model in models if isinstance(model, dict)}
    parts = [_line(str(table.attrs.get("source", "")))]
    if "synthetic" in kinds:
        parts.append("synthetic: the network learned from made-up faces")
    return " \N{EN DASH} ".join(part for part in parts if part)


def _line(text: str, *, most: int = 60) -> str:
    """Foreign text as one short line of letters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _runs(wanted: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(first, past the last) of every stretch of True."""
    padded = np.concatenate([[False], wanted, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _trace(axis: Axes, x: NDArray[np.float64], y: NDArray[np.float64], **look: Any) -> None:
    """A line with gaps; a value alone between two gaps is a dot, for a line would not show it."""
    axis.plot(x, y, **look)
    alone = [first for first, past in _runs(np.isfinite(y)) if past - first == 1]
    if alone:
        axis.plot(x[alone], y[alone], ".", ms=5 * look.get("lw", 1.0), color=look["color"])


def _nobody(axis: Axes) -> None:
    axis.text(
        0.5, 0.5, "no face in sight", ha="center", va="center", transform=axis.transAxes,
        bbox={"fc": "white", "lw": 0},
    )  # fmt: skip


def _names(axis: Axes, scene: _Scene, *more: tuple[Any, str]) -> None:
    """The legend, above the panel: nothing is hidden behind it."""
    handles: list[Any] = [Line2D([], [], color=face.colour, lw=2) for face in scene.faces[:12]]
    labels = [face.name for face in scene.faces[:12]]
    handles += [handle for handle, _label in more]
    labels += [label for _handle, label in more]
    if scene.faces:
        axis.legend(
            handles, labels, loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False,
            ncols=min(6, len(handles)), labelcolor=INK, columnspacing=1.4, handlelength=2.2,
            borderaxespad=0.1, handler_map={tuple: HandlerTuple(ndivide=None, pad=0)},
        )  # fmt: skip


def _heart_rate(axis: Axes, scene: _Scene) -> None:
    x = scene.middles
    drawn = [
        face.values[name] for face in scene.faces for name in ("hr_bpm", *THIN)
        if name in face.values
    ]  # fmt: skip
    given = np.concatenate([values[np.isfinite(values)] for values in drawn] or [np.zeros(0)])
    low, high = (given.min(), given.max()) if len(given) else (50.0, 100.0)
    low, high = min(low, (low + high) / 2 - 12), max(high, (low + high) / 2 + 12)
    half_bpm = 0.035 * (high - low)
    for face in scene.faces:
        for name, (_label, dashes) in THIN.items():
            if name in face.values:
                _trace(axis, x, face.values[name], color=face.colour, lw=0.8, ls=dashes, alpha=0.65)
        _band(axis, x, face, half_bpm)
        _trace(axis, x, face.values["hr_bpm"], color=face.colour, lw=1.8)
    if not scene.faces:
        _nobody(axis)
    axis.set_ylim(low - 2 * half_bpm, high + 2 * half_bpm)
    axis.set_ylabel("heart rate (bpm)")
    axis.grid(axis="y", color=LINE, lw=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(labelbottom=False)
    grey: list[tuple[Any, str]] = [
        (Line2D([], [], color=SOFT, lw=0.9, ls=dashes), label)
        for name, (label, dashes) in THIN.items()
        if any(name in face.values for face in scene.faces)
    ]
    depths = tuple(Patch(fc=SOFT, alpha=alpha, lw=0) for alpha in (0.08, 0.27, 0.45))
    _names(axis, scene, *grey, (depths, "quality 0 to 1"), (Patch(fc=WITHHELD), "no rate, and why"))


def _band(axis: Axes, x: NDArray[np.float64], face: _Face, half_bpm: float) -> None:
    """The deeper, the better: from step to step, as wide everywhere, for it is no interval."""
    y = face.values["hr_bpm"]
    quality = np.clip(np.nan_to_num(face.values["hr_quality"]), 0, 1)
    both = np.flatnonzero(np.isfinite(y[:-1]) & np.isfinite(y[1:]))
    corners = [
        [
            (x[i], y[i] - half_bpm), (x[i + 1], y[i + 1] - half_bpm),
            (x[i + 1], y[i + 1] + half_bpm), (x[i], y[i] + half_bpm),
        ]
        for i in both
    ]  # fmt: skip
    depth = 0.45 * (quality[both] + quality[both + 1]) / 2
    colours = [(*to_rgb(face.colour), float(alpha)) for alpha in depth]
    axis.add_collection(PolyCollection(corners, facecolors=colours, linewidths=0), autolim=False)


def _lanes(axis: Axes, scene: _Scene) -> None:
    """A lane per face: coloured by quality where there is a rate, else grey with the reason."""
    edges = scene.edges
    letter = 0.0095 * (edges[-1] - edges[0])  # about the width of one
    keys: dict[str, int] = {}
    for lane, face in enumerate(scene.faces):
        given = np.isfinite(face.values["hr_bpm"])
        quality = np.clip(np.nan_to_num(face.values["hr_quality"]), 0, 1)
        colours = np.ones((1, scene.steps.count, 4))
        colours[0, :, :3] = to_rgb(face.colour)
        colours[0, :, 3] = np.where(given, 0.1 + 0.9 * quality, 0.0)
        colours[0, face.there & ~given] = (*to_rgb(WITHHELD), 1.0)
        axis.imshow(
            colours, extent=(edges[0], edges[-1], lane + 0.4, lane - 0.4), aspect="auto",
            interpolation="nearest", origin="upper",
        )  # fmt: skip
        reasons = np.array(face.reasons, object)
        for word in dict.fromkeys(face.reasons):
            for first, past in _runs(face.there & ~given & (reasons == word)):
                room = edges[past] - edges[first]
                if not word or room < 1.6 * letter:
                    continue
                text = word.replace("_", " ")
                if room < letter * (len(text) + 0.5):
                    text = str(keys.setdefault(word, len(keys) + 1))
                axis.text(
                    (edges[first] + edges[past]) / 2, lane, text, ha="center", va="center_baseline",
                    fontsize=LETTERS_PT - 2, color=INK, parse_math=False, clip_on=True,
                )  # fmt: skip
        axis.annotate(
            f"{100 * given.sum() / max(1, face.there.sum()):.0f} %", (1.0, lane), (4, 0),
            xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
            fontsize=LETTERS_PT - 1.5, color=SOFT, annotation_clip=False,
        )  # fmt: skip
    axis.set_yticks(range(len(scene.faces)), [face.name for face in scene.faces])
    axis.set_ylim(max(1, len(scene.faces)) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.spines[["left"]].set_visible(False)
    told = [f"{number} {word.replace('_', ' ')}" for word, number in keys.items()]
    if scene.faces:
        told.append("%: share of its steps with a rate")
    axis.set_title(
        ",  ".join(told), loc="right", fontsize=LETTERS_PT - 1.5, color=SOFT, parse_math=False
    )


def _over_time(axis: Axes, scene: _Scene, name: str) -> None:
    for face in scene.faces:
        _trace(axis, scene.middles, face.values[name], color=face.colour, lw=1.5)
    if not scene.faces:
        _nobody(axis)
    axis.axhline(0.5, color=SOFT, lw=1, ls=(0, (4, 3)), zorder=0)
    axis.set_ylim(0, 1)
    axis.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axis.set_ylabel(f"P(high {name.removesuffix('_prob')})")


def _circumplex(axis: Axes, scene: _Scene, *, named: bool) -> None:
    start, end = scene.edges[0], scene.edges[-1]
    time = Normalize(start, end)
    for face in scene.faces:
        x, y = (face.values[name] for name in AFFECT)
        known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if not len(known):
            continue
        depth = _depth(face.colour)
        slim = 1.0 if len(known) < 300 else 0.5
        along = known[:-1][np.diff(known) == 1]
        axis.add_collection(
            LineCollection(
                [[(x[i], y[i]), (x[i + 1], y[i + 1])] for i in along],
                colors=depth(time(scene.middles[along])), linewidths=1.3 * slim, capstyle="round",
            )
        )  # fmt: skip
        axis.scatter(
            x[known], y[known], s=5 * slim, color=depth(time(scene.middles[known])), zorder=3
        )
        for step, fill in ((known[0], "white"), (known[-1], face.colour)):
            axis.plot(x[step], y[step], "o", color=face.colour, ms=7, mfc=fill, mew=1.6, zorder=4)
    if not scene.faces:
        _nobody(axis)
    axis.axhline(0.5, color=SOFT, lw=1, ls=(0, (4, 3)), zorder=0)
    axis.axvline(0.5, color=SOFT, lw=1, ls=(0, (4, 3)), zorder=0)
    for across, up, words in QUADRANTS:
        axis.text(
            across, up, words, ha="right" if across > 0.5 else "left",
            va="top" if up > 0.5 else "bottom", color=SOFT, style="italic",
            fontsize=LETTERS_PT - 1, transform=axis.transAxes,
        )  # fmt: skip
    axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="P(high valence)")
    axis.set_ylabel("P(high arousal)")
    axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axis.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    colour = scene.faces[0].colour if len(scene.faces) == 1 else INK
    bar = axis.figure.colorbar(
        ScalarMappable(time, _depth(colour)), ax=axis, location="bottom", shrink=0.8, aspect=30,
        pad=0.02,
    )  # fmt: skip
    bar.set_label(f"time ({scene.unit}); ring: first, dot: last")
    bar.outline.set_visible(False)
    if named:
        _names(axis, scene)


def _depth(colour: str) -> LinearSegmentedColormap:
    """From pale to the colour itself."""
    red, green, blue = to_rgb(colour)
    pale = tuple(1 - 0.28 * (1 - part) for part in (red, green, blue))
    return LinearSegmentedColormap.from_list("depth", [pale, (red, green, blue)])
