"""From recordings to a store: whole or absent, the same bytes, nothing lost to a bad file."""

import dataclasses
import os
import re
import shutil
import signal
import time

import numpy as np
import pytest

from killed import process
from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal
from pulsefer.datasets import deap
from pulsefer.datasets.deap_fake import write_fake
from pulsefer.faces.follow import FollowConfig
from pulsefer.faces.mtcnn import Mtcnn
from pulsefer.media.video import encode, frames
from pulsefer.samples.prepare import PrepareConfig, prepare
from pulsefer.samples.store import open_store, read_record

SECONDS, FPS_HZ = 6.0, 25.0


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """2 people x 2 trials x 6 s, small."""
    root = tmp_path_factory.mktemp("prepare") / "DEAP"
    size = {"width_px": 160, "height_px": 128}
    write_fake(root, subjects=2, trials=2, seconds=SECONDS, fps_hz=FPS_HZ, **size)
    return root


@pytest.fixture(scope="module")
def recordings(tree):
    return list(deap.read(tree))


@pytest.fixture(scope="module")
def prepared(recordings, tmp_path_factory):
    """An undisturbed store. Never change it; copy it."""
    done = prepare(recordings, store=tmp_path_factory.mktemp("prepare") / "store")
    assert (done.n_made, done.n_kept, done.problems) == (4, 0, ())
    return done.store


@pytest.fixture
def copy(prepared, tmp_path):
    return shutil.copytree(prepared.path, tmp_path / "store")


def contents(folder):
    """Every file below a folder, hidden ones too."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_every_recording_is_there_in_the_shapes_that_the_store_promises(prepared, recordings):
    assert [r.id for r in prepared] == [f"deap/s0{s}/trial0{t}" for s in (1, 2) for t in (1, 2)]
    assert prepared.data_kind == "synthetic"
    n = round(SECONDS * FPS_HZ)
    for stored, recording in zip(prepared, recordings, strict=True):
        assert stored.faces.shape == (n, 64, 64, 3)
        assert stored.faces.dtype == np.uint8
        np.testing.assert_allclose(stored.time_s, np.arange(n) / FPS_HZ, atol=1e-9)
        assert stored.seen.all()
        assert stored.stimulus == recording.stimulus
        assert stored.record["ratings"] == dict(recording.ratings)
        signal, original = stored.signal, recording.load_signal()
        np.testing.assert_array_equal(signal.values, original.values)
        assert (signal.fs_hz, signal.start_s) == (original.fs_hz, original.start_s)


def test_the_crop_is_the_face_in_the_video(prepared, recordings):
    for stored, recording in zip(prepared, recordings, strict=True):
        for number, frame in enumerate(frames(recording.video, every=50)):
            row = stored.track.iloc[number * 50]
            left, upper = round(row.box_x_px), round(row.box_y_px)
            right, lower = round(row.box_x_px + row.box_w_px), round(row.box_y_px + row.box_h_px)
            middle = frame.image[
                round(0.45 * lower + 0.55 * upper) : round(0.75 * lower + 0.25 * upper),
                round(0.3 * right + 0.7 * left) : round(0.7 * right + 0.3 * left),
            ]
            skin = row[["skin_r", "skin_g", "skin_b"]].to_numpy(float)
            np.testing.assert_allclose(skin, middle.mean(axis=(0, 1)), atol=15)


def test_a_person_looks_like_themself_and_not_like_the_other(prepared):
    mean = {(r.subject, r.trial): r.faces.astype(float).mean(axis=0) for r in prepared}

    def distance(a, b):
        return np.abs(mean[a] - mean[b]).mean()

    own = [distance((s, "trial01"), (s, "trial02")) for s in ("s01", "s02")]
    other = distance(("s01", "trial01"), ("s02", "trial01"))
    assert max(own) < 0.6 * other


def test_half_of_the_frames_are_those_with_even_numbers(prepared, recordings, tmp_path):
    config = PrepareConfig(fps_hz=12.5)
    half = prepare(recordings[:1], store=tmp_path / "store", config=config).store
    stored = half.recordings[0]
    np.testing.assert_allclose(stored.time_s, prepared.recordings[0].time_s[::2], atol=1e-9)
    # The face is looked at in other frames, so the square may lie a little elsewhere.
    difference = stored.faces.astype(int) - prepared.recordings[0].faces[::2]
    assert np.abs(difference).mean() < 6


def test_a_second_run_makes_nothing_and_changes_nothing(copy, recordings):
    before = contents(copy)
    done = prepare(recordings, store=copy)
    assert (done.n_made, done.n_kept, done.problems) == (0, 4, ())
    assert contents(copy) == before


def test_two_workers_write_the_same_bytes_as_one(prepared, recordings, tmp_path):
    done = prepare(recordings, store=tmp_path / "store", workers=2)
    assert done.n_made == 4
    assert contents(tmp_path / "store") == contents(prepared.path)


def test_recordings_are_added_and_their_order_does_not_matter(prepared, recordings, tmp_path):
    store = tmp_path / "store"
    assert prepare(recordings[2:3], store=store).n_made == 1
    done = prepare(reversed(recordings), store=store)
    assert (done.n_made, done.n_kept) == (3, 1)
    assert contents(store) == contents(prepared.path)


def prepared_from(tree, store):
    prepare(deap.read(tree), store=store)


def test_after_a_kill_at_any_moment_the_next_run_ends_with_the_same_bytes(
    prepared, tree, recordings, tmp_path
):
    store = tmp_path / "store"
    rng = np.random.default_rng(1)
    killed = 0
    for delay_s in rng.uniform(0.0, 0.9, 2):
        n_before = len(list((store / "recordings").glob("*")))
        child = process(prepared_from, tree, store)
        child.start()
        # The clock starts when the first new thing appears under the store.
        while child.is_alive() and len(list((store / "recordings").glob("*"))) <= n_before:
            time.sleep(0.01)
        time.sleep(delay_s)
        child.kill()
        child.join()
        killed += child.exitcode == -signal.SIGKILL
        for folder in (store / "recordings").glob("[!.]*"):
            read_record(folder)  # whole, or it would raise
    assert killed
    prepare(recordings, store=store)
    assert contents(store) == contents(prepared.path)


def test_what_killed_runs_leave_is_swept_wherever_it_lies(copy, recordings):
    before = contents(copy)
    (copy / ".index.123.part.parquet").write_bytes(b"half")
    (copy / "recordings" / ".0123.99.part").mkdir()
    (copy / "recordings" / ".0123.99.part" / "faces.u8").write_bytes(b"half")
    prepare(recordings, store=copy)
    assert contents(copy) == before


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (PrepareConfig(fps_hz=12.5), "fps_hz"),
        (PrepareConfig(follow=FollowConfig(max_faces=1, look_every_s=0.5)), "follow"),
        (PrepareConfig(follow=FollowConfig(max_faces=1, min_face_fraction=0.3)), "detector"),
    ],
)
def test_a_store_of_other_settings_is_refused_and_left_alone(copy, recordings, config, named):
    before = contents(copy)
    with pytest.raises(BadInput, match=f"the same settings.*{named}"):
        prepare(recordings, store=copy, config=config)
    assert contents(copy) == before


def test_the_store_names_the_detector_and_its_weights(prepared):
    fingerprint = Mtcnn(min_face_fraction=FollowConfig().min_face_fraction).fingerprint
    assert prepared.config["detector"] == {"name": "mtcnn", "fingerprint": fingerprint}


def test_a_changed_video_takes_the_place_of_the_old_one(copy, recordings):
    changed = dataclasses.replace(recordings[0], video=recordings[1].video)
    old = open_store(copy).recordings[0]
    done = prepare([changed], store=copy)
    new = done.store.recordings[0]
    assert (done.n_made, len(done.store)) == (1, 4)
    assert new.id == old.id
    assert new.key != old.key
    assert not old.folder.exists()
    assert len(list((copy / "recordings").iterdir())) == 4


# Recordings that cannot be used


def no_face(recording, folder):
    wall = np.random.default_rng(0).normal(120, 3, (25, 128, 160, 3)).clip(0, 255).astype(np.uint8)
    encode(folder / "wall.avi", (wall[k % 25] for k in range(150)), fps_hz=FPS_HZ)
    return dataclasses.replace(recording, video=folder / "wall.avi")


def cut(recording, folder):
    whole = recording.video.read_bytes()
    (folder / "cut.avi").write_bytes(whole[: len(whole) // 2])
    return dataclasses.replace(recording, video=folder / "cut.avi")


def too_short(recording, folder):
    images = [frame.image for frame in frames(recording.video, end_s=4.0)]
    encode(folder / "short.avi", images, fps_hz=FPS_HZ)
    return dataclasses.replace(recording, video=folder / "short.avi")


def no_frames(recording, folder):
    whole = recording.video.read_bytes()
    (folder / "header.avi").write_bytes(whole[: whole.index(b"movi") + 4])
    return dataclasses.replace(recording, video=folder / "header.avi")


def no_file(recording, folder):
    return dataclasses.replace(recording, video=folder / "absent.avi")


def empty_file(recording, folder):
    (folder / "empty.avi").touch()
    return dataclasses.replace(recording, video=folder / "empty.avi")


def with_signal(recording, values):
    was = recording.load_signal()
    changed = Signal(was.kind, values, was.fs_hz, was.start_s)
    return dataclasses.replace(recording, load_signal=lambda: changed)


def flat_ppg(recording, _folder):
    return with_signal(recording, np.full_like(recording.load_signal().values, -9000.0))


def nan_ppg(recording, _folder):
    return with_signal(recording, np.full_like(recording.load_signal().values, np.nan))


def unreadable_signal(recording, _folder):
    def fail():
        raise BadInput("s01.dat", expected="a pickle", found="a JPEG")

    return dataclasses.replace(recording, load_signal=fail)


FAULTS = {
    no_face: "a face in at least 50%",
    cut: "as long as the physiology",
    too_short: "as long as the physiology",
    no_frames: "at least one frame|a frame rate|FFmpeg",
    no_file: "no such file",
    empty_file: "FFmpeg",
    flat_ppg: "",
    nan_ppg: "",
    unreadable_signal: "a pickle",
}


@pytest.fixture(scope="module")
def faulty(recordings, tmp_path_factory):
    """The same four recordings, and after them one of every fault."""
    folder = tmp_path_factory.mktemp("faults")
    bad = [
        dataclasses.replace(fault(recordings[0], folder), trial=fault.__name__) for fault in FAULTS
    ]
    return [*bad, *recordings]


@pytest.fixture(scope="module")
def survived(faulty, tmp_path_factory):
    told = []
    store = tmp_path_factory.mktemp("faults") / "store"
    return prepare(faulty, store=store, on_problem=told.append), told


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_bad_recording_is_skipped_and_named(survived, fault):
    done, told = survived
    mine = [problem for problem in done.problems if problem.where == f"deap/s01/{fault.__name__}"]
    assert [problem.severity for problem in mine] == ["error"]
    assert re.search(FAULTS[fault], str(mine[0]))
    assert mine[0].found
    assert mine[0] in told


def test_bad_recordings_cost_the_others_nothing(survived, prepared):
    done, _ = survived
    assert (done.n_made, done.n_skipped) == (4, len(FAULTS))
    assert contents(done.store.path) == contents(prepared.path)


def test_a_recording_that_went_bad_keeps_what_was_prepared(copy, recordings, tmp_path):
    before = contents(copy)
    done = prepare([cut(recordings[0], tmp_path), *recordings[1:]], store=copy)
    assert (done.n_made, done.n_kept, done.n_skipped) == (0, 3, 1)
    assert len(done.store) == 4
    assert contents(copy) == before


def test_nothing_but_bad_recordings_gives_no_store_but_all_their_names(recordings, tmp_path):
    done = prepare([no_file(recordings[0], tmp_path)], store=tmp_path / "store")
    assert done.store is None
    assert done.n_skipped == 1


def test_a_damaged_folder_is_made_anew(copy, recordings, prepared):
    os.truncate(open_store(copy).recordings[0].folder / "faces.u8", 1000)
    done = prepare(recordings, store=copy)
    assert (done.n_made, done.n_kept, done.problems) == (1, 3, ())
    assert contents(copy) == contents(prepared.path)


def test_a_damaged_folder_that_cannot_be_made_anew_is_named(copy, recordings):
    os.truncate(open_store(copy).recordings[0].folder / "faces.u8", 1000)
    done = prepare(recordings[1:], store=copy)
    assert [problem.expected for problem in done.problems] == [f"{150 * 64 * 64 * 3} bytes"]
    assert len(done.store) == 3


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"fps_hz": 0.0}, "fps_hz"),
        ({"min_face_share": 1.5}, "min_face_share"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        PrepareConfig(**wrong)


def test_a_trial_has_one_person_whatever_the_settings_for_other_films_say():
    assert PrepareConfig(follow=FollowConfig(max_faces=8)).follow.max_faces == 1
