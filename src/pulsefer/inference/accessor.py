"""`table.affect`: pictures and a summary of a table, on any DataFrame that has its columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, get_args

import pandas as pd

from pulsefer.core.errors import BadInput
from pulsefer.inference.columns import faces, need
from pulsefer.inference.steps import steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Kind = Literal["heart_rate", "affect", "circumplex"]

NEEDED: Mapping[Kind, tuple[str, ...]] = {
    "heart_rate": ("hr_bpm", "hr_quality"),
    "affect": (),
    "circumplex": ("valence_prob", "arousal_prob"),
}


@pd.api.extensions.register_dataframe_accessor("affect")
class Affect:
    """What a table of `Analyzer` can show, also when it was read back from a file.

    Nothing is looked at before it is asked for: pandas makes this of any table at all.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def plot(self, kind: Kind | None = None) -> Figure:
        """A picture: heart rate and its quality, affect over time, the path in the circumplex.

        Args:
            kind: "heart_rate", "affect" (valence, arousal or both) or "circumplex" (both). None
                draws all that there are columns for.

        Returns:
            A figure of its own, outside pyplot: `figure.savefig("talk.png")`; a notebook shows it.

        Raises:
            BadInput: a kind that is none, columns that are missing, or rows that are no even steps.
        """
        where = f"table.affect.plot({'' if kind is None else repr(kind)})"
        if kind is not None and kind not in NEEDED:
            raise BadInput(where, expected=f"one of {', '.join(get_args(Kind))}", found=repr(kind))
        found = steps(self._table, where=where)
        there = [k for k in NEEDED if self._missing(k) is None]
        if kind is None and not there:
            kind = "heart_rate"
        if kind is not None and (missing := self._missing(kind)):
            need(
                self._table,
                missing,
                where=where,
                remedy=""
                if kind == "heart_rate"
                else "give Analyzer a model of valence and one of arousal",
            )
        from pulsefer.inference.figures import draw

        return draw(self._table, found, there if kind is None else [kind])

    def summary(self) -> pd.DataFrame:
        """A row per face.

        Returns:
            `face_id`; `seen_s`, seconds in sight; `hr_share`, the share of its steps with a heart
            rate; `hr_median_bpm`, `hr_min_bpm`, `hr_max_bpm` of those; and `valence_mean_prob`,
            `arousal_mean_prob` where the table has them. No face, no row.

        Raises:
            BadInput: columns that are missing, or rows that are no even steps.
        """
        where = "table.affect.summary()"
        table = self._table
        need(table, ("time_s", "face_id", "face_share", "hr_bpm"), where=where)
        step_s = steps(table, where=where).step_s
        affect = [name for name in ("valence", "arousal") if f"{name}_prob" in table]
        columns = ["face_id", "seen_s", "hr_share", "hr_median_bpm", "hr_min_bpm", "hr_max_bpm"]
        columns += [f"{name}_mean_prob" for name in affect]
        rows = []
        for face in faces(table):
            own = table[(table["face_id"] == face).fillna(False).to_numpy(bool)]
            rate = own["hr_bpm"].dropna()
            row: dict[str, float] = {
                "face_id": face,
                "seen_s": float(own["face_share"].sum()) * step_s,
                "hr_share": len(rate) / len(own),
                "hr_median_bpm": rate.median() if len(rate) else math.nan,
                "hr_min_bpm": rate.min(),
                "hr_max_bpm": rate.max(),
            }
            for name in affect:
                row[f"{name}_mean_prob"] = own[f"{name}_prob"].mean()
            rows.append(row)
        return pd.DataFrame(rows, columns=columns)

    def _missing(self, kind: Kind) -> tuple[str, ...] | None:
        """Columns to ask for if a kind cannot be drawn."""
        wanted = NEEDED[kind]
        if kind == "affect":
            either = ("valence_prob", "arousal_prob")
            return None if any(name in self._table for name in either) else either
        return None if all(name in self._table for name in wanted) else wanted
