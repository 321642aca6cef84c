import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_table import made_table

from pulsefer.core.errors import BadInput
from pulsefer.inference.columns import COLUMNS, REASONS
from pulsefer.inference.tables import ENDINGS, check_output, write_table

PAGE = Path(__file__).parents[2] / "docs" / "table.md"
FILES = ("table.csv", "table.parquet", "table.fex.csv", "sub-01_task-talk_physio.tsv.gz")


def read_csv(path):
    """As the page says."""
    return pd.read_csv(path, dtype={"face_id": "Int64"}, converters={"hr_reason": str})


@pytest.mark.parametrize("name", FILES)
def test_the_same_table_gives_the_same_bytes(tmp_path, name):
    first = write_table(made_table(), tmp_path / "first" / name)
    again = write_table(made_table(), tmp_path / "again" / name)
    assert [path.name for path in first] == [path.name for path in again]
    assert len(first) >= 2
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("name", "read", "rtol"),
    [("table.csv", read_csv, 1e-5), ("table.parquet", pd.read_parquet, 0.0)],
)
def test_a_table_comes_back_from_its_file_text_included(tmp_path, name, read, rtol):
    table = made_table()
    table.loc[3:, "time_s"] += 86_400.04  # a camera that ran for a day
    write_table(table, tmp_path / name)
    back = read(tmp_path / name)
    # In a CSV a column of whole numbers has no type.
    pd.testing.assert_frame_equal(
        back, table, rtol=rtol, check_exact=not rtol, check_dtype=not rtol
    )
    assert back["time_s"].tolist() == table["time_s"].tolist()
    assert set(back["hr_reason"]) > {"", "moving", "no_peak"}


def test_how_a_table_was_made_is_in_its_parquet_and_in_every_sidecar(tmp_path):
    table = made_table()
    for name in ("t.csv", "t.parquet", "t.fex.csv"):
        path, sidecar = write_table(table, tmp_path / name)
        told = json.loads(sidecar.read_text("utf-8"))
        assert told["about"] == table.attrs
        assert told["table_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert pd.read_parquet(tmp_path / "t.parquet").attrs == table.attrs
    assert len(list(tmp_path.iterdir())) == 6  # one of each: none in another's place


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.fex.csv"])
def test_the_sidecar_says_unit_range_and_meaning_of_every_column(tmp_path, name):
    path, sidecar = write_table(made_table(), tmp_path / name)
    columns = json.loads(sidecar.read_text("utf-8"))["columns"]
    there = pd.read_parquet(path) if name.endswith("parquet") else pd.read_csv(path)
    assert list(columns) == list(there.columns)
    for column in columns.values():
        assert column.keys() == {"unit", "range", "meaning"}
        assert column["range"]
        assert column["meaning"].endswith(".")


def test_a_column_of_the_users_own_is_written_and_not_explained(tmp_path):
    path, sidecar = write_table(made_table().assign(mine=1.0), tmp_path / "t.csv")
    assert "mine" in pd.read_csv(path)
    assert "mine" not in json.loads(sidecar.read_text("utf-8"))["columns"]


def test_a_number_that_json_has_no_word_for_is_null(tmp_path):
    table = made_table(3)
    table.attrs["asked"] = {"end_s": float("inf"), "weights": [float("nan"), 1.0]}
    _path, sidecar = write_table(table, tmp_path / "t.csv")
    asked = json.loads(sidecar.read_text("utf-8"))["about"]["asked"]
    assert asked == {"end_s": None, "weights": [None, 1.0]}


@pytest.mark.parametrize("name", ["table.xlsx", "table", "table.csv.gz", "talk_physio.tsv"])
def test_another_kind_of_file_is_refused_by_name(tmp_path, name):
    with pytest.raises(BadInput, match=r"\.csv, \.parquet, \.fex\.csv or _physio\.tsv\.gz"):
        write_table(made_table(2), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["there.csv", "there.fex.csv", "there.parquet"])
def test_a_folder_is_no_output(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(BadInput, match="found a folder"):
        check_output(tmp_path / name)


def test_the_name_says_the_format_unless_it_is_said():
    assert [check_output(name) for name in FILES] == ["csv", "parquet", "fex", "bids"]
    assert check_output("TABLE.CSV") == "csv"
    assert check_output("table.txt", "csv") == "csv"
    assert check_output("sub-01_task-talk", "bids") == "bids"
    with pytest.raises(BadInput, match="'xlsx'"):
        check_output("table.csv", "xlsx")
    assert set(ENDINGS) == {"csv", "parquet", "fex", "bids"}


@pytest.mark.parametrize("text", ["my notes", "{}", '{"columns": []}', "[1, 2]", "\x00"])
def test_a_file_of_the_users_is_not_taken_for_a_sidecar(tmp_path, text):
    mine = tmp_path / "t.csv.json"
    mine.write_text(text)
    with pytest.raises(BadInput, match="another file"):
        write_table(made_table(2), tmp_path / "t.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv.json"]
    assert mine.read_text() == text


def test_a_table_may_be_written_again(tmp_path):
    write_table(made_table(5), tmp_path / "t.csv")
    write_table(made_table(9), tmp_path / "t.csv")
    assert len(pd.read_csv(tmp_path / "t.csv")) == 9


def test_a_failed_write_leaves_the_old_table(tmp_path):
    write_table(made_table(5), tmp_path / "t.parquet")
    wrong = made_table(5).assign(box_x_px=[1, "two", 3.0, None, b"5"])
    with pytest.raises(Exception, match="box_x_px"):
        write_table(wrong, tmp_path / "t.parquet")
    assert len(pd.read_parquet(tmp_path / "t.parquet")) == 5
    assert {path.name for path in tmp_path.iterdir()} == {"t.parquet", "t.parquet.json"}


def test_pictures_are_written_like_a_video(tmp_path):
    table = made_table(3).drop(columns="time_s")
    table.insert(0, "picture", ["a.png", "ü, b.png", '"c".png'])
    for name in ("t.csv", "t.parquet"):
        write_table(table, tmp_path / name)
    assert read_csv(tmp_path / "t.csv")["picture"].tolist() == table["picture"].tolist()
    assert pd.read_parquet(tmp_path / "t.parquet").equals(table)


def test_the_page_has_every_column_as_the_sidecar_says_it():
    page = PAGE.read_text("utf-8")
    for name, column in COLUMNS.items():
        assert f"| `{name}` | {column.unit} | {column.range} | {column.meaning} |\n" in page
    for word, meaning in REASONS.items():
        assert f"| `{word}` | {meaning} |\n" in page


def test_every_column_of_numbers_has_a_unit_and_its_name_says_it():
    for name, column in COLUMNS.items():
        if column.unit not in ("", "1"):
            assert name.endswith(f"_{column.unit}")
    numbers = made_table(2).select_dtypes(np.number).columns.drop("face_id")
    assert all(COLUMNS[name].unit for name in numbers)
