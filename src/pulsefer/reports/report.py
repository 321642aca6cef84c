"""From what lies in a folder to a page: sentences, tables, figures, and how it was done."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from pulsefer.core.errors import BadInput, Problem
from pulsefer.reports.figures_of_pairs import differences, orders
from pulsefer.reports.figures_of_rows import ladders, series
from pulsefer.reports.findings import findings
from pulsefer.reports.groups import PEEKED, Group, by, groups
from pulsefer.reports.methods import methods
from pulsefer.reports.page import Page, Picture, Section
from pulsefer.reports.protocols import MINUS, base, is_leaky, may_cross, strictness
from pulsefer.reports.results import Results, Trained
from pulsefer.reports.row import Row
from pulsefer.reports.sheet import first_sheet, full_sheet

FEW = 20
"""Persons below which a page says that intervals are wide."""
MOST_PICTURES = 12
"""Figures of rows on one page: drawing takes a tenth of a second each, looking takes longer."""
MOST_METHODS = 6
MOST_NAMES = 12


def report(results: Results, *, command: str) -> tuple[Page, list[Problem]]:
    """A page of everything that was found.

    Args:
        results: From `read_results`.
        command: What made the page, to be printed in it.

    Returns:
        The page, and the problems of drawing it, in addition to those of `results`.

    Raises:
        BadInput: there are no rows.
    """
    if not results.rows:
        raise BadInput(
            str(results.where),
            expected="rows of results",
            found=f"{len(results.files)} JSONL files without a row" if results.files else "none",
            remedy="`pulsefer train STORE --out RUN` leaves them in RUN/rows.jsonl, "
            "`pulsefer demo` in demo/rows.jsonl",
        )
    problems: list[Problem] = []
    found = groups(results.rows)
    sections, undrawn = [], 0
    room = MOST_PICTURES
    for group in found:
        pictures, left = _pictures(group, room)
        room -= len(pictures)
        undrawn += left
        sections.append(
            Section(
                title=group.title,
                synthetic=group.synthetic,
                found=findings(group),
                first=first_sheet(group),
                full=full_sheet(group),
                pictures=pictures,
            )
        )
    if undrawn:
        problems.append(
            Problem("figures", f"at most {MOST_PICTURES} of rows on a page",
                    f"{undrawn} groups more that could have some",
                    "give a folder further down", severity="note")
        )  # fmt: skip
    of_predictions = _of_runs(results.runs, problems.append)
    texts = paragraphs(results.runs, problems.append)
    page = Page(
        title=f"PulseFER results: {results.where.resolve().name}",
        pictures=of_predictions,
        how=_how(results, command),
        caveats=_caveats(found),
        sections=sections,
        methods=texts,
        problems=[str(problem) for problem in (*results.problems, *problems)][:200],
    )
    return page, problems


def _of_runs(runs: Sequence[Trained], problems: Callable[[Problem], None]) -> list[Picture]:
    if not runs:
        return []
    # It brings pandas and SciPy, for which rows alone need not wait.
    from pulsefer.reports.figures_of_runs import of_runs

    return of_runs(runs, problems)


def _pictures(group: Group, room: int) -> tuple[list[Picture], int]:
    """Figures of a group, as many as there is room for; 1 if it was left out."""
    if room <= 0:
        return [], 1
    made = [*ladders(group), *series(group), *differences(group), *orders(group)]
    return made[:room], 0


def _caveats(found: Sequence[Group]) -> list[str]:
    rows = [row for group in found for row in group.rows]
    caveats = []
    if any(group.synthetic for group in found):
        caveats.append(
            "Nothing marked synthetic was measured on a person. The paper's figures stand beside "
            "such rows to show the form of the table; they are not comparable."
        )
    leaky = by([row for row in rows if is_leaky(row.protocol)], lambda row: base(row.protocol))
    if leaky:
        caveats.append(
            f"Figures by {' or '.join(sorted(leaky))} are not of emotion: windows of the tested "
            "trials, which carry the same label, were learned from."
        )
    if any(row.selection == PEEKED for row in rows):
        caveats.append("Figures marked best_on_test were chosen by the data that test them.")
    fewest = min(row.n_subjects for row in rows)
    if fewest < FEW:
        caveats.append(
            f"{fewest} persons give wide intervals; a difference inside them is no difference."
        )
    n = sum(1 for row in rows if row.low == row.low)
    caveats.append(
        f"{n:,} figures have a 95 % interval. By chance alone about one interval in twenty misses "
        "the truth: what was not asked beforehand should be asked again of other data."
    )
    return caveats


def _how(results: Results, command: str) -> dict[str, str]:
    rows = results.rows
    kinds = by(rows, lambda row: row.data_kind)
    protocols = sorted(
        {base(side.strip()) for row in rows for side in row.protocol.split(MINUS)}, key=strictness
    )
    return {
        "command": command,
        "rows": f"{len(rows):,} from "
        + _some([f"{name} ({n:,})" for name, n in results.files.items() if n]),
        "data": ", ".join(f"{len(some):,} rows {kind}" for kind, some in kinds.items()),
        "counted": _some(sorted({f"{row.unit}s" for row in rows})),
        "intervals": "95 %, bootstrap over persons: windows of a trial and trials of a person are "
        "not independent; expanded percentiles for few persons",
        "epoch": _some(sorted({row.selection for row in rows})),
        **{f"by {name}, may cross": may_cross(name) for name in protocols if may_cross(name)},
        "seeds": _some([str(seed) for seed in sorted({row.seed for row in rows})]),
        "configurations": _some(_first_seen(rows, "config")),
        "folds": _some(_first_seen(rows, "manifest")) + " (fingerprints of who stands where)",
        "made by": _some(sorted({f"pulsefer {row.version}" for row in rows})),
    }


def _first_seen(rows: Iterable[Row], name: str) -> list[str]:
    return list(dict.fromkeys(str(getattr(row, name)) for row in rows))


def _some(words: Sequence[str]) -> str:
    more = f" and {len(words) - MOST_NAMES} more" if len(words) > MOST_NAMES else ""
    return ", ".join(words[:MOST_NAMES]) + more


def paragraphs(runs: Sequence[Trained], problems: Callable[[Problem], None]) -> dict[str, str]:
    """How runs were made: each different paragraph once, under the names of its runs.

    Args:
        runs: Finished runs.
        problems: Told of runs of which nothing can be said.
    """
    named: dict[str, list[str]] = {}
    for run in runs:
        file = run.folder / "methods.md"
        try:
            # Written when the run was: it knows the software that made it.
            text = file.read_text("utf-8") if file.is_file() else methods(run.about)
        except BadInput as error:
            problems(dataclasses.replace(error.problem, where=str(run.folder / "run.json")))
        except (OSError, UnicodeDecodeError) as error:
            problems(Problem(str(file), "the methods paragraph", type(error).__name__))
        else:
            named.setdefault(text.strip(), []).append(run.name)
    if len(named) > MOST_METHODS:
        problems(
            Problem("methods", f"at most {MOST_METHODS} paragraphs on a page",
                    f"{len(named)} different ones", "each is beside its run", severity="note")
        )  # fmt: skip
    return {_some(names): text for text, names in list(named.items())[:MOST_METHODS]}
