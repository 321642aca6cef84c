"""Tables of a report as Markdown, for a paper or a page of documentation."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pulsefer.reports.groups import Group
from pulsefer.reports.sheet import Sheet, first_sheet, is_marked

MEANING = re.compile(r"[\\`*\[\]<>|~$#&!]")
"""Characters that Markdown, or the HTML inside it, would take for its own."""
EDGE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
"""An underline at the edge of a word; inside a word it is a letter."""


def markdown(groups: Iterable[Group]) -> str:
    """The first table of every group, under a heading; what its lines agree in below it."""
    return "\n".join(_section(group) for group in groups)


def plain(text: str) -> str:
    r"""Text that Markdown shows as it is, on one line.

    >>> plain("a|b _c_ best_on_test")
    'a\\|b \\_c\\_ best_on_test'
    """
    one_line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return EDGE.sub(r"\\_", MEANING.sub(lambda found: "\\" + found[0], one_line))


def _section(group: Group) -> str:
    title = plain(group.title) + (" (**synthetic**)" if group.synthetic else "")
    return f"### {title}\n\n{table(first_sheet(group))}"


def table(sheet: Sheet) -> str:
    """One table, and the line under it."""
    if not sheet.lines:
        return "No figure of the first table; all are in the report.\n"
    right = {"ours", "persons", "p"}
    rule = "|".join("---:" if column in right else "---" for column in sheet.columns)
    lines = [f"| {' | '.join(sheet.columns)} |", f"|{rule}|"]
    lines += [f"| {' | '.join(_cell(cell) for cell in cells)} |" for cells in sheet.lines]
    text = "\n".join(lines) + "\n"
    if sheet.same:
        agreed = ", ".join(f"{name}: {_cell(value)}" for name, value in sheet.same.items())
        text += f"\nIn every line: {agreed}.\n"
    if sheet.more:
        text += f"\n{sheet.more} more lines are in the rows.\n"
    return text


def _cell(cell: str) -> str:
    return f"**{plain(cell)}**" if is_marked(cell) else plain(cell)
