"""The data sets by their commands: specimen, check, store, training, from one to the other."""

import json
import shutil

import pandas as pd
import pytest
import torch

from pulsefer.app.cli import run
from pulsefer.models import checkpoint

FILM = ["--subjects", "2", "--trials", "4", "--seconds", "12", "--width-px", "192",
        "--height-px", "160", "--workers", "1"]  # fmt: skip
QUICK = ["--epochs", "1", "--folds", "2", "--validation", "0", "--step-s", "2"]
PICTURES = {
    "afew_va": ["--actors", "4", "--clips", "8", "--frames", "3", "--width-px", "240",
                "--height-px", "192"],
    "stills": ["--persons", "4", "--pictures", "5", "--width-px", "192", "--height-px", "192"],
}  # fmt: skip
RATES = {"deap": "12.5", "mahnob_hci": "15.25"}


@pytest.fixture(autouse=True)
def a_wide_screen(monkeypatch):
    """Sentences are asserted, not where a terminal breaks them."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("sets")


@pytest.fixture(scope="module")
def trees(place):
    """A specimen of every data set."""
    for name, fps_hz in RATES.items():
        assert run(["data", "fake", name, str(place / name), *FILM, "--fps-hz", fps_hz]) == 0
    for name, size in PICTURES.items():
        assert run(["data", "fake", name, str(place / name), *size, "--workers", "1"]) == 0
    return place


@pytest.fixture(scope="module")
def stores(trees):
    """The trials of two data sets, cut in the same way, at their own frame rates."""
    found = {}
    for name in RATES:
        found[name] = trees / f"{name}-store"
        words = ["data", "prepare", name, str(trees / name), "--store", str(found[name])]
        assert run([*words, "--workers", "1"]) == 0
    return found


@pytest.fixture(scope="module")
def pretrained(trees):
    store = trees / "faces"
    words = ["data", "prepare", "afew_va", str(trees / "afew_va"), "--store", str(store)]
    assert run([*words, "--workers", "1"]) == 0
    words = ["pretrain", str(store), "--out", str(trees / "pretrained")]
    assert run([*words, "--epochs", "1", "--folds", "2", "--validation", "0"]) == 0
    return trees / "pretrained"


def said(capsys):
    """Standard output, and standard error with spaces in place of line breaks."""
    out, err = capsys.readouterr()
    return out, " ".join(err.split())


@pytest.mark.parametrize("name", ["deap", "mahnob_hci", "afew_va", "stills"])
def test_a_specimen_passes_the_check_of_its_data_set(trees, name, capsys):
    assert run(["data", "check", name, str(trees / name)]) == 0
    out, err = said(capsys)
    assert "synthetic" in out
    assert "broken" not in out + err
    assert f"next: pulsefer data prepare {name}" in err


@pytest.mark.parametrize("name", ["mahnob_hci", "afew_va"])
def test_a_partial_copy_is_said_to_be_one_and_is_no_failure(trees, name, tmp_path, capsys):
    copy = tmp_path / name
    shutil.copytree(trees / name, copy)
    parts = {"mahnob_hci": "Sessions/*", "afew_va": "0*"}
    shutil.rmtree(max(path for path in copy.glob(parts[name]) if path.is_dir()))
    assert run(["data", "check", name, str(copy)]) == 0
    assert "partial" in said(capsys)[1]


@pytest.mark.parametrize(
    ("name", "pattern", "damage"),
    [("mahnob_hci", "session.xml", b"<session"), ("afew_va", "*.json", b"{}"),
     ("mahnob_hci", "*_S_*.bdf", b"\xffBIOSEMI")],
)  # fmt: skip
def test_what_is_broken_is_named_and_the_rest_is_prepared(
    trees, name, pattern, damage, tmp_path, capsys
):
    copy = tmp_path / name
    shutil.copytree(trees / name, copy)
    victim = max(path for path in copy.rglob(pattern) if "SPECIMEN" not in path.name)
    victim.write_bytes(damage)
    assert run(["data", "check", name, str(copy)]) == 1
    assert "broken" in said(capsys)[1]
    words = ["data", "prepare", name, str(copy), "--store", str(tmp_path / "store")]
    assert run([*words, "--workers", "1"]) == 1
    err = said(capsys)[1]
    assert victim.parent.name in err
    assert " 0 skipped" not in err


def test_preparing_prints_how_many_are_high_by_each_rule(trees, stores, capsys):
    words = ["data", "prepare", "mahnob_hci", str(trees / "mahnob_hci"), "--store"]
    assert run([*words, str(stores["mahnob_hci"]), "--workers", "1"]) == 0
    err = said(capsys)[1]
    assert "0 trials made, 8 already there, 0 skipped" in err
    assert "valence of 8 trials: ge5" in err
    assert "gt5" in err
    assert "drop_middle" in err


def test_two_data_sets_train_one_network(stores, tmp_path, capsys):
    words = ["train", *map(str, stores.values()), "--out", str(tmp_path / "both"), *QUICK]
    assert run([*words, "--hr-by-dataset", "--no-final"]) == 0
    out, err = said(capsys)
    assert "deap: " in err
    assert "mahnob_hci: " in err
    assert "by subject, trained on deap+mahnob_hci" in out
    about = json.loads((tmp_path / "both" / "run.json").read_text("utf-8"))
    assert about["datasets"] == ["deap", "mahnob_hci"]
    assert set(about["hr_scale"]["by_dataset"]) == {"deap", "mahnob_hci"}
    predictions = pd.read_parquet(tmp_path / "both" / "predictions.parquet")
    assert predictions.groupby("dataset").size().min() > 0


@pytest.mark.slow  # the README's commands do the same, in the wheel, every day
def test_trained_on_one_data_set_and_tested_on_the_other(stores, tmp_path, capsys):
    for ours, other in (("deap", "mahnob_hci"), ("mahnob_hci", "deap")):
        folder = str(tmp_path / ours)
        assert run(["train", str(stores[ours]), "--out", folder, *QUICK]) == 0
        capsys.readouterr()
        assert run(["evaluate", folder, "--on", str(stores[other]), "--unit", "window"]) == 0
        out, _ = said(capsys)
        assert f"{other}: MTL, valence, trained on {ours} (synthetic data)" in out
        assert run(["evaluate", folder, "--on", str(stores[ours])]) == 2
        assert "persons that the run did not learn from" in said(capsys)[1]


def test_pretraining_is_scored_by_person(pretrained, capsys):
    rows = [json.loads(line) for line in (pretrained / "rows.jsonl").read_text().splitlines()]
    assert {"ccc", "pearson", "rmse"} <= {row["metric"] for row in rows}
    assert {row["protocol"] for row in rows} == {"subject"}
    assert {row["data_kind"] for row in rows} == {"synthetic"}
    assert {row["n_subjects"] for row in rows} == {4}
    capsys.readouterr()


def test_the_network_starts_from_exactly_the_pretrained_weights(
    stores, pretrained, tmp_path, capsys
):
    words = ["train", str(stores["deap"]), "--cnn", str(pretrained), *QUICK]
    assert run([*words, "--freeze-cnn", "--out", str(tmp_path / "frozen")]) == 0
    assert run([*words, "--out", str(tmp_path / "tuned")]) == 0
    given = checkpoint.load_cnn(pretrained).tensors
    frozen, tuned = (
        checkpoint.load(tmp_path / name / "model").cnn.state_dict() for name in ("frozen", "tuned")
    )
    assert all(torch.equal(value, given[name]) for name, value in frozen.items())
    assert not all(torch.equal(value, given[name]) for name, value in tuned.items())
    card = (tmp_path / "frozen" / "model" / "README.md").read_text("utf-8")
    assert "pre-trained on afew_va" in card
    assert "kept as it was" in card
    capsys.readouterr()


def test_freezing_without_weights_or_weights_for_another_input_is_refused(
    stores, pretrained, tmp_path, capsys
):
    words = ["train", str(stores["deap"]), "--out", str(tmp_path / "run"), *QUICK]
    assert run([*words, "--freeze-cnn"]) == 2
    assert "give --cnn PATH" in said(capsys)[1]
    assert run([*words, "--cnn", str(pretrained), "--model.input", "both"]) == 2
    assert "choose 'appearance'" in said(capsys)[1]
    assert run([*words, "--cnn", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in said(capsys)[1]


def test_a_store_of_pictures_is_not_a_store_of_trials(stores, pretrained, trees, capsys):
    assert pretrained.is_dir()
    assert run(["train", str(trees / "faces"), "--out", str(trees / "x")]) == 2
    assert "pulsefer pretrain" in said(capsys)[1]
    assert run(["pretrain", str(stores["deap"]), "--out", str(trees / "x")]) == 2
    assert "pulsefer train" in said(capsys)[1]


def test_a_folder_of_pictures_with_words_is_prepared(trees, tmp_path, capsys):
    store = str(tmp_path / "store")
    words = ["data", "prepare", "stills", str(trees / "stills"), "--workers", "1", "--store"]
    assert run([*words, store]) == 0
    err = said(capsys)[1]
    assert "20 pictures made" in err
    assert f"next: pulsefer pretrain {store}" in err
