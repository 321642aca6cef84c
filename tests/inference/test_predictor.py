import dataclasses
import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from scripted_faces import HERE, Scripted, film, one_face, steady

from pulsefer.core.errors import BadInput
from pulsefer.inference.analyzer import BASE_COLUMNS, Analyzer
from pulsefer.inference.config import AnalyzeConfig
from pulsefer.inference.tables import write_table
from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.samples.window import WindowConfig, window
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import train

LENGTH_S = 2.0


@pytest.fixture(scope="module")
def runs(small_store, tmp_path_factory):
    """One trained run, and others made from it."""
    folder = tmp_path_factory.mktemp("runs")
    cut = window(small_store, WindowConfig(length_s=LENGTH_S, step_s=5.0))
    valence = folder / "valence"
    train(
        small_store, cut, Protocol(folds=2, validation=0.0), TrainConfig(epochs=1), folder=valence
    )
    shutil.copytree(valence, folder / "unfinished", ignore=shutil.ignore_patterns("model"))
    about = checkpoint.about(valence / "model")
    torch.manual_seed(1)
    checkpoint.save(Crnn(CrnnConfig(heart_rate=False)), folder / "stl", card="", about=about)
    about["windows"]["dimension"] = "arousal"
    checkpoint.save(Crnn(CrnnConfig()), folder / "arousal", card="", about=about)
    return {path.name: path for path in folder.iterdir()}


def analysed(runs, times_s, places_at=one_face):
    analyzer = Analyzer(runs, detector=Scripted(places_at), device="cpu")
    return analyzer.table(analyzer.frames(film(times_s)), source="film")


def test_a_run_adds_its_dimension_and_its_heart_rate(runs):
    table = analysed(runs["valence"], steady(6))
    assert tuple(table.columns) == (*BASE_COLUMNS, "valence_prob", "hr_network_bpm")
    known = table[table["time_s"] >= LENGTH_S - 1]
    assert known["valence_prob"].between(0, 1).all()
    assert np.isfinite(known["hr_network_bpm"]).all()
    assert table["hr_pos_bpm"].notna().sum() == 2  # the skin's colour goes its own way
    assert tuple(analysed(runs["stl"], steady(3)).columns) == (*BASE_COLUMNS, "valence_prob")


def test_there_is_no_answer_until_the_window_is_filled_and_after_a_gap(runs):
    table = analysed(runs["valence"], steady(3))
    assert table["valence_prob"].isna().tolist() == [True, False, False]
    table = analysed(runs["valence"], steady(9), lambda ms: [HERE] if not 2900 < ms < 4900 else [])
    known = table.set_index("time_s")["valence_prob"].notna()
    assert not known[4.0]
    assert not known[5.0]
    assert known[7.0]


def test_the_window_is_taken_by_time_not_by_counting(runs):
    """The same pictures at 25 and at 10 frames a second, all at multiples of 0.2 s in both."""
    even = analysed(runs["valence"], np.arange(0, 4, 0.04))
    keep = [t for t in np.arange(100) * 0.04 if round(t * 25) % 5 == 0 or round(t * 25) % 7 == 0]
    analyzer = Analyzer(runs["valence"], detector=Scripted(one_face), device="cpu")
    frames = [f for f in film(np.arange(0, 4, 0.04)) if any(abs(f.time_s - t) < 1e-6 for t in keep)]
    uneven = analyzer.table(analyzer.frames(frames), source="film")
    assert uneven["valence_prob"].tolist() == pytest.approx(
        even["valence_prob"].tolist(), nan_ok=True
    )


def test_of_two_heart_rates_the_first_counts(runs):
    both = analysed([runs["valence"], runs["arousal"]], steady(3))
    assert tuple(both.columns[-3:]) == ("valence_prob", "hr_network_bpm", "arousal_prob")
    for name in ("valence", "arousal"):
        alone = analysed(runs[name], steady(3))
        assert both[f"{name}_prob"].equals(alone[f"{name}_prob"])
        assert both["hr_network_bpm"].equals(alone["hr_network_bpm"]) == (name == "valence")


def test_the_same_frames_give_the_same_bytes_with_a_network(runs, tmp_path):
    for name in ("first", "second"):
        write_table(analysed(runs["valence"], steady(3)), tmp_path / f"{name}.parquet")
    first, second = ((tmp_path / f"{name}.parquet").read_bytes() for name in ("first", "second"))
    assert first == second


def test_the_table_says_which_network_it_was_and_on_what_it_learned(runs, tmp_path):
    write_table(analysed(runs["valence"], steady(1)), tmp_path / "table.parquet")
    (told,) = pd.read_parquet(tmp_path / "table.parquet").attrs["models"]
    assert told["data_kind"] == "synthetic"
    assert told["trained_on"] == ["deap"]
    assert told["protocol"] == "subject"
    run = json.loads((runs["valence"] / "run.json").read_text())
    assert told["fingerprint"] == run["fingerprint"]
    assert len(told["weights_sha256"]) == 64


def test_the_folder_of_the_network_serves_like_that_of_its_run(runs):
    by_run = analysed(runs["valence"], steady(3))
    assert analysed(runs["valence"] / "model", steady(3)).equals(by_run)


def test_faces_are_cut_as_the_network_learned_them(runs):
    follow = Analyzer(runs["valence"], detector=Scripted(one_face)).config.follow
    assert follow.start_score == 0.95  # of the store, not the default
    assert follow.max_faces > 1  # a trial has one person, a video may have more
    other = dataclasses.replace(follow, crop=dataclasses.replace(follow.crop, top=0.6))
    with pytest.raises(BadInput, match="the crop the model learned from"):
        Analyzer(runs["valence"], config=AnalyzeConfig(follow=other), detector=Scripted(one_face))


def test_two_runs_of_one_dimension_are_refused(runs):
    with pytest.raises(BadInput, match="one run per dimension, found valence, valence"):
        Analyzer([runs["valence"], runs["stl"]], detector=Scripted(one_face))


def test_runs_that_cut_faces_differently_are_refused(runs, tmp_path):
    about = checkpoint.about(runs["arousal"])
    about["store"]["follow"]["crop"]["top"] = 0.6
    model = checkpoint.load(runs["arousal"])
    checkpoint.save(model, tmp_path / "other", card="", about=about)
    with pytest.raises(BadInput, match="cut in the same way"):
        Analyzer([runs["valence"], tmp_path / "other"], detector=Scripted(one_face))


def test_what_is_no_finished_run_is_refused_with_the_command_that_makes_one(runs, tmp_path):
    for folder, found in ((tmp_path / "none", "no such folder"), (tmp_path, "neither run.json")):
        with pytest.raises(BadInput, match=f"{found}.*pulsefer train STORE --out RUN"):
            Analyzer(folder, detector=Scripted(one_face))
    with pytest.raises(BadInput, match="interrupted, or trained with --no-final"):
        Analyzer(runs["unfinished"], detector=Scripted(one_face))


@pytest.mark.parametrize("about", [{}, {"store": {"follow": {"crop": {"nonsense": 1}}}}])
def test_a_network_that_does_not_say_what_it_learned_is_refused(tmp_path, about):
    checkpoint.save(Crnn(CrnnConfig()), tmp_path / "bare", card="", about=about)
    with pytest.raises(BadInput, match=r'config\.json: expected "about\.'):
        Analyzer(tmp_path / "bare", detector=Scripted(one_face))


def test_damaged_weights_are_refused(runs, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in (runs["valence"] / "model").iterdir():
        data = file.read_bytes()
        (copy / file.name).write_bytes(data[:1000] if file.suffix == ".safetensors" else data)
    with pytest.raises(BadInput, match="safetensors"):
        Analyzer(copy, detector=Scripted(one_face))


def test_no_frames_give_an_empty_table_with_all_columns(runs):
    table = analysed(runs["valence"], [])
    assert table.empty
    assert "valence_prob" in table.columns
    assert math.isnan(table["valence_prob"].max())
