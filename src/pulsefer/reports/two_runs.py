"""A page of two finished runs: which is better in what, their figures, the settings that differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.version import __version__
from pulsefer.reports.findings_pairs import SURE
from pulsefer.reports.groups import HEART_RATE, PEEKED, SELECTIONS, Line
from pulsefer.reports.page import Page, Picture, Section
from pulsefer.reports.pair import (
    HEADLINE,
    Difference,
    Side,
    differences,
    reasons,
    seed_of,
    selection_of,
    side,
)
from pulsefer.reports.protocols import MINUS, in_words
from pulsefer.reports.report import FEW, MOST_NAMES, paragraphs
from pulsefer.reports.results import Results, Trained
from pulsefer.reports.row import Row
from pulsefer.reports.settings import Differing, differing, shown
from pulsefer.reports.sheet import FIRST, LEAKS, NOTHING, Sheet, p_text
from pulsefer.reports.table import measured, name_of, number
from pulsefer.reports.words import clear_of, counts, figure, joined

MOST_SETTINGS = 100
"""Lines of the table of settings."""
EPOCHS = {"last": "last epoch", "validation": "epoch that the held-out part chose"}


def two_runs(results: Results, a: str, b: str, *, command: str) -> tuple[Page, list[Problem]]:
    """Two runs of a folder, held against each other.

    They are compared where both tested the same persons in the same folds by a protocol that does
    not leak; elsewhere the page says why they are not.

    Args:
        results: From `read_results`.
        a: Name of the first run, as `Trained.name` has it.
        b: Name of the second. All differences are the first minus the second.
        command: What made the page, to be printed in it.

    Returns:
        The page, and the problems of making it. Those of `results` are of other files.

    Raises:
        BadInput: no run of that name, the same one twice, or one that cannot be read.
    """
    if a == b:
        raise BadInput(
            f"{a} and {b}",
            expected="two runs",
            found="one and the same",
            remedy="a run differs from itself in nothing; name another",
        )
    one, other = side("A", _named(results, a)), side("B", _named(results, b))
    problems: list[Problem] = []
    why_not, selection = reasons(one, other), selection_of(one, other)
    made: list[Difference] = []
    if not why_not:
        made, why_not = differences(one, other)
    settings = differing(one.run.about, other.run.about)
    found = [*_compared(one, other, made, why_not, selection), *_alone(one, other, selection)]
    if not settings.lines:
        found.append(_said_of(settings))
    first, full = _sheets(one, other, made, selection)
    comparison = Section(
        title=f"A: {one.name}{_kind(one, other)} · B: {other.name}{_kind(other, one)}",
        synthetic="synthetic" in (one.kind, other.kind),
        found=found,
        first=first,
        full=full,
        pictures=_pictures(one, other, made, selection),
    )
    of_settings = Section("Settings", synthetic=False, found=[_said_of(settings)],
                          first=_table_of(settings))  # fmt: skip
    texts = paragraphs([one.run, other.run], problems.append)
    page = Page(
        title=f"PulseFER: {one.name} against {other.name}",
        how={
            "command": _encodable(command),
            "A": _about(one),
            "B": _about(other),
            **_how(made, selection),
            "made by": f"pulsefer {__version__}",
        },
        caveats=_caveats(one, other, made),
        sections=[comparison, of_settings] if settings.lines else [comparison],
        methods={shown(names): _encodable(text) for names, text in texts.items()},
        problems=[_encodable(str(problem)) for problem in problems],
    )
    return page, problems


def _kind(one: Side, other: Side) -> str:
    """The kind of a run's data behind its name, where the other's is another."""
    return f" ({one.kind})" if one.kind != other.kind else ""


def _named(results: Results, name: str) -> Trained:
    """The run of that name.

    Raises:
        BadInput: there is none; the first that there are are named.
    """
    for run in results.runs:
        if run.name == name:
            return run
    folder = str(results.where / name)
    for problem in results.problems:
        # One that did not finish, or whose settings cannot be read: it is known what is wrong.
        if problem.where in (folder, str(results.where / name / "run.json")):
            raise BadInput(
                problem.where, expected=problem.expected, found=problem.found,
                remedy=problem.remedy,
            )  # fmt: skip
    there = [run.name for run in results.runs]
    more = f" and {len(there) - MOST_NAMES} more" if len(there) > MOST_NAMES else ""
    raise BadInput(
        f"run {shown(name)}",
        expected=f"a finished run in {results.where}"
        + (f", one of {', '.join(there[:MOST_NAMES])}{more}" if there else ""),
        found="none of that name" if there else "no runs there",
        remedy="" if there else "`pulsefer train STORE --out RUN` makes one",
    )


def _compared(
    a: Side, b: Side, made: Sequence[Difference], why_not: Sequence[str], selection: str
) -> list[str]:
    """What is better in what; or else why that cannot be said."""
    both = f"{a.named} and {b.named}"
    kind = " Both are synthetic: nobody was measured." if a.kind == b.kind == "synthetic" else ""
    if not made:
        why = why_not or ["They have no figure in common that could be compared."]
        return [f"{both} cannot be compared: none is called better.{kind}", *why]
    lines = []
    for one in made:
        figures = [side.row(one.metric, selection) for side in (a, b)]
        mine, theirs = (number(row, row.value) for row in figures if row)
        few = len(a.persons) - one.row.n_subjects
        left = f"; {few} more without a value" if few else ""
        lines.append(
            f"{one.words[:1].upper()}{one.words[1:]}, {in_words(a.protocol)}: "
            f"A {mine}, B {theirs}; A {MINUS} B over the same persons "
            f"{figure(Line(one.row, one.row.system, 1))}, {_p(one)}: {_verdict(one)} "
            f"({counts([Line(one.row, one.row.system, 1)])}{left})."
        )
    epoch = f" Figures are of the {EPOCHS.get(selection, selection)}."
    return [f"{_in_short(a, b, made)}{epoch}{kind}", *lines, *_least(a, made), *why_not]


def _p(one: Difference) -> str:
    both, alone = p_text(one.row.p), p_text(one.p_persons)
    text = f"p = {both}".replace("= <", "<")
    return (
        text if both == alone else f"{text} over persons and networks, {alone} over persons alone"
    )


def _is_shown(one: Difference) -> bool:
    return one.row.p < SURE


def _is_of_networks(one: Difference) -> bool:
    return not _is_shown(one) and one.p_persons < SURE


def _verdict(one: Difference) -> str:
    if _is_shown(one):
        return f"{one.better} is better"
    if _is_of_networks(one):
        return f"these networks of {one.better} are better, other trainings need not be"
    return "no difference is shown"


def _in_short(a: Side, b: Side, made: Sequence[Difference]) -> str:
    sides = {"A": (a, b), "B": (b, a)}
    said = []
    for which, words in (
        (_is_shown, "{0} is better than {1} in {2}"),
        (_is_of_networks, "the trained networks of {0} are better than those of {1} in {2}, "
                          "which does not show that other trainings would be"),
    ):  # fmt: skip
        for mark, (better, worse) in sides.items():
            what = [one.words for one in made if which(one) and one.better == mark]
            if what:
                said.append(words.format(better.named, worse.named, joined(what)))
    none = [one.words for one in made if not _is_shown(one) and not _is_of_networks(one)]
    if none and said:
        said.append(f"no difference is shown in {joined(none)}")
    elif none:
        said.append(
            f"no difference between {a.named} and {b.named} is shown in {joined(none)}, which is "
            "not to say that they are equal: the intervals tell how large one could be"
        )
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."


def _least(a: Side, made: Sequence[Difference]) -> list[str]:
    """That p cannot be small, where that is so."""
    least = min(len(made) * 2.0 ** (1 - a.n_networks), 1.0)
    if least < SURE or any(_is_shown(one) for one in made):
        return []
    return [
        f"With {a.n_networks} network{'s' * (a.n_networks != 1)} of each (the folds of one seed) p "
        f"over networks, adjusted for the figures compared, is never below {p_text(least)}: such "
        "runs show what these networks do, not what their settings do. More folds can, for example "
        "`pulsefer train --folds one_out`."
    ]


def _alone(a: Side, b: Side, selection: str) -> list[str]:
    """Each for itself against chance."""
    said = []
    for one in (a, b):
        rule = selection or next(each for each in (*SELECTIONS, *one.tables) if each in one.tables)
        row = one.row(HEADLINE, rule)
        if row is None:
            continue
        if one.leaky:
            worth = "by a protocol that leaks: not a figure of emotion"
        elif rule == PEEKED:
            worth = "of an epoch that the test side chose: not a result"
        elif one.permuted:
            worth = "with labels that were dealt to other trials"
        else:
            worth = clear_of(row, 0.5, "50 %")
        kind = ", synthetic" if one.kind == "synthetic" else ""
        said.append(
            f"{one.mark} ({in_words(one.protocol)}{kind}) {figure(Line(row, one.mark, 1))}, {worth}"
        )
    return [f"Each by itself, balanced accuracy: {'; '.join(said)}."] if said else []


def _said_of(settings: Differing) -> str:
    n = len(settings.lines)
    if not n:
        return f"All {settings.n_same} settings are the same."
    text = (
        f"{n} setting{' differs' if n == 1 else 's differ'}; {settings.n_same} are the same and "
        "are not listed."
    )
    if {name for name, *_ in settings.lines} == {"train.seed"}:
        text += " As only the seed differs, any difference is the luck of a training."
    if n > MOST_SETTINGS:
        text += f" The first {MOST_SETTINGS} are shown; all are in the two run.json."
    return text


def _table_of(settings: Differing) -> Sheet:
    return Sheet(("setting", "A", "B"), settings.lines[:MOST_SETTINGS], {}, strong=())


def _sheets(
    a: Side, b: Side, made: Sequence[Difference], selection: str
) -> tuple[Sheet, Sheet | None]:
    """Figures side by side: those of the compared epoch that answer for each other, and all."""
    keys = dict.fromkeys(_key(row) for row in (*a.rows, *b.rows))
    rules = (selection, *SELECTIONS, *sorted({key[2] for key in keys}))
    order = sorted(
        keys,
        key=lambda key: (
            key[2] == PEEKED,
            rules.index(key[2]),
            key[0] == HEART_RATE,
            key[0],
            FIRST.index(key[1]) if key[1] in FIRST else len(FIRST),
        ),
    )
    wanted = {*FIRST, *(one.metric for one in made)}
    first = [key for key in order if key[1] in wanted and key[2] == (selection or order[0][2])]
    full = _side_by_side(a, b, made, order, selection) if len(first) < len(order) else None
    return _side_by_side(a, b, made, first, selection), full


def _side_by_side(
    a: Side, b: Side, made: Sequence[Difference], keys: Sequence[tuple[str, str, str]],
    selection: str,
) -> Sheet:  # fmt: skip
    apart = {_key(one.row): one.row for one in made}
    strong = [f"{of.mark}{_kind(of, to)}{LEAKS * of.leaky}" for of, to in ((a, b), (b, a))]
    columns = ["figure", strong[0], "95 % of A", strong[1], "95 % of B"]
    one_rule = len({rule for *_, rule in keys}) == 1
    if apart:
        columns += [f"A {MINUS} B", f"95 % of A {MINUS} B", "p"]
        strong.append(f"A {MINUS} B")
    if not one_rule:
        columns.append("epoch")
    lines = []
    of_a, of_b = ({_key(row): row for row in of.rows} for of in (a, b))
    for key in keys:
        mine, theirs = of_a.get(key), of_b.get(key)
        (row, *_) = (row for row in (mine, theirs) if row)
        cells = [f"{row.dimension}: {name_of(row)}", *_cells(mine), *_cells(theirs)]
        if apart:
            difference = apart.get(key)
            cells += [*_cells(difference), p_text(difference.p) if difference else NOTHING]
        lines.append((*cells, *([] if one_rule else [row.selection])))
    facts = (
        ("protocol", a.split, b.split),
        ("persons", f"{a.sizes[2]}", f"{b.sizes[2]}"),
        ("data", a.kind, b.kind),
    )
    same = {"counted": "trials"} | {name: one for name, one, two in facts if one == two}
    if one_rule:
        same["epoch"] = keys[0][2] if keys else selection
    return Sheet(tuple(columns), tuple(lines), same, strong=tuple(strong))


def _key(row: Row) -> tuple[str, str, str]:
    """What stands in one line of both runs, and of their difference."""
    return row.dimension, measured(row), row.selection


def _cells(row: Row | None) -> tuple[str, str]:
    """A figure, and its interval."""
    if row is None:
        return NOTHING, NOTHING
    ends = f"{number(row, row.low, bare=True)} to {number(row, row.high, bare=True)}"
    return number(row, row.value), NOTHING if math.isnan(row.low) else ends


def _pictures(
    a: Side, b: Side, made: Sequence[Difference], selection: str
) -> list[Picture]:  # fmt: skip
    """A dot for each person and run, where the two were compared."""
    if not any(one.metric == HEADLINE for one in made):
        return []
    from pulsefer.reports.figures_of_runs import persons

    kind = " (synthetic)" if a.kind == "synthetic" else ""
    where = f"{a.dimension} of {a.data}, {in_words(a.protocol)}, {EPOCHS.get(selection, selection)}"
    return [
        persons(
            {f"{one.mark}: {one.name}": one.tables[selection] for one in (a, b)},
            f"{where[:1].upper()}{where[1:]}{kind}.",
            kind,
        )
    ]


def _caveats(a: Side, b: Side, made: Sequence[Difference]) -> list[str]:
    caveats = []
    synthetic = [one.mark for one in (a, b) if one.kind == "synthetic"]
    if synthetic:
        caveats.append(
            f"{joined(synthetic)} {'is' if len(synthetic) == 1 else 'are'} synthetic: filmed "
            "specimens with planted effects. Which is better with them says nothing about faces."
        )
    leaky = [one.mark for one in (a, b) if one.leaky]
    if leaky:
        caveats.append(
            f"Figures of {joined(leaky)} are not of emotion: windows of the tested trials, which "
            "carry the same label, were learned from."
        )
    if any(PEEKED in one.tables for one in (a, b)):
        caveats.append(
            f"Figures marked {PEEKED} were chosen by the data that test them; they are not "
            "compared."
        )
    fewest = min(a.sizes[2], b.sizes[2])
    if fewest < FEW:
        caveats.append(
            f"{fewest} persons give wide intervals; a difference inside them is no difference."
        )
    if made:
        caveats.append(
            "p is adjusted for the figures on this page, not for other runs that were looked at: "
            "of the best of many runs it promises too much."
        )
    return caveats


def _about(one: Side) -> str:
    about = one.run.about
    seed = seed_of(one)
    n_windows, n_trials, n_persons = one.sizes
    text = (
        f"{one.name}: {shown(str(about.get('system', 'a network')), most=40)}, {one.dimension} of "
        f"{one.data} ({one.kind}), {one.split}, {n_windows:,} windows in {n_trials:,} trials of "
        f"{n_persons} persons, {one.n_networks} folds"
    )
    text += "" if seed is None else f", seed {seed}"
    row = one.rows[0] if one.rows else None
    return f"{text}; configuration {row.config}, made by pulsefer {row.version}" if row else text


def _how(made: Sequence[Difference], selection: str) -> dict[str, str]:
    how = {
        "counted": "trials: one answer each, the mean probability of its windows",
        "intervals": "95 %, bootstrap over persons; expanded percentiles for few persons",
    }
    if not made:
        return how
    return how | {
        "epoch": EPOCHS.get(selection, selection),
        "differences": "the mean over persons of each one's own difference, which need not be the "
        "difference of the two figures of everybody together; a person without a value, for most "
        "figures one with labels of one class, is left out",
        "p": "sign flips, two-sided: over persons, and over networks (folds), of which the larger "
        f"counts; adjusted by Holm for the {len(made)} figures compared",
    }


def _encodable(text: str) -> str:
    """Half of a surrogate pair, which JSON and names of files may hold, is no text for a page."""
    return text.encode("utf-8", "replace").decode()
