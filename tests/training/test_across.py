"""Data sets together, and one learned from while another is tested on."""

import json

import numpy as np
import pandas as pd
import pytest

from made_store import make_store
from pulsefer.core.errors import BadInput
from pulsefer.experiments.scoring import gather, gather_across
from pulsefer.samples.split import split
from pulsefer.samples.store import open_stores
from pulsefer.samples.window import WindowConfig, window
from pulsefer.training.across import predict_on, require_unseen, windows_of
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.fit import fit
from pulsefer.training.run import open_run, train

# Two frames are the fewest that make the recurrent layer remember.
COARSE = WindowConfig(step_s=4.0, n_frames=2)
QUICK = TrainConfig(epochs=2, batch_size=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def deap(folder):
    return make_store(folder / "deap", effect=60.0, trial_mark=2.0)


@pytest.fixture(scope="module")
def mahnob(folder):
    """Another frame rate, other people, faster hearts."""
    return make_store(
        folder / "mahnob", dataset="mahnob_hci", fps_hz=61 / 6, effect=60.0, trial_mark=2.0,
        hr_low_bpm=100.0, hr_step_bpm=1.0, seed=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(deap, folder):
    config = TrainConfig(epochs=12, batch_size=4)
    return train(
        deap, window(deap, COARSE), Protocol(folds=2), config, folder=folder / "run"
    )  # fmt: skip


def test_stores_together_have_all_recordings_in_the_order_of_their_names(deap, mahnob):
    both = open_stores([mahnob.path, deap.path])
    names = [one.id for one in both]
    assert names == sorted(names)
    assert set(names) == {one.id for one in (*deap, *mahnob)}
    assert both.datasets == ("deap", "mahnob_hci")
    assert both.config["fps_hz"] == [61 / 6, 5.0]
    assert both.config["follow"] == deap.config["follow"]


def test_one_store_is_itself(deap):
    alone = open_stores([deap.path])
    assert alone == deap
    assert open_stores([deap.path, deap.path]).recordings == deap.recordings


def test_stores_whose_faces_were_cut_otherwise_are_refused(deap, tmp_path):
    other = make_store(tmp_path / "other", dataset="mahnob_hci", subjects=1, crop_top=0.6)
    with pytest.raises(BadInput, match=r"faces found and cut as in .*found other values of follow"):
        open_stores([deap.path, other.path])


def test_one_trial_prepared_from_different_files_is_refused(deap, tmp_path):
    other = make_store(tmp_path / "other", subjects=1, trials=1, seed=3)
    moved = other.recordings[0].folder
    moved.rename(moved.with_name("another-key"))
    index = pd.read_parquet(other.path / "index.parquet").assign(key="another-key")
    index.to_parquet(other.path / "index.parquet")
    with pytest.raises(BadInput, match="expected deap/s01/trial01 once"):
        open_stores([deap.path, other.path])


@pytest.mark.parametrize("n_frames", [2, 5])
def test_a_window_looks_at_the_same_times_whatever_the_frame_rate(deap, mahnob, n_frames):
    config = WindowConfig(n_frames=n_frames, step_s=1.0)
    both = open_stores([deap.path, mahnob.path])
    from pulsefer.samples.window import frame_indices, frame_times_s

    for one in both:
        half_s = float(np.diff(one.time_s).max()) / 2
        for start_s in (0.0, 3.0, 7.0):
            wanted = frame_times_s(start_s, 1.0, n_frames)
            found = one.time_s[frame_indices(one.time_s, start_s, config)]
            assert np.abs(found - wanted).max() <= half_s + 1e-9


def test_a_window_that_asks_for_more_frames_than_were_kept_is_left_out(deap, mahnob):
    both = open_stores([deap.path, mahnob.path])
    cut = window(both, WindowConfig(n_frames=10))
    assert {one.dataset for one in cut.windows} == {"mahnob_hci"}
    assert cut.left_out == {"frames": 12 * len(deap)}


def test_every_fold_holds_both_data_sets(deap, mahnob):
    cut = window(open_stores([deap.path, mahnob.path]), COARSE)
    for fold in split(cut.windows, by="subject", folds=4, validation=0.3):
        for side in (fold.train, fold.validation, fold.test):
            assert {cut.windows[index].dataset for index in side} == {"deap", "mahnob_hci"}


def test_training_together_scores_all_and_each(deap, mahnob, tmp_path):
    both = open_stores([deap.path, mahnob.path])
    run = train(both, window(both, COARSE), Protocol(folds=2), QUICK, folder=tmp_path, final=False)
    rows = gather(run, experiment="train", unit="trial")
    by_dataset = {row.dataset: row for row in rows if row.metric == "accuracy"}
    assert set(by_dataset) == {"deap+mahnob_hci", "deap", "mahnob_hci"}
    assert by_dataset["deap"].protocol == "subject, trained on deap+mahnob_hci"
    assert by_dataset["deap"].n + by_dataset["mahnob_hci"].n == by_dataset["deap+mahnob_hci"].n
    # The paper trained on each alone: its figures do not stand beside these.
    assert all(np.isnan(row.paper) for row in rows)
    about = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert about["datasets"] == ["deap", "mahnob_hci"]


def test_heart_rates_by_data_set_are_given_back_in_bpm(deap, mahnob, tmp_path):
    """The two differ by 35 bpm, which the scale knows before the network has learned a thing."""
    both = open_stores([deap.path, mahnob.path])
    cut = window(both, COARSE)
    fold = next(split(cut.windows, by="subject", folds=2))
    rates = {}
    for name, by_dataset in (("plain", False), ("scaled", True)):
        config = TrainConfig(epochs=1, batch_size=16, hr_start="train_mean", seed=0,
                             hr_by_dataset=by_dataset)  # fmt: skip
        done = fit(both, cut, fold, config, folder=tmp_path / name)
        assert np.array_equal(
            done.predictions["hr_bpm"], [cut.windows[i].hr_bpm for i in fold.test], equal_nan=True
        )
        means = done.predictions.groupby("dataset")["hr_pred_bpm"].mean()
        rates[name] = means["mahnob_hci"] - means["deap"]
    truth = done.predictions.groupby("dataset")["hr_bpm"].mean()
    apart = truth["mahnob_hci"] - truth["deap"]
    assert apart > 25
    assert rates["scaled"] == pytest.approx(apart, abs=8)
    assert abs(rates["plain"]) < apart / 2


def test_a_run_is_tested_on_people_it_never_saw(run, mahnob):
    cut = window(mahnob, windows_of(run))
    tested = predict_on(run, mahnob, cut)
    assert len(tested.predictions) == len(cut.windows)
    assert set(tested.predictions["dataset"]) == {"mahnob_hci"}
    assert (tested.folder / "predictions.parquet").is_file()
    rows = {row.metric: row for row in gather_across(tested, experiment="evaluate", unit="window")}
    row = rows["balanced_accuracy"]
    assert (row.protocol, row.dataset, row.n) == ("trained on deap", "mahnob_hci", len(cut.windows))
    # The planted brightness is the same in both.
    assert row.low > 0.5
    assert row.config != run.about["fingerprint"]


def test_the_same_test_twice_gives_the_same_rows(run, mahnob):
    cut = window(mahnob, windows_of(run))
    first, second = (
        gather_across(predict_on(run, mahnob, cut), experiment="evaluate", unit="trial")
        for _ in range(2)
    )
    assert [row.identity for row in first] == [row.identity for row in second]
    assert [row.value for row in first] == [row.value for row in second]


def test_testing_on_a_person_of_the_training_is_refused(run, deap, mahnob):
    with pytest.raises(BadInput, match=r"found 4 that it did \(deap/s01, deap/s02, deap/s03"):
        require_unseen(run, deap)
    with pytest.raises(BadInput, match="persons that the run did not learn from"):
        require_unseen(run, open_stores([mahnob.path, deap.path]))


def test_testing_on_faces_that_were_cut_otherwise_is_refused(run, tmp_path):
    other = make_store(tmp_path / "other", dataset="mahnob_hci", subjects=1, crop_top=0.6)
    with pytest.raises(BadInput, match="other values of follow"):
        predict_on(run, other, window(other, windows_of(run)))


def test_a_run_without_a_final_network_says_so(deap, mahnob, tmp_path):
    run = train(deap, window(deap, COARSE), Protocol(folds=2), QUICK, folder=tmp_path, final=False)
    cut = window(mahnob, windows_of(run))
    with pytest.raises(BadInput, match="--no-final"):
        predict_on(open_run(tmp_path), mahnob, cut)
