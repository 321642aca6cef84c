"""The page of the experiments, from committed rows alone.

    python docs/experiments.py [ROWS.jsonl ...] [--budget desk]

Given rows that `pulsefer reproduce` left (OUT/rows.jsonl, beside its OUT/runs), what the page needs
is copied to results/experiments.jsonl, where it takes the place of earlier rows of the same
experiments, and how it was trained to results/experiments.json. Then, and without arguments only
then, docs/experiments.md and its figures are rendered from these two files. No sentence and no
number is typed.

Of the last epoch every figure is kept. Of epochs that were chosen otherwise only the balanced
accuracy is: it says what the choice buys.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import combinations
from pathlib import Path
from textwrap import fill
from typing import Any

import pandas as pd

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.core.fingerprint import fingerprint
from pulsefer.datasets.synthetic import Effects
from pulsefer.experiments.budget import BUDGETS, SIZES, BudgetName
from pulsefer.experiments.experiment import SMOKE
from pulsefer.experiments.reproduce import EXPERIMENTS
from pulsefer.reports.canvas import LETTERS_PT, SOFT, VARIABLES, svg
from pulsefer.reports.figures_of_pairs import differences, orders
from pulsefer.reports.figures_of_rows import ladders, series
from pulsefer.reports.findings import HEADLINE, answers
from pulsefer.reports.groups import HEART_RATE, Group, by, groups, is_shuffled
from pulsefer.reports.markdown import plain, table
from pulsefer.reports.page import Picture
from pulsefer.reports.protocols import MINUS, in_words
from pulsefer.reports.row import Row, append, read
from pulsefer.reports.sheet import first_sheet
from pulsefer.reports.table import is_difference, measured
from pulsefer.reports.words import joined

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT / "results" / "experiments.jsonl"
HOW = ROOT / "results" / "experiments.json"
PAGE, FIGURES = "experiments.md", "experiments"
MOST_BYTES = 1_500_000
FITS = 78
"""Small letters in a line under a figure."""

AS_TRAINED = ("last", "first", "every")
"""Epoch rules that look at no tested label, and those of a whole curve."""
OF_EMOTION = frozenset({HEADLINE, "leakage_gap", "bce", "epochs_to_stl_best", "effective_beta"})
OF_RATE = frozenset({"hr_rmse_bpm", "hr_rmse_train_mean_bpm", "hr_rmse_pos_bpm", "hr_skill"})

HEAD = """# What the experiments found

{kinds}

Rendered by `python docs/experiments.py` from `results/experiments.jsonl` (rows) and
`results/experiments.json` (settings of their trainings): no result is typed by hand. Every figure
has its protocol, count, persons and 95 % interval. Where nothing else is said it is of the last
epoch, which nobody chose; the interval of a score is over persons, who bring all their trials and
all seeds with them. Bold in a table: the protocol leaks, or the tested side chose the epoch, so it
is no result; or the data are synthetic, where the paper's figures beside ours show the form of the
table and nothing else. What protocols let cross, and how to read the sentences:
[reading.md](reading.md).

| experiment | claimed before it ran | data | persons | seeds |
|---|---|---|---:|---:|
"""

How = dict[str, dict[str, Any]]
"""By experiment: its budget, and by data set how it was trained."""


def collect(files: Sequence[Path], *, budget: BudgetName) -> tuple[list[Row], How]:
    """What the page needs of the rows of one or several folders of results.

    Args:
        files: OUT/rows.jsonl, each beside its OUT/runs.
        budget: What they were run with.

    Raises:
        BadInput: rows of something else, of a smoke test, of two configurations under one name, or
            whose runs are not there.
    """
    rows, how = [], {}
    for file in files:
        found = read(file)
        _require_experiments(found, file)
        trained = _trained(file.parent / "runs")
        trained |= _chosen_among(file.parent, trained)
        for name, some in by(found, lambda row: row.experiment).items():
            if name in how:
                raise BadInput(str(file), expected="each experiment once",
                               found=f"another {name}")  # fmt: skip
            rows += [row for row in some if row.selection in AS_TRAINED or is_shuffled(row)
                     or measured(row) == HEADLINE]  # fmt: skip
            how[name] = {
                "budget": budget,
                "data": {
                    dataset: _settings(own, trained, name, budget, file)
                    for dataset, own in by(some, lambda row: row.dataset).items()
                },
            }
    return rows, how


def _require_experiments(rows: Sequence[Row], file: Path) -> None:
    strange = sorted({row.experiment for row in rows} - EXPERIMENTS.keys())
    if strange or not rows:
        raise BadInput(str(file), expected=f"rows of {', '.join(EXPERIMENTS)}",
                       found=", ".join(strange) or "none")  # fmt: skip
    if any(row.dataset == SMOKE.name for row in rows):
        raise BadInput(str(file), expected="results", found="rows of a smoke test",
                       remedy="pulsefer reproduce ... --budget desk")  # fmt: skip
    for same in by(
        rows, lambda row: dataclasses.replace(row, config="", manifest="", version="").identity
    ).values():
        if len(same) > 1:
            raise BadInput(
                str(file), expected="one configuration of each system",
                found=f"{len(same)} of {same[0].experiment}, {same[0].system}",
                remedy="delete the file and give the `pulsefer reproduce` command again; what is "
                "finished is not trained again",
            )  # fmt: skip


def _trained(runs: Path) -> dict[str, list[dict[str, Any]]]:
    """What run.json says of all seeds of an arm, by the fingerprint that its rows carry."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(runs.glob("*/run.json"))]
    alike = by(found, lambda about: fingerprint(
        [about[name] for name in ("recordings", "windows", "protocol", "marks", "store", "version")]
        + [{**about["train"], "seed": None}, about.get("compared")]
    ))  # fmt: skip
    by_config = {}
    for some in alike.values():
        some.sort(key=lambda about: about["train"]["seed"])
        # Of some arms not every seed could be trained, or a smaller grid came before.
        for n in range(1, len(some) + 1):
            for seeds in combinations(some, n):
                by_config[fingerprint([about["fingerprint"] for about in seeds])] = list(seeds)
    return by_config


def _chosen_among(
    out: Path, trained: Mapping[str, list[dict[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    """Runs of what was chosen among several settings, by the fingerprint that its rows carry."""
    by_run = {about["fingerprint"]: about for some in trained.values() for about in some}
    found = {}
    for path in sorted((out / "weighting").glob("*.csv")):
        for _, family in pd.read_csv(path, float_precision="round_trip").groupby("family"):
            # As they were put together: trial by trial, seed by seed.
            order = family.drop_duplicates(["trial", "seed"])
            place = {name: number for number, name in enumerate(order["trial"].unique())}
            order = order.assign(place=order["trial"].map(place)).sort_values(["place", "seed"])
            runs = list(order["run"])
            found[fingerprint(runs)] = [by_run[one] for one in runs]
    return found


def _settings(
    rows: Sequence[Row],
    trained: Mapping[str, list[dict[str, Any]]],
    name: str,
    budget: BudgetName,
    file: Path,
) -> dict[str, Any]:
    """How the systems of one experiment were trained on one data set."""
    configs = {row.config for row in rows if not is_difference(row)}
    if missing := sorted(configs - trained.keys()):
        raise BadInput(
            str(file.parent / "runs"), expected="the runs that the rows are of",
            found=f"none with the fingerprint {missing[0]}",
            remedy="give rows that lie beside their runs",
        )  # fmt: skip
    runs = [about for config in configs for about in trained[config]]
    dataset = rows[0].dataset
    filmed = {one.name: one for one in EXPERIMENTS[name].specimens(SIZES[budget])}
    planted = None
    if dataset in filmed:
        specimen = filmed[dataset]
        size = specimen.subjects, specimen.subjects * specimen.trials
        if {(about["n_subjects"], about["n_trials"]) for about in runs} != {size}:
            raise BadInput(str(file), expected=f"{size[1]} trials of “{dataset}”",
                           found="another specimen of this name")  # fmt: skip
        default = dataclasses.asdict(Effects())
        planted = {
            "trials": specimen.trials, "seconds": specimen.seconds,
            "effects": {key: value for key, value in dataclasses.asdict(specimen.effects).items()
                        if value != default[key]},
        }  # fmt: skip
    seeds = _all(about["train"]["seed"] for about in runs)
    of_systems = {
        (row.system, row.protocol): _all(one["train"]["seed"] for one in trained[row.config])
        for row in rows if not is_difference(row)
    }  # fmt: skip
    return {
        "seeds": seeds,
        "fewer_seeds": [[*who, own] for who, own in of_systems.items() if own != seeds],
        # A system that is compared with the network learns in its own way.
        **{
            name: _all(about["train"][name] for about in runs if name in about["train"])
            for name in ("epochs", "batch_size")
        },
        "folds": _all(about["protocol"]["folds"] for about in runs),
        "length_s": _all(about["windows"]["length_s"] for about in runs),
        "n_frames": _all(about["windows"]["n_frames"] for about in runs),
        "version": _all(about["version"] for about in runs),
        "planted": planted,
    }


def _all(values: Iterable[Any]) -> list[Any]:
    return sorted(set(values))


def merge(rows: Sequence[Row], how: How) -> None:
    """Into the committed files, in the order of the experiments."""
    old = read(ROWS) if ROWS.exists() else []
    old_how: How = json.loads(HOW.read_text("utf-8")) if HOW.exists() else {}
    kept = [row for row in old if row.experiment not in how]
    order = list(EXPERIMENTS)
    merged = sorted([*kept, *rows], key=lambda row: order.index(row.experiment))
    all_how = {**old_how, **how}
    with whole_file(ROWS) as part:
        append(part, merged)
        if part.stat().st_size > MOST_BYTES:
            raise BadInput(str(ROWS), expected=f"at most {MOST_BYTES:,} bytes",
                           found=f"{part.stat().st_size:,}")  # fmt: skip
    with whole_file(HOW) as part:
        in_order = {name: all_how[name] for name in order if name in all_how}
        part.write_text(json.dumps(in_order, indent=1, ensure_ascii=False) + "\n", "utf-8")


def render(rows: Sequence[Row], how: How, *, into: Path) -> None:
    """Write INTO/experiments.md and INTO/experiments/*.svg; older figures go."""
    found = by(groups(rows), lambda group: group.experiment)
    kinds = {row.data_kind for row in rows}
    said = "Data are real or **synthetic**, as each figure says."
    if kinds == {"synthetic"}:
        said = (
            "**All data here are synthetic**: films of people who do not exist, in which the "
            "answer is planted. They show whether an experiment tells it, and nothing about real "
            "faces."
        )
    elif kinds == {"real"}:
        said = "All data are real."
    text = HEAD.format(kinds=said)
    figures: dict[str, str] = {}
    sections = []
    for name, experiment in EXPERIMENTS.items():
        if name not in found:
            continue
        of_data = how[name]["data"]
        for group in found[name]:
            persons = max(row.n_subjects for row in group.rows)
            text += (
                f"| [{name}](#{name}) | {plain(experiment.claim)} | {_data(group)} | {persons} | "
                f"{len(of_data[group.dataset]['seeds'])} |\n"
            )
        sections.append(
            f"\n## {name}\n\n*Claimed before it ran:* {plain(experiment.claim)}\n\n"
            f"`pulsefer reproduce {name} --budget {how[name]['budget']}`\n"
        )
        sections += [_section(group, of_data[group.dataset], figures) for group in found[name]]
    folder = into / FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.svg"):
        if path.name not in figures:
            path.unlink()
    for file, drawn in figures.items():
        with whole_file(folder / file) as part:
            part.write_text(drawn, "utf-8")
    with whole_file(into / PAGE) as part:
        part.write_text(text + "".join(sections), "utf-8")


def _section(group: Group, how: Mapping[str, Any], figures: dict[str, str]) -> str:
    """One experiment on one data set."""
    parts = [f"\n### {group.experiment}: {_data(group)}\n\n{_in_words(how)}\n"]
    parts += [f"- {plain(sentence)}\n" for sentence in answers(group)]
    parts[1] = "\n" + parts[1]
    for number, picture in enumerate(_pictures(group), 1):
        slug = re.sub(r"\W+", "-", group.dataset).strip("-")
        file = f"{group.experiment}-{slug}-{number}.svg"
        figures[file] = _drawn(picture, _note(group, how), salt=file)
        parts.append(f"\n![{plain(picture.alt or picture.caption)}]({FIGURES}/{file})\n\n"
                     f"{plain(picture.caption)}\n")  # fmt: skip
    shown = first_sheet(_asked(group))
    # Rows carry the first seed; the answers of all of them are in each.
    shown = dataclasses.replace(shown, same={**shown.same, "seed": _list(how["seeds"])})
    parts.append(f"\n<details><summary>The figures as a table</summary>\n\n{table(shown)}\n"
                 "</details>\n")  # fmt: skip
    return "".join(parts)


def _pictures(group: Group) -> list[Picture]:
    """What was compared: protocols, pairs, a series, or frames in and out of order."""
    protocols = {row.protocol for row in group.rows if row.metric == HEADLINE}
    return [
        *(ladders(group) if len(protocols) > 1 else []),
        *series(group),
        *differences(group),
        *orders(group),
    ]


def _asked(group: Group) -> Group:
    """The rows that an experiment was run for; the others are in results/."""
    about_rate = all(row.dimension == HEART_RATE or row.x_name for row in group.rows
                     if not is_difference(row))  # fmt: skip
    rows = []
    for row in group.rows:
        wanted = measured(row) in OF_EMOTION or is_difference(row) or row.paper == row.paper
        if not wanted and not (about_rate and row.metric in OF_RATE):
            continue
        if is_shuffled(row):
            row = dataclasses.replace(row, system=f"{row.system}, shuffled", selection="last")
        rows.append(row)
    return dataclasses.replace(group, rows=tuple(rows))


def _data(group: Group) -> str:
    return f"{plain(group.dataset)} ({'**synthetic**' if group.synthetic else 'real'})"


def _in_words(how: Mapping[str, Any]) -> str:
    """How it was trained, and what is planted."""
    text = ""
    if how["epochs"]:
        text = f"{_counted(how['epochs'], 'epoch')} in batches of {_list(how['batch_size'])}, "
    text += (
        f"{_counted(how['folds'], 'fold')}, windows of {_list(how['length_s'])} s with "
        f"{_counted(how['n_frames'], 'frame')}, "
        f"{_seeds(how)}, pulsefer {_list(how['version'])}."
    )
    for system, protocol, seeds in how["fewer_seeds"]:
        text += (
            f" Of {plain(system)}, {in_words(protocol)}, only {_seeds({'seeds': seeds})} could be "
            "trained."
        )
    if planted := how["planted"]:
        effects = ", ".join(
            f"`{name}` {value:g}" for name, value in planted["effects"].items()
        )  # fmt: skip
        text += (
            f" A specimen of {planted['trials']} trials of {planted['seconds']:g} s for each "
            f"person; planted otherwise than by default: {effects or 'nothing'}."
        )
    return text


def _seeds(how: Mapping[str, Any]) -> str:
    return f"{'seed' if len(how['seeds']) == 1 else 'seeds'} {_list(how['seeds'])}"


def _counted(values: Sequence[Any], what: str) -> str:
    return f"{_list(values)} {what}{'' if values == [1] else 's'}"


def _list(values: Sequence[Any]) -> str:
    return joined([f"{one:g}" if isinstance(one, float) else str(one) for one in values])


def _note(group: Group, how: Mapping[str, Any]) -> str:
    """What a figure says of itself where it stands alone."""
    of_seeds = all(row.unit == "seed" for row in group.rows)
    protocols = list(
        dict.fromkeys(in_words(row.protocol) for row in group.rows if MINUS not in row.protocol)
    )
    data = (
        f"{'SYNTHETIC' if group.synthetic else 'real'}, {group.dataset}: "
        f"{max(row.n_subjects for row in group.rows)} persons, "
        f"{protocols[0] if len(protocols) == 1 else f'{len(protocols)} protocols'}, "
        f"{'every epoch' if of_seeds else 'last epoch'}, {_seeds(how)};"
    )
    return (
        f"{fill(data, FITS)}\n"
        f"95 % intervals{' over seeds' if of_seeds else ''}. "
        f"{group.experiment}, pulsefer {_list(how['version'])}"
    )


def _drawn(picture: Picture, note: str, *, salt: str) -> str:
    """A figure as a file of its own: white, in the colours of a light page."""
    picture.figure.supxlabel(note, x=0.01, ha="left", fontsize=LETTERS_PT - 2, color=SOFT)
    text = svg(picture.figure, salt=salt)
    for colour, variable in VARIABLES.items():
        text = text.replace(f"var(--{variable})", colour)
    head, _, rest = text.partition(">")
    box = re.search(r'viewBox="([^"]*)"', head)
    assert box
    width, height = (1.4 * float(size) for size in box[1].split()[2:])
    # Trailing blanks of paths are no part of a drawing.
    rest = "\n".join(line.rstrip() for line in rest.splitlines())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{box[1]}" role="img">\n<title>{escape(picture.alt or picture.caption)}</title>\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{rest}\n'
    )


def main() -> None:
    """Copy what is given, then render."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows", nargs="*", type=Path, help="OUT/rows.jsonl of `pulsefer reproduce`")
    parser.add_argument("--budget", choices=BUDGETS, default="desk", help="what they were run with")
    given = parser.parse_args()
    if given.rows:
        merge(*collect(given.rows, budget=given.budget))
    render(read(ROWS), json.loads(HOW.read_text("utf-8")), into=ROOT / "docs")


if __name__ == "__main__":
    main()
