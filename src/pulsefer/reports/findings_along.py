"""Sentences about series: figures along beta, the length of a window, the epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pulsefer.reports.groups import (
    HEART_RATE,
    Line,
    at_one_epoch,
    by,
    curves,
    in_one_unit,
    is_permuted,
    over_seeds,
)
from pulsefer.reports.protocols import in_words, is_known
from pulsefer.reports.row import Row
from pulsefer.reports.table import is_difference, number
from pulsefer.reports.words import along as axis_name
from pulsefer.reports.words import counts, figure

VALUES = ("balanced_accuracy", "hr_rmse_bpm")
LOSS = "validation_bce"
LESS_IS_BETTER = frozenset({"hr_rmse_bpm", LOSS})


def along(rows: Sequence[Row]) -> list[str]:
    """Where a series is at its best, and whether that can be told from the rest."""
    series = [
        row for row in rows
        if row.x_name and not math.isnan(row.x) and not is_difference(row)
        and is_known(row.protocol) and not is_permuted(row.system)
    ]  # fmt: skip
    sentences = []
    for (x_name, metric, dimension, _), some in by(
        series, lambda row: (row.x_name, row.metric, row.dimension, row.protocol)
    ).items():
        if metric not in VALUES and not (x_name == "epoch" and metric == LOSS):
            continue
        lines = over_seeds(at_one_epoch(in_one_unit(some)))
        for label, own in curves(lines).items():
            if len(own) > 1:
                sentences.append(_best(label, x_name, dimension, own))
    return sentences


def _best(label: str, x_name: str, dimension: str, lines: Sequence[Line]) -> str:
    metric = lines[0].row.metric
    less = metric in LESS_IS_BETTER
    best = (min if less else max)(lines, key=lambda line: line.row.value)
    what = {
        "balanced_accuracy": f"balanced accuracy of {dimension}",
        "hr_rmse_bpm": f"the error of the {HEART_RATE} (RMSE)",
    }.get(metric, f"cross-entropy of the held-out part ({dimension})")
    low, high = min(one.row.x for one in lines), max(one.row.x for one in lines)
    sentence = (
        f"Along {axis_name(x_name)}, {low:g} to {high:g}, {in_words(best.row.protocol)}: {what}"
        f"{f' of {label}' if label else ''} is {'lowest' if less else 'highest'} at "
        f"{best.row.x:g}, {figure(best)}"
    )
    return f"{sentence}; {_told_apart(best, lines)} ({counts(lines)})."


def _told_apart(best: Line, lines: Sequence[Line]) -> str:
    others = [line for line in lines if line is not best]
    known = [line for line in others if not math.isnan(line.row.low)]
    if math.isnan(best.row.low) or not known:
        values = [line.row.value for line in lines]
        row = best.row
        return f"all lie between {number(row, min(values))} and {number(row, max(values))}"
    apart = [line for line in known if line.row.high < best.row.low or line.row.low > best.row.high]
    if apart:
        return f"the intervals of {len(apart)} of {len(others)} others lie outside its own"
    return "the intervals of all others overlap with its own, so none is shown to be the best"
