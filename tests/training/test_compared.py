"""The harness of the compared systems: the CRNN's folds and tables, and nothing to cheat with."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from types import FunctionType

import numpy as np
import pandas as pd
import pytest

from made_store import make_store
from pulsefer.baselines.registry import SYSTEMS, SystemConfig
from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal
from pulsefer.experiments.scoring import gather
from pulsefer.reports.methods import methods
from pulsefer.samples.other_signals import complete
from pulsefer.samples.placebo import with_permuted_labels
from pulsefer.samples.split import LEAKY, PROTOCOLS
from pulsefer.samples.store import open_store
from pulsefer.samples.window import WindowConfig, window
from pulsefer.training.across import require_unseen
from pulsefer.training.compared import train_system
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import open_run, train

COARSE = WindowConfig(step_s=4.0)
BY = Protocol(folds=2, validation=0.5)


def this(system, **settings):
    return SystemConfig(f"{__name__}:{system.__name__}", settings)


def shown(bundle):
    """How much lighter the lower half of a face is, on the average of a sample."""
    halves = [read().astype(float).mean(axis=(0, 2, 3)) for read in bundle.faces]
    return np.array([half[32:].mean() - half[:32].mean() for half in halves])


def both(high):
    return np.stack([1 - high, high], axis=1)


class Oracle:
    """Sees the planted face.

    It knows where to look, and learns how much is much.
    """

    modality = ("face",)
    unit = "window"
    fidelity = "code"
    n_parameters = 1

    def __init__(self, *, seed, sharpness=0.1):
        self.seed, self.sharpness = seed, sharpness

    def fit(self, bundle, labels, groups):
        assert len(bundle) == len(labels.classes) == len(labels.other) == len(groups)
        assert bundle.unit == self.unit
        x = shown(bundle)
        self.middle = np.mean([x[labels.classes == c].mean() for c in (0, 1)])

    def predict_proba(self, bundle):
        return both(1 / (1 + np.exp(-self.sharpness * (shown(bundle) - self.middle))))

    def fitted(self):
        return {"middle": np.array(self.middle)}


class OfTrials(Oracle):
    """The same on whole trials."""

    unit = "trial"


class Listener(OfTrials):
    """Remembers what it was given, and looks for names in it."""

    heard: list = []  # noqa: RUF012

    def fit(self, bundle, labels, groups):
        super().fit(bundle, labels, groups)
        assert not _names((bundle, labels, groups))
        self.heard.append(("fit", _prints(bundle), labels.classes.tolist(), groups.tolist()))

    def predict_proba(self, bundle):
        assert not _names(bundle)
        self.heard.append(("asked", _prints(bundle)))
        return super().predict_proba(bundle)


def _prints(bundle):
    return [hashlib.sha256(read().tobytes()).hexdigest() for read in bundle.faces]


def _names(thing):
    """Every text that can be reached without opening a file, but for the kinds of signals."""
    if isinstance(thing, str | Path):
        return [] if thing in ("trial", "window", "ppg", "eda") else [thing]
    if isinstance(thing, np.ndarray | float | int) or thing is None:
        return []
    if isinstance(thing, FunctionType):
        return [n for c in thing.__closure__ or () for n in _names(c.cell_contents)]
    if isinstance(thing, dict):
        return [n for item in thing.items() for n in _names(item)]
    if dataclasses.is_dataclass(thing):
        thing = [getattr(thing, field.name) for field in dataclasses.fields(thing)]
    return [n for one in thing for n in _names(one)]


class Crashing(Oracle):
    """Ends badly in the second fold."""

    error: BaseException = IndexError("list index out of range")
    n_fits = 0

    def fit(self, bundle, labels, groups):
        type(self).n_fits += 1
        if self.n_fits == 2:
            raise self.error
        super().fit(bundle, labels, groups)


class Named(OfTrials):
    """Answers with a number that belongs to the trial alone."""

    def predict_proba(self, bundle):
        return both(np.array([read().mean() for read in bundle.faces]) / 255)


class Thirds(OfTrials):
    """Three classes."""

    def __init__(self, *, seed, n_classes):
        assert n_classes == 3
        super().__init__(seed=seed)

    def fit(self, _bundle, labels, _groups):
        self.seen = sorted(set(labels.classes.tolist()))

    def predict_proba(self, bundle):
        return np.tile([0.5, 0.2, 0.3], (len(bundle), 1))

    def fitted(self):
        return {"seen": np.array(self.seen)}


class Skin(OfTrials):
    """Needs faces and skin."""

    modality = ("face", "eda")


class Rate:
    """A heart rate from faces."""

    modality = ("face",)
    unit = "window"
    fidelity = "code"
    n_parameters = 1

    def fit(self, bundle):
        assert all(set(one) == {"ppg"} for one in bundle.signals)
        self.n = len(bundle)

    def predict_hr_bpm(self, bundle):
        assert not any(bundle.signals)
        return np.array([60 + read().mean() / 10 for read in bundle.faces])

    def fitted(self):
        return {"n": np.array(self.n)}


class Wrong(Oracle):
    """Gives what it is told to give."""

    def __init__(self, *, seed, answer):
        super().__init__(seed=seed)
        self.answer = answer

    def predict_proba(self, bundle):
        return np.tile(np.array(self.answer), (len(bundle), 1))


@pytest.fixture(scope="module")
def cut(small_store):
    return window(small_store, COARSE)


@pytest.fixture(scope="module")
def run(small_store, cut, tmp_path_factory):
    return train_system(small_store, cut, BY, this(Oracle), folder=tmp_path_factory.mktemp("run"))


def files(folder):
    """Every byte of a run but the costs, which are measured."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("cost")
    }


# The same as the CRNN


def test_everything_but_the_answers_is_as_in_a_run_of_the_crnn(small_store, cut, run, tmp_path):
    quick = TrainConfig(epochs=1, batch_size=16)
    crnn = train(small_store, cut, BY, quick, folder=tmp_path, final=False)
    assert (run.folder / "splits.csv").read_bytes() == (tmp_path / "splits.csv").read_bytes()
    assert run.about["manifest"] == crnn.about["manifest"]
    assert set(crnn.about) - set(run.about) == {"hr_scale"}
    theirs = crnn.predictions.query("selection == 'last'")
    answers = ["emotion_prob", "hr_pred_bpm"]
    pd.testing.assert_frame_equal(
        run.predictions.drop(columns=answers), theirs.drop(columns=answers).reset_index(drop=True)
    )
    assert list(run.predictions) == list(crnn.predictions)
    assert run.predictions.dtypes.equals(crnn.predictions.dtypes)
    assert run.predictions["hr_pred_bpm"].isna().all()


def test_a_system_that_sees_what_was_planted_is_right_and_rows_come_from_it(run):
    assert (run.system, run.dimension, run.data_kind) == ("Oracle", "valence", "synthetic")
    rows = {row.metric: row for row in gather(run, experiment="t", unit="trial")}
    assert rows["balanced_accuracy"].value == 1.0
    assert rows["balanced_accuracy"].system == "Oracle"
    assert rows["balanced_accuracy"].selection == "last"
    assert "hr_rmse_bpm" not in rows
    again = open_run(run.folder)
    assert again.about == run.about
    assert list(again.history["epoch"]) == [1, 1]


def test_labels_of_other_trials_cannot_be_found(small_store, cut, tmp_path):
    moved = with_permuted_labels(cut, seed=3)
    run = train_system(small_store, moved, BY, this(Oracle), folder=tmp_path)
    rows = {row.metric: row.value for row in gather(run, experiment="t", unit="trial")}
    assert rows["balanced_accuracy"] < 0.9


def test_costs_stand_beside_and_colour_rates_in_the_table(small_store, cut, run, tmp_path):
    costs = json.loads((run.folder / "costs.json").read_text())
    assert [one["fold"] for one in costs] == [0, 1]
    assert all(one["fit_s"] > 0 and one["ms_per_sample"] > 0 for one in costs)
    assert {one["n_parameters"] for one in costs} == {1}
    colour = {"pos": np.arange(len(cut.windows)) + 50.0}
    other = train_system(small_store, cut, BY, this(Oracle), folder=tmp_path, colour=colour)
    assert (other.predictions["hr_pos_bpm"] == other.predictions["place"] + 50.0).all()


# What a system is given


def test_a_system_learns_from_the_training_side_without_names(small_store, cut, tmp_path):
    Listener.heard.clear()
    run = train_system(small_store, cut, BY, this(Listener), folder=tmp_path)
    fits = [said for said in Listener.heard if said[0] == "fit"]
    asked = [said for said in Listener.heard if said[0] == "asked"]
    tested = run.predictions.groupby("fold", sort=True)
    for (_, learned, classes, groups), (_, shown), (_, rows) in zip(
        fits, asked, tested, strict=True
    ):
        assert not set(learned) & set(shown)
        # Of 4 persons two are tested, one is learned from, and one would choose an epoch.
        assert (
            (len(learned), len(shown)) == (4, 8) == (4, rows.groupby(["subject", "trial"]).ngroups)
        )
        assert sorted(classes) == [0, 0, 1, 1]
        assert groups == [0, 1, 2, 3]  # of one person, trials


def test_what_is_learned_does_not_depend_on_a_pixel_or_label_of_the_tested_side(
    small_store, cut, run, tmp_path
):
    tested = run.predictions.query("fold == 0")
    keys = {cut.windows[place].key for place in tested["place"]}
    copy = shutil.copytree(small_store.path, tmp_path / "store")
    for key in keys:
        file = copy / "recordings" / key / "faces.u8"
        file.write_bytes(bytes(255 - np.frombuffer(file.read_bytes(), np.uint8)))
    turned = tuple(
        dataclasses.replace(one, emotion=1 - one.emotion) if one.key in keys else one
        for one in cut.windows
    )
    other = train_system(
        open_store(copy), dataclasses.replace(cut, windows=turned),
        BY, this(Oracle), folder=tmp_path / "run",
    )  # fmt: skip
    assert other.about["manifest"] == run.about["manifest"]
    assert other.history["fitted"][0] == run.history["fitted"][0]
    assert other.history["fitted"][1] != run.history["fitted"][1]


def test_an_answer_to_a_trial_is_the_answer_to_each_of_its_windows_and_to_no_other(
    small_store, cut, tmp_path
):
    run = train_system(small_store, cut, BY, this(Named), folder=tmp_path)
    by_key = {recording.key: recording for recording in small_store}
    grid = np.concatenate([np.arange(5) + 20 * k for k in range(3)])  # 1 s of every 4, at 5 Hz
    for place, prob in zip(run.predictions["place"], run.predictions["emotion_prob"], strict=True):
        own = by_key[cut.windows[place].key].faces[grid].mean() / 255
        assert prob == pytest.approx(own, abs=1e-12)
    assert run.predictions["emotion_prob"].nunique() == 16


@pytest.mark.parametrize("by", sorted(LEAKY))
def test_a_system_of_whole_trials_takes_no_protocol_that_cuts_them(small_store, cut, tmp_path, by):
    protocol = Protocol(by=by, folds=3, validation=0.0)
    with pytest.raises(BadInput, match=r"keeps trials whole.*on both sides of fold 0") as error:
        train_system(small_store, cut, protocol, this(OfTrials), folder=tmp_path / "trial")
    assert PROTOCOLS[by] in str(error.value)
    assert not (tmp_path / "trial").exists()
    run = train_system(small_store, cut, protocol, this(Oracle), folder=tmp_path / "window")
    assert run.about["leaky"]


@pytest.mark.parametrize("by", sorted(PROTOCOLS.keys() - LEAKY))
def test_every_honest_protocol_tests_every_window_once(small_store, cut, tmp_path, by):
    folds = 4 if by == "trial_within" else 2
    protocol = Protocol(by=by, folds=folds, validation=0.0)
    run = train_system(small_store, cut, protocol, this(OfTrials), folder=tmp_path)
    assert sorted(run.predictions["place"]) == list(range(len(cut.windows)))
    assert len(run.history) == {"trial_within": 16, "subject_x_stimulus": 4}.get(by, 2)


def test_one_person_with_one_label_is_answered_with_it_and_several_are_refused(
    small_store, cut, tmp_path
):
    same = tuple(
        dataclasses.replace(one, emotion=1) if one.subject == "s01" else one for one in cut.windows
    )
    same_cut = dataclasses.replace(cut, windows=same)
    within = Protocol(by="trial_within", folds=2, validation=0.0)
    run = train_system(small_store, same_cut, within, this(Oracle), folder=tmp_path / "within")
    assert set(run.predictions.query("subject == 's01'")["emotion_prob"]) == {1.0}
    nobody = dataclasses.replace(
        cut, windows=tuple(dataclasses.replace(one, emotion=1) for one in cut.windows)
    )
    with pytest.raises(BadInput, match=r"several classes.*found only \[1\]"):
        train_system(small_store, nobody, BY, this(Oracle), folder=tmp_path / "across")


# Kill, resume, fingerprint


@pytest.mark.parametrize("error", [KeyboardInterrupt(), IndexError("out of range")])
def test_a_fold_that_is_finished_is_kept_and_the_end_is_the_same_to_the_byte(
    small_store, cut, tmp_path, monkeypatch, error
):
    monkeypatch.setattr(Crashing, "n_fits", 2)  # beyond the fit that crashes
    whole = train_system(small_store, cut, BY, this(Crashing), folder=tmp_path / "whole")
    monkeypatch.setattr(Crashing, "n_fits", 0)
    monkeypatch.setattr(Crashing, "error", error)
    with pytest.raises((KeyboardInterrupt, BadInput)):
        train_system(small_store, cut, BY, this(Crashing), folder=tmp_path / "run")
    with pytest.raises(BadInput, match="interrupted"):
        open_run(tmp_path / "run")
    (tmp_path / "run" / "folds" / "01" / ".history.7.part.csv").write_text("half")
    told = []
    train_system(small_store, cut, BY, this(Crashing), folder=tmp_path / "run", advance=told.append)
    assert Crashing.n_fits == 3
    assert told == [1, 1]
    assert files(tmp_path / "run") == files(whole.folder)
    train_system(small_store, cut, BY, this(Crashing), folder=tmp_path / "run")
    assert Crashing.n_fits == 3


def test_a_system_that_fails_is_named_with_the_fold(small_store, cut, tmp_path, monkeypatch):
    monkeypatch.setattr(Crashing, "n_fits", 0)
    with pytest.raises(BadInput, match=r"Crashing, by subject, fold 1: .*IndexError: list index"):
        train_system(small_store, cut, BY, this(Crashing), folder=tmp_path)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([0.5, 0.2, 0.3], r"\(24, 2\) probabilities"),
        ([0.7, 0.7], "sum to 1"),
        ([float("nan"), 1.0], "sum to 1"),
        ([-0.5, 1.5], "sum to 1"),
    ],
)
def test_answers_that_are_no_probabilities_are_refused(small_store, cut, tmp_path, answer, says):
    with pytest.raises(BadInput, match=says):
        train_system(small_store, cut, BY, this(Wrong, answer=answer), folder=tmp_path)


def test_the_fingerprint_changes_with_every_setting(small_store, cut, run, tmp_path):
    weights = tmp_path / "weights"
    weights.write_bytes(b"1")
    moved = shutil.copy(weights, tmp_path / "elsewhere")

    def of(windows=cut, protocol=BY, config=None, store=small_store, **more):
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        chosen = config or this(Oracle)
        made = train_system(store, windows, protocol, chosen, folder=folder, **more)
        return made.about["fingerprint"]

    others = [
        of(config=this(Oracle, sharpness=0.2)),
        of(config=this(OfTrials)),
        of(seed=1),
        of(marks={"permuted_labels": True}),
        of(protocol=dataclasses.replace(BY, split_seed=1)),
        of(windows=window(small_store, dataclasses.replace(COARSE, n_frames=4))),
    ]
    assert len({run.about["fingerprint"], *others}) == len(others) + 1
    assert of() == run.about["fingerprint"]
    # A file counts by its content.
    same = [SystemConfig("r_elm", {"weights": path}).identity() for path in (weights, moved)]
    assert same[0] == same[1]
    weights.write_bytes(b"2")
    assert SystemConfig("r_elm", {"weights": weights}).identity() != same[1]


def test_another_system_does_not_overwrite_a_run(small_store, cut, run):
    with pytest.raises(BadInput, match="with other settings or data"):
        train_system(small_store, cut, BY, this(Oracle), folder=run.folder, seed=9)


def test_a_run_without_a_network_cannot_be_asked_about_another_store(small_store, run):
    with pytest.raises(BadInput, match="expected a run of a network, found one of Oracle"):
        require_unseen(run, small_store)


# Three classes, skin, heart rates


def test_three_classes_have_columns_of_their_own(small_store, cut, tmp_path):
    config = dataclasses.replace(this(Thirds), n_classes=3)
    run = train_system(small_store, cut, BY, config, folder=tmp_path)
    table = run.predictions
    assert set(table["third"]) == {0, 2}
    assert (table["third"] == 2 * table["emotion"]).all()
    found = table[["prob_low", "prob_middle", "prob_high"]].drop_duplicates()
    assert found.to_numpy().tolist() == [[0.5, 0.2, 0.3]]
    assert table["emotion_prob"].unique() == pytest.approx(0.4)
    with pytest.raises(BadInput, match="2 classes"):
        dataclasses.replace(this(Oracle), n_classes=3).make(0)


def test_a_trial_without_the_signal_is_answered_with_what_the_training_side_says(tmp_path):
    made = make_store(tmp_path / "store", subjects=4, trials=4, effect=40.0)
    cut = window(made, COARSE)
    with pytest.raises(BadInput, match="prepare again"):
        train_system(made, cut, BY, this(Skin), folder=tmp_path / "none")
    for recording in made.recordings[1:]:
        complete(recording.folder, {"eda": Signal("eda", np.arange(60.0), 4.0, -3.0)})
    store = open_store(made.path)
    honest = dataclasses.replace(BY, validation=0.0)
    run = train_system(store, cut, honest, this(Skin), folder=tmp_path / "run")
    assert sorted(run.predictions["place"]) == list(range(len(cut.windows)))
    lost = run.predictions.query("subject == 's01' and trial == 'trial01'")
    assert (lost["emotion_prob"] == 0.5).all()
    assert run.about["compared"]["n_windows_without"] == 3
    assert (run.about["compared"]["n_samples"], sum(run.history["n_test"])) == (15, 15)


def test_a_heart_rate_reference_learns_from_contact_and_is_asked_blind(small_store, cut, tmp_path):
    run = train_system(small_store, cut, BY, this(Rate), folder=tmp_path)
    assert run.predictions["hr_pred_bpm"].between(60, 86).all()
    assert run.predictions["emotion_prob"].nunique() == 1
    rows = {row.metric for row in gather(run, experiment="t", unit="window")}
    assert "hr_rmse_bpm" in rows
    assert run.about["compared"]["answers"] == "heart rate"


# Names and methods


def test_an_unknown_name_or_setting_is_refused_with_what_there_is():
    with pytest.raises(BadInput, match=r"one of .*r_elm.*, or module:Class, found 'elm'"):
        SystemConfig("elm")
    with pytest.raises(BadInput, match=r"some of sharpness, found blunt"):
        this(Oracle, blunt=1).make(0)
    with pytest.raises(BadInput, match="expected Nobody in"):
        SystemConfig(f"{__name__}:Nobody").make(0)
    with pytest.raises(ValueError, match="seed is no setting"):
        this(Oracle, seed=1)
    with pytest.raises(ValueError, match="2 or 3"):
        SystemConfig("r_elm", n_classes=4)


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_every_system_of_the_registry_can_be_made_and_says_what_it_is(name):
    system = SystemConfig(name).make(0)
    assert system.unit in ("window", "trial")
    assert system.fidelity in ("code", "abstract", "title")
    assert set(system.modality) <= {"face", "ppg", "ecg", "eda"}
    assert type(system).__doc__


def test_the_methods_paragraph_says_what_the_system_is_and_that_it_is_a_reading(run):
    text = methods(run.about)
    assert "Sees the planted face" in text
    assert "convolutional GRU" not in text
    assert "by subject, in 2 folds" in text
    about = {**run.about, "system": "R-ELM"}
    about["compared"] = {**about["compared"], "fidelity": "title", "source": "Guendil et al., 2017"}
    text = methods(about)
    assert "R-ELM (Guendil et al., 2017)" in text
    assert "a reading, not a reproduction" in text
    assert "no more than its title" in text
    assert "- Z. Guendil" in text
