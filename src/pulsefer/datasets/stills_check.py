"""Is a folder of stills what the reader takes it for? One table: expected, found."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pulsefer.core.errors import BadInput
from pulsefer.core.progress import progress
from pulsefer.datasets.check_report import CheckReport, CheckTable, Verdict
from pulsefer.datasets.stills import Copy, open_copy
from pulsefer.datasets.stills_picture import picture_size

CUE_VALUES = 20
"""A column with more values is no cue but a name."""
CUE_PICTURES = 30
CUE_GAP = 0.1


def check(
    root: Path,
    *,
    table: Path | None = None,
    circumplex: Path | None = None,
    scale: float = 1.0,
    deep: bool = False,
    show_progress: bool = False,
) -> CheckReport:
    """Read the table and look at every picture that it names.

    Args:
        root: Folder or zip with pictures and table.
        table: As for `read`.
        circumplex: As for `read`.
        scale: As for `read`.
        deep: Decode every picture; else its first bytes only.
        show_progress: A bar on standard error.
    """
    report = CheckTable(Path(root))
    try:
        copy = open_copy(Path(root), report.tell, table=table, circumplex=circumplex, scale=scale)
    except BadInput as bad:
        report.tell(bad.problem)
        return report.report()
    rows, n_used = copy.rows, len(copy.pictures)
    report.add("kind of data", "real or synthetic", copy.data_kind)
    report.add("rows that are used", f"{rows.n}", f"{n_used}", "ok" if n_used == rows.n else "note")
    if rows.has_words:
        n_mapped = rows.n - sum(rows.unknown_words.values())
        words = Counter(row.word.strip() for row in rows.usable)
        found = ", ".join(f"{word} ({n})" for word, n in words.most_common())
        report.add("rows with a word of the circle", f"{rows.n}", f"{n_mapped}: {found}")
    persons = Counter(row.person for row in rows.usable if row.person)
    if persons:
        most = max(persons.values())
        report.add("persons", "as many as there are", f"{len(persons)}, up to {most} pictures each")
    _check_balance(copy, report)
    _check_cues(copy, report)
    _check_pictures(copy, report, deep=deep, show_progress=show_progress)
    return report.report()


def _check_balance(copy: Copy, report: CheckTable) -> None:
    used = [row.affect for row in copy.rows.usable if row.name in copy.pictures]
    for scale in ("valence", "arousal"):
        values = [value for value in (getattr(affect, scale) for affect in used) if value == value]
        signs = Counter((value > 0) - (value < 0) for value in values)
        report.add(
            f"{scale} of {len(values)} pictures",
            "both signs",
            f"{signs[-1]} below 0, {signs[0]} at 0, {signs[1]} above",
            "ok" if signs[-1] and signs[1] else "warning",
        )


def _check_cues(copy: Copy, report: CheckTable) -> None:
    """Columns of few values: where one goes with the label, so may the picture's look.

    Choice: a warning where the share of valence above 0 differs by more than 10 points between
    two values that 30 pictures each have.
    """
    used = [row for row in copy.rows.usable if row.name in copy.pictures]
    for column in used[0].others:
        by_value: dict[str, list[bool]] = {}
        for row in used:
            by_value.setdefault(row.others[column], []).append(row.affect.valence > 0)
        shares = {
            value: sum(signs) / len(signs)
            for value, signs in by_value.items()
            if len(signs) >= CUE_PICTURES
        }
        if 2 <= len(by_value) <= CUE_VALUES and len(shares) >= 2:
            gap = max(shares.values()) - min(shares.values())
            report.add(
                f"valence above 0, by {column}",
                f"shares within {CUE_GAP:.0%}",
                ", ".join(f"{value} {share:.0%}" for value, share in shares.items()),
                "warning" if gap > CUE_GAP else "ok",
            )


def _check_pictures(copy: Copy, report: CheckTable, *, deep: bool, show_progress: bool) -> None:
    sizes: Counter[tuple[int, int]] = Counter()
    with progress("checking stills", len(copy.pictures), show=show_progress) as advance:
        for picture in copy.pictures.values():
            try:
                sizes[picture_size(picture, deep=deep)] += 1
            except BadInput as bad:
                report.tell(bad.problem)
            advance(1)
    n_good = sizes.total()
    what = "pictures that decode" if deep else "pictures with a header"
    verdict: Verdict = "ok" if n_good == len(copy.pictures) else "note"
    found = f"{n_good}"
    if sizes:
        sides = [min(size) for size in sizes]
        found += f", the shorter side {min(sides)}-{max(sides)} px"
    report.add(what, f"{len(copy.pictures)}", found, verdict)
