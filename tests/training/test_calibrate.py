"""What a run leaves beside its network: a temperature, a picture, a card, terms."""

import json
import re
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import yaml
from huggingface_hub import ModelCard

from made_store import make_store
from pulsefer.core.errors import BadInput
from pulsefer.metrics.temperature import probability, temperature
from pulsefer.models import checkpoint
from pulsefer.models.artefact import Artefact
from pulsefer.models.checkpoint import CnnWeights
from pulsefer.models.pretrained import Pretrained
from pulsefer.models.terms import LICENCES, OUT_OF_SCOPE, STRICTNESS, in_words, licence, use
from pulsefer.samples.window import WindowConfig, window
from pulsefer.training.calibrate import COLUMNS, calibration_of, held_out
from pulsefer.training.card import card
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.reliability import reliability
from pulsefer.training.run import bound_by, train
from pulsefer.training.run_folder import folds_of

QUICK = TrainConfig(epochs=1, batch_size=16)
HALF = Protocol(by="subject", folds=2, validation=0.5)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("store"), trials=2, effect=40.0)


@pytest.fixture(scope="module")
def cut(store):
    return window(store, WindowConfig(step_s=4.0))


@pytest.fixture(scope="module")
def run(store, cut, tmp_path_factory):
    return train(store, cut, HALF, QUICK, folder=tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def told(run):
    return checkpoint.about(run.folder / "model")


def answers(n=300, k=3.0, seed=0, **said):
    """Held-out answers that are k times as sure as they may be."""
    chance = np.random.default_rng(seed)
    logit = chance.normal(0, 1.5, n)
    return pd.DataFrame(
        {
            "dataset": "deap",
            "subject": [f"s{row % 5:02d}" for row in range(n)],
            "trial": "t",
            "start_s": 0.0,
            "within": "",
            "fold": np.arange(n) % 3,
            "emotion": (chance.random(n) < probability(logit)).astype(int),
            "emotion_logit": k * logit,
            **said,
        }
    )


# What was held out


def test_every_fold_answers_for_its_validation_part_and_nobody_it_learned_from(run, cut):
    table = pd.read_parquet(run.folder / "validation.parquet")
    assert tuple(table.columns) == COLUMNS
    folds = folds_of(cut, HALF)
    assert len(table) == sum(len(fold.validation) for fold in folds) > 0
    for fold, some in table.groupby("fold"):
        learned = {cut.windows[index].subject for index in folds[fold].train}
        tested = {cut.windows[index].subject for index in folds[fold].test}
        assert not set(some["subject"]) & (learned | tested)


def test_the_answers_are_those_of_the_last_epoch_as_the_history_has_them(run):
    table = pd.read_parquet(run.folder / "validation.parquet")
    for fold, some in table.groupby("fold"):
        right = (some["emotion_logit"] > 0) == (some["emotion"] == 1)
        last = run.history[run.history["fold"] == fold].iloc[-1]
        assert right.mean() == pytest.approx(last["validation_accuracy"])


def test_asking_again_gives_the_same_bytes(run, store, cut):
    before = (run.folder / "validation.parquet").read_bytes()
    held_out(store, cut, folds_of(cut, HALF), QUICK, run.folder)
    assert (run.folder / "validation.parquet").read_bytes() == before


def test_a_fold_whose_weights_are_gone_is_named(run, store, cut, tmp_path):
    shutil.copytree(run.folder / "folds", tmp_path / "folds")
    (tmp_path / "folds" / "01" / "last.safetensors").unlink()
    with pytest.raises(BadInput, match=r"01/last\.safetensors.*give the same `pulsefer train`"):
        held_out(store, cut, folds_of(cut, HALF), QUICK, tmp_path)
    assert not (tmp_path / "validation.parquet").exists()


def test_without_a_validation_part_the_temperature_is_one_and_says_why(run, store, cut, tmp_path):
    none = Protocol(by="subject", folds=2, validation=0.0)
    table = held_out(store, cut, folds_of(cut, none), QUICK, tmp_path)
    assert not list(tmp_path.iterdir())
    found = calibration_of(table, none)
    assert (found["temperature"], found["n"], found["folds"]) == (1.0, 0, 0)
    assert "no window was held out" in found["reason"]
    assert reliability(found, dimension="valence", synthetic=False) is None
    about = checkpoint.about(run.folder / "model")
    assert "None: no window was held out" in card({**about, "calibration": found})


# The temperature


def test_the_temperature_of_pooled_answers_is_theirs():
    table = answers()
    found = calibration_of(table, HALF)
    logit, high = table["emotion_logit"].to_numpy(), table["emotion"].to_numpy() == 1
    assert found["temperature"] == temperature(logit, high)
    assert (found["n"], found["persons"], found["folds"]) == (300, 5, 3)
    assert found["ece_after"] < found["ece_before"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_one_person_is_judged_by_the_other_folds_also_where_each_person_has_a_network():
    alone = calibration_of(answers(subject="s01", within="deap/s01"), HALF)
    assert (alone["persons"], alone["folds"], alone["left_out"]) == (1, 3, "fold")


def test_a_leaky_protocol_is_leaky_here_too(told):
    leaky = Protocol(by="window_pooled")
    found = calibration_of(answers(), leaky)
    assert (found["leaky"], found["protocol"]) == (True, "window_pooled")
    text = card({**told, "calibration": found})
    assert "**Leaky**: trials stood on both sides there too" in text
    text = card({**told, "leaky": True, "protocol_name": "window_pooled"})
    assert "**Leaky.** Validated by `window_pooled`" in text


# The picture


def test_the_picture_says_what_was_counted_and_has_no_date():
    found = calibration_of(answers(), HALF)
    once, again = (reliability(found, dimension="arousal", synthetic=True) for _ in range(2))
    assert once == again
    text = " ".join("".join(ET.fromstring(once).itertext()).split())
    for said in ("300 answers on 5 persons", "by subject (synthetic)", "high arousal"):
        assert said in text
    assert not re.search(rb"20\d\d-\d\d|dc:date|https?://matplotlib", once)
    assert b"synthetic" not in reliability(found, dimension="arousal", synthetic=False)


# What the network carries


def test_the_artefact_of_a_run_says_what_is_needed_to_use_it(run, told):
    found = Artefact.read(run.folder / "model")
    assert (found.frame_rate_hz, found.dimension) == (5.0, "valence")
    assert found.crop.size_px == 64
    assert found.temperature == told["calibration"]["temperature"]
    assert (found.data_kind, found.licence) == ("synthetic", "mit")
    assert "real-people" in found.out_of_scope
    assert found.fingerprint == run.about["fingerprint"]


def test_what_identifies_a_run_is_not_changed_by_what_its_network_says(run, told):
    assert set(told) - set(run.about) == {"calibration", "licence", "use"}
    assert {name: told[name] for name in run.about} == run.about


def test_the_network_of_a_run_goes_by_the_hubs_names_with_its_picture(run, told, tmp_path):
    Pretrained.from_pretrained(run.folder / "model").save_pretrained(tmp_path / "again")
    files = {one.name: one.read_bytes() for one in (run.folder / "model").iterdir()}
    assert {one.name: one.read_bytes() for one in (tmp_path / "again").iterdir()} == files
    assert ("reliability.svg" in files) == (not told["calibration"]["reason"])


def test_the_card_has_a_front_that_the_hub_can_read(run):
    text = (run.folder / "model" / "README.md").read_text("utf-8")
    front = ModelCard(text).data.to_dict()
    assert front == yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == "mit"
    assert front["library_name"] == "pulsefer"
    assert front["out_of_scope_use"][:2] == ["work", "education"]


def test_a_card_of_real_recordings_names_the_licence_that_binds(told):
    terms = {"licence": licence(["deap"]), "use": use("real"), "data_kind": "real"}
    text = card({**told, **terms})
    front = ModelCard(text).data.to_dict()
    assert (front["license"], front["license_name"]) == ("other", "academic-research-only")
    assert "DEAP: academic research only" in text
    assert "Synthetic" not in text


def test_the_card_says_what_must_be_said(run, told):
    text = (run.folder / "model" / "README.md").read_text("utf-8")
    for said in (
        "## Responsible use", "self-report is not a feeling", "Article 5(1)(f)", "Article 50(3)",
        "2 August 2026", "GDPR, Article 9", "sends nothing", "embedding",
        "must not be used at work",
        "What may cross from learning to test: the clips, watched by other persons",
    ):  # fmt: skip
        assert said in " ".join(text.split())
    assert ("reliability.svg" in text) == (not told["calibration"]["reason"])


# Terms


@pytest.mark.parametrize(
    ("datasets", "word"),
    [
        ([], "mit"),
        (["afew_va"], "non-commercial-research-only"),
        (["afew_va", "mahnob_hci"], "academic-research-only"),
        (["deap", "mine"], "unknown"),
    ],
)
def test_the_strictest_licence_holds_and_all_are_told(datasets, word):
    found = licence(datasets)
    assert found["word"] == word
    for name in datasets:
        assert LICENCES.get(name, ("", name))[1] in found["sentence"]


@pytest.mark.parametrize(
    ("about", "names"),
    [
        ({"datasets": ["afew_va"], "data_kind": "real"}, {"afew_va"}),
        ({"datasets": ["deap"], "licence": {"datasets": []}}, set()),
        ({}, {"unknown pictures"}),
    ],
)
def test_weights_that_were_begun_with_are_bound_by_what_they_learned_from(store, about, names):
    assert bound_by(store, None) == set()  # specimens
    assert bound_by(store, CnnWeights({}, "0" * 64, about)) == names


def test_every_word_for_machines_has_words_for_people():
    assert {word for word, _ in LICENCES.values()} < set(STRICTNESS)
    for kind in ("real", "synthetic"):
        for names in use(kind).values():
            assert len(in_words(names)) == len(names) > 0
    assert "real-people" not in use("real")["out_of_scope"]
    assert set(OUT_OF_SCOPE) <= set(use("synthetic")["out_of_scope"])
