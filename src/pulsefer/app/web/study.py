"""A folder of results, read in the browser: the report, and one run against another."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pulsefer.app.web import schema
from pulsefer.core.errors import BadInput

if TYPE_CHECKING:
    from pulsefer.reports.page import Page
    from pulsefer.reports.results import Results, Trained

MOST_PAGES = 32
"""Pages that are kept; drawing one takes seconds."""
SUFFIXES = (".jsonl", ".json", ".parquet", ".md")
"""Files that a page is made from."""


class StudyFolder:
    """The results that the server was started with; nothing outside of them is read.

    Args:
        folder: Of runs and rows.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pages: dict[tuple[str, ...], str] = {}
        # Drawing is not safe in two threads at a time, and twice the same is once too often.
        self._drawing = asyncio.Lock()

    async def about(self) -> schema.Study:
        """What there is."""
        name = self.folder.resolve().name
        problem, rows = None, 0
        runs: list[schema.Run] = []
        try:
            async with self._drawing:
                found = await asyncio.to_thread(self._read)
            rows, runs = len(found.rows), [_shown(run) for run in found.runs]
            # What is wrong with the page is told before anybody looks at it.
            await self.report()
        except BadInput as error:
            problem = schema.Problem.of(error.problem)
        return schema.Study(folder=name, rows=rows, runs=runs, problem=problem)

    async def report(self) -> str:
        """The page of everything, as HTML.

        Raises:
            BadInput: there are no rows.
        """
        command = f"pulsefer report {shlex.quote(self.folder.name)}"
        return await self._page(("report",), lambda found: _report(found, command))

    async def compare(self, a: str, b: str) -> str:
        """One run against another, as HTML.

        Raises:
            BadInput: one of them is not there, or they are the same.
        """
        command = " ".join(
            shlex.quote(word)
            for word in ("pulsefer", "report", self.folder.name, "--compare", a, b)
        )
        return await self._page(("compare", a, b), lambda found: _compare(found, a, b, command))

    async def _page(self, key: tuple[str, ...], make: Callable[[Results], Page]) -> str:
        async with self._drawing:
            full = (*key, await asyncio.to_thread(self._state))
            if full not in self._pages:
                text = await asyncio.to_thread(self._drawn, make)
                while len(self._pages) >= MOST_PAGES:
                    del self._pages[next(iter(self._pages))]
                self._pages[full] = text
            return self._pages[full]

    def _read(self) -> Results:
        from pulsefer.reports.results import read_results

        return read_results(self.folder)

    def _drawn(self, make: Callable[[Results], Page]) -> str:
        from pulsefer.reports.page import html_of

        return html_of(make(self._read()))

    def _state(self) -> str:
        """Changes when a file does."""
        from pulsefer.core.fingerprint import fingerprint
        from pulsefer.datasets.files_below import files_below

        found = sorted(
            (str(path), path.stat().st_size, path.stat().st_mtime_ns)
            for path in files_below(self.folder)
            if path.suffix in SUFFIXES
        )
        return fingerprint(found)


def _shown(run: Trained) -> schema.Run:
    windows = run.about.get("windows")
    rating = windows.get("dimension") if isinstance(windows, dict) else None
    told = (rating, run.about.get("system"), run.about.get("protocol_name"))
    sets = run.about.get("datasets")
    words = [str(one) for one in (*told, *(sets if isinstance(sets, list) else ())) if one]
    return schema.Run(name=run.name, about=", ".join(words))


def _report(found: Results, command: str) -> Page:
    from pulsefer.reports.report import report

    page, _ = report(found, command=command)
    return page


def _compare(found: Results, a: str, b: str, command: str) -> Page:
    from pulsefer.reports.two_runs import two_runs

    page, _ = two_runs(found, a, b, command=command)
    return page
