"""Every command by its words, its exit status, and what it says to whom."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pulsefer
from pulsefer.app.cli import run
from pulsefer.media.video import encode

COMMANDS = (
    "demo", "data fake", "data check", "data prepare", "pretrain", "train", "evaluate", "report",
    "analyze", "live", "export", "info",
    *(f"data {does} {name}" for does in ("fake", "check", "prepare")
      for name in ("deap", "mahnob_hci", "afew_va", "stills")),
)  # fmt: skip
SCRIPT = Path(sys.executable).with_name("pulsefer")
LITTLE = [
    "--subjects", "2", "--trials", "4", "--seconds", "6", "--fps-hz", "12.5", "--width-px", "192",
    "--height-px", "160", "--workers", "1",
]  # fmt: skip
LIGHT = ["--epochs", "1", "--validation", "0", "--step-s", "2"]
QUICK = [*LIGHT, "--folds", "2"]


@pytest.fixture(autouse=True)
def a_wide_screen(monkeypatch):
    """Sentences are asserted, not where a terminal breaks them."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    out = tmp_path_factory.mktemp("specimen") / "deap"
    assert run(["data", "fake", "deap", str(out), *LITTLE]) == 0
    return out


@pytest.fixture(scope="module")
def broken_tree(tree, tmp_path_factory):
    """One film is cut short, one is text."""
    copy = tmp_path_factory.mktemp("broken") / "deap"
    shutil.copytree(tree, copy)
    films = sorted(copy.rglob("*.avi"))
    films[1].write_bytes(films[1].read_bytes()[:200])
    films[2].write_text("this is no film")
    return copy


@pytest.fixture(scope="module")
def grey_film(tmp_path_factory):
    path = tmp_path_factory.mktemp("grey") / "grey.mp4"
    rng = np.random.default_rng(0)
    encode(path, (rng.integers(90, 110, (96, 128, 3), np.uint8) for _ in range(26)), fps_hz=10)
    return path


def said(capsys):
    """Standard output, and standard error with spaces in place of line breaks."""
    out, err = capsys.readouterr()
    return out, " ".join(err.split())


# Words


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_that_is_more_than_its_name(command, capsys):
    assert run([*command.split(), "--help"]) == 0
    out, _ = said(capsys)
    assert f"Usage: pulsefer {command}" in out
    assert "Args:" not in out
    undocumented = re.findall(r"│\s+\*?\s*--[\w.-]+ [A-Z]+\s+(?:\[default[^│]*)?│", out)
    assert undocumented == []


def test_help_lists_every_command_and_what_this_is_not_for(capsys):
    assert run(["--help"]) == 0
    out, _ = said(capsys)
    assert [c for c in COMMANDS if f"│ {c.split()[0]} " not in out] == []
    assert "not at work" in out
    assert run([]) == 0
    assert said(capsys)[0] == out


def test_the_version_is_the_packages(capsys):
    assert run(["--version"]) == 0
    assert said(capsys)[0].strip() == pulsefer.__version__


@pytest.mark.parametrize("words", ["--version", "--help", "data --help"])
def test_version_and_help_import_no_torch(words):
    code = (
        "import sys; from pulsefer.app.cli import run; status = run(sys.argv[1:]); "
        "heavy = {'torch', 'pandas', 'scipy', 'av', 'numpy'} & sys.modules.keys(); "
        "sys.exit(f'imported {heavy}' if heavy else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words.split()], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "words",
    ["fly", "data", "train", "data fake iemocap x", "train x --out y --epochs many",
     "analyze x --output y.csv --device abacus", "info --colour"],
)  # fmt: skip
def test_words_that_are_no_command_end_in_2(words, capsys):
    if words == "data":
        assert run(["data"]) == 0  # a folder of commands shows its help
        return
    assert run(words.split()) == 2
    out, err = said(capsys)
    assert "Error" in err
    assert out == ""


# Settings that make no sense, files that are not there


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("train store --out run", "store: expected a store with index.parquet, found none; make"),
        ("train store --out run --epochs 0", "epochs and batch_size must be at least 1"),
        ("evaluate run", "run: expected a run with run.json"),
        ("data check deap nowhere", "nowhere: expected the folder of deap, found no such folder"),
        ("data prepare deap nowhere --store s", "nowhere: expected the folder of DEAP, found no"),
        ("data fake deap out --subjects 99", "subjects must lie in 1-32, found 99"),
        ("data fake deap out --effects.expression 3", "expression must lie in 0-1, found 3"),
        ("analyze no.mp4 --output t.csv", "no.mp4: expected a video file, found no such file"),
        ("analyze no.mp4 --output t.xlsx", "t.xlsx: expected an output file that ends in .csv,"),
        ("--config no.yaml info", "no.yaml: expected a YAML file, found no such file"),
        ("info --config", "--config: expected a YAML file behind it"),
    ],
)
def test_what_cannot_be_done_ends_in_2_and_says_why(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(words.split()) == 2
    out, err = said(capsys)
    assert told in err
    assert out == ""
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_specimen_overwrites_nothing(tree, capsys):
    assert run(["data", "fake", "deap", str(tree), *LITTLE]) == 2
    assert "a specimen never overwrites anything" in said(capsys)[1]


def test_an_error_of_the_system_names_the_file(grey_film, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(["analyze", str(grey_film), "--output", str(tmp_path / "file" / "t.csv")]) == 2
    assert "file" in said(capsys)[1]


# Configuration files


def test_a_file_gives_defaults_and_flags_win(small_store, tmp_path, capsys):
    file = tmp_path / "runs.yaml"
    file.write_text(
        "train: {epochs: 1, folds: 2, validation: 0.0, step_s: 6, batch_size: 8,\n"
        "        model: {heart_rate: false}}\ninfo: {input: both}\n"
    )
    out = tmp_path / "run"
    words = ["train", str(small_store.path), "--out", str(out), "--no-final"]
    assert run([*words, "--batch-size", "12", "--config", str(file)]) == 0
    about = json.loads((out / "run.json").read_text())
    assert (about["train"]["epochs"], about["train"]["batch_size"]) == (1, 12)
    assert about["train"]["model"]["heart_rate"] is False
    assert about["protocol"]["folds"] == 2
    assert "next: pulsefer evaluate" in said(capsys)[1]
    # The next command line knows nothing of that file.
    assert run(["info"]) == 0
    assert "input appearance" in said(capsys)[0]
    assert run([f"--config={file}", "info"]) == 0
    assert "input both" in said(capsys)[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("train: [1, 2", "expected YAML"),
        ("train:\n\t- x", "expected YAML"),
        ("a word", "expected defaults by command: demo, data, pretrain, train"),
        ("trian: {epochs: 3}", "found trian"),
        ("info: {colour: red}", "colour"),
        ("info: 3", "must be a mapping"),
        ("info: {input: smell}", "Invalid value"),
    ],
)
def test_a_configuration_that_is_none_ends_in_2(text, told, tmp_path, capsys):
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    assert run(["info", "--config", str(file)]) == 2
    assert told in said(capsys)[1]


# Videos


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "film.mp4: expected"), (b"no film at all\n" * 99, "film.mp4: expected")],
)
def test_a_file_that_is_no_video_ends_in_2(content, told, tmp_path, capsys):
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    assert run(["analyze", str(path), "--output", str(tmp_path / "t.csv")]) == 2
    assert told in said(capsys)[1]
    assert not (tmp_path / "t.csv").exists()


def test_a_video_without_a_face_ends_well(grey_film, tmp_path, capsys):
    out = tmp_path / "new" / "t.csv"
    assert run(["analyze", str(grey_film), "--output", str(out)]) == 0
    table = pd.read_csv(out)
    assert table["time_s"].tolist() == [0, 1, 2]
    assert table["face_id"].isna().all()
    _, err = said(capsys)
    assert "no face was found" in err
    assert "next: " in err


def test_a_video_that_breaks_off_gives_its_rows_and_ends_in_1(tree, tmp_path, capsys):
    film = sorted(tree.rglob("*.avi"))[0].read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(film[: len(film) // 2])
    assert run(["analyze", str(cut), "--output", str(tmp_path / "t.csv")]) == 1
    assert 1 <= len(pd.read_csv(tmp_path / "t.csv")) < 6
    assert re.search(r"cut\.avi: expected frames up to 6\.0 s, found the last", said(capsys)[1])


def test_a_start_behind_the_end_of_the_video_ends_in_2(grey_film, tmp_path, capsys):
    words = ["analyze", str(grey_film), "--output", str(tmp_path / "t.csv")]
    assert run([*words, "--start-s", "60"]) == 2
    assert "give an earlier start_s" in said(capsys)[1]
    assert run([*words, "--start-s", "2", "--end-s", "1"]) == 2
    assert "expected 0 <= start_s < end_s" in said(capsys)[1]


@pytest.mark.shared
def test_a_real_video_without_a_face_ends_well(shared_data, tmp_path):
    out = tmp_path / "t.parquet"
    assert run(["analyze", str(shared_data / "clips" / "no_face.mp4"), "--output", str(out)]) == 0
    table = pd.read_parquet(out)
    assert len(table) in (4, 5)
    assert table["face_id"].isna().all()
    assert table.attrs["source"] == "no_face.mp4"


# Broken copies


def test_a_broken_copy_is_named_and_ends_in_1(broken_tree, capsys):
    assert run(["data", "check", "deap", str(broken_tree)]) == 1
    out, err = said(capsys)
    assert "s01_trial02.avi" in out
    assert "s01_trial03.avi" in err
    assert "next: pulsefer data prepare" in err


def test_one_broken_trial_is_skipped_and_the_rest_prepared(broken_tree, tmp_path, capsys):
    words = ["data", "prepare", "deap", str(broken_tree), "--store", str(tmp_path / "store")]
    assert run([*words, "--workers", "1"]) == 1
    err = said(capsys)[1]
    assert "s01_trial02.avi" in err
    assert "6 trials made, 0 already there, 2 skipped" in err
    assert len(pd.read_parquet(tmp_path / "store" / "index.parquet")) == 6


def test_where_nothing_can_be_prepared_it_ends_in_2(broken_tree, tmp_path, capsys):
    copy = tmp_path / "deap"
    shutil.copytree(broken_tree, copy)
    for film in copy.rglob("*.avi"):
        film.write_bytes(b"")
    words = ["data", "prepare", "deap", str(copy), "--store", str(tmp_path / "store")]
    assert run([*words, "--workers", "1"]) == 2
    assert "next: pulsefer data check deap" in said(capsys)[1]


# The whole path


def test_the_whole_path_from_a_specimen_to_a_table(tree, tmp_path, capsys):
    store, out, table = (str(tmp_path / name) for name in ("store", "run", "t.parquet"))

    assert run(["data", "check", "deap", str(tree)]) == 0
    said_out, said_err = said(capsys)
    assert "synthetic" in said_out
    assert f"next: pulsefer data prepare deap {tree}" in said_err

    prepare = ["data", "prepare", "deap", str(tree), "--store", store, "--workers", "1"]
    assert run(prepare) == 0
    assert "8 trials made, 0 already there, 0 skipped" in said(capsys)[1]
    assert run(prepare) == 0
    assert "0 trials made, 8 already there, 0 skipped" in said(capsys)[1]

    assert run(["train", store, "--out", out, *QUICK]) == 0
    said_out, said_err = said(capsys)
    assert "by subject (synthetic data)" in said_out
    assert f"next: pulsefer analyze VIDEO --model {out}" in said_err
    for name in ("run.json", "predictions.parquet", "history.csv", "rows.jsonl", "model"):
        assert (Path(out) / name).exists()
    about = json.loads((Path(out) / "run.json").read_text())
    assert (about["train"]["epochs"], about["windows"]["step_s"]) == (1, 2.0)
    assert about["data_kind"] == "synthetic"

    assert run(["train", store, "--out", out, *QUICK, "--seed", "9"]) == 2
    assert "choose another --out, or delete this one" in said(capsys)[1]

    ancestor = ["--by", "window_within", "--peek-at-test", "--no-final"]
    assert run(["train", store, "--out", f"{out}-leaky", *QUICK, *ancestor]) == 0
    said_out, said_err = said(capsys)
    assert "by window_within: what may cross to the tested side: the tested trials" in said_err
    assert "the epoch is chosen by its accuracy on the test side" in said_err
    assert "by window_within (synthetic data)" in said_out
    assert "best_on_test" in said_out
    assert (Path(f"{out}-leaky") / "splits.csv").is_file()
    assert run(["train", store, "--out", f"{out}-out", *LIGHT, "--folds", "one_out"]) == 0
    assert run(["train", store, "--out", f"{out}-no", *QUICK, "--by", "window"]) == 2
    assert run(["train", store, "--out", f"{out}-no", *LIGHT, "--folds", "9"]) == 2
    assert "9 folds need at least 9 subjects, found 2" in said(capsys)[1]

    for unit in ("trial", "window"):
        assert run(["evaluate", out, "--unit", unit]) == 0
        assert f"{unit}s" in said(capsys)[0]
    n_rows = len((Path(out) / "rows.jsonl").read_text().splitlines())
    assert run(["evaluate", out]) == 0
    assert len((Path(out) / "rows.jsonl").read_text().splitlines()) == n_rows
    said(capsys)

    film = sorted(tree.rglob("*.avi"))[0]
    assert run(["analyze", str(film), "--model", out, "--output", table]) == 0
    said_out, said_err = said(capsys)
    assert said_out == ""
    assert "trained on synthetic faces" in said_err
    rows = pd.read_parquet(table)
    assert rows["time_s"].tolist() == [0, 1, 2, 3, 4, 5]
    assert rows["valence_prob"].between(0, 1).all()
    assert rows.attrs["models"][0]["fingerprint"] == about["fingerprint"]


def test_a_run_that_is_none_or_unfinished_is_refused(small_store, grey_film, tmp_path, capsys):
    words = ["analyze", str(grey_film), "--output", str(tmp_path / "t.csv"), "--model"]
    assert run([*words, str(tmp_path)]) == 2
    assert "make one with `pulsefer train STORE --out RUN`" in said(capsys)[1]
    out = str(tmp_path / "run")
    assert run(["train", str(small_store.path), "--out", out, *QUICK, "--no-final"]) == 0
    said(capsys)
    assert run([*words, out]) == 2
    assert "without --no-final" in said(capsys)[1]
    (tmp_path / "run" / "predictions.parquet").unlink()
    assert run(["evaluate", out]) == 2
    assert "it goes on where it was" in said(capsys)[1]


def test_info_has_the_papers_totals(capsys):
    assert run(["info"]) == 0
    out, err = said(capsys)
    assert "1,052,473" in out
    assert "1,052,490" in out
    assert "next: pulsefer demo" in err


# The installed script


def script(*words, columns="100"):
    env = {**os.environ, "COLUMNS": columns}
    return subprocess.run(
        [SCRIPT, *words], capture_output=True, text=True, check=False, env=env, timeout=120
    )


@pytest.mark.skipif(not SCRIPT.is_file(), reason="the package is not installed as a script")
def test_the_installed_script_gives_statuses_to_the_shell():
    assert script("--version").stdout.strip() == pulsefer.__version__
    refused = script("evaluate", "/nowhere")
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "Traceback" not in refused.stderr
    assert "/nowhere" in refused.stderr


@pytest.mark.skipif(not SCRIPT.is_file(), reason="the package is not installed as a script")
def test_a_reader_that_goes_away_is_no_error():
    done = subprocess.run(
        f"{SCRIPT} info | head -n 1", shell=True, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
