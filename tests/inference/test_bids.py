import gzip
import json

import numpy as np
import pandas as pd
import pytest
from made_table import made_table

from pulsefer.core.errors import BadInput
from pulsefer.inference.bids import check_bids, write_bids
from pulsefer.inference.columns import COLUMNS

STEM = "sub-01_task-talk"


def read(folder, recording):
    """Values and JSON, as somebody reads them who knows BIDS and not us."""
    about = json.loads((folder / f"{STEM}_recording-{recording}_physio.json").read_text("utf-8"))
    with gzip.open(folder / f"{STEM}_recording-{recording}_physio.tsv.gz", "rt") as file:
        values = pd.read_csv(file, sep="\t", header=None, names=about["Columns"], na_values="n/a")
    return values, about


def test_every_face_has_a_recording_of_the_whole_video(tmp_path):
    table = made_table()
    write_bids(table, tmp_path / STEM)
    assert len(list(tmp_path.iterdir())) == 4
    for face in (0, 1):
        values, about = read(tmp_path, f"face{face}")
        assert len(values) == 90
        assert about["SamplingFrequency"] == 1.0
        assert about["StartTime"] == 0.0
        assert about["TaskName"] == "talk"
        own = table[table["face_id"] == face]
        seen = values.loc[own["time_s"].astype(int)]
        np.testing.assert_allclose(seen["hr_bpm"], own["hr_bpm"], rtol=1e-5)
        absent = values.drop(own["time_s"].astype(int))
        assert len(absent)
        assert absent.isna().all(axis=None)


def test_rows_are_bare_numbers_between_tabs_and_a_missing_one_is_n_a(tmp_path):
    data, _about = write_bids(made_table(3), tmp_path / STEM)
    lines = gzip.decompress(data.read_bytes()).decode().split("\n")
    assert len(lines) == 4
    assert lines[-1] == ""
    for line in lines[:-1]:
        assert "\r" not in line
        for value in line.split("\t"):
            assert value == "n/a" or np.isfinite(float(value))


def test_every_column_has_its_unit_and_description(tmp_path):
    write_bids(made_table(3), tmp_path / STEM)
    _values, about = read(tmp_path, "face0")
    assert "hr_reason" not in about["Columns"]  # text: readers take these files as an array
    assert "time_s" not in about["Columns"]  # SamplingFrequency and StartTime say it
    for name in about["Columns"]:
        assert about[name]["Units"] == COLUMNS[name].unit
        assert about[name]["Description"].startswith(COLUMNS[name].meaning)


def test_the_name_of_the_video_stays_out_of_a_data_set_with_pseudonyms(tmp_path):
    write_bids(made_table(3), tmp_path / STEM)
    text = (tmp_path / f"{STEM}_recording-face0_physio.json").read_text("utf-8")
    assert "interview.mp4" not in text
    assert "0" * 64 in text  # its SHA-256 is there


@pytest.mark.parametrize(("step_s", "fs_hz"), [(0.2, 5.0), (2.0, 0.5), (1 / 3, 3.0)])
@pytest.mark.parametrize("told", [True, False])
def test_steps_of_any_length_are_even_samples(tmp_path, step_s, fs_hz, told):
    table = made_table(60, step_s=step_s)
    table["time_s"] = (table["time_s"] + 12.5).round(6)
    if not told:  # as from a CSV
        table.attrs = {}
    write_bids(table, tmp_path / STEM)
    values, about = read(tmp_path, "face0")
    assert about["SamplingFrequency"] == pytest.approx(fs_hz, rel=1e-6)
    assert about["StartTime"] == 12.5
    assert len(values) == round(60 / step_s)


def test_steps_that_are_not_in_the_table_are_n_a(tmp_path):
    table = made_table(20, faces=(0,))
    write_bids(table[~table["time_s"].between(7, 9)], tmp_path / STEM)
    values, _about = read(tmp_path, "face0")
    assert values.index[values["face_share"].isna()].tolist() == [7, 8, 9]
    assert len(values) == 20


def test_without_a_face_one_recording_says_so(tmp_path):
    write_bids(made_table(4, faces=()), tmp_path / STEM)
    values, _about = read(tmp_path, "noface")
    assert values.shape[0] == 4
    assert values.isna().all(axis=None)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_face_that_a_new_analysis_does_not_have_is_taken_away(tmp_path):
    write_bids(made_table(), tmp_path / STEM)
    neighbour = tmp_path / f"{STEM}2_recording-face1_physio.json"
    neighbour.write_text("{}")
    write_bids(made_table(faces=(0,)), tmp_path / STEM)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{STEM}_recording-face0_physio.json",
        f"{STEM}_recording-face0_physio.tsv.gz",
        neighbour.name,
    }


def test_a_recording_of_the_users_is_not_overwritten(tmp_path):
    mine = tmp_path / f"{STEM}_recording-face0_physio.json"
    mine.write_text('{"SamplingFrequency": 100.0}')
    with pytest.raises(BadInput, match="another recording"):
        write_bids(made_table(3), tmp_path / STEM)
    assert [path.name for path in tmp_path.iterdir()] == [mine.name]


@pytest.mark.parametrize(
    "name",
    [
        "sub-01_task-talk",
        "sub-anna_ses-2_task-talk_acq-video_run-1",
        "sub-01_task-talk_physio.tsv.gz",
    ],
)
def test_names_that_bids_allows(name):
    assert check_bids(name).name == name.removesuffix("_physio.tsv.gz")


@pytest.mark.parametrize(
    "name",
    [
        "talk",
        "sub-01",
        "sub-01_physio.tsv.gz",  # BIDS requires a task
        "task-talk_sub-01",
        "sub-01_task-talk_run-1_acq-a",  # another order
        "sub-01_task-talk_recording-face0_physio.tsv.gz",
        "sub-0 1_task-talk",
        "sub-01_task-talk\n",
        "",
    ],
)
def test_other_names_are_refused_with_an_example(name):
    with pytest.raises(BadInput, match="for example sub-01/beh/sub-01_task-interview"):
        check_bids(name)


def test_a_folder_is_refused_for_nobody_said_who_it_is(tmp_path):
    with pytest.raises(BadInput, match="found a folder"):
        write_bids(made_table(2), tmp_path)


def test_pictures_have_no_time(tmp_path):
    table = made_table(3).rename(columns={"time_s": "picture"})
    with pytest.raises(BadInput, match="no time_s"):
        write_bids(table, tmp_path / STEM)
    assert not list(tmp_path.iterdir())


WRONG = {
    "several": lambda table: pd.concat([table, table]),
    "3.3 s": lambda table: table.assign(time_s=table["time_s"].replace(3.0, 3.3)),
    "a row without one": lambda table: table.assign(time_s=np.nan),
    "without rows": lambda table: table[:0],
    "in steps of": lambda table: table.assign(time_s=table["time_s"] * 1e300),
    "one time alone": lambda table: pd.DataFrame(table[:1].to_dict("list")),
}


@pytest.mark.parametrize("found", WRONG)
def test_rows_that_are_no_even_samples_of_faces_are_refused(tmp_path, found):
    table = WRONG[found](made_table(30))
    with pytest.raises(BadInput, match=found):
        write_bids(table, tmp_path / STEM)
    assert not list(tmp_path.iterdir())
