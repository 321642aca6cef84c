"""The even steps of a table: where a row stands among them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.inference.columns import need

MOST = 10_000_000
"""Steps of a table, at most: a wrong time must not take all the memory."""

OFF_STEP = 0.05
"""A time may be this share of a step beside its own: it is written with six decimals."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Even steps from the first row to the last, those that were left out included.

    Attributes:
        start_s: Start of the first step.
        step_s: Their length.
        count: How many.
        of_row: (n_rows,) the step of each row, from 0.
    """

    start_s: float
    step_s: float
    count: int
    of_row: NDArray[np.int64]

    @property
    def time_s(self) -> NDArray[np.float64]:
        """(count,) the start of every step."""
        return self.start_s + self.step_s * np.arange(self.count, dtype=np.float64)

    def place(self, rows: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(count,) values of some rows at their steps, NaN at all others.

        Args:
            rows: (n_rows,) which.
            values: (n_rows,) of all.
        """
        placed = np.full(self.count, np.nan)
        placed[self.of_row[rows]] = values[rows]
        return placed


def steps(table: pd.DataFrame, *, where: str) -> Steps:
    """The steps of a table.

    Their length is what `attrs` says; a table from a CSV does not say it, and the smallest
    distance between two times is taken.

    Args:
        table: `time_s` and `face_id`; rows in any order, steps may be missing.
        where: For the error.

    Raises:
        BadInput: a column is missing, no row, times that are no times or fit no even steps, two
            rows for one time and face, or one time alone and nothing that says how long it was.
    """
    need(table, ("time_s", "face_id"), where=where)
    times_s = table["time_s"].to_numpy(np.float64)
    if not len(times_s) or not np.isfinite(times_s).all():
        raise BadInput(
            where,
            expected="a time in every row",
            found="a row without one" if len(times_s) else "a table without rows",
            remedy="give the whole table that Analyzer made",
        )
    start_s, span_s = float(times_s.min()), float(np.ptp(times_s))
    step_s = _told_s(table) or _smallest_s(times_s, where)
    if span_s / step_s >= MOST:
        raise BadInput(
            where,
            expected=f"at most {MOST:,} steps",
            found=f"{span_s:g} s in steps of {step_s:g} s",
            remedy="correct time_s",
        )
    exact = (times_s - start_s) / step_s
    of_row = np.rint(exact).astype(np.int64)
    off = np.abs(exact - of_row)
    if off.max() > OFF_STEP:
        raise BadInput(
            where,
            expected=f"times in even steps of {step_s:g} s",
            found=f"{times_s[int(off.argmax())]:g} s",
            remedy="give one table per analysis",
        )
    if pd.DataFrame({"step": of_row, "face": table["face_id"].to_numpy()}).duplicated().any():
        raise BadInput(
            where,
            expected="one row per time and face",
            found="several",
            remedy="give one table per video",
        )
    return Steps(start_s, step_s, int(of_row.max()) + 1, of_row)


def _told_s(table: pd.DataFrame) -> float | None:
    config = table.attrs.get("config")
    told = config.get("step_s") if isinstance(config, dict) else None
    known = isinstance(told, int | float) and math.isfinite(told) and told > 0
    return float(told) if known else None  # type: ignore[arg-type]


def _smallest_s(times_s: NDArray[np.float64], where: str) -> float:
    distances_s = np.diff(np.unique(times_s))
    if not len(distances_s):
        raise BadInput(
            where,
            expected="at least two times, or attrs['config']['step_s']",
            found="one time alone",
            remedy="keep attrs: read the table from Parquet, or set them",
        )
    smallest_s = float(distances_s.min())
    # Times are rounded: over the whole span the rounding is divided by all steps.
    span_s = float(np.ptp(times_s))
    return span_s / max(1, round(span_s / smallest_s))
