"""From pictures to a store of faces: whole or absent, the same bytes, nothing lost to a bad one."""

import dataclasses
import math
import os
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from killed import process
from made_faces import make_faces, noise_still
from made_store import make_store
from pulsefer.core.errors import BadInput
from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.types import Picture, Still
from pulsefer.faces.crop import CropConfig, crop, crop_frame
from pulsefer.faces.mtcnn import Mtcnn
from pulsefer.samples.face_store import STILLS_JSON, open_face_store
from pulsefer.samples.prepare_stills import StillsConfig, prepare_stills

N = 300


@pytest.fixture(scope="module")
def stills():
    return [noise_still(number) for number in range(N)]


@pytest.fixture(scope="module")
def prepared(stills, tmp_path_factory):
    """An undisturbed store. Never change it; copy it."""
    done = prepare_stills(stills, store=tmp_path_factory.mktemp("faces") / "store")
    assert (done.n_made, done.n_kept, done.problems) == (N, 0, ())
    return done.store


@pytest.fixture
def copy(prepared, tmp_path):
    return shutil.copytree(prepared.path, tmp_path / "store")


def contents(folder):
    """Every file below a folder, hidden ones too."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def as_still(image, landmarks_px=None, *, name="1", aspect=1.0):
    return Still(
        "test", "p1", "c1", name, 0.5, -0.5, "real",
        load=lambda: Picture(image, landmarks_px, aspect),
        content=lambda: fingerprint([image, aspect]),
    )  # fmt: skip


def face(still, tmp_path, **config):
    done = prepare_stills([still], store=tmp_path / "one", config=StillsConfig(**config))
    assert done.problems == ()
    return done.store.faces([0])[0]


def alike(one, other):
    """Correlation of two crops: 1 where they lie over each other."""
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


# What is in the store


def test_every_face_is_there_with_its_labels(prepared, stills):
    assert len(prepared) == N
    assert prepared.data_kind == "synthetic"
    table = prepared.table
    assert list(table["name"]) == sorted(still.name for still in stills)
    for column in ("dataset", "person", "clip", "valence", "arousal", "data_kind"):
        expected = pd.Series([getattr(still, column) for still in stills], name=column)
        pd.testing.assert_series_equal(table[column], expected)


def test_a_face_is_the_crop_of_its_picture(prepared, stills):
    chosen = [7, 250, 7, 0]
    faces = prepared.faces(chosen)
    assert faces.shape == (4, 64, 64, 3)
    assert faces.dtype == np.uint8
    for found, number in zip(faces, chosen, strict=True):
        picture = stills[number].load()
        expected = crop(picture.image, crop_frame(picture.landmarks_px))
        assert np.array_equal(found, expected)


def test_no_faces_are_a_fine_batch(prepared):
    assert prepared.faces([]).shape == (0, 64, 64, 3)


def test_parts_are_of_a_size_that_a_kill_may_cost(prepared):
    sizes = prepared.table.groupby("part").size()
    assert len(sizes) > 1
    assert sizes.max() <= 256


def test_the_store_says_how_its_faces_were_cut(prepared):
    assert dict(prepared.crop) == dataclasses.asdict(CropConfig())
    assert prepared.config["detector"]["name"] == "mtcnn"


# Faces that nobody marked, and pixels that are not square


@pytest.fixture(scope="module")
def portrait():
    from skimage.data import astronaut

    return astronaut()


@pytest.fixture(scope="module")
def marks(portrait):
    return Mtcnn(min_face_fraction=0.1).detect(portrait)[0].landmarks_px


def test_a_face_without_landmarks_is_found(portrait, marks, tmp_path):
    found = face(as_still(portrait), tmp_path)
    assert np.array_equal(found, crop(portrait, crop_frame(marks)))


def test_of_several_faces_the_largest_is_taken(portrait, marks, tmp_path):
    small = np.asarray(Image.fromarray(portrait).reduce(2))[:, ::-1]
    both = np.concatenate([portrait, np.pad(small, ((0, 256), (0, 0), (0, 0)))], axis=1)
    assert alike(face(as_still(both), tmp_path), crop(portrait, crop_frame(marks))) > 0.85


@pytest.mark.parametrize("aspect", [4 / 3, 64 / 45, 8 / 9])
def test_a_squeezed_picture_gives_the_face_it_was_squeezed_from(portrait, marks, aspect, tmp_path):
    width = round(512 / aspect)
    aspect = 512 / width
    squeezed = np.asarray(Image.fromarray(portrait).resize((width, 512), Image.Resampling.BICUBIC))
    still = as_still(squeezed, marks / [aspect, 1.0], aspect=aspect)
    expected = crop(portrait, crop_frame(marks)).astype(int)
    difference = np.abs(face(still, tmp_path) - expected)
    assert difference.mean() < 1.5
    assert np.quantile(difference, 0.95) <= 5
    ignored = dataclasses.replace(still, load=lambda: Picture(squeezed, marks / [aspect, 1.0]))
    assert np.abs(face(ignored, tmp_path / "ignored") - expected).mean() > 5 * difference.mean()


def test_a_squeezed_face_without_landmarks_is_found_as_well(portrait, marks, tmp_path):
    squeezed = np.asarray(Image.fromarray(portrait).resize((384, 512), Image.Resampling.BOX))
    found = face(as_still(squeezed, aspect=4 / 3), tmp_path)
    assert alike(found, crop(portrait, crop_frame(marks))) > 0.85


def test_a_smaller_face_is_found_when_it_is_looked_for(portrait, tmp_path):
    far = np.asarray(Image.fromarray(portrait).reduce(2))
    far = np.pad(far, ((0, 400), (0, 400), (0, 0)), "edge")
    done = prepare_stills([as_still(far)], store=tmp_path / "s", config=StillsConfig(0.3))
    assert done.store is None
    assert [problem.expected for problem in done.problems] == ["a face"]
    assert face(as_still(far), tmp_path, min_face_fraction=0.08).std() > 20


# Whole or absent, and the same bytes


def test_a_second_run_makes_nothing_and_changes_nothing(copy, stills):
    before = contents(copy)
    done = prepare_stills(stills, store=copy)
    assert (done.n_made, done.n_kept, done.problems) == (0, N, ())
    assert contents(copy) == before


def test_two_workers_write_the_same_bytes_as_one_in_any_order(prepared, stills, tmp_path):
    amounts = []
    done = prepare_stills(
        reversed(stills), store=tmp_path / "store", workers=2, advance=amounts.append
    )
    assert done.n_made == sum(amounts) == N
    assert contents(tmp_path / "store") == contents(prepared.path)


def test_pictures_that_come_later_leave_what_is_there_and_change_one_part(
    prepared, stills, tmp_path
):
    store = tmp_path / "store"
    prepare_stills([*stills[:100], *stills[120:]], store=store)
    done = prepare_stills(stills, store=store)
    assert 20 <= done.n_made <= 256
    assert done.n_kept == N - done.n_made
    assert contents(store) == contents(prepared.path)


def test_a_start_with_some_of_the_pictures_keeps_the_others(copy, prepared, stills):
    done = prepare_stills(stills[:50], store=copy)
    assert len(done.store) == N
    assert np.array_equal(done.store.faces(range(N)), prepared.faces(range(N)))
    prepare_stills(stills, store=copy)
    assert contents(copy) == contents(prepared.path)


def test_a_changed_label_or_picture_takes_the_place_of_the_old_one(copy, stills):
    changed = [*stills[:-1], dataclasses.replace(stills[-1], valence=0.123)]
    done = prepare_stills(changed, store=copy)
    assert len(done.store) == N
    assert done.store.table["valence"].iloc[-1] == 0.123
    assert 0 < done.n_made < N
    parts = {path.name for path in (copy / "parts").iterdir()}
    assert parts == set(done.store.table["part"])


def noise_prepared(store):
    prepare_stills([noise_still(n) for n in range(N)], store=store)


def test_after_a_kill_at_any_moment_the_next_run_ends_with_the_same_bytes(
    prepared, stills, tmp_path
):
    store = tmp_path / "store"
    killed = 0
    for delay_s in (0.0, 0.15):
        n_before = len(list(store.glob("parts/*")))
        child = process(noise_prepared, store)
        child.start()
        # The clock starts when the first new thing appears under the store.
        while child.is_alive() and len(list(store.glob("parts/*"))) <= n_before:
            time.sleep(0.002)
        time.sleep(delay_s)
        child.kill()
        child.join()
        killed += child.exitcode == -signal.SIGKILL
    assert killed
    prepare_stills(stills, store=store)
    assert contents(store) == contents(prepared.path)


def test_a_damaged_part_is_made_anew(copy, prepared, stills):
    part = next((copy / "parts").iterdir())
    os.truncate(part / "faces.u8", 1000)
    with pytest.raises(BadInput, match=r"faces\.u8.*prepare again"):
        open_face_store(copy)
    done = prepare_stills(stills, store=copy)
    assert 0 < done.n_made < N
    assert done.problems == ()
    assert contents(copy) == contents(prepared.path)


def test_a_part_that_is_cut_while_the_store_is_open_gives_no_half_faces(copy):
    store = open_face_store(copy)
    for part in (copy / "parts").iterdir():
        os.truncate(part / "faces.u8", 1000)
    with pytest.raises(BadInput, match="the end of the file"):
        store.faces([0])


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no list of open files here")
def test_parts_are_not_held_open(prepared):
    before = len(os.listdir("/proc/self/fd"))
    prepared.faces(range(N))
    assert len(os.listdir("/proc/self/fd")) == before


# Pictures that cannot be used


def unreadable(still):
    def fail():
        raise BadInput("00007.png", expected="a PNG", found="a text")

    return dataclasses.replace(still, load=fail)


def gone(still):
    def fail():
        raise FileNotFoundError("no such file: 00007.png")

    return dataclasses.replace(still, load=fail, content=fail)


def faceless(still):
    wall = np.full((96, 96, 3), 120, np.uint8)
    return dataclasses.replace(still, load=lambda: Picture(wall), content=lambda: "wall")


def with_marks(still, marks):
    image = still.load().image
    return dataclasses.replace(
        still, load=lambda: Picture(image, marks), content=lambda: fingerprint(marks)
    )


def upside_down(still):
    return with_marks(still, still.load().landmarks_px[[3, 4, 2, 0, 1]])


def nan_marks(still):
    return with_marks(still, np.full((5, 2), np.nan))


def marks_of_another_kind(still):
    return with_marks(still, np.zeros((68, 3)))


def marks_outside(still):
    return with_marks(still, still.load().landmarks_px + 500)


def grey(still):
    return dataclasses.replace(still, load=lambda: Picture(np.zeros((96, 96), np.uint8)))


def odd_pixels(still):
    return dataclasses.replace(
        still, load=lambda: dataclasses.replace(noise_still(0).load(), pixel_aspect=math.nan)
    )


def wild_label(still):
    return dataclasses.replace(still, valence=7.0)


FAULTS = {
    unreadable: "a PNG, found a text",
    gone: "no such file",
    faceless: "expected a face, found none",
    upside_down: "a mouth below the eyes",
    nan_marks: "finite numbers",
    marks_of_another_kind: "five|\\(5, 2\\)",
    marks_outside: "inside the picture of 96x96",
    grey: "RGB",
    odd_pixels: "pixel aspect of nan",
    wild_label: "-1 to 1",
}


@pytest.fixture(scope="module")
def survived(stills, tmp_path_factory):
    bad = [
        fault(dataclasses.replace(noise_still(number), name=f"bad/{fault.__name__}"))
        for number, fault in enumerate(FAULTS)
    ]
    told = []
    store = tmp_path_factory.mktemp("faults") / "store"
    done = prepare_stills([*bad, *stills[:20]], store=store, on_problem=told.append)
    again = prepare_stills([*bad, *stills[:20]], store=store)
    return done, told, again


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_bad_picture_is_skipped_and_named(survived, fault):
    done, told, _ = survived
    mine = [p for p in done.problems if p.where == f"noise/bad/{fault.__name__}"]
    assert [problem.severity for problem in mine] == ["error"]
    assert told.count(mine[0]) == 1
    assert re.search(FAULTS[fault], str(mine[0]))


def test_bad_pictures_cost_the_others_nothing(survived, prepared):
    done, _, _ = survived
    assert (done.n_made, done.n_skipped) == (20, len(FAULTS))
    assert np.array_equal(done.store.faces(range(20)), prepared.faces(range(20)))


def test_a_second_run_names_them_again_without_reading_them(survived):
    done, _, again = survived
    assert (again.n_made, again.n_kept) == (0, 20)
    assert again.problems == done.problems


def test_a_picture_that_can_be_read_again_is_made(tmp_path):
    whole = noise_still(1)
    assert prepare_stills([gone(whole)], store=tmp_path).store is None
    done = prepare_stills([whole], store=tmp_path)
    assert (done.n_made, len(done.store), done.problems) == (1, 1, ())


def test_a_name_that_occurs_twice_is_named_and_taken_once(tmp_path):
    done = prepare_stills([noise_still(1), noise_still(1)], store=tmp_path)
    assert (len(done.store), done.n_skipped) == (1, 1)
    assert "occurs once" in str(done.problems[0])


# Folders that are something else


def test_a_store_of_other_settings_is_refused_and_left_alone(copy, stills):
    before = contents(copy)
    with pytest.raises(BadInput, match=r"the same settings.*crop"):
        prepare_stills(stills, store=copy, config=StillsConfig(crop=CropConfig(top=0.6)))
    assert contents(copy) == before


def test_a_store_of_recordings_is_told_from_one_of_faces(tmp_path):
    recordings = make_store(tmp_path, subjects=1, trials=1).path
    with pytest.raises(BadInput, match=r"a store of recordings.*pulsefer train STORE"):
        open_face_store(recordings)
    with pytest.raises(BadInput, match="a store of recordings"):
        prepare_stills([], store=recordings)
    assert not (recordings / STILLS_JSON).exists()


def test_a_folder_without_a_store_and_an_empty_store_are_refused_with_advice(tmp_path):
    with pytest.raises(BadInput, match="pulsefer data prepare"):
        open_face_store(tmp_path)
    assert prepare_stills([], store=tmp_path).store is None
    with pytest.raises(BadInput, match="at least one face"):
        open_face_store(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 99, "config": 0}'])
def test_a_description_that_is_none_is_refused(copy, text):
    (copy / STILLS_JSON).write_text(text)
    with pytest.raises(BadInput, match=r"faces\.json"):
        open_face_store(copy)


def test_another_layout_is_refused(copy):
    text = (copy / STILLS_JSON).read_text().replace('"format": 1', '"format": 2')
    (copy / STILLS_JSON).write_text(text)
    with pytest.raises(BadInput, match="layout 2"):
        open_face_store(copy)


def test_a_damaged_index_is_refused(copy):
    (copy / "index.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(BadInput, match=r"index\.parquet.*a table of faces"):
        open_face_store(copy)


def test_a_store_made_for_tests_is_one(tmp_path):
    store = make_faces(tmp_path, persons=3)
    assert len(store) == 36
    assert store.faces([35, 0]).shape == (2, 64, 64, 3)


@pytest.mark.parametrize("fraction", [0.0, 1.5, math.nan])
def test_settings_that_cannot_be_meant_are_refused(fraction):
    with pytest.raises(ValueError, match="min_face_fraction"):
        StillsConfig(min_face_fraction=fraction)
