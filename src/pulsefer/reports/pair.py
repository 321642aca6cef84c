"""Two finished runs over the same persons: whether they can be compared, and their differences.

The first is A, the second is B; every difference is A minus B.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pulsefer.core.errors import BadInput
from pulsefer.core.types import DataKind
from pulsefer.reports.groups import HEART_RATE, PEEKED, SELECTIONS, by
from pulsefer.reports.methods import RESAMPLES
from pulsefer.reports.protocols import MINUS, in_words, is_honest, is_leaky, may_cross
from pulsefer.reports.results import RUN, Trained
from pulsefer.reports.row import Row
from pulsefer.reports.settings import shown
from pulsefer.reports.sheet import LEAKS
from pulsefer.reports.table import DIFFERENCE, NAMES, measured
from pulsefer.reports.words import joined

HEADLINE = "balanced_accuracy"
COMPARED = (HEADLINE, "auroc", "hr_rmse_bpm")
"""What two runs are compared in.

Choice: one figure for the answer, one for the order of the probabilities, one for the heart rate.
Each more would cost the others, as p is adjusted for all of them.
"""
LESS_IS_BETTER = frozenset({"hr_rmse_bpm"})
UNIT: Literal["trial"] = "trial"
LETTERS = 60
"""Of a run's name, or of a word of its run.json."""


@dataclass(frozen=True, eq=False)
class Side:
    """A run with what it reached.

    Attributes:
        mark: "A" or "B".
        run: From `read_results`.
        data: Names of its data sets.
        dimension: The rating that was learned.
        kind: Either "real" or "synthetic".
        protocol: Name of the split.
        tables: Predictions (pandas) by the rule that chose the epoch.
        rows: Figures by trial, of every rule.
        sizes: Windows, trials, and persons that were tested.
    """

    mark: str
    run: Trained
    data: str
    dimension: str
    kind: DataKind
    protocol: str
    tables: Mapping[str, Any]
    rows: tuple[Row, ...]
    sizes: tuple[int, int, int]

    @property
    def name(self) -> str:
        """The run's, as a page can show it."""
        return shown(self.run.name, most=LETTERS)

    @property
    def named(self) -> str:
        """Mark and name, for where it is spoken of first."""
        return f"{self.mark} ({self.name})"

    @property
    def leaky(self) -> bool:
        """Whether one trial stands on both sides, by its protocol's name or by its own word."""
        return is_leaky(self.protocol) or self.run.about.get("leaky") is True

    @property
    def split(self) -> str:
        """The protocol in words."""
        return in_words(self.protocol) + LEAKS * self.leaky

    @property
    def permuted(self) -> bool:
        """Whether labels were dealt to other trials."""
        return bool(_done_to(self.run.about).get("permuted_labels"))

    @property
    def persons(self) -> set[tuple[str, str]]:
        """Data set and name of everybody who was tested."""
        (table, *_) = self.tables.values()
        return set(table[["dataset", "subject"]].itertuples(index=False, name=None))

    @property
    def n_networks(self) -> int:
        """Folds."""
        (table, *_) = self.tables.values()
        return int(table["fold"].nunique())

    def row(self, metric: str, selection: str) -> Row | None:
        """Its figure, if it has one."""
        found = (one for one in self.rows if (one.metric, one.selection) == (metric, selection))
        return next(found, None)


@dataclass(frozen=True)
class Difference:
    """A minus B in one figure.

    Attributes:
        row: Mean over persons with its interval; p over persons and networks, adjusted.
        p_persons: The p over persons alone, adjusted.
    """

    row: Row
    p_persons: float

    @property
    def metric(self) -> str:
        """What was compared."""
        return measured(self.row)

    @property
    def better(self) -> str:
        """The side that its mean speaks for."""
        return "A" if (self.row.value > 0) != (self.metric in LESS_IS_BETTER) else "B"

    @property
    def words(self) -> str:
        """What was compared, for a sentence."""
        return f"{NAMES[self.metric]} ({self.row.dimension})"


def side(mark: str, run: Trained) -> Side:
    """A run with its figures.

    Choice: figures are counted by trial and made from the predictions by `metrics.score`, of which
    a run's rows are made too: not every run has rows of its own.

    Raises:
        BadInput: settings or predictions of another version, or that cannot be read.
    """
    about = run.about
    try:
        data = "+".join(shown(str(one), most=LETTERS) for one in about["datasets"])
        dimension = shown(str(about["windows"]["dimension"]), most=LETTERS)
        kind, protocol = about["data_kind"], shown(str(about["protocol_name"]), most=LETTERS)
        if kind not in ("real", "synthetic"):
            raise ValueError("data that are neither real nor synthetic")
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            str(run.folder / RUN),
            expected="the settings of a run by this version",
            found=f"no usable {error}" if isinstance(error, KeyError) else str(error),
            remedy="train it again to compare it",
        ) from error
    bare = Side(mark, run, data, dimension, kind, protocol, {}, (), (0, 0, 0))
    try:
        return _scored(bare)
    except (KeyError, TypeError, ValueError) as error:  # BadInput is a ValueError
        if isinstance(error, BadInput) and str(run.folder) in error.problem.where:
            raise
        found = error.problem.found if isinstance(error, BadInput) else str(error)
        raise BadInput(
            str(run.folder), expected="predictions of this version", found=found,
            remedy="train it again to compare it",
        ) from error  # fmt: skip


def _scored(bare: Side) -> Side:
    from pulsefer.metrics.score import score

    tables = {str(rule): table for rule, table in bare.run.predictions.groupby("selection")}
    if not tables:
        raise ValueError("no window")
    rows = []
    for selection, table in tables.items():
        scores = score(table, unit=UNIT, seed=0, n_bootstrap=RESAMPLES)
        for metric, value in scores.values.items():
            # A placebo in the place of the heart rate is none, and so is what was learned of it.
            if math.isnan(value.value) or (metric.startswith("hr_") and _is_placebo(bare)):
                continue
            rows.append(
                row_of(bare, metric, value.value, value.low, value.high, selection=selection,
                       n=scores.n_rows[metric], n_subjects=scores.n_subjects)
            )  # fmt: skip
    sizes = scores.n_windows, scores.n_trials, scores.n_subjects
    return dataclasses.replace(bare, tables=tables, rows=tuple(rows), sizes=sizes)


def row_of(
    of: Side, metric: str, value: float, low: float, high: float, *, selection: str, n: int,
    n_subjects: int, system: str = "", p: float = math.nan,
) -> Row:  # fmt: skip
    """A figure of a run, to be shown and not to be kept.

    Args:
        of: Whose it is.
        metric: Its name.
        value: The figure.
        low: Low end of its interval.
        high: High end.
        selection: The rule that chose the epoch.
        n: Trials.
        n_subjects: Persons.
        system: "A − B" of a difference; "" takes the run's mark.
        p: Of a difference.
    """
    about = of.run.about
    seed = seed_of(of)
    return Row(
        experiment="compare", system=system or of.mark, dataset=of.data, data_kind=of.kind,
        dimension=HEART_RATE if measured_rate(metric) else of.dimension, metric=metric,
        value=value, low=low, high=high, protocol=of.protocol, selection=selection, unit=UNIT,
        n=n, n_subjects=n_subjects, seed=seed if seed is not None else 0,
        config=shown(str(about.get("fingerprint", "")), most=LETTERS),
        manifest=shown(str(about.get("manifest", "")), most=LETTERS),
        version=shown(str(about.get("version", "")), most=LETTERS), p=p,
    )  # fmt: skip


def measured_rate(metric: str) -> bool:
    """Whether a metric, or a difference of it, is of the heart rate."""
    return metric.removeprefix(DIFFERENCE).startswith("hr_")


def seed_of(of: Side) -> int | None:
    """The seed of the training; None where it is not said."""
    train = of.run.about.get("train")
    seed = train.get("seed") if isinstance(train, Mapping) else None
    return seed if type(seed) is int else None


def selection_of(a: Side, b: Side) -> str:
    """The rule for the epoch by which both are looked at; "" where they share none.

    Never the one that the test side chose.
    """
    both = [rule for rule in a.tables if rule in b.tables and rule != PEEKED]
    return next((rule for rule in (*SELECTIONS, *sorted(both)) if rule in both), "")


def reasons(a: Side, b: Side) -> list[str]:
    """Why two runs cannot be compared, each a sentence; none where nothing speaks against it."""
    said = []
    for one in (a, b):
        if one.leaky:
            crosses = may_cross(one.protocol)
            said.append(
                f"{one.mark} was tested {in_words(one.protocol)}, which leaks"
                f"{f': what may cross is {crosses}' if crosses else ''}. "
                "None of its figures is called better, however good: they are not of emotion."
            )
        elif not is_honest(one.protocol):
            said.append(
                f"{one.mark} was tested {in_words(one.protocol)}, a protocol that this version "
                "does not know."
            )
        if one.permuted:
            said.append(
                f"The labels of {one.mark} were dealt to other trials: it is a control, and there "
                "was nothing to be learned."
            )
    said += [
        f"{what}: A {mine}, B {theirs}."
        for what, mine, theirs in (
            ("One is of persons and one of specimens", f"{a.kind} data", f"{b.kind} data"),
            ("They learned different ratings", a.dimension, b.dimension),
            ("They are of different data sets", a.data, b.data),
            ("They were tested by different protocols", a.split, b.split),
        )
        if mine != theirs
    ]
    if a.data == b.data and a.persons != b.persons:
        said.append(
            f"They were tested on different persons: A on {len(a.persons)}, B on {len(b.persons)}, "
            f"{len(a.persons & b.persons)} of them the same."
        )
    if not selection_of(a, b):
        rules = [joined(sorted(one.tables)) for one in (a, b)]
        said.append(
            "No rule that chose the epoch without the test side is in both: "
            f"A has {rules[0]}, B has {rules[1]}."
        )
    return said


def differences(a: Side, b: Side) -> tuple[list[Difference], list[str]]:
    """A minus B in all of `COMPARED` that both have, and why not in the others.

    Choice: over persons and over networks, as the experiments' pairs are, p adjusted by Holm. Two
    runs of five folds cannot have a small p by that; what the persons alone show of these networks
    is given beside it, and is said to be of these networks.

    Args:
        a: First.
        b: Second, with no `reasons` against it.
    """
    from pulsefer.metrics.crossed import compare_crossed
    from pulsefer.metrics.paired import holm

    selection = selection_of(a, b)
    made: list[Row] = []
    p_persons: list[float] = []
    refused: list[tuple[str, str]] = []
    for metric in COMPARED:
        mine = a.row(metric, selection)
        if mine is None or b.row(metric, selection) is None:
            continue
        try:
            test = compare_crossed([a.tables[selection]], [b.tables[selection]], metric, unit=UNIT)
        except BadInput as error:
            refused.append((NAMES[metric], f"{error.problem.found}; {error.problem.remedy}"))
            continue
        made.append(
            row_of(a, DIFFERENCE + metric, test.mean, test.low, test.high, selection=selection,
                   n=mine.n, n_subjects=test.n_persons, system=f"A {MINUS} B", p=test.p)
        )  # fmt: skip
        p_persons.append(test.p_persons)
    adjusted = [
        Difference(dataclasses.replace(row, p=float(p)), float(alone))
        for row, p, alone in zip(
            made, holm([row.p for row in made]), holm(p_persons), strict=True
        )
    ]  # fmt: skip
    why_not = [
        f"They cannot be compared person by person in {joined([name for name, _ in some])}: "
        f"{why.removesuffix('; ')}."
        for why, some in by(refused, lambda one: one[1]).items()
    ]
    return adjusted, why_not


def _done_to(about: Mapping[str, Any]) -> Mapping[str, Any]:
    marks = about.get("marks")
    return marks if isinstance(marks, Mapping) else {}


def _is_placebo(of: Side) -> bool:
    return bool(_done_to(of.run.about).get("auxiliary", "true") != "true")
