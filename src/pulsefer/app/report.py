"""`pulsefer report`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pulsefer.app.console import OK, SKIPPED, next_step, problems_of, say
from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.core.fingerprint import fingerprint
from pulsefer.reports.groups import groups
from pulsefer.reports.markdown import markdown as tables
from pulsefer.reports.page import write_page
from pulsefer.reports.report import report as make
from pulsefer.reports.results import read_results
from pulsefer.reports.two_runs import two_runs

LETTERS = 60
"""Of a run's name in the name of a file."""


def report(
    results: Path,
    /,
    *,
    compare: Annotated[tuple[str, str] | None, Parameter(negative=())] = None,
    out: Path | None = None,
    markdown: Path | None = None,
) -> int:
    """Write what was found, and how, on one page: sentences, tables and figures made from rows.

    Reads every JSONL file of rows under RESULTS, and the predictions of finished runs. The page
    is one file that opens anywhere and fetches nothing.

    * All runs of a folder: `pulsefer report runs`

    * The rows of one file, and its tables for a paper: `pulsefer report results/demo.jsonl
      --markdown tables.md`

    * Two runs of a folder against each other: `pulsefer report runs --compare valence started`

    Args:
        results: A folder of runs or rows, or one file of rows.
        compare: Two finished runs, by their folders below RESULTS: which is better in what over the
            same persons, their figures side by side, the settings that differ.
        out: The page. Without it RESULTS/results.html, or beside a file under its name; of two runs
            RESULTS/A-against-B.html.
        markdown: Also write the first tables as Markdown, for a paper or a page of documentation.
    """
    if compare:
        return _compare(results, compare, out, markdown)
    page_file = out or _beside(results)
    _require(page_file, (".html", ".htm"))
    if markdown:
        _require(markdown, (".md", ".markdown"))
    found = read_results(results)
    try:
        page, more = make(found, command=_command(results, out, markdown))
    except BadInput:
        problems_of(found.problems)
        raise
    write_page(page, page_file)
    if markdown:
        with whole_file(markdown) as part:
            part.write_text(tables(groups(found.rows)), "utf-8")
    problems = [*found.problems, *more]
    problems_of(problems)
    say(f"{len(found.rows):,} rows and {len(found.runs)} runs: {page_file}"
        + (f" and {markdown}" if markdown else ""), wrap=False)  # fmt: skip
    next_step(f"open {shlex.quote(str(page_file))}")
    return SKIPPED if any(one.severity == "error" for one in problems) else OK


def _compare(
    results: Path, names: tuple[str, str], out: Path | None, markdown: Path | None
) -> int:  # fmt: skip
    from rich.markup import escape

    if markdown:
        raise BadInput(
            "--markdown",
            expected="the tables of all of RESULTS",
            found="two runs to compare",
            remedy="leave out either --markdown or --compare",
        )
    if out:
        _require(out, (".html", ".htm"))
    words = ["pulsefer", "report", results.name or str(results), "--compare", *names]
    words += ["--out", out.name] if out else []
    page, problems = two_runs(read_results(results), *names, command=shlex.join(words))
    page_file = out or results / against(*names)
    write_page(page, page_file)
    problems_of(problems)
    say(escape(f"{names[0]} against {names[1]}: {page_file}"), wrap=False)
    next_step(f"open {shlex.quote(str(page_file))}")
    return SKIPPED if any(one.severity == "error" for one in problems) else OK


def against(a: str, b: str) -> str:
    """Name of the page of two runs: another one for each pair, whatever the runs are called."""
    plain = [re.sub(r"[^\w.-]", "-", name, flags=re.ASCII).lstrip(".")[:LETTERS] for name in (a, b)]
    # "a/b" and "a-b" are two runs.
    apart = "" if plain == [a, b] else f"-{fingerprint([a, b], length=6)}"
    return f"{plain[0]}-against-{plain[1]}{apart}.html"


def _beside(results: Path) -> Path:
    return results / "results.html" if results.is_dir() else results.with_suffix(".html")


def _require(file: Path, suffixes: tuple[str, ...]) -> None:
    if file.suffix.lower() not in suffixes:
        raise BadInput(
            str(file),
            expected=f"a file that ends in {' or '.join(suffixes)}",
            found=file.suffix or "no ending",
        )


def _command(results: Path, out: Path | None, markdown: Path | None) -> str:
    words = ["pulsefer", "report", results.name or str(results)]
    words += ["--out", out.name] if out else []
    words += ["--markdown", markdown.name] if markdown else []
    return shlex.join(words)
