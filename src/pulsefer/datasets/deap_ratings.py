"""participant_ratings.csv: who rated which clip, in which order, and how."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.datasets.deap_tree import LICENCE, N_STIMULI

SCALES = ("valence", "arousal", "dominance", "liking")
"""The four scales in the order of the columns of `labels` in a .dat file, each 1-9."""

_COLUMNS = ("Participant_id", "Trial", "Experiment_id", *map(str.capitalize, SCALES))


@dataclass(frozen=True, slots=True)
class Rated:
    """One row of the table.

    Attributes:
        participant: 1-32.
        trial: Place in the order in which the clips were shown, 1-40. Files of face_video and
            trigger codes of a BDF are in this order.
        stimulus: Which clip, 1-40 (`Experiment_id`). Rows of a .dat file are in this order.
        ratings: By scale, 1-9.
        line: Line of the file.
    """

    participant: int
    trial: int
    stimulus: int
    ratings: Mapping[str, float]
    line: int


def read_ratings(path: Path | None, *, root: Path, on_problem: OnProblem) -> dict[int, list[Rated]]:
    """Rows by participant, in the order of presentation.

    A row that cannot be used is left out and named. `Start_time` is not read (its unit is not the
    one that the documentation names), nor is `Familiarity`, which is blank for three people.

    Args:
        path: The table; None if none was found.
        root: Folder that was searched for it.
        on_problem: Told of every row that is left out.

    Raises:
        BadInput: no table, no text, or a column missing.
    """
    if path is None:
        raise BadInput(
            str(root),
            expected="metadata_csv/participant_ratings.csv",
            found="no file of that name",
            remedy=f"unpack metadata_csv.zip here; {LICENCE}",
        )
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(str(path), expected="a table as text", found=str(error)) from error
    header = [name.strip() for name in table[0]] if table else []
    if missing := [name for name in _COLUMNS if name not in header]:
        raise BadInput(
            str(path),
            expected=f"columns {', '.join(_COLUMNS)}",
            found=f"no {', '.join(missing)}",
            remedy="take the file as DEAP delivers it, separated by commas",
        )
    rows = []
    for line, cells in enumerate(table[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            rows.append(_row(path, line, dict(zip(header, cells, strict=False))))
        except BadInput as bad:
            on_problem(bad.problem)
    by_participant: dict[int, list[Rated]] = defaultdict(list)
    for row in _without_conflicts(path, rows, on_problem):
        by_participant[row.participant].append(row)
    return {
        participant: sorted(own, key=lambda row: row.trial)
        for participant, own in sorted(by_participant.items())
    }


def rows_of(
    ratings: Mapping[int, Sequence[Rated]],
    participant: int,
    *,
    table: Path | None,
    on_problem: OnProblem,
) -> Sequence[Rated]:
    """The rows of one participant; fewer than 40 are said.

    Raises:
        BadInput: none.
    """
    rows = ratings.get(participant, [])
    missing = Problem(
        f"{table}: participant {participant}",
        expected=f"{N_STIMULI} rows",
        found=f"{len(rows)} that can be used",
        remedy="trials without ratings are left out",
        severity="warning",
    )
    if not rows:
        raise BadInput(
            missing.where, expected=missing.expected, found=missing.found, remedy=missing.remedy
        )
    if len(rows) < N_STIMULI:
        on_problem(missing)
    return rows


def row_of(rows: Sequence[Rated], trial: int, *, video: Path) -> Rated:
    """The row of the trial that a video shows.

    Raises:
        BadInput: none.
    """
    for row in rows:
        if row.trial == trial:
            return row
    raise BadInput(
        str(video),
        expected=f"a row for trial {trial} in participant_ratings.csv",
        found="none that can be used",
        remedy="the trial has no ratings and is left out",
    )


def _row(path: Path, line: int, cells: Mapping[str, str]) -> Rated:
    participant, trial, stimulus = (
        _whole(path, line, name, cells.get(name, ""), high)
        for name, high in (
            ("Participant_id", 99),
            ("Trial", N_STIMULI),
            ("Experiment_id", N_STIMULI),
        )
    )
    return Rated(
        participant,
        trial,
        stimulus,
        {scale: _rating(path, line, scale, cells.get(scale.capitalize(), "")) for scale in SCALES},
        line,
    )


def _whole(path: Path, line: int, name: str, text: str, high: int) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and 1 <= int(digits) <= high):
        raise BadInput(f"{path}:{line}", expected=f"{name} 1-{high}", found=repr(text))
    return int(digits)


def _rating(path: Path, line: int, scale: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1 <= value <= 9:
        raise BadInput(
            f"{path}:{line}",
            expected=f"{scale} within 1-9",
            found=repr(text),
            remedy="take the file as DEAP delivers it",
        )
    return value


def _without_conflicts(path: Path, rows: Sequence[Rated], on_problem: OnProblem) -> Sequence[Rated]:
    """Rows whose trial and whose clip occur once for their participant."""
    by_trial: dict[tuple[int, int], list[int]] = defaultdict(list)
    by_stimulus: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        by_trial[row.participant, row.trial].append(index)
        by_stimulus[row.participant, row.stimulus].append(index)
    in_conflict: set[int] = set()
    for name, groups in (("Trial", by_trial), ("Experiment_id", by_stimulus)):
        for (participant, number), same in groups.items():
            if len(same) < 2 or in_conflict.issuperset(same):
                continue
            in_conflict.update(same)
            lines = " and ".join(str(rows[index].line) for index in same)
            on_problem(
                Problem(
                    f"{path}:{rows[same[-1]].line}",
                    expected=f"{name} {number} of participant {participant} once",
                    found=f"lines {lines}, none of which is used",
                    remedy="take the file as DEAP delivers it",
                )
            )
    return [row for index, row in enumerate(rows) if index not in in_conflict]
