"""One self-contained HTML page: what was found first, then how."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from pulsefer.core.files import whole_file
from pulsefer.core.version import __version__
from pulsefer.reports.canvas import svg
from pulsefer.reports.groups import Line
from pulsefer.reports.row import Row
from pulsefer.reports.sheet import NOTHING, Sheet, is_marked, is_no_result, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure with the sentence under it.

    Attributes:
        figure: From a function of this room.
        caption: What is shown.
        alt: The figure in numbers, for who cannot see it; the caption where there is none.
    """

    figure: Figure
    caption: str
    alt: str = ""


@dataclass(frozen=True)
class Section:
    """One experiment on one data set.

    Attributes:
        title: Heading.
        synthetic: Whether nobody real was measured.
        found: Sentences, the most important first.
        first: The figures that answer for each other.
        full: All figures.
        pictures: Figures, in order.
    """

    title: str
    synthetic: bool
    found: Sequence[str]
    first: Sheet
    full: Sheet | None = None
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Page:
    """What a report says.

    Attributes:
        title: Heading.
        found: Sentences about everything, the most important first.
        rows: Rows of a table about everything.
        pictures: Figures about everything, in order.
        how: Settings by name, for the reader who wants to repeat it.
        caveats: What must not be concluded.
        sections: One for each experiment and data set.
        methods: Paragraphs to paste, each under the names of the runs that it describes.
        problems: What was left out, or not understood.
    """

    title: str
    found: Sequence[str] = ()
    rows: Sequence[Row] = ()
    pictures: Sequence[Picture] = ()
    how: Mapping[str, str] = field(default_factory=dict)
    caveats: Sequence[str] = ()
    sections: Sequence[Section] = ()
    methods: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()


LONG = 40
"""Letters of a cell that may be broken into lines."""


def _body(sheet: Sheet) -> Markup:
    """The lines of a table. Not in the template: there, 20,000 of them take seconds."""
    all_wrong = any(is_no_result(value) for value in sheet.same.values())
    # Of a column of our own figures, whether all in it is wrong.
    ours = {
        place: all_wrong or is_no_result(column)
        for place, column in enumerate(sheet.columns)
        if column in sheet.strong
    }
    known: dict[str, str] = {}
    rows = []
    for line in sheet.lines:
        wrong = any(is_no_result(cell) for cell in line)
        cells = []
        for place, cell in enumerate(line):
            if place in ours:
                marked = (wrong or ours[place]) and cell != NOTHING
                css, sign = (' class="ours marked"', " †") if marked else (' class="ours"', "")
                cells.append(f"<td{css}>{escape(cell)}{sign}</td>")
                continue
            if cell not in known:
                css = ' class="marked"' if is_marked(cell) else ""
                # A published figure with the protocol behind it takes several lines.
                css = css or (' class="long"' if len(cell) > LONG else "")
                known[cell] = f"<td{css}>{escape(cell)}</td>"
            cells.append(known[cell])
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return Markup("\n".join(rows))


def _unbroken(text: str) -> str:
    """A number and its unit on one line."""
    return re.sub(r"(?<=\d) (?=%|bpm\b|points\b)", "\u00a0", text)


def write_page(page: Page, path: Path) -> Path:
    """Render to one file."""
    with whole_file(Path(path)) as part:
        part.write_text(html_of(page), "utf-8")
    return Path(path)


def html_of(page: Page) -> str:
    """Render: pictures inside, no script, nothing fetched. Text is escaped."""
    from jinja2 import Environment, PackageLoader

    drawn = 0

    def draw(picture: Picture) -> Markup:
        nonlocal drawn
        drawn += 1
        # Matplotlib has escaped the text in it.
        return Markup(svg(picture.figure, salt=f"figure {drawn}"))

    environment = Environment(
        loader=PackageLoader("pulsefer.reports", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["marked"] = is_marked
    environment.filters["draw"] = draw
    environment.filters["body"] = _body
    environment.filters["unbroken"] = _unbroken
    return environment.get_template("page.html.j2").render(
        page=page,
        table=sheet([Line(row, row.system, 1) for row in page.rows]) if page.rows else None,
        synthetic=any(row.data_kind == "synthetic" for row in page.rows)
        or any(section.synthetic for section in page.sections),
        version=__version__,
    )
