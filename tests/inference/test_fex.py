import json

import numpy as np
import pandas as pd
import pytest
from made_table import made_table

from pulsefer.core.errors import BadInput
from pulsefer.inference.fex import FRAME_OF_STEP, FRAME_OF_VIDEO, write_fex

FACEBOX = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"]
"""py-feat 2.1: FEAT_FACEBOX_COLUMNS."""


def written(table, folder, **how):
    path, sidecar = write_fex(table, folder / "t.fex.csv", **how)
    return pd.read_csv(path), json.loads(sidecar.read_text("utf-8"))


def test_boxes_and_faces_stand_under_the_names_of_py_feat(tmp_path):
    table = made_table()
    fex, _told = written(table, tmp_path)
    assert list(fex.columns[:9]) == ["frame", "approx_time", *FACEBOX, "Identity", "input"]
    boxes = table[["box_x_px", "box_y_px", "box_w_px", "box_h_px", "face_score"]]
    np.testing.assert_allclose(fex[FACEBOX], boxes, rtol=1e-5)
    assert set(fex["Identity"].dropna()) == {"Person_0", "Person_1"}
    assert set(fex["input"]) == {"interview.mp4"}
    assert fex["approx_time"].iloc[-1] == "01:29"


def test_a_probability_is_not_called_valence(tmp_path):
    fex, told = written(made_table(), tmp_path)
    assert not {"valence", "arousal"} & set(fex.columns)
    assert {"valence_prob", "arousal_prob", "hr_bpm", "hr_quality"} <= set(fex.columns)
    assert "Not how pleasant" in told["columns"]["valence_prob"]["meaning"]
    assert not [name for name in fex.columns if "AU" in name]  # py-feat: an action unit


def test_a_frame_is_a_step_unless_the_frame_rate_is_known(tmp_path):
    table = made_table(20, step_s=0.5)
    table = table[table["time_s"] >= 4].reset_index(drop=True)
    fex, told = written(table, tmp_path)
    assert fex["frame"].tolist() == list(range(8, 40))
    assert told["columns"]["frame"]["meaning"] == FRAME_OF_STEP
    fex, told = written(table, tmp_path, fps_hz=29.97)
    assert fex["frame"].iloc[[0, -1]].tolist() == [round(4 * 29.97), round(19.5 * 29.97)]
    assert told["columns"]["frame"]["meaning"] == FRAME_OF_VIDEO
    table.attrs["fps_hz"] = 25.0
    assert written(table, tmp_path)[0]["frame"].iloc[0] == 100


def test_a_step_without_a_face_is_a_row_without_a_person(tmp_path):
    fex, _told = written(made_table(4, faces=()), tmp_path)
    assert len(fex) == 4
    assert fex[[*FACEBOX, "Identity"]].isna().all(axis=None)


def test_pictures_are_numbered_and_named(tmp_path):
    table = made_table(3).drop(columns="time_s")
    table.insert(0, "picture", ["a.png", "b.png", "b.png"])
    fex, _told = written(table, tmp_path)
    assert fex["input"].tolist() == ["a.png", "b.png", "b.png"]
    assert fex["frame"].tolist() == [0, 1, 1]
    assert "approx_time" not in fex
    assert "valence" not in fex


def test_scores_of_pictures_are_strengths_as_py_feats_are(tmp_path):
    table = made_table(3, models=False).drop(columns="time_s")
    table = table.assign(valence_score=[-0.5, 0.0, 0.75], arousal_score=0.25)
    table.insert(0, "picture", ["a.png", "b.png", "c.png"])
    fex, told = written(table, tmp_path)
    assert fex["valence"].tolist() == [-0.5, 0.0, 0.75]
    assert fex["arousal"].tolist() == [0.25] * 3
    assert told["columns"]["valence"]["range"] == "-1 to 1"


def test_a_table_from_a_csv_has_no_source_and_is_written_all_the_same(tmp_path):
    table = made_table(5)
    table.to_csv(tmp_path / "t.csv", index=False)
    fex, _told = written(pd.read_csv(tmp_path / "t.csv"), tmp_path)
    assert fex["input"].isna().all()
    assert fex["Identity"].tolist() == ["Person_0"] * 5


def test_a_table_without_boxes_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"no box_w_px, no face_score"):
        write_fex(made_table(3).drop(columns=["face_score", "box_w_px"]), tmp_path / "t.fex.csv")


@pytest.mark.parametrize("fps_hz", [0.0, -25.0, float("nan"), float("inf")])
def test_a_frame_rate_that_is_none_is_refused(tmp_path, fps_hz):
    with pytest.raises(BadInput, match="positive fps_hz"):
        write_fex(made_table(3), tmp_path / "t.fex.csv", fps_hz=fps_hz)
    assert not list(tmp_path.iterdir())
