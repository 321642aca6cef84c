"""What the order of the frames is worth to a finished network."""

import dataclasses

import numpy as np
import pytest
import torch

from pulsefer.core.errors import BadInput
from pulsefer.metrics.score import score
from pulsefer.models.crnn import CrnnConfig
from pulsefer.samples.loader import loader
from pulsefer.samples.placebo import with_auxiliary
from pulsefer.samples.window import WindowConfig, window
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.probe import SHUFFLED, frame_order, out_of_order, shuffled
from pulsefer.training.run import train

QUICK = TrainConfig(epochs=2, batch_size=16)
FIVE = WindowConfig(step_s=4.0)
PREDICTED = ["emotion_prob", "hr_pred_bpm"]


def trained(store, windows, folder, *, by="subject", **settings):
    protocol = Protocol(by=by, folds=2, validation=0.0)
    config = dataclasses.replace(QUICK, **settings)
    return train(store, windows, protocol, config, folder=folder, final=False)


def test_the_frames_of_a_window_are_the_same_ones_in_another_order(small_store):
    windows = window(small_store, FIVE)
    ids = [one.id for one in windows.windows]
    places = list(range(6))
    (plain,) = loader(small_store, windows, places)
    (mixed,) = out_of_order([plain], ids, seed=3)
    for before, after, place in zip(plain.frames, mixed.frames, places, strict=True):
        order = frame_order(ids[place], 5, seed=3)
        assert sorted(order.tolist()) == list(range(5))
        assert torch.equal(after, before[torch.from_numpy(order)])
    assert not torch.equal(plain.frames, mixed.frames)
    for name in ("emotion", "hr_bpm", "place"):
        assert torch.equal(getattr(plain, name), getattr(mixed, name))


def test_the_order_depends_on_the_window_and_the_seed_and_not_on_its_batch(small_store):
    windows = window(small_store, FIVE)
    ids = [one.id for one in windows.windows]
    together = next(out_of_order(loader(small_store, windows, [0, 1, 2, 3]), ids, seed=0))
    alone = next(out_of_order(loader(small_store, windows, [2]), ids, seed=0))
    assert torch.equal(together.frames[2], alone.frames[0])
    orders = {(name, seed): frame_order(name, 60, seed=seed) for name in ids[:3] for seed in (0, 1)}
    assert len({order.tobytes() for order in orders.values()}) == 6


@pytest.mark.parametrize("by", ["subject", "trial_within"])
def test_with_one_frame_nothing_changes(small_store, tmp_path, by):
    windows = window(small_store, WindowConfig(n_frames=1, step_s=4.0))
    run = trained(small_store, windows, tmp_path, by=by)
    found = shuffled(run, small_store, windows)
    assert set(found["selection"]) == {SHUFFLED}
    last = run.predictions.sort_values(["place"], ignore_index=True)
    again = found.sort_values(["place"], ignore_index=True)
    assert again.drop(columns="selection").equals(last.drop(columns="selection"))


def test_with_five_frames_the_answers_change_and_the_truth_does_not(small_store, tmp_path):
    windows = window(small_store, FIVE)
    model = CrnnConfig(input="both", dropout=0.0)
    run = trained(small_store, windows, tmp_path, model=model, hr_by_dataset=True)
    found = shuffled(run, small_store, windows)
    truth = [name for name in found if name not in [*PREDICTED, "selection"]]
    assert found[truth].equals(run.predictions[truth])
    for name in PREDICTED:
        assert not np.allclose(found[name], run.predictions[name], atol=1e-6)
    assert score(found, n_bootstrap=50).n_windows == len(windows.windows)


def test_what_was_predicted_once_is_not_predicted_again(small_store, tmp_path):
    windows = window(small_store, FIVE)
    run = trained(small_store, windows, tmp_path)
    first = shuffled(run, small_store, windows, seed=1)
    for file in tmp_path.glob("folds/*/last.safetensors"):
        file.unlink()
    assert shuffled(run, small_store, windows, seed=1).equals(first)


def test_windows_of_another_target_or_length_are_refused(small_store, tmp_path):
    windows = window(small_store, FIVE)
    run = trained(small_store, windows, tmp_path)
    with pytest.raises(BadInput, match="those that it was trained on"):
        shuffled(run, small_store, with_auxiliary(windows, "subject_mean"))
    with pytest.raises(BadInput):
        shuffled(run, small_store, window(small_store, WindowConfig(step_s=3.0)))
