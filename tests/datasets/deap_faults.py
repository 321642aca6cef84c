"""What can be wrong with a copy of DEAP: each function breaks one thing in a whole tree."""

import os
import pickle
import shutil

import numpy as np

from pulsefer.datasets.bdf import onsets
from pulsefer.datasets.deap_pickle import read_dat, write_dat
from pulsefer.media.video import encode, frames

CSV = "metadata_csv/participant_ratings.csv"
DAT = "data_preprocessed_python/s01.dat"
AVI = "face_video/s01/s01_trial02.avi"


def put(path, content):
    """Replace a file; the original behind the hard link stays."""
    path.unlink()
    path.write_bytes(content)


def edit_rows(root, change):
    path = root / CSV
    rows = [line.split(",") for line in path.read_text().splitlines()]
    put(path, "\n".join(",".join(row) for row in change(rows)).encode())


def edit_row(root, participant, trial, column, value):
    def change(rows):
        for row in rows[1:]:
            if row[:2] == [str(participant), str(trial)]:
                row[rows[0].index(column)] = value
        return rows

    edit_rows(root, change)


def edit_dat(root, change):
    arrays = {name: array.copy() for name, array in read_dat(root / DAT).items()}
    arrays = change(arrays)
    (root / DAT).unlink()
    write_dat(root / DAT, arrays["labels"], arrays["data"], n_samples=arrays["data"].shape[2])


def stimulus_of(root, participant, trial):
    for line in (root / CSV).read_text().splitlines()[1:]:
        cells = line.split(",")
        if cells[:2] == [str(participant), str(trial)]:
            return int(cells[2])
    raise KeyError(trial)


def no_table(root):
    (root / CSV).unlink()


def no_arousal_column(root):
    edit_rows(root, lambda rows: [[c for k, c in enumerate(row) if k != 5] for row in rows])


def semicolons(root):
    put(root / CSV, (root / CSV).read_bytes().replace(b",", b";"))


def no_text(root):
    put(root / CSV, b"\xff\xfe\x00\x81" * 100)


def rating_11(root):
    edit_row(root, 1, 2, "Arousal", "11")


def blank_rating(root):
    edit_row(root, 1, 2, "Valence", "")


def rating_nan(root):
    edit_row(root, 1, 2, "Liking", "nan")


def trial_0(root):
    edit_row(root, 1, 2, "Trial", "0")


def row_twice(root):
    edit_rows(root, lambda rows: [*rows, rows[2]])


def clip_twice(root):
    edit_row(root, 1, 2, "Experiment_id", str(stimulus_of(root, 1, 3)))


def no_row(root):
    edit_rows(root, lambda rows: rows[:2] + rows[3:])


def nobody(root):
    edit_rows(root, lambda rows: [row for row in rows if row[0] != "1"])


def trial_order(root):
    order = [stimulus_of(root, 1, trial) - 1 for trial in range(1, 41)]
    edit_dat(root, lambda a: {"labels": a["labels"][order], "data": a["data"][order]})


def two_rows_swapped(root):
    def change(arrays):
        arrays["labels"][[3, 17]] = arrays["labels"][[17, 3]]
        return arrays

    edit_dat(root, change)


def labels_of_s02(root):
    other = read_dat(root / "data_preprocessed_python" / "s02.dat")["labels"]
    edit_dat(root, lambda a: a | {"labels": other})


def cut_dat(root):
    data = (root / DAT).read_bytes()
    put(root / DAT, data[: len(data) // 2])


def no_bytes_dat(root):
    put(root / DAT, b"")


class Call:
    def __init__(self, function, argument):
        self.call = (function, (argument,))

    def __reduce__(self):
        return self.call


def dat_that_calls_the_shell(root):
    put(root / DAT, pickle.dumps({"labels": Call(os.system, "touch pwned")}, 2))


def dat_that_evaluates(root):
    put(root / DAT, pickle.dumps({"labels": Call(eval, "open('pwned', 'w')")}, 4))


def dat_without_lead(root):
    edit_dat(root, lambda a: a | {"data": a["data"][:, :, 384:]})


def dat_of_32_channels(root):
    arrays = {name: array.copy() for name, array in read_dat(root / DAT).items()}
    arrays["data"] = arrays["data"][:, :32]
    put(root / DAT, pickle.dumps(arrays, 2))


def dat_without_labels(root):
    put(root / DAT, pickle.dumps({"data": np.zeros((40, 40, 1152))}, 2))


def no_physiology(root):
    (root / DAT).unlink()


def cut_avi(root):
    data = (root / AVI).read_bytes()
    put(root / AVI, data[: len(data) * 9 // 10])


def avi_header_only(root):
    put(root / AVI, (root / AVI).read_bytes()[:300])


def no_bytes_avi(root):
    put(root / AVI, b"")


def text_avi(root):
    put(root / AVI, b"<html>404: the licence has expired</html>" * 50)


def shorter(root):
    images = [frame.image for frame in frames(root / AVI)][:137]
    (root / AVI).unlink()
    encode(root / AVI, images, fps_hz=25)


FAULTS = {
    # fault: (file or place, what is said of it, trials that are left)
    no_table: ("DEAP", "no file of that name", None),
    no_arousal_column: ("participant_ratings.csv", "no Arousal", None),
    semicolons: ("participant_ratings.csv", "no Participant_id", None),
    no_text: ("participant_ratings.csv", "a table as text", None),
    rating_11: ("participant_ratings.csv:3", "arousal within 1-9, found '11'", 5),
    blank_rating: ("participant_ratings.csv:3", "valence within 1-9, found ''", 5),
    rating_nan: ("participant_ratings.csv:3", "liking within 1-9, found 'nan'", 5),
    trial_0: ("participant_ratings.csv:3", "Trial 1-40, found '0'", 5),
    row_twice: ("participant_ratings.csv:82", "Trial 2 of participant 1 once", 5),
    clip_twice: ("participant_ratings.csv:4", "of participant 1 once", 4),
    no_row: ("s01_trial02.avi", "a row for trial 2", 5),
    nobody: ("participant 1", "0 that can be used", 3),
    trial_order: ("s01.dat", "Trial order instead of Experiment_id order", 3),
    two_rows_swapped: ("s01.dat", "2 rows that differ, the first one row", 3),
    labels_of_s02: ("s01.dat", "40 rows that differ", 3),
    cut_dat: ("s01.dat", "a whole pickle", 3),
    no_bytes_dat: ("s01.dat", "a whole pickle", 3),
    dat_that_calls_the_shell: ("s01.dat", "system", 3),
    dat_that_evaluates: ("s01.dat", "builtins.eval", 3),
    dat_without_lead: ("s01.dat", "found data (40, 40, 768)", 3),
    dat_of_32_channels: ("s01.dat", "found data (40, 32, 1152)", 3),
    dat_without_labels: ("s01.dat", "labels (40, 4), found data", 3),
    no_physiology: ("s01", "neither", 3),
    cut_avi: ("s01_trial02.avi", "the copy broke off", 5),
    avi_header_only: ("s01_trial02.avi", "the copy broke off", 5),
    no_bytes_avi: ("s01_trial02.avi", "found an empty file", 5),
    text_avi: ("s01_trial02.avi", "found a text", 5),
    shorter: ("s01_trial02.avi", "5.48 s (137 frames)", 5),
}


def encoded_anew(root):
    images = [frame.image for frame in frames(root / AVI)]
    (root / AVI).unlink()
    encode(root / AVI, images[:146], fps_hz=24.08)


def a_backup(root):
    (root / "backup").mkdir()
    shutil.copy(root / AVI, root / "backup")


def middle_missing(root):
    (root / AVI).unlink()


def subject_missing(root):
    shutil.rmtree(root / "face_video" / "s01")


def row_missing_of_a_trial_without_video(root):
    edit_rows(root, lambda rows: rows[:12] + rows[13:])


def status_of(data, n_channels=48, fs_hz=512):
    """The bytes of the trigger channel, (records, samples, 3), as a view."""
    body = np.frombuffer(data, np.uint8, offset=256 * (n_channels + 1))
    return body.reshape(-1, n_channels, fs_hz, 3)[:, -1]


def no_onset(path, data):
    start = int(onsets(path, 4)[5])
    for at in range(start, start + 2 * 512):
        status_of(data)[at // 512, at % 512, 0] = 3


def no_plet(_path, data):
    at = data.index(b"Plet")
    data[at : at + 4] = b"Xxxx"


def cut(_path, data):
    del data[-50_000:]


def two_onsets_too_near(path, data):
    # The code flickers once within a video, and one start is missing: 40 in all.
    no_onset(path, data)
    start = int(onsets(path, 4)[9]) + 300
    status_of(data)[start // 512, start % 512, 0] = 3
