"""Signals beside the pulse: kept, added to what was there, and never a reason to lose a trial."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.datasets import deap
from pulsefer.datasets.deap_fake import write_fake
from pulsefer.samples import prepare as room
from pulsefer.samples.prepare import prepare
from pulsefer.samples.store import open_store


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    root = tmp_path_factory.mktemp("others") / "DEAP"
    size = {"width_px": 128, "height_px": 96, "fps_hz": 5.0}
    write_fake(root, subjects=1, trials=2, seconds=6.0, **size)
    return list(deap.read(root))


@pytest.fixture(scope="module")
def prepared(recordings, tmp_path_factory):
    """Never change it; copy it."""
    done = prepare(recordings, store=tmp_path_factory.mktemp("others") / "store")
    assert (done.n_made, done.problems) == (2, ())
    return done.store


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def without_others(recordings):
    return [dataclasses.replace(recording, load_other={}) for recording in recordings]


def as_before(store, copy):
    """The same store as it was made before other signals were kept."""
    shutil.copytree(store, copy)
    for folder in (copy / "recordings").iterdir():
        (folder / "eda.npy").unlink()
        record = json.loads((folder / "record.json").read_text())
        del record["others"]
        (folder / "record.json").write_text(json.dumps(record, indent=1, sort_keys=True))
    return copy


def offering(recording, load):
    return dataclasses.replace(recording, load_other={"eda": load})


def test_the_skin_is_in_the_store_on_the_clock_of_the_pulse(prepared, recordings):
    for stored, recording in zip(prepared, recordings, strict=True):
        assert set(stored.others) == {"eda"}
        kept, original = stored.others["eda"], recording.load_other["eda"]()
        assert (kept.kind, kept.fs_hz, kept.start_s) == ("eda", 128.0, -3.0)
        np.testing.assert_array_equal(kept.values, original.values)
        assert kept.end_s == stored.signal.end_s


def test_a_store_of_before_opens_and_has_none(prepared, tmp_path):
    old = open_store(as_before(prepared.path, tmp_path / "old"))
    assert [dict(stored.others) for stored in old] == [{}, {}]
    assert [stored.key for stored in old] == [stored.key for stored in prepared]


def test_preparing_again_adds_what_lacks_without_decoding_and_ends_in_the_same_bytes(
    prepared, recordings, tmp_path, monkeypatch
):
    old = as_before(prepared.path, tmp_path / "old")

    def decode(*_, **__):
        raise AssertionError("a video was decoded")

    monkeypatch.setattr(room, "frames", decode)
    done = prepare(recordings, store=old)
    assert (done.n_made, done.n_kept, done.problems) == (0, 2, ())
    assert contents(old) == contents(prepared.path)


def test_a_kill_between_signal_and_record_is_mended(prepared, recordings, tmp_path):
    old = as_before(prepared.path, tmp_path / "old")
    folder = next((old / "recordings").iterdir())
    (folder / "eda.npy").write_bytes(b"half")
    (folder / ".eda.7.part.npy").write_bytes(b"half")
    prepare(recordings, store=old)
    assert contents(old) == contents(prepared.path)


def test_another_skin_takes_the_place_of_the_old_one(prepared, recordings, tmp_path):
    copy = shutil.copytree(prepared.path, tmp_path / "store")
    was = recordings[0].load_other["eda"]()
    louder = dataclasses.replace(was, values=2 * was.values)
    store = prepare([offering(recordings[0], lambda: louder)], store=copy).store
    np.testing.assert_array_equal(store.recordings[0].others["eda"].values, louder.values)
    before, after = (one.recordings[0].record["others"]["eda"] for one in (prepared, store))
    assert before["fingerprint"] != after["fingerprint"]


def test_what_a_reader_no_longer_offers_stays(prepared, recordings, tmp_path):
    copy = shutil.copytree(prepared.path, tmp_path / "store")
    prepare(without_others(recordings), store=copy)
    assert contents(copy) == contents(prepared.path)


@pytest.mark.parametrize(
    "error", [BadInput("x.bdf", expected="a signal that changes", found="0"), OSError("gone")]
)
def test_a_sensor_that_cannot_be_read_is_a_note_and_the_trial_is_kept(
    prepared, recordings, tmp_path, error
):
    copy = as_before(prepared.path, tmp_path / "store")

    def fail():
        raise error

    done = prepare([offering(recordings[0], fail), recordings[1]], store=copy)
    assert [(one.where, one.severity) for one in done.problems] == [(recordings[0].id, "note")]
    assert str(error) in done.problems[0].found
    assert done.n_skipped == 0
    assert [sorted(stored.others) for stored in done.store] == [[], ["eda"]]


def test_only_the_skin_is_kept_of_what_a_reader_offers(prepared, recordings, tmp_path):
    copy = as_before(prepared.path, tmp_path / "store")
    eda = recordings[0].load_other["eda"]
    more = dataclasses.replace(recordings[0], load_other={"eda": eda, "respiration": eda})
    done = prepare([more], store=copy)
    assert set(done.store.recordings[0].others) == {"eda"}
