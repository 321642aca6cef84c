"""Sentences about what was compared: systems over the same persons, frames in and out of order."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pulsefer.reports.groups import (
    HEART_RATE,
    Line,
    alone,
    at_one_epoch,
    by,
    in_one_unit,
    is_shuffled,
    over_seeds,
)
from pulsefer.reports.protocols import MINUS, in_words, is_honest, is_known
from pulsefer.reports.row import Row
from pulsefer.reports.sheet import p_text
from pulsefer.reports.table import NAMES, is_difference, measured
from pulsefer.reports.words import along as axis_name
from pulsefer.reports.words import counts, figure, joined

SURE = 0.05
"""A p above this shows no difference."""
SKILL = "hr_skill"
REACHED = "epochs_to_stl_best"


def paired(rows: Sequence[Row]) -> list[str]:
    """Differences that were tested over persons, by protocols that do not leak.

    Pairs with one side in common are one sentence.
    """
    tested = [row for row in rows if not math.isnan(row.p) and is_honest(row.protocol)]
    sentences = []
    for (protocol, dimension, metric), some in by(
        tested, lambda row: (row.protocol, row.dimension, measured(row))
    ).items():
        lines = over_seeds(at_one_epoch(in_one_unit(some)))
        what = f"of {NAMES.get(metric, metric)} ({dimension})"
        for left, right, own in _in_common(lines):
            if len(own) == 1:
                (one,) = own
                verdict = "a difference" if one.row.p < SURE else "no difference is shown"
                sentences.append(
                    f"{one.label}, {in_words(protocol)}: {figure(one)} {what}, "
                    f"p = {p_text(one.row.p)}: {verdict} ({counts(own)})."
                )
                continue
            who = f"{left} minus each other" if left else f"Each other minus {right}"
            said = "; ".join(
                f"{_other(one, left)} {figure(one)}, p = {p_text(one.row.p)}" for one in own
            )
            sentences.append(
                f"{who}, {in_words(protocol)}, {what.removeprefix('of ')}: {said}. "
                f"{_verdict(own, left)} ({counts(own)})."
            )
    return sentences


def _sides(line: Line) -> tuple[str, str]:
    left, _, right = line.row.system.partition(MINUS)
    return left.strip(), right.strip()


def _in_common(lines: Sequence[Line]) -> list[tuple[str, str, list[Line]]]:
    """Left side that all have, or else right side that all have, or else one by one."""
    lefts, rights = {_sides(one)[0] for one in lines}, {_sides(one)[1] for one in lines}
    if len(lines) > 1 and len(lefts) == 1:
        return [(next(iter(lefts)), "", list(lines))]
    if len(lines) > 1 and len(rights) == 1:
        return [("", next(iter(rights)), list(lines))]
    return [("", "", [one]) for one in lines]


def _other(line: Line, left: str) -> str:
    return _sides(line)[1 if left else 0]


def _verdict(lines: Sequence[Line], left: str) -> str:
    shown = [_other(one, left) for one in lines if one.row.p < SURE]
    if not shown:
        return "No difference is shown"
    if len(shown) == len(lines):
        return f"All {len(lines)} are differences"
    return f"A difference is shown to {joined(shown)}, none to the other {len(lines) - len(shown)}"


def skill(rows: Sequence[Row]) -> list[str]:
    """Whether a heart rate is better than the mean, along a series or without the frames' order."""
    of_skill = [
        row for row in rows
        if (row.metric, row.dimension) == (SKILL, HEART_RATE) and is_known(row.protocol)
    ]  # fmt: skip
    return [*_in_and_out_of_order(of_skill), *_along(of_skill)]


def _in_and_out_of_order(rows: Sequence[Row]) -> list[str]:
    sentences = []
    for protocol, some in by(alone(rows), lambda row: row.protocol).items():
        counted = in_one_unit(some)
        as_filmed = over_seeds(at_one_epoch(row for row in counted if not is_shuffled(row)))
        out = {one.label: one for one in over_seeds(row for row in counted if is_shuffled(row))}
        both = [one for one in as_filmed if one.label in out]
        if not both:
            continue
        said = "; ".join(
            f"{one.label} {figure(one)} in order and {figure(out[one.label])} shuffled, "
            f"{_read(one.row, out[one.label].row)}"
            for one in both
        )
        sentences.append(
            f"Heart rate {in_words(protocol)}, skill over the training side's mean with the frames "
            f"of a window in order and shuffled: {said} ({counts(both)})."
        )
    return sentences


def _read(in_order: Row, shuffled: Row) -> str:
    """What the order of the frames has to do with a heart rate."""
    if not in_order.low > 0:
        return "so no heart rate is shown to be read"
    if shuffled.high < in_order.low:
        return "so it is read from the order of the frames, as a pulse is"
    return "so it is not shown to need the order of the frames, as a pulse would"


def _along(rows: Sequence[Row]) -> list[str]:
    sentences = []
    series = [row for row in rows if row.x_name and not is_difference(row)]
    for (x_name, protocol), some in by(series, lambda row: (row.x_name, row.protocol)).items():
        lines = sorted(
            over_seeds(at_one_epoch(in_one_unit(some))), key=lambda line: line.row.x
        )  # fmt: skip
        above = [f"{one.row.x:g}" for one in lines if one.row.low > 0]
        said = "; ".join(f"{one.row.x:g}: {figure(one)}" for one in lines)
        where = f"clear of 0 at {joined(above)}" if above else "nowhere clear of 0"
        sentences.append(
            f"Along {axis_name(x_name)}, {in_words(protocol)}, skill of the heart rate over the "
            f"training side's mean: {said}; {where} ({counts(lines)})."
        )
    return sentences


def reached(rows: Sequence[Row]) -> list[str]:
    """How many epochs a system takes to where another is at its best."""
    sentences = []
    for (dimension, protocol), some in by(
        rows, lambda row: (row.dimension, row.protocol)
    ).items():  # fmt: skip
        lines = over_seeds(row for row in some if row.metric == REACHED)
        if not lines:
            continue
        said = [f"{one.label} at epoch {one.row.value:g}" for one in lines]
        never = [
            name for name in by(some, lambda row: row.system)
            if name not in {one.row.system for one in lines}
        ]  # fmt: skip
        also = f"; {joined(never)} never reaches it" if never else ""
        sentences.append(
            f"The least cross-entropy of STL on the held-out part ({dimension}), "
            f"{in_words(protocol)}, is first reached by {joined(said)}{also} ({counts(lines)})."
        )
    return sentences
