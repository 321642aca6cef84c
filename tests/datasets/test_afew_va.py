import json
import os
import pickle
import shutil
import zipfile

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.datasets import afew_va
from pulsefer.datasets.afew_fake import write_fake
from pulsefer.datasets.afew_va import read

SMALL = {"actors": 3, "clips": 5, "frames": 4, "width_px": 96, "height_px": 80}


@pytest.fixture(scope="module")
def specimen(tmp_path_factory):
    """5 clips of 3 actors, small. Never change it; copy it."""
    return write_fake(tmp_path_factory.mktemp("afew") / "AFEW-VA", **SMALL)


@pytest.fixture
def copy(specimen, tmp_path):
    """A copy to break. Files are hard links: replace them, never edit."""
    return shutil.copytree(specimen.root, tmp_path / "AFEW-VA", copy_function=os.link)


def told(root, **options):
    problems = []
    return list(read(root, on_problem=problems.append, **options)), problems


def change(root, clip, how):
    """Let `how` change the labels of a clip, in place or by returning new ones."""
    path = root / clip / f"{clip}.json"
    labels = json.loads(path.read_text())
    labels = how(labels) or labels
    path.unlink()
    path.write_text(json.dumps(labels))


def put(path, content):
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def same_pictures(one, other):
    assert [s.name for s in one] == [s.name for s in other]
    for a, b in zip(one, other, strict=True):
        assert (a.person, a.clip, a.valence, a.arousal) == (b.person, b.clip, b.valence, b.arousal)
        assert a.content() == b.content()
        first, second = a.load(), b.load()
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.landmarks_px, second.landmarks_px)
        assert first.pixel_aspect == second.pixel_aspect


def test_what_was_planted_comes_back_in_order(specimen):
    stills, problems = told(specimen.root)
    assert problems == []
    assert [still.name for still in stills] == [
        f"{clip:03d}/{frame:05d}" for clip in range(1, 6) for frame in range(4)
    ]
    for still, frame in zip(stills, [0, 1, 2, 3] * 5, strict=True):
        truth = specimen.of(still.clip)
        assert still.id == f"afew_va/{still.name}"
        assert still.person == truth.actor
        assert still.valence == truth.valence[frame] / 10
        assert still.arousal == truth.arousal[frame] / 10
        assert still.data_kind == "synthetic"
    assert len({still.person for still in stills}) == 3


def test_a_picture_comes_with_the_five_landmarks_of_a_detector(specimen):
    for still in read(specimen.root):
        picture = still.load()
        assert picture.image.shape == (80, 96, 3)
        eye_left, eye_right, nose, mouth_left, mouth_right = picture.landmarks_px
        assert eye_left[0] < nose[0] < eye_right[0]
        assert mouth_left[0] < nose[0] < mouth_right[0]
        assert max(eye_left[1], eye_right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])


def test_a_still_travels_to_another_process(specimen):
    for still in read(specimen.root):
        there = pickle.loads(pickle.dumps(still))
        np.testing.assert_array_equal(there.load().image, still.load().image)
        assert there.content() == still.content()


def test_content_is_the_picture_its_landmarks_and_the_rule_of_pixels(copy):
    before = {s.name: s.content() for s in read(copy)}
    assert len(set(before.values())) == len(before)
    assert all(s.content() != before[s.name] for s in read(copy, pixel_aspect=1.25))

    def moved(labels):
        labels["frames"]["00001"]["landmarks"][30][0] += 1

    change(copy, "002", moved)
    put(copy / "003" / "00002.png", (copy / "003" / "00003.png").read_bytes())
    after = {s.name: s.content() for s in read(copy)}
    assert {name for name in after if after[name] != before[name]} == {"002/00001", "003/00002"}


@pytest.mark.parametrize("layout", ["zips", "one zip", "a zip a clip", "deeper", "labels beside"])
def test_the_same_pictures_come_from_every_layout(specimen, tmp_path, layout):
    root = tmp_path / "copy"
    if layout == "zips":
        write_fake(root, **SMALL, zipped=True)
        assert sorted(p.name for p in root.iterdir()) == ["01.zip", "SPECIMEN.json"]
    elif layout == "one zip":
        root = tmp_path / "AFEW-VA.zip"
        with zipfile.ZipFile(root, "w") as archive:
            for path in sorted(specimen.root.rglob("*")):
                archive.write(path, f"AFEW-VA/{path.relative_to(specimen.root)}")
    elif layout == "a zip a clip":
        root.mkdir()
        shutil.copy(specimen.root / "SPECIMEN.json", root)
        for folder in sorted(p for p in specimen.root.iterdir() if p.is_dir()):
            with zipfile.ZipFile(root / f"{folder.name}.zip", "w") as archive:
                for path in folder.iterdir():
                    archive.write(path, path.name)
    elif layout == "deeper":
        shutil.copytree(specimen.root, root / "data" / "AFEW-VA", copy_function=os.link)
    else:
        shutil.copytree(specimen.root, root, copy_function=os.link)
        for path in list(root.glob("*/*.json")):
            path.rename(root / path.name)
    stills, problems = told(root)
    assert problems == []
    assert {still.data_kind for still in stills} == {"synthetic"}
    same_pictures(list(read(specimen.root)), stills)


def test_without_the_marker_the_data_are_real(copy):
    (copy / "SPECIMEN.json").unlink()
    assert {still.data_kind for still in read(copy)} == {"real"}


def test_missing_pictures_are_counted_once_a_clip(copy):
    (copy / "002" / "00000.png").unlink()
    (copy / "002" / "00003.png").unlink()
    stills, (problem,) = told(copy)
    assert len(stills) == 18
    assert "frame 00000" in problem.where
    assert "2 of 4 frames" in problem.found
    assert "2 without a picture" in problem.found


@pytest.mark.parametrize("content", [b"", b"no picture", None], ids=["empty", "other", "cut"])
def test_a_damaged_picture_is_a_complaint_when_it_is_loaded(copy, content):
    path = copy / "003" / "00001.png"
    put(path, path.read_bytes()[:900] if content is None else content)
    stills, problems = told(copy)
    assert len(stills) == 20
    assert problems == []
    for still in stills:
        if still.name == "003/00001":
            with pytest.raises(BadInput, match=r"00001\.png"):
                still.load()
        else:
            still.load()


@pytest.mark.parametrize(
    "landmarks",
    [
        None,
        [],
        [[1.0, 2.0]] * 67,
        [[1.0, 2.0]] * 67 + [[1.0]],
        [[1.0, 2.0]] * 67 + [[1.0, "2"]],
        [[1.0, 2.0]] * 67 + [[1.0, float("nan")]],
        [[1.0, 2.0]] * 67 + [[float("inf"), 2.0]],
        [[1.0, 2.0]] * 67 + [[10**400, 2.0]],
        [[1.0, 2.0]] * 67 + [[True, 2.0]],
        {"0": [1.0, 2.0]},
    ],
)
def test_a_frame_without_68_landmarks_is_left_out_and_counted(copy, landmarks):
    def spoil(labels):
        labels["frames"]["00001"]["landmarks"] = landmarks
        del labels["frames"]["00002"]["landmarks"]

    change(copy, "004", spoil)
    stills, (problem,) = told(copy)
    assert {s.name for s in stills if s.clip == "004"} == {"004/00000", "004/00003"}
    assert len(stills) == 18
    assert "2 of 4 frames" in problem.found
    assert "2 without 68 landmarks" in problem.found


@pytest.mark.parametrize("label", [10.5, -11, None, "3", True, float("nan"), [1], 10**400])
@pytest.mark.parametrize("scale", ["valence", "arousal"])
def test_a_label_that_is_none_is_left_out(copy, label, scale):
    change(copy, "001", lambda labels: labels["frames"]["00003"].update({scale: label}))
    stills, (problem,) = told(copy)
    assert len(stills) == 19
    assert "frame 00003" in problem.where


def test_a_fraction_is_a_label_and_ten_is_the_end(copy):
    change(copy, "001", lambda x: x["frames"]["00000"].update(valence=-10, arousal=2.5))
    first = next(read(copy))
    assert (first.valence, first.arousal) == (-1.0, 0.25)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (lambda x: x["frames"], "top level"),
        (lambda x: {**x, "frames": {}}, "none under `frames`"),
        (lambda x: {**x, "frames": [1]}, "none under `frames`"),
        (lambda x: {"actor": "A", "video_id": x["video_id"]}, "none under `frames`"),
        (lambda x: {**x, "video_id": "001"}, "another clip's"),
        (lambda x: {**x, "video_id": 2}, "another clip's"),
        (lambda x: {"actor": x["actor"], "frames": x["frames"]}, "another clip's"),
        (lambda _: [1], "an object"),
    ],
)
def test_a_clip_whose_labels_are_not_as_given_out_is_refused_in_one_line(copy, how, expected):
    change(copy, "002", how)
    stills, (problem,) = told(copy)
    assert {still.clip for still in stills} == {"001", "003", "004", "005"}
    assert expected in str(problem)
    assert "002.json" in problem.where
    assert "\n" not in str(problem)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[" * 1_000_000, b'{"frames":' * 200_000, b"[" + b" " * 20_000_001],
    ids=["empty", "cut", "not text", "deep", "deep frames", "large"],
)
def test_what_is_no_json_is_refused_and_the_rest_goes_on(copy, content):
    put(copy / "002" / "002.json", content)
    stills, (problem,) = told(copy)
    assert len(stills) == 16
    assert "002.json" in problem.where


def test_labels_in_another_clips_folder_are_refused(copy):
    (copy / "002" / "002.json").unlink()
    os.link(copy / "001" / "001.json", copy / "002" / "001.json")
    stills, problems = told(copy)
    assert {s.clip for s in stills} == {"001", "003", "004", "005"}
    assert len(problems) == 1


def test_pictures_without_labels_are_told(copy):
    (copy / "002" / "002.json").unlink()
    stills, (problem,) = told(copy)
    assert len(stills) == 16
    assert "002" in problem.where
    assert "labels, 002.json" in problem.expected


@pytest.mark.parametrize("actor", ["", "   ", None, 7, ["A"]])
def test_a_clip_without_an_actor_is_a_person_of_its_own(copy, actor):
    for clip in ("001", "002"):
        change(copy, clip, lambda labels: labels.update(actor=actor))
    change(copy, "003", lambda labels: labels.pop("actor") and None)
    stills, problems = told(copy)
    assert len(stills) == 20
    assert [p.severity for p in problems] == ["warning"] * 3
    persons = {s.clip: s.person for s in stills}
    assert len({persons[clip] for clip in ("001", "002", "003")}) == 3
    assert not {persons[clip] for clip in ("001", "002", "003")} & {
        persons["004"],
        persons["005"],
    }


def test_blanks_make_no_second_person(copy):
    for clip, name in (("001", "Ann  Actor "), ("002", "\tAnn\nActor"), ("003", "Ann Actor")):
        change(copy, clip, lambda labels, name=name: labels.update(actor=name))
    assert {s.person for s in read(copy) if s.clip < "004"} == {"Ann Actor"}


def test_cut_out_faces_that_somebody_added_are_passed_over(copy):
    shutil.copytree(copy / "001", copy / "001_cropped")
    shutil.copytree(copy / "002", copy / "all_cropped" / "002")
    stills, problems = told(copy)
    assert problems == []
    assert len(stills) == 20
    assert not any("cropped" in str(s.load.args[0].picture.path) for s in stills)


def test_a_clip_that_is_there_twice_counts_once(copy):
    with zipfile.ZipFile(copy / "000.zip", "w") as archive:
        for path in (copy / "002").iterdir():
            archive.write(path, f"002/{path.name}")
    stills, (problem,) = told(copy)
    assert len(stills) == 20
    assert problem.severity == "warning"
    assert "000.zip" in problem.where


def test_part_of_a_copy_is_fine(copy):
    shutil.rmtree(copy / "001")
    shutil.rmtree(copy / "004")
    stills, problems = told(copy)
    assert problems == []
    assert {s.clip for s in stills} == {"002", "003", "005"}


@pytest.mark.parametrize("factor", [0.4, 2.5, -1.0])
def test_landmarks_of_another_frame_size_are_refused_when_loaded(copy, factor):
    def scaled(labels):
        for frame in labels["frames"].values():
            frame["landmarks"] = (np.array(frame["landmarks"]) * factor).tolist()

    change(copy, "001", scaled)
    first = next(read(copy))
    if factor == 0.4:  # still inside: nobody can see it
        first.load()
        return
    with pytest.raises(BadInput, match="another frame size"):
        first.load()


def test_a_face_at_the_edge_is_no_reason_to_refuse(copy):
    def shifted(labels):
        places = np.array(labels["frames"]["00000"]["landmarks"])
        five = np.concatenate([places[36:48], places[48:49]])
        labels["frames"]["00000"]["landmarks"] = (places - [five[:, 0].min() + 2, 0]).tolist()

    change(copy, "001", shifted)
    next(read(copy)).load()


def test_the_aspect_of_pixels_is_pal_for_pal_and_else_square_and_an_own_one_wins(specimen):
    assert afew_va.aspect_of(720, 576) == pytest.approx(4 / 3)
    assert afew_va.aspect_of(576, 720) == afew_va.aspect_of(960, 576) == 1.0
    assert next(read(specimen.root)).load().pixel_aspect == 1.0
    assert next(read(specimen.root, pixel_aspect=16 / 15)).load().pixel_aspect == 16 / 15
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="pixel_aspect"):
            read(specimen.root, pixel_aspect=wrong)


def test_what_cannot_be_a_copy_is_refused_at_once_with_the_way_to_one(tmp_path):
    with pytest.raises(BadInput, match=r"ibug\.doc\.ic\.ac\.uk"):
        read(tmp_path)
    with pytest.raises(BadInput, match="check the path"):
        read(tmp_path / "none")
    (tmp_path / "SPECIMEN.json").write_text('{"dataset": "deap"}')
    with pytest.raises(BadInput, match="specimen of afew_va"):
        read(tmp_path)


def test_nobody_listening_is_no_silence(copy, caplog):
    (copy / "001" / "00000.png").unlink()
    assert len(list(read(copy))) == 19
    assert "without a picture" in caplog.text
