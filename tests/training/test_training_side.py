"""What knowing only the training side would answer, and that it is the training side."""

import math

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.models.checkpoint import CnnWeights
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.samples.split import split
from pulsefer.samples.window import Window, WindowConfig, window
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import open_run, train
from pulsefer.training.training_side import training_side

COARSE = WindowConfig(step_s=4.0)
QUICK = TrainConfig(epochs=1, batch_size=16)


def one(dataset, emotion, hr_bpm):
    return Window(dataset, "s", "t", "v", "k", 0.0, 1.0, emotion, hr_bpm, "")


def test_share_and_mean_are_those_of_each_data_set():
    side = training_side(
        [one("a", 1, 60.0), one("a", 1, 70.0), one("a", 0, math.nan), one("b", 0, 90.0)]
    )
    np.testing.assert_allclose(side.of(["b", "a"]), [[0.0, 90.0], [2 / 3, 65.0]])
    np.testing.assert_allclose(side.of(["c"]), [[0.5, 220 / 3]])
    assert side.of([]).shape == (0, 2)


def test_without_rates_the_mean_is_unknown():
    side = training_side([one("a", 1, math.nan)])
    assert side.of(["a"])[0, 0] == 1.0
    assert math.isnan(side.of(["a"])[0, 1])


@pytest.fixture(scope="module")
def cut(small_store):
    return window(small_store, COARSE)


def test_predictions_carry_what_their_own_fold_learned_from(small_store, cut, tmp_path):
    protocol = Protocol(folds=2, validation=0.3)
    colour = {"pos": np.arange(len(cut.windows), dtype=float)}
    run = train(
        small_store, cut, protocol, QUICK, folder=tmp_path, final=False,
        marks={"auxiliary": "true"}, colour=colour,
    )  # fmt: skip
    for fold in split(cut.windows, by="subject", folds=2, validation=0.3):
        rows = run.predictions[run.predictions["fold"] == fold.fold]
        learned = [cut.windows[index] for index in fold.train]
        share = np.mean([w.emotion for w in learned])
        mean = np.nanmean([w.hr_bpm for w in learned])
        np.testing.assert_allclose(rows["high_train_share"], share)
        np.testing.assert_allclose(rows["hr_train_mean_bpm"], mean)
    places = run.predictions["place"].to_numpy()
    assert [cut.windows[k].trial for k in places] == run.predictions["trial"].tolist()
    np.testing.assert_array_equal(run.predictions["hr_pos_bpm"], places)
    assert open_run(tmp_path).about == run.about
    assert run.about["marks"] == {"auxiliary": "true"}


def test_marks_make_another_run(small_store, cut, tmp_path):
    protocol = Protocol(folds=2, validation=0.0)
    train(small_store, cut, protocol, QUICK, folder=tmp_path, final=False)
    with pytest.raises(BadInput, match="with other settings or data"):
        train(
            small_store, cut, protocol, QUICK, folder=tmp_path, final=False,
            marks={"auxiliary": "random"},
        )  # fmt: skip


def weights(**about):
    return CnnWeights(Crnn().cnn.state_dict(), "0" * 64, about)


def test_a_cnn_that_learned_from_the_tested_data_set_is_refused(small_store, cut, tmp_path):
    with pytest.raises(BadInput, match="the tested persons would have been seen"):
        train(
            small_store, cut, Protocol(folds=2), QUICK, folder=tmp_path / "a",
            start=weights(datasets=["afew_va", "deap"]),
        )  # fmt: skip
    assert not (tmp_path / "a").exists()
    run = train(
        small_store, cut, Protocol(folds=2), QUICK, folder=tmp_path / "b", final=False,
        start=weights(datasets=["afew_va"], data_kind="real", fingerprint="f"),
    )  # fmt: skip
    assert run.about["cnn"]["datasets"] == ["afew_va"]
    assert run.data_kind == "synthetic"


def test_a_start_makes_another_run_and_only_for_colours(small_store, cut, tmp_path):
    train(small_store, cut, Protocol(folds=2), QUICK, folder=tmp_path, final=False)
    with pytest.raises(BadInput, match="with other settings or data"):
        train(
            small_store, cut, Protocol(folds=2), QUICK, folder=tmp_path, final=False,
            start=weights(),
        )  # fmt: skip
    both = TrainConfig(model=CrnnConfig(input="both"))
    with pytest.raises(ValueError, match="choose 'appearance'"):
        train(small_store, cut, Protocol(folds=2), both, folder=tmp_path / "c", start=weights())
