import dataclasses

import pytest

from pulsefer.core.errors import BadInput
from pulsefer.core.progress import progress, watched
from pulsefer.experiments.demo import DemoConfig, demo
from pulsefer.experiments.published import TABLE_3
from pulsefer.reports.row import read

SMALL = DemoConfig(subjects=3, trials=4, seconds=6.0, width_px=192, height_px=160, epochs=1)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    said = []
    return demo(out, dataclasses.replace(SMALL, subjects=4), say=said.append), said, out


def test_the_demonstration_leaves_rows_for_both_systems_and_both_protocols(small):
    done, _said, out = small
    assert {(row.system, row.protocol) for row in done.headline if row.metric == "accuracy"} == {
        (system, by) for system in ("STL", "MTL") for by in ("window_pooled", "subject")
    }
    assert {row.system for row in done.rows if row.metric == "leakage_gap"} == {"STL", "MTL"}
    assert all(row.data_kind == "synthetic" for row in done.rows)
    assert len(read(out / "rows.jsonl")) == len(done.rows)


def test_its_report_says_synthetic_and_shows_the_papers_figure_beside_ours(small):
    _done, _said, out = small
    html = (out / "report.html").read_text("utf-8")
    assert "Synthetic data" in html
    assert "leakage gap" in html
    assert "96.3 % (Table 3)" in html
    assert html.count("</svg>") == 3


def test_it_says_every_step_and_the_planted_rate(small):
    done, said, _out = small
    assert [line[:3] for line in said] == ["1/5", "2/5", "3/5", "4/5", "5/5"]
    assert 40 < done.hr_planted_bpm < 180


def test_a_second_start_makes_nothing_anew(small):
    done, _said, out = small
    before = {p: p.stat().st_mtime_ns for p in (out / "deap").rglob("*") if p.is_file()}
    rows = (out / "rows.jsonl").read_bytes()
    again = demo(out, dataclasses.replace(SMALL, subjects=4), say=lambda _line: None)
    assert [row.value for row in again.rows] == pytest.approx(
        [row.value for row in done.rows], nan_ok=True
    )
    assert {p: p.stat().st_mtime_ns for p in (out / "deap").rglob("*") if p.is_file()} == before
    assert (out / "rows.jsonl").read_bytes() == rows


def test_other_settings_are_refused_in_the_same_folder(small):
    _done, _said, out = small
    with pytest.raises(BadInput, match="choose another --out"):
        demo(out, dataclasses.replace(SMALL, subjects=4, seed=1), say=lambda _line: None)


def test_the_published_figures_are_those_of_table_3():
    assert TABLE_3["deap", "valence", "STL"].value == 0.904
    assert TABLE_3["deap", "valence", "MTL"].value == 0.963
    assert {where for *_rest, where in TABLE_3.values()} == {"Table 3"}
    assert len(TABLE_3) == 8


def test_watched_progress_counts_everything_once():
    amounts = iter([1.0, 3.0, 6.0])
    told = []
    with (
        progress("x", 6, show=False),
        watched(lambda: next(amounts, 6.0), told.append, every_s=0.01),
    ):
        while sum(told) < 6:
            pass
    assert sum(told) == 6
