"""What users of such tools stumble over, by the threads in which they say so: a test for each.

 1 memory that grows with the video       test_memory_by_length; benchmarks.memory at 720p
 2 time that grows faster than the video  here
 3 frames that are missing                test_analyzer, test_odd_videos
 4 which face is whose                    test_analyzer, faces/test_follow_films
 5 films without a face                   test_analyzer_films, app/test_cli
 6 weights that are not there             faces/test_mtcnn
 7 what it is installed beside            here: no upper bounds but those with a reason
 8 a detector that has gone               here: any object with `detect` will do
 9 a film in, no table out; a frozen window test_analyzer_films, test_session
10 units that nobody told                 here, test_tables
11 boxes that jitter                      faces/test_steady
12 how to train it                        app/test_cli
13 commands that do not run               docs/run_documented.py, from `make wheel`
14 hours before the first error           datasets/test_deap_check; app/test_cli_datasets
15 whose licence                          here
16 one OpenCV over another                here
"""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from scripted_faces import Scripted, film, one_face, steady, two_faces

from pulsefer.app.cli import run
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.columns import COLUMNS
from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))[
    "project"
]


class Counted(Scripted):
    """Counts how often whole pictures are searched."""

    n = 0

    def detect(self, image):
        type(self).n += 1
        return super().detect(image)


def test_twice_the_film_is_twice_the_work():
    """Counted, not timed: searches, and what is kept of a face."""
    counts = []
    for seconds in (40, 80):
        Counted.n = 0
        rows = list(Analyzer(detector=Counted(one_face)).frames(film(steady(seconds, 10.0))))
        counts.append((len(rows), Counted.n))
    (rows, searched), (rows_twice, searched_twice) = counts
    assert rows_twice == 2 * rows
    assert searched_twice <= 2.1 * searched


def test_nothing_is_held_back_below_what_others_need():
    bounded = {
        need.name: str(need.specifier)
        for need in map(Requirement, PROJECT["dependencies"])
        if re.search(r"<|==|~=", str(need.specifier))
    }
    # Each with a comment that says why: carrier of weights, and NeuroKit2 with pandas 3.
    assert bounded.keys() == {"mtcnn", "pandas"}


def test_any_object_that_detects_will_do_as_a_detector():
    class Plain:
        name = "plain"
        fingerprint = "1"
        detect = staticmethod(lambda _image: [])

    table = Analyzer(detector=Plain()).table(
        Analyzer(detector=Plain()).frames(film(steady(2))), source="film"
    )
    assert table["face_id"].isna().all()
    assert len(table) == 2


UNITS = {"s": "_s", "px": "_px", "bpm": "_bpm", "ms": "_ms"}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_with_a_unit_has_it_in_its_name(name):
    unit = COLUMNS[name].unit
    assert unit in {*UNITS, "1", ""}
    assert name.endswith(UNITS.get(unit, name))


def test_values_lie_where_the_columns_say():
    analyzer = Analyzer(detector=Scripted(two_faces))
    table = analyzer.table(analyzer.frames(film(steady(14))), source="film")
    assert set(table.columns) <= set(COLUMNS)
    for name in table.columns:
        told = re.match(r"(-?\d+) to (\d+)", COLUMNS[name].range)
        if told:
            assert table[name].dropna().between(float(told[1]), float(told[2])).all(), name
    seconds = table["time_s"].to_numpy()
    assert seconds.max() == 13.0  # seconds, not milliseconds
    assert set(np.unique(np.diff(seconds))) <= {0.0, 1.0}


def test_a_face_that_was_not_cut_as_the_network_wants_it_is_refused():
    import torch

    with pytest.raises(ValueError, match="64"):
        Crnn()(torch.zeros(1, 5, 3, 96, 96))


def test_whose_licence_is_one_command_away(tmp_path, capsys):
    assert run(["info"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "licence: code MIT" in out
    about = {
        "store": {"follow": {"crop": {"size_px": 64, "top": 0.45, "bottom": 0.3}}},
        "windows": {"length_s": 1.0, "n_frames": 5, "dimension": "valence", "threshold": "ge5"},
        "fingerprint": "abc", "datasets": ["deap"], "data_kind": "real", "protocol_name": "subject",
        "licence": {"word": "academic-research-only", "sentence": "DEAP: academic research only."},
    }  # fmt: skip
    checkpoint.save(Crnn(), tmp_path / "model", card="", about=about)
    assert run(["info", "--model", str(tmp_path / "model")]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "academic-research-only: DEAP" in out
    assert "by subject" in out
    assert run(["info", "--model", str(tmp_path / "none")]) == 2


def test_no_distribution_of_opencv_is_asked_for():
    extras = PROJECT["optional-dependencies"].values()
    asked = [*PROJECT["dependencies"], *(line for lines in extras for line in lines)]
    assert not [line for line in asked if "opencv" in line or "mediapipe" in line]
