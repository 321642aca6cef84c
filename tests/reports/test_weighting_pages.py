"""What is said and drawn of weighings, and the page that answers which to take."""

import json
import re
import runpy
from pathlib import Path

import pytest
from rich_rows import betas, row, weighings

from pulsefer.objectives.loss_weights import METHODS
from pulsefer.reports.figures_of_marks import key_of, marks_of
from pulsefer.reports.figures_of_rows import series
from pulsefer.reports.findings import answers
from pulsefer.reports.groups import groups
from pulsefer.reports.table import cells

ROOT = Path(__file__).parents[2]
COST = {"methods": {name: {"over_plain": 1.01} for name in METHODS}}
HOW = {"weighting": {"budget": "desk", "data": {
    "deap": {"folds": [2], "seeds": [0, 1], "epochs": [8], "batch_size": [4]}}}}  # fmt: skip


def group(rows):
    (found,) = groups(rows)
    return found


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(ROOT / "docs" / "weighting.py"))


# Words.


def test_effective_betas_are_said_from_the_least_to_the_greatest():
    said = [one for one in answers(group(weighings())) if one.startswith("Effective beta")]
    assert len(said) == 1
    assert "gls 0.05 (95 % interval 0.025 to 0.075); uw 0.5 (95 % interval" in said[0]
    assert "10 networks of 6 persons; synthetic" in said[0]


def test_it_is_said_how_often_the_gradients_are_in_conflict():
    (said,) = [one for one in answers(group(weighings())) if one.startswith("Cosine")]
    assert "from -0.100" in said
    assert "in uw to 0.200" in said
    assert "against each other in 30 % to 60 % of the steps" in said


def test_rows_without_weights_say_nothing_of_them():
    said = answers(group(betas()))
    assert not [one for one in said if one.startswith(("Effective", "Cosine"))]


def test_a_point_of_a_curve_says_where_it_is_on_a_screen():
    on_a_curve = row(system="static", x_name="beta", x=0.1)
    assert cells(on_a_curve)[0] == "static, beta 0.1"
    assert cells(row(system="MTL, beta 0.1", x_name="beta", x=0.1))[0] == "MTL, beta 0.1"
    assert cells(row(system="static"))[0] == "static"


# Figures.


def test_methods_are_marked_where_a_static_beta_would_have_done_as_much():
    own = weighings()
    found = marks_of(own, "balanced_accuracy", protocol="subject", dimension="arousal")
    assert [(one.name, one.beta, one.value) for one in found] == [
        ("gls", 0.05, 0.72), ("uw", 0.5, 0.6),
    ]  # fmt: skip
    rates = marks_of(own, "hr_rmse_bpm", protocol="subject", dimension="arousal")
    assert {one.value for one in rates} == {12.0}
    assert key_of(found) == {"gls": "a", "uw": "b"}
    assert marks_of(own, "balanced_accuracy", protocol="stimulus", dimension="arousal") == []


def test_the_figure_has_every_mark_in_every_panel_and_says_the_letters():
    (picture,) = series(group(weighings()))
    assert "(a gls, b uw)" in picture.caption
    for axis in picture.figure.axes:
        letters = [text.get_text() for text in axis.texts]
        assert {"a", "b"} <= set(letters)
    accuracy = picture.figure.axes[0]
    ((x, y),) = {tuple(text.xy) for text in accuracy.texts if text.get_text() == "b"}
    assert x == pytest.approx(-0.30103)  # log10 of 0.5
    assert y == pytest.approx(60.0)


def test_a_curve_without_methods_is_drawn_as_before():
    (picture,) = series(group(betas()))
    assert "Diamonds" not in picture.caption


# The page.


def test_the_committed_page_is_what_rows_costs_and_classes_say(script):
    rows = script["read"](script["ROWS"])
    how, cost = (json.loads(script[name].read_text("utf-8")) for name in ("HOW", "COST"))
    made = script["page"](rows, how, cost)
    assert (ROOT / "docs" / "weighting.md").read_text("utf-8") == made, (
        "run: python docs/weighting.py"
    )


def test_the_answer_comes_first_and_follows_from_the_rows(script):
    text = script["page"](weighings(), HOW, COST)
    body = text.partition("# Which weighting should I use?")[2]
    answer = body.split("\n\n")[2]
    assert answer.startswith("**A fixed beta, looked for.** Train with 5 of them (0, 0.001, 0.01,")
    assert "None of 2 other ways is shown to be better" in answer
    assert "Shown to be worse: uw." in answer
    assert "`gls` came highest" in answer
    assert "their intervals overlap" in answer
    assert "This is of synthetic data" in body.split("\n\n")[3]


def test_a_method_that_is_better_is_the_answer(script):
    rows = [
        row("difference_balanced_accuracy", -0.1, p=0.01, experiment="weighting",
            dimension="arousal", system=one.system)
        if one.system == "static, tuned − gls, tuned" else one
        for one in weighings()
    ]  # fmt: skip
    answer = script["page"](rows, HOW, COST).split("\n\n")[2]
    assert answer.startswith("**gls**: shown to read the emotion better")


def test_the_page_has_a_line_for_every_family_and_every_method(script):
    text = script["page"](weighings(), HOW, COST)
    assert re.search(r"\| gls \| 72\.0 % \[67\.0 to 77\.0\] \| -1\.0 points", text)
    assert "| static | 71.0 %" in text
    for name in METHODS:
        assert f"| `{name}`" in text
    assert "each person's mean heart rate: +13.0 points [+8.0 to +18.0], p = 0.010: a diff" in text
    assert "Differences below some 5 points" in text


def test_every_snippet_of_python_on_the_page_runs(script):
    text = script["HOW_TO"]
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert snippets
    for snippet in snippets:
        exec(compile(snippet, "weighting.md", "exec"), {})


def test_every_command_on_the_page_is_understood(script):
    from pulsefer.app.cli import app

    commands = re.findall(r"^pulsefer (.*?)(?:  +#.*)?$", script["HOW_TO"], re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        function, bound, _ = app.parse_args(command.split(), exit_on_error=False)
        assert callable(function)
        assert bound.arguments
