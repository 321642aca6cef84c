"""What was found, in sentences that rules make of rows. No sentence is typed for a result.

Each says by which protocol, of how many persons, and whether the data are synthetic.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence

from pulsefer.reports.findings_along import along
from pulsefer.reports.findings_pairs import paired, reached, skill
from pulsefer.reports.findings_weighting import weighed
from pulsefer.reports.groups import (
    HEART_RATE,
    PEEKED,
    Group,
    Line,
    alone,
    at_one_epoch,
    by,
    in_one_unit,
    is_permuted,
    over_seeds,
    strictest,
)
from pulsefer.reports.protocols import (
    ACROSS,
    MINUS,
    base,
    in_words,
    is_known,
    is_leaky,
    may_cross,
    strictness,
)
from pulsefer.reports.row import Row
from pulsefer.reports.table import is_difference, number
from pulsefer.reports.words import clear_of, counts, figure, joined

CHANCE = 0.5
HEADLINE = "balanced_accuracy"
MOST = 4
"""Systems in a sentence; the others are in the table."""

KNOWING = {
    "majority": "the larger class",
    "majority_by_subject": "each person's larger class",
    "majority_by_stimulus": "each clip's larger class",
}
"""Guessers that look at the labels they are tested by."""
NO_LEARNING = {
    "hr_rmse_train_mean_bpm": "the training side's mean",
    "hr_rmse_subject_constant_bpm": "each person's own mean",
    "hr_rmse_pos_bpm": "POS",
    "hr_rmse_chrom_bpm": "CHROM",
}


def findings(group: Group) -> list[str]:
    """The sentences of a group, the most important first."""
    rows = alone(group.rows)
    differences = [row for row in group.rows if is_difference(row)]
    sentences = [
        *_headline(rows),
        *(_gaps(differences) or _leakage(rows)),
        *_permuted(rows),
        *_against_nothing(rows),
        *_heart_rate(rows),
        *_affect(rows),
        *_peeked(rows),
        *paired(differences),
        *along(group.rows),
        *skill(rows),
        *reached(group.rows),
        *weighed(rows),
    ]
    if not sentences:
        n = len(group.rows)
        return [f"{n} figures, none of which a rule makes a sentence of; all are in the table."]
    return sentences


def answers(group: Group) -> list[str]:
    """The sentences about what an experiment compares; its headline where it compares nothing."""
    rows = alone(group.rows)
    differences = [row for row in group.rows if is_difference(row)]
    gaps = _gaps(differences)
    return [
        *([*_headline(rows), *gaps, *_permuted(rows), *_peeked(rows)] if gaps else []),
        *paired(differences),
        *along(group.rows),
        *skill(group.rows),
        *reached(group.rows),
        *weighed(rows),
    ] or findings(group)[:1]


def _chosen(rows: Sequence[Row], metric: str, dimension: str) -> list[Row]:
    some = [row for row in rows if (row.metric, row.dimension) == (metric, dimension)]
    return at_one_epoch(in_one_unit(some))


def _dimensions(rows: Sequence[Row]) -> list[str]:
    return [name for name in by(rows, lambda row: row.dimension) if name != HEART_RATE]


def _listed(lines: Sequence[Line], text: Callable[[Line], str]) -> str:
    more = f"; and {len(lines) - MOST} more systems in the table" if len(lines) > MOST else ""
    return "; ".join(text(line) for line in lines[:MOST]) + more


def _headline(rows: Sequence[Row]) -> list[str]:
    """Balanced accuracy by the strictest honest protocol, against chance."""
    sentences = []
    for dimension in _dimensions(rows):
        some = [row for row in _chosen(rows, HEADLINE, dimension) if not is_permuted(row.system)]
        found = strictest(some)
        warning = ""
        if not found and (found := [row for row in some if is_leaky(row.protocol)]):
            strict = max((row.protocol for row in found), key=strictness)
            found = [row for row in found if row.protocol == strict]
            warning = " This protocol leaks, and no honest one is here: none of it need be emotion."
        if not found:
            continue
        lines = over_seeds(found)
        sentences.append(
            f"{_capital(in_words(found[0].protocol))}, balanced accuracy of {dimension}: "
            f"{_listed(lines, _against_chance)} ({counts(lines)}).{warning}"
        )
    return sentences


def _against_chance(line: Line) -> str:
    return f"{line.label} {figure(line)}, {clear_of(line.row, CHANCE, '50 %')}"


def _gaps(rows: Sequence[Row]) -> list[str]:
    sentences = []
    gaps = [row for row in rows if row.metric == "leakage_gap" and MINUS in row.protocol]
    for line in over_seeds(at_one_epoch(in_one_unit(gaps))):
        row = line.row
        if not is_known(row.protocol) or ACROSS in row.protocol:
            continue
        one, other = (side.strip() for side in row.protocol.split(MINUS)[:2])
        meaning = "a gap is not shown"
        if row.low > 0:
            meaning = (
                "that much is recognition of the trial, not emotion" if is_leaky(one)
                else f"that much more where this may cross: {may_cross(one)}; the stricter "
                "protocol may also have had less to learn from"
            )  # fmt: skip
        sentences.append(
            f"Leakage gap: {line.label} by {one} minus by {other} is {figure(line)} of balanced "
            f"accuracy of {row.dimension}: {meaning} ({counts([line])})."
        )
    return sentences


def _leakage(rows: Sequence[Row]) -> list[str]:
    """The gap without an interval, where nobody has paired the two protocols."""
    sentences = []
    for dimension in _dimensions(rows):
        found = [row for row in _chosen(rows, HEADLINE, dimension) if not is_permuted(row.system)]
        honest = {line.label: line for line in over_seeds(strictest(found))}
        leaky = by([row for row in found if is_leaky(row.protocol)], lambda row: row.protocol)
        for protocol, some in sorted(leaky.items(), key=lambda item: strictness(item[0])):
            lines = [line for line in over_seeds(some) if line.label in honest]
            if not lines:
                continue
            other = next(iter(honest.values())).row.protocol
            said = _listed(lines, functools.partial(_points, honest=honest))
            sentences.append(
                f"Leakage gap, by {base(protocol)} (leaky) minus {in_words(other)}, balanced "
                f"accuracy of {dimension}: {said} ({counts(lines)}; the protocols were not "
                "paired, so there is no interval)."
            )
    return sentences


def _points(leaky: Line, honest: Mapping[str, Line]) -> str:
    points = 100 * (leaky.row.value - honest[leaky.label].row.value)
    return f"{leaky.label} {points:+z.1f} points"


def _permuted(rows: Sequence[Row]) -> list[str]:
    """Where nothing can be learned: protocols that show something all the same."""
    sentences = []
    for dimension in _dimensions(rows):
        found = [
            row for row in _chosen(rows, HEADLINE, dimension)
            if is_permuted(row.system) and is_known(row.protocol)
        ]  # fmt: skip
        lines = sorted(over_seeds(found), key=lambda line: strictness(line.row.protocol))
        above = [line for line in lines if line.row.low > CHANCE]
        level = [line for line in lines if line not in above]
        said = []
        if above:
            said.append(f"{_by_protocol(above)}: above chance, so this is not emotion")
        if level:
            said.append(f"{_by_protocol(level)}: not above chance, as it must be")
        if said:
            sentences.append(
                f"With labels dealt to other trials there is nothing to learn; balanced accuracy "
                f"of {dimension} is then {'; '.join(said)} ({counts(lines)})."
            )
    return sentences


def _by_protocol(lines: Sequence[Line]) -> str:
    return joined(
        [f"{number(one.row, one.row.value)} {in_words(one.row.protocol)}" for one in lines]
    )


def _against_nothing(rows: Sequence[Row]) -> list[str]:
    """Accuracy beside what needs no network, and beside the paper's."""
    sentences = []
    for dimension in _dimensions(rows):
        found = strictest(
            row for row in _chosen(rows, "accuracy", dimension) if not is_permuted(row.system)
        )
        if not found:
            continue
        lines = over_seeds(found)
        guesses = {
            name: [row for row in _chosen(rows, name, dimension) if _same(row, found[0])]
            for name in ("prior", *KNOWING)
        }
        there = {name: some[0] for name, some in guesses.items() if some}
        if not there:
            continue
        best = max(row.value for row in there.values())
        clear = [line.label for line in lines if line.row.low > best]
        verdict = f"{joined(clear[:MOST])} is clear of all these" if clear else (
            "no network is clear of all these"
        )  # fmt: skip
        said = _listed(lines, lambda line: f"{line.label} {number(line.row, line.row.value)}")
        sentences.append(
            f"Accuracy of {dimension} {in_words(found[0].protocol)}: {said}. {_guessers(there)}; "
            f"{verdict} ({counts(lines)}).{_paper(lines)}"
        )
    return sentences


def _guessers(guesses: Mapping[str, Row]) -> str:
    said = {name: number(row, row.value) for name, row in guesses.items()}
    prior = said.pop("prior", None)
    parts = [f"Always the training side's larger class: {prior}"] if prior else []
    if said:
        known = joined([f"{KNOWING[name]} {value}" for name, value in said.items()])
        parts.append(f"Guessers who know the tested labels: {known}")
    return ". ".join(parts)


def _paper(lines: Sequence[Line]) -> str:
    printed = [line for line in lines if not math.isnan(line.row.paper)]
    if not printed:
        return ""
    said = joined([f"{number(one.row, one.row.paper)} for {one.label}" for one in printed[:MOST]])
    where = printed[0].row.paper_where.partition(",")[0]
    synthetic = any(line.row.data_kind == "synthetic" for line in lines)
    apart = "; ours are of synthetic data and cannot be compared" if synthetic else ""
    return f" The paper has {said} ({where}) and does not say how it split{apart}."


def _same(row: Row, other: Row) -> bool:
    return (row.protocol, row.unit) == (other.protocol, other.unit)


def _heart_rate(rows: Sequence[Row]) -> list[str]:
    """The network's error beside those of a mean and of colour, on the same rows."""
    found = strictest(_chosen(rows, "hr_rmse_bpm", HEART_RATE))
    if not found:
        return []
    lines = over_seeds(found)
    others = []
    for name, words in NO_LEARNING.items():
        some = [row for row in _chosen(rows, name, HEART_RATE) if _same(row, found[0])]
        values = list(dict.fromkeys(number(row, row.value) for row in some))
        if values:
            others.append(f"{words} {values[0]}")
    skills = {
        line.label: line.row
        for line in over_seeds(
            row for row in _chosen(rows, "hr_skill", HEART_RATE) if _same(row, found[0])
        )
    }
    sentence = (
        f"Heart rate {in_words(found[0].protocol)} is off by (RMSE): "
        f"{_listed(lines, lambda line: f'{line.label} {figure(line)}')}"
    )
    if others:
        sentence += f". Without a network: {joined(others)}"
    shown = [name for name, row in skills.items() if row.low > 0]
    if skills:
        sentence += (
            f"; {joined(shown[:MOST])} does better than always saying the mean"
            if shown
            else "; that a network does better than always saying the mean is not shown"
        )
    return [f"{sentence} ({counts(lines)})."]


def _affect(rows: Sequence[Row]) -> list[str]:
    """Single faces: a pre-training."""
    sentences = []
    for dimension in _dimensions(rows):
        found = strictest(_chosen(rows, "ccc", dimension))
        if not found:
            continue
        lines = over_seeds(found)
        said = _listed(
            lines, lambda line: f"{line.label} {figure(line)}, {clear_of(line.row, 0.0, '0')}"
        )
        sentences.append(
            f"{_capital(in_words(found[0].protocol))}, concordance (CCC) with rated {dimension}: "
            f"{said} ({counts(lines)})."
        )
    return sentences


def _peeked(rows: Sequence[Row]) -> list[str]:
    """What choosing the epoch on the test side bought, by the strictest protocol of such rows."""
    sentences = []
    for dimension in _dimensions(rows):
        counted = in_one_unit(
            row for row in rows
            if (row.metric, row.dimension) == (HEADLINE, dimension) and is_known(row.protocol)
            and not is_permuted(row.system)
        )  # fmt: skip
        last = {(line.label, line.row.protocol): line for line in over_seeds(at_one_epoch(counted))}
        protocols = by([row for row in counted if row.selection == PEEKED], lambda r: r.protocol)
        if not protocols:
            continue
        strict = max(protocols, key=strictness)
        lines = over_seeds(protocols[strict])
        said = _listed(lines, functools.partial(_instead_of, last=last))
        more = f"; likewise by {len(protocols) - 1} other protocols" if len(protocols) > 1 else ""
        sentences.append(
            "The best epoch on the test fold is not a result: chosen so (best_on_test), "
            f"{in_words(strict)}, balanced accuracy of {dimension} is {said}{more} "
            f"({counts(lines)})."
        )
    return sentences


def _instead_of(peeked: Line, last: Mapping[tuple[str, str], Line]) -> str:
    said = f"{peeked.label} {number(peeked.row, peeked.row.value)}"
    line = last.get((peeked.label, peeked.row.protocol))
    if line is None:
        return said
    when = "at the last epoch" if line.row.selection == "last" else "at an epoch chosen without it"
    return f"{said} instead of {number(line.row, line.row.value)} {when}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
