"""Figures that need predictions: calibration, and a dot for each person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pulsefer.core.errors import BadInput, Problem
from pulsefer.metrics.calibration import reliability
from pulsefer.metrics.paired import by_person
from pulsefer.reports.canvas import SOFT, canvas, label, legend
from pulsefer.reports.figures import STYLES
from pulsefer.reports.groups import by
from pulsefer.reports.page import Picture
from pulsefer.reports.protocols import in_words, is_honest, strictness
from pulsefer.reports.results import Trained

MOST_SYSTEMS = 3
HEADLINE = "balanced_accuracy"


def of_runs(runs: Sequence[Trained], problems: Callable[[Problem], None]) -> list[Picture]:
    """Calibration and persons, for each data and dimension by the strictest honest protocol.

    Args:
        runs: Finished runs.
        problems: Told of runs whose predictions cannot be used.
    """
    known = [run for run in runs if _key(run) is not None and not _altered(run)]
    pictures = []
    for (data, dimension, kind), some in by(known, lambda run: _key(run) or ("", "", "")).items():
        honest = [run for run in some if is_honest(_protocol(run))]
        if not honest:
            continue
        strict = max((_protocol(run) for run in honest), key=strictness)
        same = [run for run in honest if _protocol(run) == strict]
        systems = by(same, lambda run: str(run.about.get("system", "network")))
        chosen = {}
        for system, own in list(systems.items())[:MOST_SYSTEMS]:
            table = _predictions(own[0], problems)
            if table is not None:
                chosen[system] = (own[0], table)
        if chosen:
            first = f" One of {len(same)} runs for each system." if len(same) > len(chosen) else ""
            where = f"{dimension} of {data}, {in_words(strict)}, last epoch"
            pictures += _both(chosen, where, first, kind == "synthetic")
    return pictures


def _key(run: Trained) -> tuple[str, str, str] | None:
    about = run.about
    try:
        return "+".join(about["datasets"]), str(about["windows"]["dimension"]), about["data_kind"]
    except (KeyError, TypeError):
        return None


def _protocol(run: Trained) -> str:
    return str(run.about.get("protocol_name", ""))


def _altered(run: Trained) -> bool:
    """Whether labels or rates were exchanged: such a run answers another question."""
    marks = run.about.get("marks") or {}
    return bool(marks.get("permuted_labels")) or marks.get("auxiliary", "true") != "true"


def _predictions(run: Trained, problems: Callable[[Problem], None]) -> Any:
    try:
        table = run.predictions
        last = table[table["selection"] == "last"]
        by_person(last, HEADLINE)
        reliability(last["emotion"].to_numpy() == 1, last["emotion_prob"].to_numpy(np.float64))
    except BadInput as error:
        problems(error.problem)
    except (KeyError, ValueError, TypeError) as error:
        problems(
            Problem(str(run.folder), "predictions of this version", f"{type(error).__name__}: "
                    f"{error}", "train it again")
        )  # fmt: skip
    else:
        return last
    return None


def _both(
    chosen: dict[str, tuple[Trained, Any]], where: str, first: str, synthetic: bool
) -> list[Picture]:
    tables = {system: table for system, (_, table) in chosen.items()}
    kind = " (synthetic)" if synthetic else ""
    names = ", ".join(run.name for run, _ in chosen.values())
    about = f"{where[:1].upper()}{where[1:]}{kind}; runs: {names}.{first}"
    return [_calibration(tables, about, kind), persons(tables, about, kind)]


def _calibration(tables: dict[str, Any], where: str, kind: str) -> Picture:
    made, (axis,) = canvas(1, height_in=4.2)
    axis.plot([0, 1], [0, 1], color=SOFT, ls="--", lw=1)
    said = []
    for (system, table), (colour, style) in zip(tables.items(), STYLES, strict=False):
        curve = reliability(
            table["emotion"].to_numpy() == 1, table["emotion_prob"].to_numpy(np.float64)
        ).dropna()
        size = 15 + 185 * curve["n"] / max(int(curve["n"].max()), 1)
        axis.plot(curve["mean_prob"], curve["share_high"], color=colour, ls=style, lw=1.2,
                  label=label(system))  # fmt: skip
        axis.scatter(curve["mean_prob"], curve["share_high"], s=size, color=colour, alpha=0.55,
                     lw=0)  # fmt: skip
        said.append(
            f"{system}: " + ", ".join(
                f"said {row.mean_prob:.2f}, came true {row.share_high:.2f}"
                for row in curve.itertuples()
            )
        )  # fmt: skip
    axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel=f"probability of “high” said{kind}",
             ylabel="share that was high")  # fmt: skip
    legend(axis)
    n = len(next(iter(tables.values())))
    return Picture(
        made,
        "Calibration: on the dashed line a probability means what it says. The larger a dot, the "
        f"more of the {n:,} windows. {where}",
        alt="; ".join(said),
    )


def persons(tables: Mapping[str, Any], where: str, kind: str) -> Picture:
    """Balanced accuracy of each person, a dot for each system.

    Args:
        tables: Predictions by the system's name, `MOST_SYSTEMS` at most; of one selection rule.
        where: What the caption ends in.
        kind: What the axis ends in, for example " (synthetic)".
    """
    scores = {system: by_person(table, HEADLINE, unit="trial") for system, table in tables.items()}
    first = next(iter(scores.values()))
    order = first.dropna().sort_values().index
    made, (axis,) = canvas(1, height_in=min(1.2 + 0.2 * len(order), 9.0))
    n = len(scores)
    said = []
    for number, (system, values) in enumerate(scores.items()):
        colour = STYLES[number][0]
        one = values.reindex(order).to_numpy(np.float64)
        height = np.arange(len(order)) + 0.24 * (number - (n - 1) / 2)
        axis.plot(100 * one, height, "osD"[number], color=colour, ms=5, label=label(system))
        known = one[np.isfinite(one)]
        if len(known):
            said.append(
                f"{system}: from {100 * known.min():.0f} to {100 * known.max():.0f} %, "
                f"{int((known > 0.5).sum())} of {len(known)} persons above 50 %"
            )
    axis.axvline(50, color=SOFT, ls="--", lw=1)
    names = [label(str(subject), most=14) for _, subject in order] if len(order) <= 40 else []
    axis.set_yticks(range(len(names)), names)
    axis.set(xlabel=f"balanced accuracy over a person's trials, %{kind}", xlim=(-3, 103))
    legend(axis, above=True)
    left = int(first.isna().sum())
    none = f" {left} more have labels of one class only, and no value." if left else ""
    return Picture(
        made,
        f"A dot for each of {len(order)} persons and system; dashed: chance.{none} {where}",
        alt="; ".join(said) or "no person has a value",
    )
