"""Folds that others can read, and that come back as they were."""

import csv
import dataclasses

import numpy as np
import pytest
from made_windows import MADE, people

from pulsefer.core.errors import BadInput
from pulsefer.samples.split import PROTOCOLS, split
from pulsefer.samples.split_file import COLUMNS, read_split, write_split

WINDOWS = people()


def made(by, windows=WINDOWS, validation=0.25):
    return list(split(windows, by=by, folds=3, validation=validation, seed=2))


def shuffled(windows):
    return [windows[i] for i in np.random.default_rng(1).permutation(len(windows))]


def edited(path, change):
    """The file with its rows changed: a function of a list of dicts."""
    with path.open(newline="") as file:
        rows = change(list(csv.DictReader(file)))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("windows", MADE.values(), ids=MADE.keys())
@pytest.mark.parametrize("by", PROTOCOLS)
@pytest.mark.parametrize("validation", [0.0, 0.25])
def test_folds_come_back_as_they_were(by, windows, validation, tmp_path):
    folds = made(by, windows, validation)
    write_split(tmp_path / "splits.csv", windows, folds)
    again = read_split(tmp_path / "splits.csv", windows)
    assert again == [dataclasses.replace(fold, seed=None) for fold in folds]
    assert [fold.manifest(windows) for fold in again] == [fold.manifest(windows) for fold in folds]
    other = shuffled(windows)
    found = read_split(tmp_path / "splits.csv", other)
    assert [fold.manifest(other) for fold in found] == [fold.manifest(windows) for fold in folds]


@pytest.mark.parametrize("by", PROTOCOLS)
def test_the_order_of_windows_and_folds_does_not_change_a_byte(by, tmp_path):
    other = shuffled(WINDOWS)
    write_split(tmp_path / "a.csv", WINDOWS, made(by))
    write_split(tmp_path / "b.csv", other, made(by, other)[::-1])
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_any_reader_of_csv_can_read_it(tmp_path):
    odd = [dataclasses.replace(w, stimulus=f'"{w.stimulus}", take 1') for w in WINDOWS]
    write_split(tmp_path / "splits.csv", odd, made("subject", odd))
    with (tmp_path / "splits.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    assert header == list(COLUMNS)
    assert len(rows) == 3 * len(WINDOWS)
    assert rows[0] == ["subject", "", "0", "train", "deap", rows[0][5], "trial01",
                       '"video01", take 1', "0.0", "1.0"]  # fmt: skip
    tested = [row[4:7] + row[8:9] for row in rows if row[3] == "test"]
    assert sorted(tested) == [[w.dataset, w.subject, w.trial, repr(w.start_s)] for w in WINDOWS]
    assert len(read_split(tmp_path / "splits.csv", odd)) == 3


def test_a_file_that_somebody_else_wrote_is_read(tmp_path):
    """Rows in any order, further columns, numbers written otherwise."""
    path = tmp_path / "splits.csv"
    folds = made("subject_x_stimulus")
    write_split(path, WINDOWS, folds)

    def rewrite(rows):
        for row in rows:
            row["start_s"] = f"{float(row['start_s']):.3f}"
            row["length_s"], row["note"] = "1", "mine"
        return rows[::-1]

    edited(path, rewrite)
    again = read_split(path, WINDOWS)
    assert [fold.manifest(WINDOWS) for fold in again] == [fold.manifest(WINDOWS) for fold in folds]


def change(name, value, place=0):
    def one(rows):
        rows[place][name] = value
        return rows

    return one


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (change("subject", "s77"), r"csv:2: expected a window of the data, found deap/s77/trial"),
        (change("start_s", "0.5", 3), r"csv:5: .* at 0\.5 s for 1 s"),
        (change("length_s", "2.0"), r"csv:2: .* for 2 s"),
        (change("stimulus", "video99"), "clip video99; 1 in all; cut the windows as they were"),
        (change("start_s", "soon"), "a CSV file of folds"),
        (change("start_s", ""), "seconds as start_s"),
        (change("fold", "0.5"), "a whole number as fold"),
        (change("side", "dev"), "sides train, validation, test, found dev"),
        (change("by", "stimulus"), "one protocol, found stimulus, subject"),
        (lambda rows: [{**row, "by": "luck"} for row in rows], "one of window_within.*found luck"),
        (lambda rows: [{**row, "by": "stimulus"} for row in rows], "no shared stimuli"),
        (lambda rows: [row for row in rows if row["fold"] != "2"], "96 tested never"),
        (lambda rows: [row for row in rows if row["fold"] != "1"], "folds 0, 1, 2 ..., found"),
        (lambda rows: [*rows, *({**row, "fold": "3"} for row in rows if row["fold"] == "2")],
         "96 tested in several folds, such as deap/"),
        (lambda rows: rows[:-1], "1 tested never"),
        (lambda rows: [*rows, rows[0]], "windows that stand twice"),
        (lambda rows: [{**row, "side": "train"} for row in rows], "windows on both sides"),
        (lambda rows: [{k: row[k] for k in row if k != "trial"} for row in rows],
         "found none of trial"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_windows_or_the_name_is_refused(wrong, says, tmp_path):
    path = tmp_path / "splits.csv"
    write_split(path, WINDOWS, made("subject"))
    edited(path, wrong)
    with pytest.raises(BadInput, match=says):
        read_split(path, WINDOWS)


def test_windows_that_the_file_does_not_know_are_refused(tmp_path):
    write_split(tmp_path / "splits.csv", WINDOWS, made("subject"))
    more = [*WINDOWS, dataclasses.replace(WINDOWS[0], start_s=8.0)]
    with pytest.raises(BadInput, match=r"1 tested never, such as deap/s01/trial01@8\.000"):
        read_split(tmp_path / "splits.csv", more)


@pytest.mark.parametrize("content", ["", "by,within\n", "\x00\x01", 'by,"fold\n1'])
def test_what_is_no_such_file_is_refused(content, tmp_path):
    path = tmp_path / "splits.csv"
    path.write_text(content)
    with pytest.raises(BadInput, match=r"splits\.csv: expected"):
        read_split(path, WINDOWS)
    with pytest.raises(BadInput, match="no such file"):
        read_split(tmp_path / "none.csv", WINDOWS)


def test_a_split_that_lies_is_not_written(tmp_path):
    lies = [dataclasses.replace(fold, by="stimulus") for fold in made("subject")]
    with pytest.raises(BadInput, match="no shared stimuli"):
        write_split(tmp_path / "splits.csv", WINDOWS, lies)
    assert not (tmp_path / "splits.csv").exists()
