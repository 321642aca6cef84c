"""Sentences about how the two losses were weighed, and what their gradients were like."""

from __future__ import annotations

from collections.abc import Sequence

from pulsefer.reports.figures_of_marks import EFFECTIVE, TUNED
from pulsefer.reports.groups import Line, at_one_epoch, by, in_one_unit, over_seeds
from pulsefer.reports.protocols import in_words
from pulsefer.reports.row import Row
from pulsefer.reports.words import counts, figure

COSINE, CONFLICTS = "gradient_cosine", "gradient_conflicts"


def weighed(rows: Sequence[Row]) -> list[str]:
    """Where each method stood on the beta curve, and whether the two tasks were in conflict."""
    return [*_betas(rows), *_angles(rows)]


def _betas(rows: Sequence[Row]) -> list[str]:
    sentences = []
    for (protocol, dimension), lines in _lines(rows, EFFECTIVE).items():
        said = "; ".join(f"{_name(line)} {figure(line)}" for line in lines)
        sentences.append(
            f"Effective beta ({dimension}, {in_words(protocol)}), the static beta per bpm that "
            f"would have given the heart rate as much: {said} ({counts(lines)})."
        )
    return sentences


def _angles(rows: Sequence[Row]) -> list[str]:
    sentences = []
    conflicts = _lines(rows, CONFLICTS)
    for key, lines in _lines(rows, COSINE).items():
        lowest, highest = lines[0], lines[-1]
        said = f"from {figure(lowest)} in {_name(lowest)} to {figure(highest)} in {_name(highest)}"
        if len(lines) == 1:
            said = f"{figure(lowest)} in {_name(lowest)}"
        often = conflicts.get(key, [])
        against = ""
        if often:
            share = f"{100 * often[0].row.value:.0f} %"
            if len(often) > 1:
                share += f" to {100 * often[-1].row.value:.0f} %"
            against = f"; they point against each other in {share} of the steps that were looked at"
        sentences.append(
            f"Cosine between the two gradients on the shared layers ({key[1]}, "
            f"{in_words(key[0])}): {said}{against} ({counts(lines)})."
        )
    return sentences


def _lines(rows: Sequence[Row], metric: str) -> dict[tuple[str, str], list[Line]]:
    """Lines of a metric by protocol and dimension, from the least to the greatest."""
    own = [row for row in rows if row.metric == metric]
    return {
        key: sorted(over_seeds(at_one_epoch(in_one_unit(some))), key=lambda line: line.row.value)
        for key, some in by(own, lambda row: (row.protocol, row.dimension)).items()
    }


def _name(line: Line) -> str:
    return line.label.removesuffix(TUNED)
