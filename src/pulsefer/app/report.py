"""`pulsefer report`."""

from __future__ import annotations

import shlex
from pathlib import Path

from pulsefer.app.console import OK, SKIPPED, next_step, problems_of, say
from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.reports.groups import groups
from pulsefer.reports.markdown import markdown as tables
from pulsefer.reports.page import write_page
from pulsefer.reports.report import report as make
from pulsefer.reports.results import read_results


def report(results: Path, /, *, out: Path | None = None, markdown: Path | None = None) -> int:
    """Write what was found, and how, on one page: sentences, tables and figures made from rows.

    Reads every JSONL file of rows under RESULTS, and the predictions of finished runs. The page
    is one file that opens anywhere and fetches nothing.

    * All runs of a folder: `pulsefer report runs`

    * The rows of one file, and its tables for a paper: `pulsefer report results/demo.jsonl
      --markdown tables.md`

    Args:
        results: A folder of runs or rows, or one file of rows.
        out: The page. Without it RESULTS/results.html, or beside a file under its name.
        markdown: Also write the first tables as Markdown, for a paper or a page of documentation.
    """
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
