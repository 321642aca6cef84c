import dataclasses
import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from killed import process
from made_store import make_store
from pulsefer.core.errors import BadInput
from pulsefer.core.fingerprint import fingerprint
from pulsefer.experiments.scoring import gather, leakage_gap
from pulsefer.models import checkpoint
from pulsefer.models.crnn import CrnnConfig
from pulsefer.samples.split import LEAKY, PROTOCOLS, split
from pulsefer.samples.split_file import read_split
from pulsefer.samples.store import open_store
from pulsefer.samples.window import WindowConfig, window
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.fit import fit
from pulsefer.training.run import epochs_of, open_run, train

QUICK = TrainConfig(epochs=3, batch_size=16)
PEEKING = dataclasses.replace(QUICK, peek_at_test=True)
# Two frames are the fewest that make the recurrent layer remember.
COARSE = WindowConfig(step_s=4.0, n_frames=2)


@pytest.fixture(scope="module")
def cut(small_store):
    return window(small_store, COARSE)


def one_fold(cut, **wishes):
    return next(split(cut.windows, by="subject", folds=2, validation=0.5, seed=0, **wishes))


def files(folder):
    """Every byte of a fit but TensorBoard's, which carry the time of day."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "tensorboard" not in path.parts
    }


def test_the_defaults_are_the_papers():
    assert (QUICK.learning_rate, TrainConfig().epochs, TrainConfig().batch_size) == (1e-3, 15, 64)
    assert (TrainConfig().weights.alpha, TrainConfig().weights.beta) == (1.0, 0.01)
    assert TrainConfig().system == "MTL"
    assert TrainConfig(model=CrnnConfig(heart_rate=False)).system == "STL"


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        TrainConfig(**wrong)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(small_store, cut, tmp_path):
    fold = one_fold(cut)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        config = dataclasses.replace(QUICK, seed=seed)
        fit(small_store, cut, fold, config, folder=tmp_path / name)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert files(tmp_path / "a") != files(tmp_path / "c")


def test_both_selection_rules_are_kept_and_the_test_part_chooses_nothing(
    small_store, cut, tmp_path
):
    done = fit(small_store, cut, one_fold(cut), QUICK, folder=tmp_path)
    assert set(done.predictions["selection"]) == {"last", "validation"}
    assert list(done.history["epoch"]) == [1, 2, 3]
    assert not [column for column in done.history if "test" in column]
    assert not list(tmp_path.glob("*test*"))
    best = done.history["validation_bce"].idxmin()
    last = done.predictions.query("selection == 'last'")["emotion_prob"].to_numpy()
    chosen = done.predictions.query("selection == 'validation'")["emotion_prob"].to_numpy()
    assert np.array_equal(last, chosen) == (best == 2)


def test_without_a_validation_part_only_the_last_epoch_is_reported(small_store, cut, tmp_path):
    fold = next(split(cut.windows, by="subject", folds=2, seed=0))
    done = fit(small_store, cut, fold, QUICK, folder=tmp_path)
    assert set(done.predictions["selection"]) == {"last"}
    assert done.history["validation_bce"].isna().all()


def test_a_peek_adds_a_third_result_and_changes_nothing_else(small_store, cut, tmp_path):
    fold = one_fold(cut)
    honest = fit(small_store, cut, fold, QUICK, folder=tmp_path / "honest")
    peeked = fit(small_store, cut, fold, PEEKING, folder=tmp_path / "peeked")
    for rule in ("last", "validation"):
        name = f"{rule}.safetensors"
        assert (peeked.folder / name).read_bytes() == (honest.folder / name).read_bytes()
    assert set(peeked.history) - set(honest.history) == {"test_bce", "test_accuracy"}
    assert peeked.history[honest.history.columns].equals(honest.history)
    third = peeked.predictions["selection"] == "best_on_test"
    assert peeked.predictions[~third].equals(honest.predictions)
    assert third.sum() == len(fold.test)


def test_what_the_test_side_chose_is_its_first_best_epoch(small_store, cut, tmp_path):
    config = dataclasses.replace(PEEKING, epochs=4, batch_size=4)
    done = fit(small_store, cut, one_fold(cut), config, folder=tmp_path)
    best = int(done.history["test_accuracy"].idxmax())
    third = done.predictions.query("selection == 'best_on_test'")
    right = (third["emotion_prob"] > 0.5) == (third["emotion"] == 1)
    assert right.mean() == done.history["test_accuracy"][best]
    chosen = dataclasses.replace(QUICK, epochs=best + 1, batch_size=4)
    again = fit(small_store, cut, one_fold(cut), chosen, folder=tmp_path / "again")
    last = again.predictions.query("selection == 'last'")
    assert third["emotion_prob"].tolist() == last["emotion_prob"].tolist()


class Killed(Exception):
    """Stands for a kill at the end of an epoch."""


@pytest.mark.parametrize(("config", "after"), [(QUICK, 1), (QUICK, 2), (PEEKING, 1), (PEEKING, 2)])
def test_a_resumed_fit_equals_an_uninterrupted_one_to_the_byte(
    small_store, cut, tmp_path, config, after
):
    fold = one_fold(cut)
    fit(small_store, cut, fold, config, folder=tmp_path / "whole")
    seen = []

    def stop(_amount):
        seen.append(1)
        if len(seen) == after:
            raise Killed

    with pytest.raises(Killed):
        fit(small_store, cut, fold, config, folder=tmp_path / "cut", advance=stop)
    assert not (tmp_path / "cut" / "predictions.parquet").exists()
    fit(small_store, cut, fold, config, folder=tmp_path / "cut")
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_ctrl_c_is_passed_on_and_the_fit_goes_on_later(small_store, cut, tmp_path):
    fold, handler = one_fold(cut), signal.getsignal(signal.SIGINT)

    def stop(_amount):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(small_store, cut, fold, QUICK, folder=tmp_path, advance=stop)
    assert signal.getsignal(signal.SIGINT) is handler
    assert not (tmp_path / "predictions.parquet").exists()
    assert len(fit(small_store, cut, fold, QUICK, folder=tmp_path).history) == QUICK.epochs


def whole_run(store, folder):
    """Three fits of six short epochs."""
    store = open_store(store)
    train(
        store, window(store, WindowConfig(step_s=4.0)),
        Protocol(by="trial_pooled", folds=2, validation=0.0),
        TrainConfig(epochs=6, batch_size=4), folder=folder, final=True,
    )  # fmt: skip


def test_a_process_killed_at_any_moment_can_be_started_again(tmp_path):
    """SIGKILL, at three moments that nobody chose, then once more to the end."""
    store = make_store(tmp_path / "store", subjects=2, trials=2, effect=30.0).path
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    # In this process, where strings have other hashes than in those that are killed.
    whole_run(store, whole)
    killed = 0
    for wait_s in (0.3, 0.6, 0.9):
        child = process(whole_run, store, cut)
        child.start()
        started = time.monotonic()
        while not (cut / "run.json").exists() and time.monotonic() - started < 60:
            time.sleep(0.02)
        time.sleep(wait_s)
        child.kill()
        child.join()
        killed += child.exitcode == -signal.SIGKILL
    assert killed
    whole_run(store, cut)
    assert files(cut) == files(whole)


def test_a_batch_without_any_heart_rate_trains_emotion_alone(tmp_path):
    store = make_store(tmp_path / "s", subjects=2, trials=2, effect=30.0)
    found = window(store, COARSE)
    mute = dataclasses.replace(
        found, windows=tuple(dataclasses.replace(w, hr_bpm=float("nan")) for w in found.windows)
    )
    fold = next(split(mute.windows, by="subject", folds=2, seed=0))
    done = fit(store, mute, fold, QUICK, folder=tmp_path / "f")
    assert done.history["train_bce"].notna().all()
    assert done.history["train_hr_rmse_bpm"].isna().all()


def test_one_class_on_the_learning_side_is_refused(small_store, cut, tmp_path):
    same = dataclasses.replace(
        cut, windows=tuple(dataclasses.replace(w, emotion=1) for w in cut.windows)
    )
    with pytest.raises(BadInput, match="low and high labels"):
        fit(small_store, same, one_fold(same), QUICK, folder=tmp_path)


def test_starting_the_heart_rate_head_at_the_mean_starts_it_there(small_store, cut, tmp_path):
    first = {}
    for start in ("default", "train_mean"):
        config = TrainConfig(epochs=1, batch_size=64, learning_rate=1e-6, hr_start=start)
        done = fit(small_store, cut, one_fold(cut), config, folder=tmp_path / start)
        first[start] = done.history["train_hr_rmse_bpm"][0]
    assert first["default"] > 60
    assert first["train_mean"] < 15


@pytest.fixture(scope="module")
def run(small_store, cut, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    protocol = Protocol(by="subject", folds=2, validation=0.0)
    return train(small_store, cut, protocol, QUICK, folder=folder)


def test_a_run_says_how_it_was_made_and_opens_again(run, cut):
    again = open_run(run.folder)
    assert again.about == json.loads(json.dumps(run.about))
    for name in ("fingerprint", "manifest", "data_kind", "version", "protocol_name", "shared"):
        assert name in again.about
    assert again.about["shared"]["subjects"] == 0
    assert len(again.predictions) == len(cut.windows)
    assert epochs_of(cut, Protocol(folds=2), QUICK, final=True) == 9
    assert epochs_of(cut, Protocol(folds="one_out"), QUICK, final=False) == 4 * 3
    strictest = Protocol(by="subject_x_stimulus", folds=2, validation=0.0)
    assert epochs_of(cut, strictest, QUICK, final=False) == 4 * 3


def test_the_folds_of_a_run_are_a_file_that_gives_them_back(run, cut):
    folds = read_split(run.folder / "splits.csv", cut.windows)
    assert fingerprint([fold.manifest(cut.windows) for fold in folds]) == run.about["manifest"]


@pytest.mark.parametrize("by", PROTOCOLS)
def test_a_protocol_carries_its_name_and_the_help_says_what_may_cross(by):
    assert Protocol(by=by).name == by
    assert Protocol(by=by).leaky == (by in LEAKY)
    assert f"{by}: {PROTOCOLS[by]}" in " ".join(Protocol.__doc__.split())


def test_folds_that_the_data_do_not_allow_are_refused_before_anything_is_written(
    small_store, cut, tmp_path
):
    with pytest.raises(BadInput, match=r"protocol subject: .* at least 9 subjects, found 4"):
        train(small_store, cut, Protocol(folds=9), QUICK, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_final_model_carries_settings_card_and_warning(run):
    folder = run.folder / "model"
    model = checkpoint.load(folder)
    assert sum(p.numel() for p in model.parameters()) == 1_052_490
    assert checkpoint.about(folder)["windows"]["n_frames"] == COARSE.n_frames
    card = (folder / "README.md").read_text()
    assert "Synthetic" in card
    assert "must not be used" in card


def test_other_settings_do_not_overwrite_a_run(run, small_store, cut):
    with pytest.raises(BadInput, match="choose another --out"):
        train(small_store, cut, Protocol(by="trial_pooled", folds=2), QUICK, folder=run.folder)


def test_rows_of_a_run_carry_what_a_reader_needs(run):
    rows = gather(run, experiment="train", unit="trial")
    assert {row.metric for row in rows} >= {"accuracy", "balanced_accuracy", "majority"}
    for row in rows:
        assert row.data_kind == "synthetic"
        assert row.protocol == "subject"
        assert row.n_subjects == 4
        assert row.config == run.about["fingerprint"]
    accuracy = next(row for row in rows if row.metric == "accuracy")
    assert (accuracy.paper, accuracy.paper_where) == (0.963, "Table 3")
    assert accuracy.n == 16


def test_an_unfinished_or_missing_run_is_refused_with_advice(tmp_path, run):
    with pytest.raises(BadInput, match="pulsefer train"):
        open_run(tmp_path)
    (tmp_path / "run.json").write_text((run.folder / "run.json").read_text())
    with pytest.raises(BadInput, match="goes on where it was"):
        open_run(tmp_path)


def test_the_gap_of_a_run_with_itself_is_zero(run):
    row = leakage_gap([run], [run], experiment="x")
    assert (row.value, row.low, row.high) == (0.0, 0.0, 0.0)
    assert Path(run.folder).exists()


def test_a_row_says_that_the_test_side_chose_its_epoch(small_store, cut, tmp_path):
    config = TrainConfig(epochs=1, batch_size=16, peek_at_test=True)
    protocol = Protocol(by="subject_x_stimulus", folds=2, validation=0.0)
    done = train(small_store, cut, protocol, config, folder=tmp_path)
    rows = gather(done, experiment="train", unit="window")
    assert {(row.selection, row.protocol) for row in rows} == {
        ("last", "subject_x_stimulus"),
        ("best_on_test", "subject_x_stimulus"),
    }
    assert done.about["train"]["peek_at_test"]
    assert set(done.about["shared"].values()) == {0}
    assert not list((tmp_path / "final").glob("*test*"))


def test_folds_within_each_person_are_one_run_with_every_window_tested_once(
    small_store, cut, tmp_path
):
    protocol = Protocol(by="trial_within", folds=2, validation=0.0)
    config = TrainConfig(epochs=1, batch_size=16)
    done = train(small_store, cut, protocol, config, folder=tmp_path, final=False)
    assert len(done.predictions) == len(cut.windows)
    assert len(list((tmp_path / "folds").iterdir())) == 2 * 4
    rows = gather(done, experiment="train", unit="window")
    assert {row.protocol for row in rows} == {"trial_within"}
    assert done.about["shared"]["trials"] == 0
