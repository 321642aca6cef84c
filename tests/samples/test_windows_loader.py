import dataclasses

import numpy as np
import pytest
import torch

from made_store import make_store
from pulsefer.core.errors import BadInput
from pulsefer.samples.loader import Shuffled, loader
from pulsefer.samples.store import open_store
from pulsefer.samples.window import PRESETS, WindowConfig, window


def test_windows_carry_label_and_the_planted_heart_rate(small_store):
    found = window(small_store)
    assert len(found.windows) == 4 * 4 * 12
    for one in found.windows:
        subject, trial = int(one.subject[1:]), int(one.trial[5:])
        assert one.hr_bpm == pytest.approx(60 + 3 * subject + 2 * trial, abs=1.0)
        assert one.hr_reason == ""


def test_the_paper_preset_is_one_second_of_five_frames_and_pulse_has_room_for_beats():
    assert (PRESETS["paper"].length_s, PRESETS["paper"].n_frames) == (1.0, 5)
    assert (PRESETS["pulse"].length_s, PRESETS["pulse"].n_frames) == (10.0, 125)


def test_windows_never_reach_past_the_trial(small_store):
    for length_s, step_s in ((1.0, 0.3), (5.0, 2.0), (12.0, 12.0)):
        found = window(small_store, WindowConfig(length_s=length_s, step_s=step_s))
        assert max(w.start_s + w.length_s for w in found.windows) <= 12.0 + 1e-9
    with pytest.raises(BadInput, match="too short"):
        window(small_store, WindowConfig(length_s=13.0))


def test_a_window_without_a_face_is_left_out_and_counted(tmp_path):
    store = make_store(tmp_path, subjects=2, trials=2)
    track = store.recordings[0].track.copy()
    track.loc[10:14, "seen"] = False  # the third second
    track.to_parquet(store.recordings[0].folder / "track.parquet", index=False)
    found = window(open_store(tmp_path))
    assert found.left_out == {"face": 1}
    assert len(found.windows) == 2 * 2 * 12 - 1


def test_the_threshold_rule_reaches_the_labels(small_store):
    arousal = {
        rule: [w.emotion for w in window(small_store, dataclasses.replace(
            WindowConfig(), dimension="arousal", threshold=rule)).windows]
        for rule in ("ge5", "gt5")
    }  # fmt: skip
    assert set(arousal["ge5"]) == {1}
    assert set(arousal["gt5"]) == {0}
    with pytest.raises(BadInput, match="middle"):
        window(small_store, WindowConfig(dimension="arousal", threshold="drop_middle"))


def test_a_bad_stretch_of_the_signal_rejects_its_windows_and_says_why(tmp_path):
    store = make_store(tmp_path, subjects=1, trials=2, seconds=30.0)
    values = store.recordings[0].signal.values.copy()
    noise = np.random.default_rng(0).normal(0, 5 * values.std(), 128 * 12)
    values[-128 * 12 :] = noise
    np.save(store.recordings[0].folder / "signal.npy", values)
    found = window(open_store(tmp_path))
    first = [w for w in found.windows if w.trial == "trial01"]
    assert np.isfinite([w.hr_bpm for w in first[:12]]).all()
    assert np.isnan([w.hr_bpm for w in first[-6:]]).all()
    assert sum(found.hr_rejected.values()) == sum(1 for w in found.windows if w.hr_reason)


def test_batches_hold_the_frames_that_the_windows_name(small_store):
    found = window(small_store)
    batch = next(iter(loader(small_store, found, [0, 5, 30], batch_size=8)))
    assert batch.frames.shape == (3, 5, 64, 64, 3)
    assert batch.frames.dtype == torch.uint8
    for row, index in enumerate([0, 5, 30]):
        one = found.windows[index]
        recording = next(r for r in small_store if r.key == one.key)
        start = round(one.start_s * 5)
        np.testing.assert_array_equal(batch.frames[row], recording.faces[start : start + 5])
        assert batch.emotion[row] == one.emotion
    assert batch.place.tolist() == [0, 5, 30]


def test_the_order_depends_on_seed_and_epoch_alone():
    order = Shuffled(50, seed=3)
    first = list(order)
    order.set_epoch(1)
    second = list(order)
    order.set_epoch(0)
    assert list(order) == first
    assert first != second
    assert sorted(second) == list(range(50))


def test_what_is_no_store_is_refused_with_advice(tmp_path):
    with pytest.raises(BadInput, match="data prepare"):
        open_store(tmp_path)
    store = make_store(tmp_path / "s", subjects=1, trials=2)
    faces = store.recordings[0].folder / "faces.u8"
    faces.write_bytes(faces.read_bytes()[:-1])
    with pytest.raises(BadInput, match="prepare again"):
        open_store(tmp_path / "s")
    (tmp_path / "s" / "store.json").write_text('{"format": 99, "config": {}}')
    with pytest.raises(BadInput, match="layout 99"):
        open_store(tmp_path / "s")
