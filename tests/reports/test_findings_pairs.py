"""What was compared: pairs over the same persons, frames in and out of order, epochs needed."""

import dataclasses

import pytest
from rich_rows import betas, epochs, ladder, lengths, row

from pulsefer.reports.figures_of_pairs import differences, orders
from pulsefer.reports.findings import answers, findings
from pulsefer.reports.groups import groups


def asked(rows):
    (group,) = groups(rows)
    return answers(group)


def pair(left, right, value, p, **changes):
    return row("difference_balanced_accuracy", value, system=f"{left} − {right}", p=p, **changes)


def skills(in_order, shuffled, *, half=0.05):
    place = {"dimension": "heart rate", "unit": "window", "half": half, "system": "difference"}
    return [
        row("hr_skill", in_order, **place),
        row("hr_skill", shuffled, **place, selection="last, frames shuffled"),
    ]


def test_pairs_with_one_side_in_common_are_one_sentence():
    placebos = [pair("true", "STL", 0.1, 0.01), pair("true", "random", 0.02, 0.6)]
    (said,) = asked(placebos)
    assert said.startswith(
        "true minus each other, by subject, balanced accuracy (valence): STL +10"
    )
    assert "p = 0.010; random +2.0 points" in said
    assert "A difference is shown to STL, none to the other 1 (240 trials of 6 persons" in said
    (said,) = asked([pair("STL", "best", -0.1, 0.01), pair("beta 1", "best", -0.2, 0.01)])
    assert said.startswith("Each other minus best")
    assert "All 2 are differences" in said
    (said,) = asked([pair("STL", "best", -0.1, 0.5), pair("beta 1", "best", -0.2, 0.5)])
    assert "No difference is shown" in said


def test_pairs_of_a_leaky_protocol_make_no_sentence_of_differences():
    leaky = pair("MTL", "STL", 0.1, 0.01, protocol="window_within")
    assert not any("a difference" in said for said in asked([leaky]))


@pytest.mark.parametrize(
    ("in_order", "shuffled", "told"),
    [
        (0.4, 0.0, "read from the order of the frames, as a pulse is"),
        (0.4, 0.38, "not shown to need the order of the frames"),
        (0.02, 0.0, "no heart rate is shown to be read"),
    ],
)
def test_a_pulse_needs_the_order_of_the_frames(in_order, shuffled, told):
    (said,) = asked(skills(in_order, shuffled))
    assert told in said
    assert "240 windows of 6 persons; synthetic" in said


def test_skill_along_a_series_says_where_it_is_clear_of_the_mean():
    rows = [
        row("hr_skill", value, dimension="heart rate", unit="window", x_name="length_s", x=x,
            system=f"MTL, {x:g} s")
        for x, value in ((1.0, -0.02), (2.0, 0.2), (5.0, 0.4))
    ]  # fmt: skip
    (said,) = asked(rows)
    assert "clear of 0 at 2 and 5 (" in said
    assert "nowhere clear of 0" in asked([rows[0]])[0]


def test_epochs_needed_name_who_never_gets_there():
    rows = [*epochs(), row("epochs_to_stl_best", 7.0, half=0, system="STL", unit="seed", n=5)]
    rows = [dataclasses.replace(one, experiment="figure3") for one in rows]
    assert "first reached by STL at epoch 7; MTL never reaches it" in asked(rows)[-1]


def test_what_was_asked_comes_before_everything_else_and_there_is_always_something():
    assert asked(betas())[0].startswith("STL − MTL, beta 0.01")
    said = asked(ladder())
    assert said[0].startswith("By subject_x_stimulus")
    assert any("Leakage gap" in one for one in said)
    assert any("is not a result" in one for one in said)
    (group,) = groups([row(value=0.6)])
    assert answers(group) == findings(group)[:1]


def test_a_figure_of_pairs_says_each_pair_and_fills_the_shown_ones():
    (group,) = groups([pair("true", "STL", 0.1, 0.01), pair("true", "random", 0.02, 0.6)])
    (picture,) = differences(group)
    (axis,) = picture.figure.axes
    said = [text.get_text() for text in axis.texts]
    assert {"true − STL", "true − random", "p = 0.010", "p = 0.600"} <= set(said)
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    assert [dot.get_markerfacecolor() == "none" for dot in dots] == [False, True]
    assert [float(dot.get_xdata()[0]) for dot in dots] == pytest.approx([10.0, 2.0])
    assert "synthetic" in axis.get_xlabel()
    assert "6 persons; synthetic" in picture.caption


def test_a_figure_of_orders_needs_both_and_says_both():
    (group,) = groups(skills(0.4, 0.0))
    (picture,) = orders(group)
    assert "difference, frames in order: 0.400" in picture.alt
    assert "difference, frames shuffled: 0.000" in picture.alt
    assert not orders(dataclasses.replace(group, rows=group.rows[:1]))
    (series,) = groups(lengths())
    assert not orders(series)
    assert not differences(series)
