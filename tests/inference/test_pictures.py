"""Single pictures: the faces in each, and what a network of pictures says of them."""

import numpy as np
import pytest
import torch
from scripted_faces import face_at

from pulsefer.core.errors import BadInput
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.pictures import COLUMNS, DIMENSIONS
from pulsefer.media.image import encode_png
from pulsefer.models import checkpoint, frame_affect
from pulsefer.models.crnn import Crnn
from pulsefer.models.frame_affect import FrameAffect


class OnBright:
    """As many faces as the first pixel says."""

    name = fingerprint = "bright"

    def detect(self, image):
        return [face_at(80.0 + 150 * number, 60.0) for number in range(int(image[0, 0, 0]))]


def picture(path, n_faces):
    image = np.random.default_rng(n_faces).integers(60, 200, (160, 320, 3), np.uint8)
    image[0, 0] = n_faces
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode_png(image))
    return path


@pytest.fixture
def folder(tmp_path):
    for name, n_faces in (("b.png", 2), ("a.png", 0), ("c.PNG", 1)):
        picture(tmp_path / "in" / name, n_faces)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    return tmp_path / "in"


def test_every_picture_is_there_by_name_a_row_per_face(folder):
    table = Analyzer(detector=OnBright()).images(folder)
    assert tuple(table.columns) == COLUMNS
    assert table["picture"].tolist() == ["a.png", "b.png", "b.png", "c.PNG"]
    assert table["face_id"].isna().tolist() == [True, False, False, False]
    assert table["face_id"].dropna().tolist() == [0, 1, 0]
    assert table.attrs["models"] == []
    alone = Analyzer(detector=OnBright()).images(folder / "b.png")
    assert alone["picture"].tolist() == ["b.png", "b.png"]


def test_a_picture_that_cannot_be_read_is_told_and_the_others_are_there(folder):
    (folder / "ab.jpg").write_bytes(b"torn")
    problems, told = [], []
    table = Analyzer(detector=OnBright()).images(
        folder, on_problem=problems.append, advance=told.append
    )
    assert len(problems) == 1
    assert "ab.jpg" in str(problems[0])
    assert table["picture"].nunique() == 3
    assert told == [1, 1, 1, 1]


def saved(folder, *, target="regression", labels=DIMENSIONS):
    torch.manual_seed(0)
    model = FrameAffect()
    torch.nn.init.normal_(model.head[-1].weight)
    about = {
        "fingerprint": "f",
        "data_kind": "synthetic",
        "pretrain": {"target": target},
        "labels": {name: {} for name in labels},
    }
    checkpoint.save(model, folder, card="", about=about)
    return folder


def test_the_outputs_have_the_order_of_the_network():
    assert frame_affect.DIMENSIONS == DIMENSIONS


@pytest.mark.parametrize(("target", "ending", "low"), [("regression", "_score", -1),
                                                       ("binary", "_prob", 0)])  # fmt: skip
def test_a_network_of_pictures_says_what_it_learned(folder, tmp_path, target, ending, low):
    run = saved(tmp_path / "model", target=target)
    table = Analyzer(run, detector=OnBright(), device="cpu").images(folder)
    columns = [f"{name}{ending}" for name in DIMENSIONS]
    assert list(table.columns) == [*COLUMNS, *columns]
    seen = table[table["face_id"].notna()]
    for column in columns:
        assert seen[column].between(low, 1).all()
        assert seen[column].nunique() == 3
        assert table.loc[table["face_id"].isna(), column].isna().all()
    assert table.attrs["models"][0]["fingerprint"] == "f"


def test_what_it_had_no_labels_for_it_does_not_say(folder, tmp_path):
    run = saved(tmp_path / "model", labels=("valence",))
    table = Analyzer(run, detector=OnBright(), device="cpu").images(folder)
    assert list(table.columns) == [*COLUMNS, "valence_score"]


@pytest.mark.parametrize("about", [{}, {"pretrain": {"target": "x"}, "labels": {}}])
def test_a_network_that_does_not_say_what_it_learned_is_refused(folder, tmp_path, about):
    checkpoint.save(FrameAffect(), tmp_path / "bare", card="", about=about)
    with pytest.raises(BadInput, match=r"config\.json"):
        Analyzer(tmp_path / "bare", detector=OnBright(), device="cpu").images(folder)


def test_each_network_has_its_own_kind_of_input(tmp_path):
    checkpoint.save(FrameAffect(), tmp_path / "model", card="")
    stills = Analyzer(tmp_path / "model", detector=OnBright(), device="cpu")
    with pytest.raises(BadInput, match=r"pulsefer train STORE --cnn"):
        next(stills.frames([]))
    checkpoint.save(Crnn(), tmp_path / "clips", card="")
    with pytest.raises(BadInput, match="both"):
        Analyzer([tmp_path / "model", tmp_path / "clips"], detector=OnBright())


@pytest.mark.parametrize("name", ["none", "empty"])
def test_where_there_is_no_picture_that_is_said(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="a folder with pictures"):
        Analyzer(detector=OnBright()).images(tmp_path / name)


@pytest.mark.shared
def test_several_real_faces_in_one_picture(shared_data):
    table = Analyzer().images(shared_data / "clips" / "multi_face.jpg")
    assert len(table) >= 3
    assert table["face_id"].tolist() == list(range(len(table)))
    area = table["box_w_px"] * table["box_h_px"]
    assert area.is_monotonic_decreasing
