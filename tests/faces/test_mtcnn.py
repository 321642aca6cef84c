import subprocess
import sys

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.faces import weights
from pulsefer.faces.detector import Detector, Refiner
from pulsefer.faces.mtcnn import Mtcnn


def test_one_face_is_found_with_certainty_and_its_parts_lie_where_they_should(mtcnn, portrait):
    (face,) = mtcnn.detect(portrait)
    assert face.score > 0.99
    eye_left, eye_right, nose, mouth_left, mouth_right = face.landmarks_px
    assert eye_left[0] < nose[0] < eye_right[0]
    assert mouth_left[0] < nose[0] < mouth_right[0]
    assert max(eye_left[1], eye_right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
    left, upper, right, lower = face.corners_px
    assert np.all((face.landmarks_px > [left, upper]) & (face.landmarks_px < [right, lower]))


def test_twice_the_size_doubles_the_coordinates(mtcnn, portrait):
    (face,) = mtcnn.detect(portrait)
    (large,) = mtcnn.detect(portrait.repeat(2, axis=0).repeat(2, axis=1))
    np.testing.assert_allclose(large.landmarks_px / 2, face.landmarks_px, atol=2.0)


def test_a_mirror_swaps_left_and_right(mtcnn, portrait):
    (face,) = mtcnn.detect(portrait)
    (mirrored,) = mtcnn.detect(portrait[:, ::-1])
    back = mirrored.landmarks_px[[1, 0, 2, 4, 3]] * [-1, 1] + [portrait.shape[1], 0]
    np.testing.assert_allclose(back, face.landmarks_px, atol=4.0)


def test_a_shift_shifts(mtcnn, portrait):
    (face,) = mtcnn.detect(portrait)
    (shifted,) = mtcnn.detect(np.pad(portrait, ((0, 0), (96, 0), (0, 0)), mode="edge"))
    np.testing.assert_allclose(shifted.landmarks_px - [96, 0], face.landmarks_px, atol=3.0)


def test_same_picture_same_numbers(mtcnn, portrait):
    first, again = mtcnn.detect(portrait), Mtcnn().detect(portrait)
    assert [face.corners_px.tolist() for face in first] == [f.corners_px.tolist() for f in again]
    assert [f.landmarks_px.tolist() for f in first] == [f.landmarks_px.tolist() for f in again]


def test_two_faces_are_two_and_the_best_comes_first(mtcnn, portrait):
    faces = mtcnn.detect(np.concatenate([portrait, portrait[:, ::-1]], axis=1))
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score


def test_a_face_is_found_again_where_it_was_and_nowhere_else(mtcnn, portrait):
    (face,) = mtcnn.detect(portrait)
    moved = np.roll(portrait, (6, 9), axis=(0, 1))
    found = mtcnn.refine(moved, face)
    np.testing.assert_allclose(found.landmarks_px - [9, 6], face.landmarks_px, atol=4.0)
    assert mtcnn.refine(np.full_like(portrait, 90), face) is None
    assert mtcnn.refine(portrait[:8, :8], face) is None


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_blank_picture_has_no_face(mtcnn, level):
    assert mtcnn.detect(np.full((288, 360, 3), level, np.uint8)) == []


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_face(mtcnn, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (288, 360, 3), dtype=np.uint8)
    assert mtcnn.detect(noise) == []


@pytest.mark.parametrize("shape", [(10, 10), (1, 1), (400, 3), (3, 400)])
def test_a_tiny_picture_has_no_face(mtcnn, shape):
    assert mtcnn.detect(np.full((*shape, 3), 128, np.uint8)) == []


def test_a_picture_that_must_not_be_written_is_read(mtcnn, portrait):
    locked = portrait.copy()
    locked.flags.writeable = False
    assert len(mtcnn.detect(locked)) == 1


def test_a_grey_picture_is_refused(mtcnn, portrait):
    with pytest.raises(BadInput, match=r"\(height, width, 3\)"):
        mtcnn.detect(portrait[..., 0])


@pytest.mark.parametrize("dtype", ["float32", "uint16", "int64"])
def test_other_numbers_than_bytes_are_refused(mtcnn, portrait, dtype):
    with pytest.raises(BadInput, match="uint8"):
        mtcnn.detect(portrait.astype(dtype))


def test_it_is_a_detector_and_a_refiner(mtcnn):
    detector: Detector = mtcnn
    assert isinstance(detector, Refiner)
    assert mtcnn.fingerprint == Mtcnn().fingerprint
    assert mtcnn.fingerprint != Mtcnn(min_face_fraction=0.3).fingerprint


@pytest.mark.parametrize("bad", [{"min_face_fraction": 0.0}, {"thresholds": (0.6, 0.7, 1.0)}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Mtcnn(**bad)


def test_neither_tensorflow_nor_the_carrier_of_the_weights_is_imported():
    code = (
        "import sys, numpy\n"
        "from pulsefer.faces.mtcnn import Mtcnn\n"
        "Mtcnn().detect(numpy.zeros((99, 99, 3), numpy.uint8))\n"
        "print([name for name in ('tensorflow', 'mtcnn', 'torchvision', 'cv2')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_file_is_refused_before_a_byte_is_unpickled(tmp_path, monkeypatch):
    for network in weights.SHA256:
        (tmp_path / f"{network}.lz4").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(BadInput, match=weights.SHA256["pnet"]) as refused:
        Mtcnn()
    assert "pnet.lz4" in str(refused.value)
    assert weights.FOLDER_VARIABLE in str(refused.value)


def test_an_absent_file_is_named_with_its_hash_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(BadInput, match="no such file") as refused:
        Mtcnn()
    assert weights.SHA256["pnet"] in str(refused.value)
    assert "pip install" in str(refused.value)


def test_an_absent_distribution_is_named(monkeypatch):
    monkeypatch.delenv(weights.FOLDER_VARIABLE, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(BadInput, match="distribution mtcnn"):
        weights.folder()


def test_the_same_files_elsewhere_do(tmp_path, monkeypatch):
    for network in weights.SHA256:
        source = weights.folder() / f"{network}.lz4"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    assert Mtcnn().fingerprint


@pytest.mark.shared
def test_five_people_are_five(clips):
    import av

    with av.open(str(clips / "multi_face.jpg")) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    faces = Mtcnn().detect(picture)
    assert len(faces) == 5
    assert min(face.score for face in faces) > 0.99
