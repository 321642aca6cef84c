import dataclasses
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from pulsefer.core.errors import BadInput
from pulsefer.datasets.afew_clip import five_of
from pulsefer.datasets.afew_fake import faces_of, open_fake, plant, squeezed, write_fake
from pulsefer.datasets.afew_landmarks import landmarks_px
from pulsefer.datasets.afew_va import read
from pulsefer.datasets.stills_face import snap
from pulsefer.datasets.synthetic import Effects, subject
from pulsefer.datasets.synthetic_face import SLACK
from pulsefer.datasets.synthetic_portrait import EYES, MOUTH, MOUTH_HALF_PX
from pulsefer.datasets.synthetic_warp import framed, undo_expression, undo_identity
from pulsefer.faces.crop import crop, crop_frame

SMALL = {"actors": 2, "clips": 4, "frames": 5, "width_px": 64, "height_px": 48}
STILL = Effects(motion_px=0.0, sensor_noise=0.0, rating_noise=0.0)
MOUTH_CORNERS = [(MOUTH[0] + side * MOUTH_HALF_PX, MOUTH[1] - 5) for side in (-1, 1)]
CORNERS = [(0.0, 0.0), (1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)]


@pytest.fixture(scope="module")
def pal(tmp_path_factory):
    """Two clips of two frames, 720x576 as AFEW-VA's."""
    root = tmp_path_factory.mktemp("afew") / "AFEW-VA"
    return write_fake(root, actors=2, clips=2, frames=2, effects=Effects(sensor_noise=0.0))


def content(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def mouths(root):
    """How much higher than the lower lip the corners of the mouth lie, by frame."""
    lifts = []
    for path in sorted(root.glob("*/*.json")):
        for frame in json.loads(path.read_text())["frames"].values():
            places = np.array(frame["landmarks"])
            width = places[54, 0] - places[48, 0]
            lifts.append((places[57, 1] - places[[48, 54], 1].mean()) / width)
    return np.array(lifts)


def test_equal_arguments_give_equal_bytes_however_many_work(tmp_path):
    short = SMALL | {"clips": 6, "frames": 1}
    for zipped in (False, True):
        write_fake(tmp_path / f"a{zipped}", **short, zipped=zipped)
    write_fake(tmp_path / "again", **short, zipped=True, workers=2)
    write_fake(tmp_path / "other", **short, zipped=True, seed=1)
    assert content(tmp_path / "aTrue") == content(tmp_path / "again")
    assert content(tmp_path / "aTrue").keys() == content(tmp_path / "other").keys()
    assert content(tmp_path / "aTrue") != content(tmp_path / "other")
    unpacked = {
        name: archive.read(name)
        for path in (tmp_path / "aTrue").glob("*.zip")
        for archive in [zipfile.ZipFile(path)]
        for name in archive.namelist()
    }
    marker = {"SPECIMEN.json": (tmp_path / "aTrue" / "SPECIMEN.json").read_bytes()}
    assert unpacked | marker == content(tmp_path / "aFalse")


def test_the_files_are_those_of_the_data_set(tmp_path):
    tree = write_fake(tmp_path / "a", **(SMALL | {"frames": 2}))
    assert sorted(p.name for p in tree.root.iterdir()) == [
        "001", "002", "003", "004", "SPECIMEN.json",
    ]  # fmt: skip
    names = [f"{k:05d}.png" for k in range(2)]
    assert sorted(p.name for p in (tree.root / "003").iterdir()) == [*names, "003.json"]
    labels = json.loads((tree.root / "003" / "003.json").read_text())
    assert set(labels) == {"actor", "frames", "video_id"}
    assert labels["video_id"] == "003"
    for frame in labels["frames"].values():
        assert set(frame) == {"landmarks", "arousal", "valence"}
        assert np.array(frame["landmarks"]).shape == (68, 2)
        assert isinstance(frame["valence"], int)


def test_labels_drift_within_a_clip_and_lie_on_both_sides_over_all():
    planted = plant(actors=6, clips=12, frames=10, seed=0)
    for scale in ("valence", "arousal"):
        labels = np.array([getattr(p, scale) for p in planted])
        assert np.abs(labels).max() <= 10
        assert (np.ptp(labels, axis=1) >= 2).all()
        assert 0.3 < (labels > 0).mean() < 0.7


def test_every_actor_plays_and_some_in_several_clips():
    cast = [p.actor for p in plant(actors=2, clips=5, frames=1, seed=0)]
    assert sorted(map(cast.count, set(cast))) == [2, 3]


def test_the_marker_gives_the_truth_back(tmp_path):
    tree = write_fake(tmp_path / "a", **(SMALL | {"frames": 1}), effects=STILL)
    assert open_fake(tree.root) == tree
    (tree.root / "SPECIMEN.json").write_text('{"dataset": "afew_va"}')
    with pytest.raises(BadInput, match="marker"):
        open_fake(tree.root)
    with pytest.raises(BadInput, match="marker"):
        open_fake(tmp_path)


def test_a_smile_grows_with_valence_and_can_be_switched_off(tmp_path):
    shown = write_fake(tmp_path / "a", **SMALL, effects=STILL)
    hidden = write_fake(tmp_path / "b", **SMALL, effects=dataclasses.replace(STILL, expression=0.0))
    valence = np.concatenate([p.valence for p in shown.planted])
    assert np.corrcoef(valence, mouths(shown.root))[0, 1] > 0.9
    of_actor = {p.clip: p.actor for p in hidden.planted}
    images = {}
    for still in read(hidden.root):
        images.setdefault(of_actor[still.clip], []).append(still.load().image)
    for same in images.values():
        assert all((image == same[0]).all() for image in same)
    assert np.ptp(mouths(hidden.root)) < 0.2 * np.ptp(mouths(shown.root))


@pytest.mark.parametrize("name", ["s01", "s02", "s03", "s05", "s08"])
@pytest.mark.parametrize("share", [1 - SLACK, 1.0])
def test_landmarks_lie_where_the_warps_take_the_photograph(name, share):
    """About 2 % of the eye distance, whether the expression is whole or has relaxed."""
    person = subject(3, name)
    size = {"width_px": 640, "height_px": 576}
    for valence, arousal in CORNERS:
        about = {"valence": valence, "arousal": arousal, "effects": STILL}
        found = five_of(landmarks_px(person, **about, **size))
        x, y = undo_identity(*framed(person, *size.values()), person)
        x, y = undo_expression(x, y, share * valence, share * arousal)
        planted = []
        for place in (*EYES, *MOUTH_CORNERS):
            far = np.hypot(x - place[0], y - place[1])
            row, column = np.unravel_index(far.argmin(), far.shape)
            planted.append((column + 0.5, row + 0.5))
        if person.mirrored:
            planted = [planted[k] for k in (1, 0, 3, 2)]
        eyes_apart = np.hypot(*np.subtract(planted[1], planted[0]))
        off = np.hypot(*(found[[0, 1, 3, 4]] - planted).T) / eyes_apart
        assert np.median(off) < 0.02
        assert off.max() < 0.03


def test_both_directions_of_a_face_are_tested():
    names = ("s01", "s02", "s03", "s05", "s08")
    assert {subject(3, name).mirrored for name in names} == {True, False}


def test_a_detector_finds_the_landmarks_where_they_are_planted():
    from pulsefer.faces.mtcnn import Mtcnn

    detector = Mtcnn()
    for name, (valence, arousal) in zip(["s01", "s02", "s03", "s05"], CORNERS[1:], strict=True):
        about = {
            "valence": 0.7 * valence,
            "arousal": 0.7 * arousal,
            "effects": STILL,
            "width_px": 384,
            "height_px": 288,
        }
        image = snap(subject(3, name), **about, number=1, seed=0)
        planted = five_of(landmarks_px(subject(3, name), **about))
        (face,) = detector.detect(image)
        eyes_apart = np.hypot(*(planted[1] - planted[0]))
        off = np.hypot(*(face.landmarks_px - planted).T) / eyes_apart
        assert np.median(off) < 0.06
        assert off.max() < 0.12


def test_squeezing_keeps_the_mean_and_moves_everything_in_proportion():
    image = np.random.default_rng(0).integers(0, 255, (9, 40, 3), np.uint8)
    narrow = squeezed(image, 30)
    assert narrow.shape == (9, 30, 3)
    assert narrow.mean() == pytest.approx(image.mean(), abs=0.1)
    assert (squeezed(np.full((4, 40, 3), 77, np.uint8), 30) == 77).all()
    edge = np.zeros((4, 40, 3), np.uint8)
    edge[:, 20:] = 200
    assert (squeezed(edge, 30)[:, :15] == 0).all()
    assert (squeezed(edge, 30)[:, 15:] == 200).all()


def test_a_squeezed_face_is_the_square_one_again_once_its_pixels_are_widened(pal):
    for planted in pal.planted:
        stills = [s for s in read(pal.root) if s.clip == planted.clip]
        for number, (still, face) in enumerate(zip(stills, faces_of(pal, planted), strict=True)):
            picture = still.load()
            assert picture.image.shape == (576, 720, 3)
            assert picture.pixel_aspect == pytest.approx(4 / 3)
            about = {
                "valence": face.valence,
                "arousal": face.arousal,
                "effects": pal.effects,
                "width_px": 960,
                "height_px": 576,
            }
            square = snap(face.person, **about, number=number + 1, seed=0)
            wide = np.array(Image.fromarray(picture.image).resize((960, 576)))
            pose = crop_frame(picture.landmarks_px * [picture.pixel_aspect, 1])
            true = crop_frame(five_of(landmarks_px(face.person, **about)))
            assert pose.side_px == pytest.approx(true.side_px, rel=1e-3)
            assert pose.centre_x_px == pytest.approx(true.centre_x_px, abs=0.1)
            expected = crop(square, true).astype(float)

            def off(image, at, expected=expected):
                return np.abs(crop(image, at) - expected).mean()

            # The film's noise is off; only a slow change of the expression differs.
            assert off(wide, pose) < 3
            assert off(picture.image, crop_frame(picture.landmarks_px)) > 3 * off(wide, pose)


@pytest.mark.parametrize(
    "wrong",
    [{"actors": 0}, {"actors": 5}, {"clips": 0}, {"clips": 1000}, {"frames": 0}, {"width_px": 0}],
)
def test_a_number_out_of_range_is_refused_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        write_fake(tmp_path / "a", **(SMALL | wrong))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(BadInput, match="never overwrites"):
        write_fake(tmp_path, **SMALL)
