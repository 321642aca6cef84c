"""Pages of documentation are what their committed results say; a number typed into one is found."""

import dataclasses
import importlib
import json
import re
import runpy
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import pytest
from rich_rows import ABOUT, betas, epochs, ladder, rates, row

from pulsefer.core.errors import BadInput
from pulsefer.core.fingerprint import fingerprint
from pulsefer.experiments.published import TABLE_3
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.reports.row import append, read
from pulsefer.training.parallel import PATIENCE

ROOT = Path(__file__).parents[2]
SEEDS = ("a0", "a1")
CONFIG = fingerprint(SEEDS)


@pytest.fixture
def docs(tmp_path):
    """The script of the page, with a place of its own for what is committed."""
    names = runpy.run_path(str(ROOT / "docs" / "experiments.py"))
    names["merge"].__globals__.update(
        ROWS=tmp_path / "committed" / "experiments.jsonl",
        HOW=tmp_path / "committed" / "experiments.json",
    )
    return SimpleNamespace(**names, settings=names["merge"].__globals__)


def made():
    """Rows as experiments on a store leave them: two seeds answer together."""
    rows = [*ladder(), *betas(), *epochs()]
    rows += [
        row("hr_skill", value, experiment="input", system="difference", dimension="heart rate",
            unit="window", selection=selection)
        for value, selection in ((0.4, "last"), (0.01, "last, frames shuffled"))
    ]  # fmt: skip
    rows += [
        row("difference_balanced_accuracy", 0.1, experiment="placebo", p=0.01,
            system="MTL, true − STL")
    ]  # fmt: skip
    rows += [row(value=0.6, experiment="placebo", system="STL")]
    return [dataclasses.replace(one, config=CONFIG) for one in rows]


def leave(folder, rows=None, *, seeds=SEEDS):
    """A folder of results: the rows beside the runs that they are of."""
    append(folder / "rows.jsonl", made() if rows is None else rows)
    for seed, name in enumerate(seeds):
        about = {**ABOUT, "fingerprint": name, "recordings": ["r"],
                 "train": {**ABOUT["train"], "seed": seed}}  # fmt: skip
        run = folder / "runs" / name
        run.mkdir(parents=True)
        (run / "run.json").write_text(json.dumps(about), "utf-8")
    return folder / "rows.jsonl"


def files_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rendered(docs, into):
    rows = read(docs.settings["ROWS"])
    docs.render(rows, json.loads(docs.settings["HOW"].read_text("utf-8")), into=into)
    return files_of(into)


def _said(text):
    """A figure's title, which has its numbers; of a page everything."""
    return re.findall(rb"<title>.*?</title>", text, re.DOTALL) or text


def test_the_committed_page_is_what_the_committed_rows_say(tmp_path):
    script = runpy.run_path(str(ROOT / "docs" / "experiments.py"))
    there = {
        path.name: path.read_bytes()
        for path in (ROOT / "docs" / "experiments.md", *(ROOT / "docs/experiments").glob("*"))
        if path.exists()
    }
    if not script["ROWS"].exists():
        assert not there, "a page of the experiments without rows in results/"
        return
    assert script["ROWS"].stat().st_size <= script["MOST_BYTES"]
    how = json.loads(script["HOW"].read_text("utf-8"))
    script["render"](read(script["ROWS"]), how, into=tmp_path)
    made = files_of(tmp_path)
    assert made.keys() == there.keys(), "run: python docs/experiments.py"
    # Another version of matplotlib draws the same figures in other bytes; what they say stays.
    pinned = f"matplotlib=={matplotlib.__version__}\n" in (ROOT / "constraints.txt").read_text()
    same = bytes.__eq__ if pinned else lambda one, other: _said(one) == _said(other)
    different = [name for name in made if not same(made[name], there[name])]
    assert not different, f"run: python docs/experiments.py; not as rendered: {different}"


def test_the_same_rows_give_the_same_bytes_and_another_value_another_page(docs, tmp_path):
    docs.merge(*docs.collect([leave(tmp_path / "out")], budget="paper"))
    first = rendered(docs, tmp_path / "one")
    assert first == rendered(docs, tmp_path / "two")
    assert any(name.endswith(".svg") for name in first)
    rows = docs.settings["ROWS"]
    assert rows.read_text("utf-8").count('"value": 0.1,') == 1
    rows.write_text(rows.read_text("utf-8").replace('"value": 0.1,', '"value": 0.11,'), "utf-8")
    after = rendered(docs, tmp_path / "one")
    assert {name for name in first if first[name] != after[name]} == {
        "experiments.md", "placebo-deap-1.svg",
    }  # fmt: skip


def test_every_experiment_has_its_claim_its_finding_its_figure_and_its_settings(docs, tmp_path):
    docs.merge(*docs.collect([leave(tmp_path / "out")], budget="paper"))
    files = rendered(docs, tmp_path / "page")
    page = files["experiments.md"].decode()
    for name in ("table4", "figure3", "leakage", "placebo", "input"):
        (section,) = re.findall(rf"\n## {name}\n.*?(?=\n## |\Z)", page, re.DOTALL)
        assert f"`pulsefer reproduce {name} --budget paper`" in section
        assert "*Claimed before it ran:*" in section
        assert "(**synthetic**)" in section
        assert "seeds 0 and 1" in section
        assert " of 6 persons; synthetic" in section
        assert re.search(rf"!\[[^\]]+\]\(experiments/{name}-deap-1.svg\)", section)
    assert "balanced accuracy of valence: MTL 52.0 %" in page
    assert "read from the order of the frames, as a pulse is" in page
    for name, text in files.items():
        if name.endswith(".svg"):
            assert b"SYNTHETIC, deap: 6 persons" in text
            assert b"95 % intervals" in text
            assert b"seeds 0 and 1" in text
            assert b"var(--" not in text


def test_an_experiment_takes_the_place_of_its_earlier_rows_and_of_no_others(docs, tmp_path):
    docs.merge(*docs.collect([leave(tmp_path / "out")], budget="paper"))
    before = read(docs.settings["ROWS"])
    new = dataclasses.replace(row(value=0.7, experiment="placebo"), config=CONFIG)
    docs.merge(*docs.collect([leave(tmp_path / "later", [new])], budget="desk"))
    after = read(docs.settings["ROWS"])
    assert [one for one in after if one.experiment == "placebo"] == [new]
    others = [repr(one) for one in before if one.experiment != "placebo"]
    assert [repr(one) for one in after if one.experiment != "placebo"] == others
    how = json.loads(docs.settings["HOW"].read_text("utf-8"))
    assert {name: one["budget"] for name, one in how.items()} == {
        "table4": "paper", "figure3": "paper", "leakage": "paper", "input": "paper",
        "placebo": "desk",
    }  # fmt: skip


def test_of_epochs_that_the_test_side_chose_only_the_headline_is_kept(docs, tmp_path):
    peeked = [
        dataclasses.replace(one, config=CONFIG, selection="best_on_test", experiment="leakage")
        for one in rates()
    ]
    rows, _ = docs.collect([leave(tmp_path / "out", [*made(), *peeked])], budget="paper")
    kept = {one.metric for one in rows if one.selection == "best_on_test"}
    assert kept == {"balanced_accuracy"}


def test_a_system_of_which_a_seed_is_missing_says_so(docs, tmp_path):
    rows = [
        dataclasses.replace(one, config=fingerprint(SEEDS[1:])) if one.system == "STL" else one
        for one in made() if one.experiment == "placebo"
    ]  # fmt: skip
    docs.merge(*docs.collect([leave(tmp_path / "out", rows)], budget="paper"))
    assert "seed 1, pulsefer" in rendered(docs, tmp_path / "a")["experiments.md"].decode()
    both = dataclasses.replace(row(value=0.7, experiment="placebo", system="MTL"), config=CONFIG)
    docs.merge(*docs.collect([leave(tmp_path / "more", [*rows, both])], budget="paper"))
    page = rendered(docs, tmp_path / "b")["experiments.md"].decode()
    assert "seeds 0 and 1, pulsefer" in page
    assert "Of STL, by subject, only seed 1 could be trained." in page


def test_figures_of_an_earlier_page_go(docs, tmp_path):
    docs.merge(*docs.collect([leave(tmp_path / "out")], budget="paper"))
    old = tmp_path / "page" / "experiments" / "table9-deap-1.svg"
    old.parent.mkdir(parents=True)
    old.write_text("old", "utf-8")
    rendered(docs, tmp_path / "page")
    assert not old.exists()


@pytest.mark.parametrize(
    ("rows", "seeds", "told"),
    [
        ([], SEEDS, "none"),
        ([row(experiment="demo")], SEEDS, "demo"),
        ([row(experiment="placebo", dataset="smoke")], SEEDS, "smoke test"),
        ([row(experiment="placebo", config=one) for one in "ab"], SEEDS, "2 of placebo, MTL"),
        (None, ("b0",), "runs that the rows are of"),
        (None, SEEDS[:1], "runs that the rows are of"),
    ],
)
def test_rows_that_cannot_stand_on_a_page_are_refused(docs, tmp_path, rows, seeds, told):
    file = leave(tmp_path / "out", rows, seeds=seeds)
    with pytest.raises(BadInput, match=told):
        docs.collect([file], budget="paper")


def test_links_of_the_pages_lead_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_numbers_in_the_readme_are_those_of_the_code():
    readme = (ROOT / "README.md").read_text("utf-8")
    counts = [
        sum(p.numel() for p in Crnn(CrnnConfig(heart_rate=beside)).parameters())
        for beside in (False, True)
    ]
    said = "{:,} and {:,} parameters".format(*counts)
    assert said in readme
    assert said in (ROOT / "CHANGELOG.md").read_text("utf-8")
    (share,) = re.findall(r"The paper reports (\d+) % on DEAP", readme)
    published = [one.value for key, one in TABLE_3.items() if key[0] == "deap" and "MTL" in key]
    assert {f"{100 * value:.0f}" for value in published} == {share}


def test_numbers_in_the_pages_about_data_and_processes_are_those_of_the_code():
    data, parallel = (
        " ".join((ROOT / "docs" / name).read_text("utf-8").split())
        for name in ("datasets.md", "parallel.md")
    )
    camera_hz = 60.9708
    drift_ms = 1000 * 120 * (61 / camera_hz - 1)
    assert f"({camera_hz:.2f}): counting 61 frames a second is {drift_ms:.0f} ms off after" in data
    ((n, one, other),) = re.findall(r"(\d+) windows on two are (\d+) and (\d+)", parallel)
    assert [len(range(rank, int(n), 2)) for rank in (0, 1)] == [int(one), int(other)]
    assert timedelta(hours=2) == PATIENCE
    assert "up to two hours" in parallel


@pytest.mark.parametrize(
    ("module", "pages"),
    [
        ("benchmarks.__main__", ["benchmarks.md"]),
        ("benchmarks.compression", ["compression.md"]),
        ("benchmarks.parallel_step", ["parallel.md"]),
    ],
)
def test_a_page_of_measurements_is_what_its_results_say(monkeypatch, tmp_path, module, pages):
    monkeypatch.syspath_prepend(ROOT)
    script = importlib.import_module(module)
    monkeypatch.setattr(script, "DOCS", tmp_path)
    for page in pages:
        text = (ROOT / "docs" / page).read_text("utf-8")
        # Where only a table is rendered, the page around it has to be there, without the table.
        bare = re.sub(r"(<!-- table -->\n).*(<!-- end -->)", r"\1\2", text, flags=re.DOTALL)
        (tmp_path / page).write_text(bare, "utf-8")
    script.render()
    for page in pages:
        assert (tmp_path / page).read_text("utf-8") == (ROOT / "docs" / page).read_text("utf-8")
