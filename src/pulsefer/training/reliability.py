"""The picture of a model card: whether what the network says comes true."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, LINE, QUIET, ACCENT = "#1c2430", "#5b6675", "#dfe3e8", "#5b7c99", "#b3264a"
"""The colours of a report."""
STYLE: dict[Any, Any] = {
    "font.size": 9.5, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": SOFT,
    "xtick.color": SOFT, "ytick.color": SOFT, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "grid.color": LINE, "svg.fonttype": "none", "svg.hashsalt": "reliability",
}  # fmt: skip


def reliability(calibration: Mapping[str, Any], *, dimension: str, synthetic: bool) -> bytes | None:
    """A reliability diagram, before and behind the temperature, and how many answers each bin has.

    Args:
        calibration: What `config.json` says below that name.
        dimension: The rating that was learned.
        synthetic: Say so in the picture.

    Returns:
        SVG; the same values give the same bytes, there is no date in them. None where no
        temperature was fitted.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if calibration["reason"]:
        return None
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.8, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot([0, 1], [0, 1], color=SOFT, ls="--", lw=1, label="means what it says")
        _curve(upper, calibration["bins_before"], QUIET, "s", "none", "as the network says it")
        if calibration["bins"]:
            behind = f"behind T, each {calibration['left_out']} by the others'"
            _curve(upper, calibration["bins"], ACCENT, "o", ACCENT, behind)
        shown = calibration["bins"] or calibration["bins_before"]
        lower.bar(
            [(row["from_prob"] + row["to_prob"]) / 2 for row in shown],
            [row["n"] for row in shown],
            width=0.08, color=ACCENT if calibration["bins"] else QUIET, alpha=0.5,
        )  # fmt: skip
        upper.set(ylabel=f"share with high {dimension}", xlim=(0, 1), ylim=(0, 1))
        upper.set_title(
            f"{calibration['n']} answers on {calibration['persons']} persons, "
            f"held out\nby {calibration['protocol']}"
            + (", leaky" if calibration["leaky"] else "")
            + (" (synthetic)" if synthetic else ""),
            fontsize=9.5,
        )
        upper.legend(frameon=False, fontsize=8.5, loc="best")
        lower.set(xlabel=f"probability of high {dimension}", ylabel="answers")
        for axis in (upper, lower):
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(color=LINE, lw=0.8)
            axis.set_axisbelow(True)
        buffer = io.BytesIO()
        nothing = dict.fromkeys(("Date", "Creator"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    return buffer.getvalue()


def _curve(
    axis: Axes, bins: Sequence[Mapping[str, Any]], colour: str, mark: str, filling: str, name: str
) -> None:
    known = [row for row in bins if row["n"]]
    axis.plot(
        [row["mean_prob"] for row in known], [row["share_high"] for row in known],
        color=colour, marker=mark, mfc=filling, lw=1, ms=5, label=name,
    )  # fmt: skip
