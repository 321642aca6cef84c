"""One self-contained HTML page: what was found first, then how."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pulsefer.core.files import whole_file
from pulsefer.reports.row import Row
from pulsefer.reports.table import COLUMNS, MARKED, cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure with the sentence under it."""

    figure: Figure
    caption: str


@dataclass(frozen=True)
class Page:
    """What a report says.

    Attributes:
        title: Heading.
        found: Sentences, the most important first.
        rows: Rows of the table.
        pictures: Figures, in order.
        how: Settings by name, for the reader who wants to repeat it.
        caveats: What must not be concluded.
    """

    title: str
    found: Sequence[str]
    rows: Sequence[Row]
    pictures: Sequence[Picture] = ()
    how: Mapping[str, str] = field(default_factory=dict)
    caveats: Sequence[str] = ()


def write_page(page: Page, path: Path) -> Path:
    """Render to one file: pictures inside, no script, nothing fetched. Text is escaped."""
    from jinja2 import Environment, PackageLoader

    template = Environment(
        loader=PackageLoader("pulsefer.reports", "."), autoescape=True, trim_blocks=True
    ).get_template("page.html.j2")
    html = template.render(
        page=page,
        columns=COLUMNS,
        marked=MARKED,
        lines=[cells(row) for row in page.rows],
        synthetic=any(row.data_kind == "synthetic" for row in page.rows),
        pictures=[(_png(picture.figure), picture.caption) for picture in page.pictures],
        version=page.rows[0].version if page.rows else "",
    )
    with whole_file(Path(path)) as part:
        part.write_text(html, "utf-8")
    return Path(path)


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode()
