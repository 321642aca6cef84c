"""What a folder of results may hold, and what is said of the rest."""

import dataclasses
import json

import pytest
from rich_rows import BARE, rich, row, write_run

from pulsefer.core.errors import BadInput
from pulsefer.reports.results import read_results
from pulsefer.reports.row import append

LINE = {
    "experiment": "e", "system": "s", "dataset": "d", "data_kind": "real", "dimension": "valence",
    "metric": "accuracy", "value": 0.5, "low": None, "high": None, "protocol": "subject",
    "selection": "last", "unit": "trial", "n": 1, "n_subjects": 1, "seed": 0, "config": "c",
    "manifest": "m", "version": "0.1.0",
}  # fmt: skip


def said(results, severity="error"):
    return [str(one) for one in results.problems if one.severity == severity]


def test_rows_of_all_files_below_are_found_each_once(tmp_path):
    rows = rich()
    append(tmp_path / "a" / "rows.jsonl", rows[:100])
    append(tmp_path / "b" / "deep" / "rows.jsonl", rows[50:])
    found = read_results(tmp_path)
    assert len(found.rows) == len(rows)
    assert found.files == {"a/rows.jsonl": 100, "b/deep/rows.jsonl": len(rows) - 50}
    assert found.problems == ()


def test_a_single_file_may_have_any_name(tmp_path):
    append(tmp_path / "figures.txt", [BARE])
    assert read_results(tmp_path / "figures.txt").rows == (BARE,)


def test_nothing_there_is_refused_and_says_where_rows_come_from(tmp_path):
    with pytest.raises(BadInput, match=r"RUN/rows\.jsonl"):
        read_results(tmp_path / "nowhere")


def test_an_empty_folder_has_no_rows_and_no_problems(tmp_path):
    found = read_results(tmp_path)
    assert (found.rows, found.runs, found.problems) == ((), (), ())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("not json", "a line that is not JSON"),
        ('{"experiment": "x", "metr', "half a row"),
        ("[1]", "JSON that is not a row"),
        (json.dumps(LINE | {"new_field": 1}), "a field of another version: new_field"),
        (json.dumps({k: v for k, v in LINE.items() if k != "unit"}), "no unit"),
        (json.dumps(LINE | {"value": "0.5"}), "a value of value that cannot be"),
        (json.dumps(LINE | {"value": float("inf")}), "a value of value that cannot be"),
        (json.dumps(LINE | {"value": 10**400}), "a value of value that cannot be"),
        (json.dumps(LINE | {"n": 3.5}), "a value of n that cannot be"),
        (json.dumps(LINE | {"n": None}), "a value of n that cannot be"),
        (json.dumps(LINE | {"data_kind": "imagined"}), "a value of data_kind that cannot be"),
        (json.dumps(LINE | {"system": "\ud800"}), "a value of system that cannot be"),
        (json.dumps(LINE | {"system": ["x"]}), "a value of system that cannot be"),
    ],
)
def test_a_broken_line_costs_that_line_and_is_named(tmp_path, line, told):
    file = tmp_path / "rows.jsonl"
    append(file, [BARE, row(value=0.7)])
    lines = file.read_text("utf-8").splitlines()
    file.write_text("\n".join([lines[0], line, lines[1], ""]), "utf-8")
    found = read_results(tmp_path)
    assert len(found.rows) == 2
    assert said(found) == [f"{file}:2: expected a row, found {told}"]


def test_a_file_of_something_else_is_one_note_and_a_broken_one_is_one_error(tmp_path):
    (tmp_path / "speeds.jsonl").write_text('{"ms": 3}\n' * 50)
    (tmp_path / "noise.jsonl").write_bytes(b"\xff\x00\n" * 50)
    append(tmp_path / "rows.jsonl", [BARE])
    found = read_results(tmp_path)
    assert len(found.rows) == 1
    assert [text.split(": ")[0] for text in said(found, "note")] == [
        str(tmp_path / "speeds.jsonl")
    ]  # fmt: skip
    assert len(said(found)) == 1
    assert "50 lines of which none is one" in said(found)[0]


def test_of_several_versions_of_a_measurement_the_latest_counts(tmp_path):
    newer = dataclasses.replace(BARE, version="0.10.0", value=0.7)
    append(tmp_path / "a.jsonl", [newer])
    append(tmp_path / "b.jsonl", [dataclasses.replace(BARE, version="0.9.0"), BARE])
    assert read_results(tmp_path).rows == (newer,)
    odd = dataclasses.replace(BARE, version="my own", protocol="stimulus")
    append(tmp_path / "c.jsonl", [odd])
    found = read_results(tmp_path)
    assert len(found.rows) == 2
    assert "figures of 2 versions" in said(found, "note")[0]


def test_one_measurement_with_two_values_is_named_and_the_first_shown(tmp_path):
    append(tmp_path / "a.jsonl", [BARE])
    append(tmp_path / "b.jsonl", [dataclasses.replace(BARE, value=0.1)])
    found = read_results(tmp_path)
    assert found.rows == (BARE,)
    assert "another balanced_accuracy of the same measurement" in said(found, "warning")[0]


def test_metrics_and_protocols_that_are_not_known_are_named(tmp_path):
    append(tmp_path / "rows.jsonl", [row("sparkle"), row(protocol="window"), BARE])
    found = read_results(tmp_path)
    assert len(found.rows) == 3
    warned = " ".join(said(found, "warning"))
    assert "metric 'sparkle'" in warned
    assert "protocol 'window'" in warned


def test_finished_runs_are_found_and_others_named(tmp_path):
    write_run(tmp_path / "runs" / "one")
    (write_run(tmp_path / "runs" / "two") / "predictions.parquet").unlink()
    (write_run(tmp_path / "runs" / "three") / "run.json").write_text("[1]")
    found = read_results(tmp_path)
    assert [run.name for run in found.runs] == ["runs/one"]
    assert "without predictions" in said(found, "note")[0]
    assert "three" in said(found)[0]
    assert read_results(tmp_path / "runs" / "one").runs[0].name == "one"
