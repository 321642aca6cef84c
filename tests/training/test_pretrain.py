import dataclasses
import json
import signal
import time

import numpy as np
import pytest
import torch

from killed import process
from made_faces import make_faces
from pulsefer.core.errors import BadInput
from pulsefer.experiments.pretraining import gather
from pulsefer.models import checkpoint
from pulsefer.samples.face_store import open_face_store
from pulsefer.training.pretrain import (
    PretrainConfig,
    epochs_of,
    folds_of,
    open_pretrain,
    pretrain,
)

QUICK = PretrainConfig(epochs=2, batch_size=8, folds=2, validation=0.5)
LEARNS = PretrainConfig(epochs=8, batch_size=8, folds=2, validation=0.0)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """4 persons, 6 faces each."""
    return make_faces(tmp_path_factory.mktemp("few"), persons=4, clips=2, frames=3, effect=60.0)


@pytest.fixture(scope="module")
def run(few, tmp_path_factory):
    """A finished run of a few steps. Never change it."""
    amounts = []
    folder = tmp_path_factory.mktemp("run") / "run"
    done = pretrain(few, QUICK, folder=folder, advance=amounts.append)
    assert sum(amounts) == epochs_of(QUICK) == 6
    return done


def files(folder):
    """Every byte of a run but TensorBoard's, which carry the time of day."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "tensorboard" not in path.parts
    }


def concordance(run):
    return {row.dimension: row for row in gather(run) if row.metric == "ccc"}


# What it learns


def test_an_effect_that_was_planted_is_read_off_persons_not_seen_before(tmp_path):
    store = make_faces(tmp_path / "store", persons=8, effect=60.0)
    done = pretrain(store, LEARNS, folder=tmp_path / "run", final=False)
    assert concordance(done).keys() == {"valence", "arousal"}
    assert all(row.low > 0.2 for row in concordance(done).values())
    error = {(row.dimension, row.metric): row for row in gather(done)}
    for dimension in ("valence", "arousal"):
        constant = error[dimension, "rmse_constant"]
        assert error[dimension, "rmse"].value < 0.8 * constant.value


def test_labels_that_have_nothing_to_do_with_the_faces_are_not_learned(tmp_path):
    store = make_faces(tmp_path / "store", persons=8, effect=60.0, permuted=True)
    done = pretrain(store, LEARNS, folder=tmp_path / "run", final=False)
    assert all(row.value < 0.1 and row.low < 0.02 for row in concordance(done).values())


@pytest.mark.parametrize(
    "how",
    [
        {"loss": "ccc"},
        {"loss": "ccc", "batch_size": 11},  # 12 to learn from: a last batch of one
        {"precision": "bf16-mixed"},
    ],
)
def test_other_losses_and_precisions_end_in_finite_answers(few, how, tmp_path):
    config = dataclasses.replace(QUICK, **{"validation": 0.0, "epochs": 1, **how})
    done = pretrain(few, config, folder=tmp_path, final=False)
    answers = done.predictions[["valence_pred", "arousal_pred"]].to_numpy()
    assert np.isfinite(answers).all()
    assert (np.abs(answers) <= 1).all()


def test_a_binary_target_gives_probabilities_and_their_scores(few, tmp_path):
    config = dataclasses.replace(QUICK, target="binary")
    done = pretrain(few, config, folder=tmp_path, final=False)
    assert done.predictions["valence_pred"].between(0, 1).all()
    assert {"train_loss", "train_accuracy", "validation_accuracy"} <= set(done.history)
    metrics = {row.metric for row in gather(done)}
    assert metrics == {"balanced_accuracy", "accuracy", "auroc", "majority"}


def test_a_dimension_that_nobody_labelled_is_left_out_of_everything(tmp_path):
    store = make_faces(tmp_path / "store", persons=4, frames=2, arousal=False)
    done = pretrain(store, QUICK, folder=tmp_path / "run")
    assert {row.dimension for row in gather(done)} == {"valence"}
    card = (done.folder / "model" / "README.md").read_text()
    assert "for valence, from" in card
    assert "arousal" not in card.split("## ", 1)[1]


def test_faces_without_any_label_are_left_out_and_counted(few, tmp_path):
    table = few.table.copy()
    table.loc[:2, ["valence", "arousal"]] = np.nan
    table.loc[3, "arousal"] = np.nan
    holes = dataclasses.replace(few, table=table)
    done = pretrain(holes, QUICK, folder=tmp_path, final=False)
    assert (done.about["n_faces"], done.about["n_unlabelled"]) == (21, 3)
    last = done.predictions.query("selection == 'last'")
    assert len(last) == 21
    assert {row.dimension: row.n for row in gather(done)} == {"valence": 21, "arousal": 20}


# Who is tested, and what chooses


@pytest.mark.parametrize("validation", [0.0, 0.3])
def test_no_person_stands_on_two_sides(few, validation):
    person = few.table["person"].to_numpy()
    folds = folds_of(few, dataclasses.replace(QUICK, folds=4, validation=validation))
    for fold in folds:
        sides = [set(person[list(side)]) for side in (fold.train, fold.validation, fold.test)]
        assert sum(map(len, sides)) == 4
        assert set.union(*sides) == set(person)
        assert bool(sides[1]) == bool(validation)
    assert sorted(index for fold in folds for index in fold.test) == list(range(len(few)))


def test_every_face_is_predicted_once_by_a_network_that_did_not_see_its_person(run, few):
    for _, answers in run.predictions.groupby("selection"):
        assert sorted(answers["name"]) == sorted(few.table["name"])
        assert (answers.groupby("person")["fold"].nunique() == 1).all()


def test_both_selection_rules_are_kept_and_the_test_part_chooses_nothing(run):
    assert set(run.predictions["selection"]) == {"last", "validation"}
    assert not [column for column in run.history if "test" in column]
    best = run.history.groupby("fold")["validation_loss"].apply(np.argmin)
    for fold, answers in run.predictions.groupby("fold"):
        last, chosen = (
            answers.query(f"selection == '{rule}'")["valence_pred"].to_numpy()
            for rule in ("last", "validation")
        )
        assert np.array_equal(last, chosen) == (best[fold] == QUICK.epochs - 1)


def test_without_a_validation_part_only_the_last_epoch_is_reported(few, tmp_path):
    config = dataclasses.replace(QUICK, validation=0.0, epochs=1)
    done = pretrain(few, config, folder=tmp_path, final=False)
    assert set(done.predictions["selection"]) == {"last"}
    assert done.history["validation_loss"].isna().all()
    assert not (tmp_path / "model").exists()


def test_rows_carry_what_a_reader_needs(run):
    rows = gather(run)
    assert {row.metric for row in rows} == {"ccc", "pearson", "rmse", "rmse_constant"}
    assert {row.selection for row in rows} == {"last", "validation"}
    for row in rows:
        assert (row.experiment, row.system, row.dataset) == ("pretrain", "CNN", "afew_va")
        assert (row.data_kind, row.protocol, row.unit) == ("synthetic", "subject", "frame")
        assert (row.n, row.n_subjects) == (24, 4)
        assert (row.config, row.manifest) == (run.about["fingerprint"], run.about["manifest"])
        assert row.low <= row.value <= row.high


# Stop and go on


class Killed(Exception):
    """Stands for a kill at the end of an epoch."""


@pytest.mark.parametrize("after", [1, 3, 5])  # in the first fold, the second, the final fit
def test_a_resumed_run_equals_an_uninterrupted_one_to_the_byte(run, few, tmp_path, after):
    seen = []

    def stop(_amount):
        seen.append(1)
        if len(seen) == after:
            raise Killed

    with pytest.raises(Killed):
        pretrain(few, QUICK, folder=tmp_path, advance=stop)
    assert not (tmp_path / "model").exists()
    amounts = []
    pretrain(few, QUICK, folder=tmp_path, advance=amounts.append)
    assert sum(amounts) == epochs_of(QUICK)
    assert files(tmp_path) == files(run.folder)


def pretrained(store, folder):
    pretrain(open_face_store(store), QUICK, folder=folder)


def test_a_process_killed_at_any_moment_can_be_started_again(run, few, tmp_path):
    """SIGKILL, at two moments that nobody chose; then to the end, here."""
    for wait_s in (0.3, 0.8):
        child = process(pretrained, few.path, tmp_path)
        child.start()
        started = time.monotonic()
        while not (tmp_path / "pretrain.json").exists() and time.monotonic() - started < 60:
            time.sleep(0.02)
        time.sleep(wait_s)
        child.kill()
        child.join()
    pretrain(few, QUICK, folder=tmp_path)
    assert files(tmp_path) == files(run.folder)


def test_ctrl_c_is_passed_on_and_what_it_leaves_says_how_to_go_on(few, tmp_path):
    handler = signal.getsignal(signal.SIGINT)

    def stop(_amount):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(few, QUICK, folder=tmp_path, advance=stop)
    assert signal.getsignal(signal.SIGINT) is handler
    with pytest.raises(BadInput, match="goes on where it was"):
        open_pretrain(tmp_path)


def test_a_finished_run_is_returned_as_it_is(run, few):
    before = files(run.folder)
    amounts = []
    again = pretrain(few, QUICK, folder=run.folder, advance=amounts.append)
    assert sum(amounts) == epochs_of(QUICK)
    assert again.about == run.about
    assert files(run.folder) == before


# What is handed on


def test_the_cnn_that_is_handed_on_is_that_of_the_fit_to_everything(run):
    from safetensors.torch import load_file

    final = load_file(run.folder / "final" / "last.safetensors")
    found = checkpoint.load_cnn(run.folder)
    assert all(torch.equal(found.tensors[name], final[f"cnn.{name}"]) for name in found.tensors)
    assert len(found.tensors) == 6
    assert found.about["datasets"] == ["afew_va"]
    assert found.about["store"]["crop"]["size_px"] == 64
    assert found.about["fingerprint"] == run.about["fingerprint"]


def test_the_card_says_what_it_is_what_it_scored_and_whose_licence_binds_it(run):
    card = (run.folder / "model" / "README.md").read_text()
    assert "**Synthetic: it has never seen a real face.**" in card
    assert "24 pictures, 8 clips, 4 persons" in card
    assert "non-commercial research" in card
    assert "must not be used" in card
    ccc = next(r for r in gather(run) if (r.metric, r.selection) == ("ccc", "last"))
    assert f"| {ccc.dimension} | {ccc.value:.2f} [{ccc.low:.2f}, {ccc.high:.2f}]" in card


def test_a_run_says_how_it_was_made_and_opens_again(run):
    again = open_pretrain(run.folder)
    assert again.about == json.loads(json.dumps(run.about))
    assert again.data_kind == "synthetic"
    assert len(again.predictions) == 2 * 24
    assert len(again.history) == 2 * QUICK.epochs
    for name in ("fingerprint", "manifest", "version", "protocol_name", "n_persons", "labels"):
        assert name in again.about


# What is refused


def test_the_defaults_are_those_of_the_training():
    config = PretrainConfig()
    assert (config.epochs, config.batch_size, config.learning_rate) == (15, 64, 1e-3)
    assert (config.target, config.loss, config.dropout, config.folds) == (
        "regression",
        "mse",
        0.5,
        5,
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"target": "ranks"}, "target is one of regression, binary"),
        ({"loss": "mae"}, "loss is one of mse, ccc"),
        ({"target": "binary", "loss": "ccc"}, "leave loss out"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"folds": 1}, "folds"),
        ({"validation": 1.0}, "validation"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        PretrainConfig(**wrong)


def test_fewer_persons_than_folds_are_refused(few, tmp_path):
    with pytest.raises(BadInput, match="persons for 5 folds"):
        pretrain(few, PretrainConfig(epochs=1), folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_store_without_labels_is_refused(few, tmp_path):
    bare = dataclasses.replace(few, table=few.table.assign(valence=np.nan, arousal=np.nan))
    with pytest.raises(BadInput, match="24 faces, none with a label"):
        pretrain(bare, QUICK, folder=tmp_path)


def test_labels_that_only_the_tested_persons_have_are_refused(few, tmp_path):
    table = few.table.copy()
    table.loc[table["person"] != "p01", "arousal"] = np.nan
    with pytest.raises(BadInput, match=r"arousal, fold .*labels on the training side, found none"):
        pretrain(dataclasses.replace(few, table=table), QUICK, folder=tmp_path)


def test_one_label_on_the_learning_side_has_no_binary_answer(few, tmp_path):
    table = few.table.assign(arousal=few.table["arousal"].abs() + 0.01)
    config = dataclasses.replace(QUICK, target="binary")
    with pytest.raises(BadInput, match=r"arousal, fold 0: expected low and high.*only \[1\.0\]"):
        pretrain(dataclasses.replace(few, table=table), config, folder=tmp_path)


def test_faces_of_another_size_are_refused(tmp_path):
    store = make_faces(tmp_path / "store", persons=4, size_px=32)
    with pytest.raises(BadInput, match=r"faces of 64x64 px.*32 px"):
        pretrain(store, QUICK, folder=tmp_path / "run")


def test_other_settings_or_labels_do_not_overwrite_a_run(run, few):
    before = files(run.folder)
    table = few.table.copy()
    table.loc[0, "valence"] = 0.5
    for store, config in (
        (few, dataclasses.replace(QUICK, seed=1)),
        (dataclasses.replace(few, table=table[3:].reset_index(drop=True)), QUICK),
    ):
        with pytest.raises(BadInput, match="choose another --out"):
            pretrain(store, config, folder=run.folder)
    assert files(run.folder) == before


def test_a_folder_of_something_else_is_refused(few, tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(BadInput, match="a run of `pulsefer train`"):
        pretrain(few, QUICK, folder=tmp_path)
    with pytest.raises(BadInput, match="pulsefer pretrain STORE"):
        open_pretrain(tmp_path / "absent")
