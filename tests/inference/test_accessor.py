import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from made_table import made_table
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import pulsefer.inference.accessor  # noqa: F401  # registers table.affect
from pulsefer.core.errors import BadInput
from pulsefer.inference.figures import COLOURS
from pulsefer.inference.tables import write_table


def panel(figure, ylabel):
    (axis,) = [axis for axis in figure.axes if axis.get_ylabel() == ylabel]
    return axis


def lanes_of(figure):
    (axis,) = [axis for axis in figure.axes if axis.images]
    return axis


def words(figure):
    """Every text of a figure."""
    figure.draw_without_rendering()
    return {text.get_text() for text in figure.findobj(mpl.text.Text)} - {""}


def solid(axis, colour):
    """(x, y) of the solid line of a colour."""
    (line,) = [
        line
        for line in axis.lines
        if line.get_color() == colour and line.get_linestyle() == "-" and line.get_marker() != "."
    ]
    return line.get_xdata(), line.get_ydata()


@pytest.mark.parametrize("kind", [None, "heart_rate", "affect", "circumplex"])
def test_every_axis_has_its_unit_and_every_face_its_colour(kind):
    figure = made_table().affect.plot(kind)
    assert isinstance(figure, Figure)
    said = words(figure)
    assert {"face 0", "face 1"} <= said
    if kind in (None, "heart_rate"):
        assert {"heart rate (bpm)", "time (s)", "quality 0 to 1", "POS alone"} <= said
    if kind in (None, "affect"):
        assert {"P(high valence)", "P(high arousal)", "time (s)", "0.5"} <= said
    if kind in (None, "circumplex"):
        assert {"excited, happy", "tense, angry", "sad, tired", "calm, content"} <= said
        assert "time (s); ring: first, dot: last" in said
    drawn = {line.get_color() for axis in figure.axes for line in axis.lines}
    assert {COLOURS[0], COLOURS[1]} <= drawn


def test_the_line_is_the_rate_at_the_middle_of_its_step_and_open_where_it_is_withheld():
    table = made_table()
    axis = panel(table.affect.plot("heart_rate"), "heart rate (bpm)")
    for face, colour in zip((0, 1), COLOURS, strict=False):
        x, y = solid(axis, colour)
        own = table[table["face_id"] == face].set_index("time_s")["hr_bpm"]
        np.testing.assert_allclose(y, own.reindex(np.arange(90.0)))
        np.testing.assert_allclose(x, np.arange(90) + 0.5)
        assert np.isnan(y).any()


def test_the_band_is_deeper_where_the_quality_is_better():
    table = made_table(50, faces=(0,)).assign(hr_bpm=70.0)
    table["hr_quality"] = np.linspace(0, 1, 50)
    figure = table.affect.plot("heart_rate")
    axis = panel(figure, "heart rate (bpm)")
    (band,) = [c for c in axis.collections if isinstance(c, PolyCollection)]
    assert (np.diff(band.get_facecolor()[:, 3]) > 0).all()
    heights = [np.ptp(path.vertices[:, 1]) for path in band.get_paths()]
    np.testing.assert_allclose(heights, heights[0])  # no interval: as wide everywhere
    lane = np.asarray(lanes_of(figure).images[0].get_array())[0]
    assert (np.diff(lane[:, 3]) > 0).all()


def test_a_withheld_rate_is_a_grey_cell_with_its_reason_and_an_absent_face_none():
    figure = made_table().affect.plot("heart_rate")
    lane = np.asarray(lanes_of(figure).images[0].get_array())[0]
    assert lane[32].tolist() == pytest.approx([*to_rgb("#e9ebee"), 1.0])  # moving
    assert lane[54, 3] == 0.0  # away
    assert lane[20, :3].tolist() == pytest.approx(to_rgb(COLOURS[0]))
    assert {"short", "moving", "no peak"} <= words(figure)


def test_a_reason_without_room_is_a_number_with_a_key():
    said = words(made_table().affect.plot("heart_rate"))
    assert "disagree" not in said
    assert "1" in said
    assert any(text.startswith("1 disagree") for text in said)


def test_a_reason_nobody_knows_is_shown_as_one_plain_line():
    table = made_table(30)
    table.loc[10:25, "hr_reason"] = "odd $x$\n\\frac_thing"
    table.loc[10:25, "hr_bpm"] = np.nan
    assert "odd $x$ \\frac thing" in words(table.affect.plot("heart_rate"))


def test_one_step_alone_is_seen():
    table = made_table(30, faces=(0,)).assign(hr_bpm=np.nan)
    table.loc[12, "hr_bpm"] = 70.0
    axis = panel(table.affect.plot("heart_rate"), "heart rate (bpm)")
    dots = [line for line in axis.lines if line.get_marker() == "."]
    assert [(12.5, 70.0)] in [list(zip(*dot.get_data(), strict=True)) for dot in dots]


def test_the_path_gets_deeper_with_time_and_does_not_cross_an_absence():
    table = made_table(faces=(0,))
    figure = table.affect.plot("circumplex")
    axis = panel(figure, "P(high arousal)")
    (path,) = [c for c in axis.collections if isinstance(c, LineCollection)]
    assert len(path.get_segments()) == 51 + 31  # 52 steps, an absence, 32 steps
    brightness = path.get_colors()[:, :3].sum(axis=1)
    assert (np.diff(brightness) <= 0).all()
    assert brightness[0] > brightness[-1] + 0.5
    np.testing.assert_allclose(
        path.get_segments()[0], table[["valence_prob", "arousal_prob"]].iloc[:2]
    )


@pytest.mark.parametrize("kind", [None, "affect", "circumplex", "heart_rate"])
def test_a_network_of_synthetic_faces_is_named_in_the_picture(kind):
    assert any("synthetic" in t for t in words(made_table(data_kind="synthetic").affect.plot(kind)))
    assert not any("synthetic" in text for text in words(made_table().affect.plot(kind)))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_read_back_from_a_file_is_drawn_like_the_first(tmp_path, suffix):
    table = made_table()
    path, _sidecar = write_table(table, tmp_path / f"t{suffix}")
    back = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    pd.testing.assert_frame_equal(back.affect.summary(), table.affect.summary(), rtol=1e-5)
    one, other = (panel(t.affect.plot(), "heart rate (bpm)") for t in (table, back))
    np.testing.assert_allclose(solid(one, COLOURS[1]), solid(other, COLOURS[1]), rtol=1e-5)
    assert words(back.affect.plot()) >= words(table.affect.plot()) - {"interview.mp4"}


def test_without_a_kind_all_is_drawn_that_there_are_columns_for():
    def labels(table):
        return {axis.get_ylabel() for axis in table.affect.plot().axes} - {""}

    table = made_table()
    assert labels(table) == {"heart rate (bpm)", "P(high valence)", "P(high arousal)"}
    assert labels(table.drop(columns="arousal_prob")) == {"heart rate (bpm)", "P(high valence)"}
    assert labels(made_table(models=False)) == {"heart rate (bpm)"}
    assert labels(table.drop(columns="hr_bpm")) == {"P(high valence)", "P(high arousal)"}


@pytest.mark.parametrize("faces", [(), (0,), (1,)])
@pytest.mark.parametrize("seconds", [1, 30, 700])
def test_any_table_of_an_analysis_can_be_drawn(faces, seconds, tmp_path):
    table = made_table(seconds, faces=faces)
    figure = table.affect.plot()
    figure.savefig(tmp_path / "t.png", dpi=40)
    assert ("time (min)" in words(figure)) == (seconds == 700)
    assert ("no face in sight" in words(figure)) == (not faces or (faces == (1,) and seconds == 1))


def test_a_table_of_many_faces_has_a_lane_and_a_name_for_each():
    many = made_table(20, faces=(0,))
    table = pd.concat([many.assign(face_id=face) for face in range(9)])
    table.attrs = many.attrs
    axis = lanes_of(table.affect.plot("heart_rate"))
    assert len(axis.images) == 9
    assert [label.get_text() for label in axis.get_yticklabels()] == [f"face {i}" for i in range(9)]


def test_a_notebook_shows_it():
    assert made_table(10).affect.plot("affect")._repr_png_().startswith(b"\x89PNG")


def test_nothing_global_is_changed_and_pyplot_is_not_touched():
    script = (
        # Raw: asking for the backend would import pyplot to find one.
        "import matplotlib as mpl; before = dict(dict.items(mpl.rcParams))\n"
        "import sys; from made_table import made_table; import pulsefer.inference.accessor\n"
        "made_table().affect.plot().savefig('/dev/null', format='png')\n"
        "assert dict(dict.items(mpl.rcParams)) == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert 'torch' not in sys.modules\n"
    )
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=here, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_dark_style_of_the_users_does_not_hide_the_letters():
    with mpl.rc_context(
        {"text.color": "white", "xtick.color": "white", "axes.labelcolor": "white"}
    ):
        figure = made_table().affect.plot()
        figure.draw_without_rendering()
        colours = [text.get_color() for text in figure.findobj(mpl.text.Text)]
    assert not any(mpl.colors.same_color(colour, "white") for colour in colours)


def test_a_summary_has_a_row_per_face():
    table = made_table()
    summary = table.affect.summary()
    assert summary["face_id"].tolist() == [0, 1]
    own = table[table["face_id"] == 1]
    row = summary.iloc[1]
    assert row["seen_s"] == pytest.approx(44.6)  # 45 s, and 0.6 of the first
    assert row["hr_share"] == pytest.approx(own["hr_bpm"].notna().mean())
    assert row["hr_median_bpm"] == own["hr_bpm"].median()
    assert (row["hr_min_bpm"], row["hr_max_bpm"]) == (own["hr_bpm"].min(), own["hr_bpm"].max())
    assert row["valence_mean_prob"] == pytest.approx(own["valence_prob"].mean())


def test_seconds_in_sight_do_not_depend_on_the_step():
    for step_s in (0.5, 1.0, 2.0):
        table = made_table(40, faces=(0,), step_s=step_s).assign(face_share=1.0)
        assert table.affect.summary()["seen_s"].tolist() == [40.0]


def test_a_face_without_any_rate_has_none_and_no_face_has_no_row():
    table = made_table(4, models=False)
    row = table.affect.summary().iloc[0]
    assert row["hr_share"] == 0.0
    assert np.isnan(row["hr_median_bpm"])
    nobody = made_table(4, faces=()).affect.summary()
    assert nobody.empty
    assert list(nobody) == list(made_table().affect.summary())


def test_the_circumplex_needs_both_and_says_so():
    table = made_table().drop(columns="arousal_prob")
    with pytest.raises(
        BadInput, match=r"no arousal_prob; give Analyzer a model of valence and one"
    ):
        table.affect.plot("circumplex")
    with pytest.raises(BadInput, match="no valence_prob, no arousal_prob"):
        made_table(models=False).affect.plot("affect")


@pytest.mark.parametrize("ask", [lambda t: t.affect.plot(), lambda t: t.affect.summary()])
def test_another_table_is_refused_with_the_columns_it_lacks(ask):
    with pytest.raises(BadInput, match=r"no time_s, no face_id"):
        ask(pd.DataFrame({"a": [1.0]}))
    with pytest.raises(BadInput, match=r"no hr_bpm"):
        ask(pd.DataFrame({"time_s": [0.0, 1.0], "face_id": [0, 0], "face_share": [1.0, 1.0]}))


def test_an_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match="one of heart_rate, affect, circumplex, found 'pie'"):
        made_table(5).affect.plot("pie")


def test_any_table_may_be_asked_whether_it_has_the_accessor():
    assert hasattr(pd.DataFrame({"a": [1]}), "affect")  # a notebook looks at every attribute
