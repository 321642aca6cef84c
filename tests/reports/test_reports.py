import dataclasses
import math

import pandas as pd
import pytest
from rich_rows import BARE, ROW

from pulsefer.core.errors import BadInput
from pulsefer.reports.figures import heart_rate_trace, intervals, learning_curves
from pulsefer.reports.page import Page, Picture, write_page
from pulsefer.reports.row import append, read
from pulsefer.reports.table import COLUMNS, cells, number, table


def test_rows_come_back_as_they_went_nan_included(tmp_path):
    rows = [ROW, dataclasses.replace(ROW, metric="hr_mae_bpm", low=math.nan, high=math.nan)]
    assert append(tmp_path / "rows.jsonl", rows) == 2
    back = read(tmp_path / "rows.jsonl")
    assert back[0] == ROW
    assert math.isnan(back[1].low)


def test_rows_are_only_ever_added_and_never_twice(tmp_path):
    file = tmp_path / "rows.jsonl"
    append(file, [ROW])
    before = file.read_bytes()
    assert append(file, [ROW, dataclasses.replace(ROW, seed=1)]) == 1
    assert file.read_bytes().startswith(before)
    assert len(read(file)) == 2


def test_a_line_cut_by_a_kill_costs_that_line_only(tmp_path):
    file = tmp_path / "rows.jsonl"
    append(file, [ROW, dataclasses.replace(ROW, seed=1)])
    file.write_bytes(file.read_bytes()[:-20])
    append(file, [dataclasses.replace(ROW, seed=1)])
    assert [row.seed for row in read(file)] == [0, 1]


@pytest.mark.parametrize(
    "line",
    ["not json", "[1, 2]", '{"surprise": 1}', '{"experiment": "x"}', "\xff\xfe", "[" * 9999],
)
def test_a_foreign_line_is_refused_with_its_number(tmp_path, line):
    file = tmp_path / "rows.jsonl"
    append(file, [ROW])
    with file.open("a", encoding="latin-1") as end:
        end.write(line + "\n")
    with pytest.raises(BadInput, match=":2"):
        read(file)


def test_every_row_shows_paper_ours_protocol_n_interval_and_kind():
    shown = dict(zip(COLUMNS, cells(ROW), strict=True))
    assert shown["paper"] == "96.3 % (Table 3)"
    assert shown["ours"] == "62.5 %"
    assert shown["95 % interval"] == "50.0 to 75.0"
    assert shown["protocol"] == "by subject"
    assert shown["n"] == "120 windows"
    assert shown["data"] == "synthetic"
    assert table([ROW], title="t").row_count == 1


def test_what_all_rows_share_is_said_once_and_synthetic_is_always_said():
    rows = [ROW, dataclasses.replace(ROW, system="STL", n=60)]
    made = table(rows, title="t")
    assert [str(column.header) for column in made.columns] == [
        "system", "figure", "paper", "ours", "95 % interval", "n",
    ]  # fmt: skip
    assert "data: synthetic" in str(made.caption)
    assert "protocol: by subject" in str(made.caption)
    mixed = table([ROW, dataclasses.replace(ROW, data_kind="real")], title="t")
    assert "data" in [str(column.header) for column in mixed.columns]


def test_a_figure_whose_epoch_the_test_side_chose_says_so_wherever_it_stands(tmp_path):
    rows = [ROW, dataclasses.replace(ROW, selection="best_on_test")]
    epochs = next(c for c in table(rows, title="t").columns if c.header == "epoch")
    assert list(epochs.cells) == ["last", "[yellow]best_on_test[/yellow]"]
    alone = table([rows[1], rows[1]], title="t")
    assert "epoch: best_on_test" in str(alone.caption)
    labels = [text.get_text() for text in intervals(rows).axes[0].get_yticklabels()]
    assert labels == ["MTL, by subject, best_on_test", "MTL, by subject"]
    write_page(Page(title="t", found=[], rows=rows, pictures=[], how={}), tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text("utf-8")
    assert '<td class="marked">best_on_test</td>' in html
    assert html.count('<td class="ours marked">62.5 % †</td>') == 1


def test_the_page_is_one_file_that_fetches_nothing_and_escapes_text(tmp_path):
    history = pd.DataFrame({"epoch": [1, 2], "train_bce": [0.7, 0.6], "validation_bce": [0.7, 0.7]})
    readings = pd.DataFrame({"time_s": [5, 6.0], "hr_bpm": [70, 71.0], "hr_quality": [0.9, 0.8]})
    page = Page(
        title="A <script>alert(1)</script> title",
        found=["The gap is 30 points."],
        rows=[ROW],
        pictures=[
            Picture(learning_curves({"MTL": history}, synthetic=True), "curves"),
            Picture(intervals([ROW], chance=0.5), "gap"),
            Picture(heart_rate_trace(readings, planted_bpm=70.0), "trace"),
        ],
        how={"seed": "0"},
    )
    html = write_page(page, tmp_path / "report.html").read_text("utf-8")
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")
    assert html.count("</svg>") == 3
    assert "data:" not in html
    assert "Synthetic data" in html
    assert "96.3 % (Table 3)" in html


def test_a_page_of_real_rows_has_no_synthetic_banner(tmp_path):
    real = dataclasses.replace(ROW, data_kind="real")
    html = write_page(Page("t", ["f"], [real]), tmp_path / "r.html").read_text("utf-8")
    assert "Synthetic data" not in html


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "62.5 %"),
        ({"metric": "leakage_gap"}, "+62.5 points"),
        ({"metric": "difference_balanced_accuracy", "value": -0.0001}, "+0.0 points"),
        ({"metric": "difference_hr_rmse_bpm", "value": -1.23}, "-1.2 bpm"),
        ({"metric": "mcc", "value": math.nan}, "–"),
        ({"metric": "epochs_to_stl_best", "value": 7.0}, "7"),
        ({"metric": "surprise", "value": 1e300}, "1e+300"),
    ],
)
def test_a_figure_has_the_unit_of_its_metric_and_a_difference_its_sign(changes, text):
    row = dataclasses.replace(BARE, **changes)
    assert number(row, row.value) == text
