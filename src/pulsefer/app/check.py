"""`pulsefer data check DATASET ROOT`: one table, expected and found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pulsefer.app.console import OK, SKIPPED, next_step, problems_of, say, show
from pulsefer.core.errors import BadInput
from pulsefer.datasets import afew_check, deap_check, mahnob_check, stills_check
from pulsefer.datasets.check_report import CheckReport


def deap(root: Path, /, *, deep: bool = False) -> int:
    """Compare a copy of DEAP with what is known of it.

    Counts, frame rates, lengths, the order of the trials, the shares of high ratings.
    Exit status 0: whole, or merely partial (and it says so). 1: something is broken. 2: no folder.

    Args:
        root: Folder of the data set, or any folder above it.
        deep: Also decode every video to its last frame. Slow.
    """
    return _checked("deap", root, lambda: deap_check.check(root, deep=deep, show_progress=True))


def mahnob_hci(root: Path, /, *, deep: bool = False) -> int:
    """Compare a copy of MAHNOB-HCI with what is known of it.

    Sessions and persons, names, lengths, triggers, the two clocks, the leads of the ECG, class
    balance by each threshold rule. Exit status 0: whole, or merely partial (and it says so).
    1: something is broken. 2: no folder.

    Args:
        root: Folder of the data set, or any folder above it.
        deep: Also find the beats of every lead. Slow.
    """
    return _checked(
        "mahnob_hci", root, lambda: mahnob_check.check(root, deep=deep, show_progress=True)
    )


def afew_va(root: Path, /, *, deep: bool = False) -> int:
    """Compare a copy of AFEW-VA with what is known of it.

    Clips, actors, labels, landmarks, pictures. Exit status 0: whole, or merely partial (and it
    says so). 1: something is broken. 2: no folder.

    Args:
        root: Folder of the clips, of their zip files, or one zip file.
        deep: Also decode every picture.
    """
    return _checked("afew_va", root, lambda: afew_check.check(root, deep=deep, show_progress=True))


def stills(
    root: Path,
    /,
    *,
    table: Path | None = None,
    circumplex: Path | None = None,
    scale: float = 1.0,
    deep: bool = False,
) -> int:
    """Look through a folder of face pictures with a CSV of labels.

    Exit status 0: usable. 1: some of it is not. 2: no folder.

    Args:
        root: Folder with the pictures (or zip files of them) and the CSV.
        table: The CSV, if there are several.
        circumplex: A table of your own: category,valence,arousal.
        scale: What valence and arousal are divided by to lie in -1 to 1.
        deep: Also decode every picture.
    """
    return _checked(
        "stills",
        root,
        lambda: stills_check.check(
            root, table=table, circumplex=circumplex, scale=scale, deep=deep, show_progress=True
        ),
    )


def _checked(dataset: str, root: Path, look: Callable[[], CheckReport]) -> int:
    from rich.markup import escape
    from rich.table import Table

    is_zip = dataset in ("afew_va", "stills") and root.is_file()
    if not (root.is_dir() or is_zip):
        raise BadInput(
            str(root),
            expected=f"the folder of {dataset}",
            found="a file" if root.exists() else "no such folder",
            remedy=f"check the path, or try `pulsefer data fake {dataset} OUT`",
        )
    report = look()
    colours = {"ok": "green", "note": "dim", "warning": "yellow", "broken": "bold red"}
    table = Table(title=f"{dataset}: {root}", title_justify="left", header_style="bold")
    for column in ("fact", "expected", "found", ""):
        table.add_column(column, overflow="fold")
    for row in report.rows:
        mark = f"[{colours[row.verdict]}]{row.verdict}[/]"
        table.add_row(escape(row.what), escape(row.expected), escape(row.found), mark)
    show(table)
    problems_of(report.problems)
    if report.partial:
        say("[yellow]partial[/yellow]: not all of the data set is here; what is here can be used")
    if not report.ok:
        n_broken = sum(row.verdict == "broken" for row in report.rows)
        say(f"[bold red]broken[/bold red]: {n_broken} facts; the lines above say what to do")
        next_step(f"pulsefer data prepare {dataset} {root} --store STORE   # leaves them out")
        return SKIPPED
    next_step(f"pulsefer data prepare {dataset} {root} --store STORE")
    return OK
