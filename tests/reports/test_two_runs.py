"""Two runs against each other: paired over the same persons, or not at all, and why."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from rich_rows import ABOUT, predictions, write_run
from test_report_page import parsed

from pulsefer.core.errors import BadInput
from pulsefer.experiments.scoring import gather
from pulsefer.metrics.crossed import compare_crossed
from pulsefer.reports.page import write_page
from pulsefer.reports.pair import COMPARED, LESS_IS_BETTER, differences, reasons, side
from pulsefer.reports.results import read_results
from pulsefer.reports.settings import differing
from pulsefer.reports.two_runs import two_runs
from pulsefer.training.run import open_run


def answers(*, knows=-1.0, seed=0, persons=9, folds=9, rules=("last",)):
    """The same windows with the same truth; `knows` moves the answers towards it."""
    table = predictions(persons=persons, trials=10, windows=2)
    rng = np.random.default_rng(seed)
    n = len(table)
    toward = knows * (2 * table["emotion"] - 1) + 0.4 * rng.normal(size=n)
    logit = np.log(table["emotion_prob"] / (1 - table["emotion_prob"])) + toward
    truth_bpm = 75 + 10 * np.sin(np.arange(n))
    table = table.assign(
        fold=table["subject"].str[1:].astype(int) % folds,
        emotion_prob=1 / (1 + np.exp(-logit)),
        hr_bpm=truth_bpm,
        hr_pred_bpm=truth_bpm + rng.normal(scale=6 - knows, size=n),
        high_train_share=0.5,
    )
    return pd.concat([table.assign(selection=rule) for rule in rules])


def run_of(folder, *, about=(), **given):
    """A finished run that answered so."""
    write_run(folder, **dict(about))
    answers(**given).to_parquet(folder / "predictions.parquet", index=False)
    return folder


def page_of(folder, a="a", b="b"):
    page, problems = two_runs(read_results(folder), a, b, command="pulsefer report x --compare a b")
    assert problems == []
    return page


def said(page):
    return page.sections[0].found


def cells(page, column):
    sheet = page.sections[0].first
    place = sheet.columns.index(column)
    return [line[place] for line in sheet.lines]


def sides(folder, a="a", b="b"):
    runs = {run.name: run for run in read_results(folder).runs}
    return side("A", runs[a]), side("B", runs[b])


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """One run that knows little, and one that knows the labels."""
    folder = tmp_path_factory.mktemp("two")
    run_of(folder / "a", seed=1)
    run_of(folder / "b", seed=2, knows=1.5,
           about={"train": ABOUT["train"] | {"weights": {"alpha": 1.0, "beta": 1.0}}})  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def found(two):
    """Their differences."""
    made, why_not = differences(*sides(two))
    assert why_not == []
    return made


@pytest.fixture(scope="module")
def page(two):
    """Their page."""
    return page_of(two)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Runs of which most can be read."""
    folder = tmp_path_factory.mktemp("several")
    for name in ("a", *(f"run{number}" for number in range(10))):
        run_of(folder / name)
    (run_of(folder / "torn") / "predictions.parquet").write_bytes(b"PAR1 no")
    run_of(folder / "old", about={"windows": {}})
    table = answers().drop(columns="emotion_prob")
    table.to_parquet(run_of(folder / "bare") / "predictions.parquet")
    (run_of(folder / "half") / "predictions.parquet").unlink()
    return read_results(folder)


# Laws


def test_to_swap_two_runs_flips_the_sign_of_every_difference_and_nothing_else(two, found, page):
    there = found
    back, why_not = differences(*sides(two, "b", "a"))
    assert why_not == []
    assert [one.metric for one in there] == list(COMPARED)
    for one, other in zip(there, back, strict=True):
        assert other.metric == one.metric
        assert other.row.value == pytest.approx(-one.row.value, abs=1e-12)
        assert (other.row.low, other.row.high) == pytest.approx(
            (-one.row.high, -one.row.low), abs=1e-12
        )
        assert (other.row.p, other.p_persons) == (one.row.p, one.p_persons)
        assert {one.better, other.better} == {"A", "B"}
        assert (one.row.n, one.row.n_subjects) == (other.row.n, other.row.n_subjects)
    swapped = page_of(two, "b", "a")
    assert cells(page, "A") == cells(swapped, "B")
    assert cells(page, "95 % of B") == cells(swapped, "95 % of A")
    assert cells(page, "p") == cells(swapped, "p")
    assert page.caveats == swapped.caveats
    lines, back_lines = (one.sections[1].first.lines for one in (page, swapped))
    assert [(name, theirs, mine) for name, mine, theirs in lines] == list(back_lines)


def test_a_run_and_a_copy_of_it_do_not_differ(tmp_path):
    for name in "ab":
        run_of(tmp_path / name, seed=1, folds=3)
    found, why = differences(*sides(tmp_path))
    assert why == []
    assert [(one.row.value, one.row.low, one.row.high, one.row.p) for one in found] == [
        (0.0, 0.0, 0.0, 1.0)
    ] * len(COMPARED)
    page = page_of(tmp_path)
    assert said(page)[0].startswith("No difference between A (a) and B (b) is shown in balanced")
    assert not any("is better" in one for one in said(page))
    assert said(page)[-1].startswith("All ")
    assert len(page.sections) == 1


def test_differences_are_those_of_the_paired_comparison(found):
    tables = [answers(seed=1), answers(seed=2, knows=1.5)]
    for one in found:
        test = compare_crossed(tables[:1], tables[1:], one.metric)
        assert (one.row.value, one.row.low, one.row.high) == (test.mean, test.low, test.high)
        assert one.p_persons >= test.p_persons
        assert one.row.p >= max(test.p, one.p_persons)


def test_figures_are_those_of_the_rows_of_the_runs(two):
    for one, name in zip(sides(two), "ab", strict=True):
        rows = gather(open_run(two / name), experiment="train", unit="trial")
        kept = {(row.metric, row.selection): row for row in rows}
        assert len(one.rows) == len(kept)
        for row in one.rows:
            other = kept[row.metric, row.selection]
            for name_of_field in ("value", "low", "high", "n", "n_subjects", "dimension"):
                mine, theirs = (getattr(each, name_of_field) for each in (row, other))
                assert mine == theirs or (math.isnan(mine) and math.isnan(theirs))


# What is said


def test_who_knows_more_is_better_in_what_it_knows_more_of(found, page):
    assert said(page)[0].startswith("B (b) is better than A (a) in balanced accuracy (valence)")
    (line,) = (one for one in said(page) if one.startswith("Balanced accuracy"))
    assert re.search(r"by subject: A [\d.]+ %, B [\d.]+ %; A − B over the same persons -", line)
    assert "p = 0.0" in line
    assert "; synthetic" in line
    # Less of an error is better, though its difference is above 0.
    rate = next(one for one in found if one.metric == "hr_rmse_bpm")
    assert rate.metric in LESS_IS_BETTER
    assert rate.row.value > 0
    assert rate.better == "B"


def test_with_few_networks_no_more_is_claimed_than_of_these_networks(tmp_path):
    run_of(tmp_path / "a", seed=1, folds=4)
    run_of(tmp_path / "b", seed=2, folds=4, knows=1.5)
    found = said(page_of(tmp_path))
    assert found[0].startswith("The trained networks of B (b) are better than those of A (a) in")
    assert "does not show that other trainings would be" in found[0]
    assert not any("B is better" in one for one in found)
    assert any("adjusted for the figures compared, is never below 0.375" in one for one in found)


def test_the_compared_runs_have_a_dot_for_each_person(page):
    (picture,) = page.sections[0].pictures
    assert "A dot for each of 8 persons" in picture.caption
    assert "A: a: from" in picture.alt


def test_synthetic_is_said_in_the_sentences_the_table_the_caveats_and_how_it_was_done(page):
    assert page.sections[0].synthetic
    assert "Both are synthetic" in said(page)[0]
    assert page.sections[0].first.same["data"] == "synthetic"
    assert any("A and B are synthetic" in one for one in page.caveats)
    assert "(synthetic)" in page.how["A"]
    assert "(synthetic)" in page.how["B"]


def test_of_one_synthetic_and_one_real_run_it_is_said_which_is_which(tmp_path):
    run_of(tmp_path / "a", folds=3)
    run_of(tmp_path / "b", folds=3, about={"data_kind": "real"})
    page = page_of(tmp_path)
    assert page.sections[0].title == "A: a (synthetic) · B: b (real)"
    assert page.sections[0].synthetic
    assert page.sections[0].first.strong == ("A (synthetic)", "B (real)")
    (alone,) = (one for one in said(page) if one.startswith("Each by itself"))
    mine, theirs = alone.split("; ")
    assert "synthetic" in mine
    assert "synthetic" not in theirs
    assert any(one.startswith("A is synthetic") for one in page.caveats)


def test_settings_that_differ_are_listed_and_the_others_counted(page):
    assert page.sections[1].first.lines == (("train.weights.beta", "0.01", "1.0"),)
    (sentence,) = page.sections[1].found
    assert re.fullmatch(r"1 setting differs; \d+ are the same and are not listed\.", sentence)
    assert page.how["command"] == "pulsefer report x --compare a b"
    assert len(page.methods) == 2


def test_settings_are_found_at_any_depth_and_nothing_is_taken_for_something():
    deep = 1
    for _ in range(2000):
        deep = {"x": deep}
    found = differing(
        {"nan": math.nan, "many": [0, 1, 2, 3, 4, 5, 6], "cnn": None, "one": True, "deep": deep},
        {"nan": math.nan, "many": [0, 1, 2, 3, 4, 5, 9], "cnn": {"of": "x"}, "one": 1,
         "fingerprint": "other"},
    )  # fmt: skip
    assert found.n_same == 1
    assert [line for line in found.lines if not line[0].startswith("deep")] == [
        ("cnn.of", "–", "x"),
        ("many", "7 values, 1 of them only here", "7 values, 1 of them only here"),
        ("one", "true", "1"),
    ]
    seeds = differing({"train": {"seed": 0}}, {"train": {"seed": 1}})
    assert seeds.lines == (("train.seed", "0", "1"),)


def test_that_only_the_seed_differs_is_said(tmp_path):
    run_of(tmp_path / "a", seed=1, folds=3)
    run_of(tmp_path / "b", seed=2, folds=3, about={"train": ABOUT["train"] | {"seed": 1}})
    page = page_of(tmp_path)
    assert "the luck of a training" in page.sections[1].found[0]


# What is not compared


@pytest.mark.parametrize(
    ("about", "given", "told"),
    [
        ({}, {"persons": 7}, "different persons: A on 9, B on 7, 7 of them the same"),
        ({"protocol_name": "stimulus"}, {}, "different protocols: A by subject, B by stimulus"),
        ({"protocol_name": "my own"}, {}, "a protocol that this version does not know"),
        ({"data_kind": "real"}, {}, "A synthetic data, B real data"),
        ({"datasets": ["mahnob_hci"]}, {}, "different data sets: A deap, B mahnob_hci"),
        ({"windows": ABOUT["windows"] | {"dimension": "arousal"}}, {}, "A valence, B arousal"),
        ({"marks": {"permuted_labels": True}}, {}, "labels of B were dealt to other trials"),
        ({}, {"rules": ("best_on_test",)}, "A has last, B has best_on_test"),
        ({}, {"folds": 4}, "other rows in the same folds; train both on the same windows"),
        ({"protocol_name": "window_pooled"}, {}, "B was tested by window_pooled, which leaks"),
        ({"leaky": True}, {}, "B was tested by subject, which leaks"),
    ],
)
def test_what_cannot_be_compared_is_not_and_it_is_said_why(about, given, told, tmp_path):
    run_of(tmp_path / "a", seed=1)
    run_of(tmp_path / "b", seed=2, about=about, **{"knows": 1.5} | given)
    page = page_of(tmp_path)
    assert said(page)[0].startswith("A (a) and B (b) cannot be compared: none is called better.")
    assert any(told in one for one in said(page))
    assert not any("is better" in one for one in said(page))
    assert not page.sections[0].pictures
    assert "A − B" not in page.sections[0].first.columns


def test_leaky_figures_are_marked_and_never_better_not_even_than_leaky_ones(tmp_path):
    leaky = {"protocol_name": "window_pooled"}
    run_of(tmp_path / "a", seed=1)
    run_of(tmp_path / "b", seed=2, knows=3.0, about=leaky)
    run_of(tmp_path / "c", seed=3, about=leaky)
    for names in ("ab", "bc"):
        page = page_of(tmp_path, *names)
        assert not any("is better" in one for one in said(page))
        assert any("None of its figures is called better, however good" in one
                   for one in said(page))  # fmt: skip
        assert any("are not of emotion" in one for one in page.caveats)
    html = write_page(page_of(tmp_path), tmp_path / "page.html").read_text("utf-8")
    (line,) = re.findall(r"<tr><td>valence: balanced accuracy</td>.*?</tr>", html)[:1]
    assert re.findall(r'<td class="(ours[^"]*)">[\d.]+ %( †)?<', line) == [
        ("ours", ""), ("ours marked", " †"),
    ]  # fmt: skip


def test_figures_that_the_test_side_chose_are_shown_marked_and_not_compared(tmp_path):
    for number, name in enumerate("ab"):
        run_of(tmp_path / name, seed=number, folds=3, rules=("best_on_test", "validation"))
    page = page_of(tmp_path)
    assert page.sections[0].first.same["epoch"] == "validation"
    assert {one.row.selection for one in differences(*sides(tmp_path))[0]} == {"validation"}
    full = page.sections[0].full
    epochs = [line[full.columns.index("epoch")] for line in full.lines]
    assert "best_on_test" in epochs
    assert epochs == sorted(epochs, reverse=True)
    assert full.has_no_results
    assert any("best_on_test" in one for one in page.caveats)


def test_a_placebo_in_the_place_of_the_heart_rate_has_no_heart_rate(tmp_path):
    run_of(tmp_path / "a", seed=1, folds=3)
    run_of(tmp_path / "b", seed=2, folds=3, about={"marks": {"auxiliary": "subject_mean"}})
    one, other = sides(tmp_path)
    assert reasons(one, other) == []
    assert [row for row in one.rows if row.dimension == "heart rate"]
    assert not [row for row in other.rows if row.dimension == "heart rate"]
    assert [each.metric for each in differences(one, other)[0]] == list(COMPARED[:-1])


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("a", "nobody"), "run nobody: expected a finished run in .*, one of a, bare, old, run0, "),
        (("nobody", "a"), "run7, run8 and 2 more, found none of that name"),
        (("a", "a"), "a and a: expected two runs, found one and the same"),
        (("a", "torn"), "torn.*: expected a table of predictions"),
        (("a", "old"), "old.*: expected the settings of a run by this version, found no usable"),
        (("a", "bare"), "bare: expected predictions of this version, found no emotion_prob"),
        (("a", "half"), "half: expected a finished run, found one without predictions"),
    ],
)
def test_a_run_that_is_not_there_or_cannot_be_read_is_refused_by_name(names, told, several):
    with pytest.raises(BadInput, match=told):
        two_runs(several, *names, command="")


# Foreign text


def test_what_a_foreign_run_says_is_text_and_nothing_else(tmp_path):
    evil = '<script>alert("x")</script>\ud800$\\frac{1}{0}$'
    run_of(tmp_path / "a", seed=1)
    foreign = run_of(tmp_path / "<img src=x>", seed=2)
    about = ABOUT | {
        "system": evil, "fingerprint": evil, "version": evil, evil: {evil: [evil]},
        "datasets": ["deap", evil], "train": evil, "marks": [evil], "manifest": 5,
        "windows": ABOUT["windows"] | {"dimension": evil},
    }  # fmt: skip
    (foreign / "run.json").write_text(json.dumps(about), "utf-8")
    (foreign / "methods.md").write_text(evil[:27], "utf-8")
    page, _ = two_runs(read_results(tmp_path), "a", "<img src=x>", command=evil)
    html = write_page(page, tmp_path / "page.html").read_text("utf-8")
    found = parsed(html)
    assert not {"script", "img"} & set(found.tags)
    assert "&lt;script&gt;" in html
