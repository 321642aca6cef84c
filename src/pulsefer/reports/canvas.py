"""Where figures are drawn: narrow enough for a phone, in the colours of the page they stand in."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE = "#1c2430", "#5b6675", "#dfe3e8"
ACCENT = "#b3264a"
QUIET = "#5b7c99"
VARIABLES = {INK: "ink", SOFT: "soft", LINE: "line", ACCENT: "accent", QUIET: "quiet"}
"""Colours that the page's style gives its own value, one for light and one for dark."""

WIDTH_IN = 4.8
LETTERS_PT = 9.5

STYLE: dict[Any, Any] = {
    "font.size": LETTERS_PT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "axes.titlesize": LETTERS_PT,
    "svg.fonttype": "none",
}


def canvas(n_panels: int, *, height_in: float) -> tuple[Figure, list[Axes]]:
    """A figure of panels one above the other.

    Args:
        n_panels: How many.
        height_in: Of all together.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with mpl.rc_context(STYLE):
        # Without pyplot: no global state, no window, and figures are freed like any object.
        # The title of a panel has to stand nearer to it than the axis of the one above.
        layout = ConstrainedLayoutEngine(h_pad=0.1 if n_panels > 1 else None)
        figure = Figure(figsize=(WIDTH_IN, height_in), layout=layout)
        FigureCanvasAgg(figure)
        axes = figure.subplots(n_panels, 1, squeeze=False).ravel().tolist()
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color=LINE, lw=0.8)
        axis.set_axisbelow(True)
    return figure, axes


def legend(axis: Axes, *, above: bool = False) -> None:
    """Names of what is drawn, if there are any; above, where a mark would pass for one more dot."""
    if axis.get_legend_handles_labels()[1]:
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 2}
        axis.legend(
            frameon=False, fontsize=LETTERS_PT - 1, labelcolor=INK, **(place if above else {})
        )


def whole(axis: Axes) -> None:
    """Whole numbers along x, also where there is only one."""
    from matplotlib.ticker import MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    low, high = axis.get_xlim()
    if high - low < 1:
        axis.set_xlim((low + high) / 2 - 0.5, (low + high) / 2 + 0.5)


def label(text: str, *, most: int = 26) -> str:
    """Text of a row as a figure can show it: one short line of letters."""
    one_line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    # An underline at the beginning hides a name from a legend.
    shown = one_line.lstrip("_") or "(no name)"
    shown = shown if len(shown) <= most else f"{shown[: most - 1]}…"
    # Between two dollars matplotlib would read a formula.
    return shown.replace("$", r"\$")


def svg(figure: Figure, *, salt: str) -> str:
    """A figure as an element of an HTML page, without any address in it.

    Args:
        figure: From `canvas`.
        salt: Another one for each figure of a page, so that no two names in them are the same.
    """
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": salt}), warnings.catch_warnings():
        # A letter that the measuring font lacks: the reader's browser has others.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    head, _, rest = text.partition(">")
    box = re.search(r'viewBox="[^"]*"', head)
    rest = re.sub(r"<metadata>.*?</metadata>", "", rest, count=1, flags=re.DOTALL)
    rest = re.sub(r'<g id="[^"]*"', "<g", rest).replace("xlink:href", "href")
    rest = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", rest)
    for colour, variable in VARIABLES.items():
        rest = rest.replace(f": {colour}", f": var(--{variable})")
    return f'<svg {box[0] if box else ""} aria-hidden="true">{rest}'
