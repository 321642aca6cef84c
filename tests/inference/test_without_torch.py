"""What `pulsefer export` wrote runs where there is no PyTorch, and gives the same rows."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from test_analyzer_films import specimen

from pulsefer.inference.analyzer import Analyzer
from pulsefer.samples.window import WindowConfig, window
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import train

pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "lightning", "pytorch_lightning"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
from pulsefer import Analyzer

model, film, output = sys.argv[1:]
Analyzer(model).video(film).to_parquet(output)
assert "torch" not in sys.modules
"""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return specimen(tmp_path_factory.mktemp("film") / "film.mp4", seconds=7)


@pytest.fixture(scope="module", params=["both", pytest.param("appearance", marks=pytest.mark.slow)])
def pair(small_store, tmp_path_factory, request):
    """A run, and what was exported of it."""
    import dataclasses

    from pulsefer.inference.onnx_export import export
    from pulsefer.models.crnn import CrnnConfig

    folder = tmp_path_factory.mktemp("runs")
    cut = window(small_store, WindowConfig(length_s=2.0, n_frames=10, step_s=10.0))
    config = dataclasses.replace(TrainConfig(epochs=1), model=CrnnConfig(input=request.param))
    train(small_store, cut, Protocol(folds=2, validation=0.0), config, folder=folder / "run")
    export(folder / "run" / "model", folder / "small")
    return folder / "run", folder / "small"


def test_the_same_rows_come_from_onnx_runtime_alone(pair, film, tmp_path):
    run, small = pair
    wanted = Analyzer(run, device="cpu").video(film)
    for number, given in enumerate((small / "model.onnx", small)):
        output = tmp_path / f"{number}.parquet"
        done = subprocess.run(
            [sys.executable, "-c", BLOCKED, str(given), str(film), str(output)],
            capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = pd.read_parquet(output)
        assert wanted["valence_prob"].notna().sum() >= 5
        pd.testing.assert_frame_equal(found, wanted, atol=1e-3, rtol=1e-3)
        told = found.attrs["models"][0]
        assert told.pop("runs_on") == "onnxruntime"
        assert told == {k: v for k, v in wanted.attrs["models"][0].items() if k != "runs_on"}
        assert found.attrs["detector_fingerprint"] == wanted.attrs["detector_fingerprint"]


SHELL = (
    BLOCKED.partition("from pulsefer import")[0]
    + """
from pulsefer.app.cli import run
sys.exit(run(sys.argv[1:]))
"""
)


def shell(*words):
    return subprocess.run(
        [sys.executable, "-c", SHELL, *map(str, words)], capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip


def test_the_command_line_needs_no_torch_either_and_says_where_it_does(pair, film, tmp_path):
    words = "analyze", film, "--output", tmp_path / "t.csv"
    done = shell(*words, "--model", pair[1] / "model.onnx")
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "t.csv")["valence_prob"].notna().any()
    done = shell(*words)
    assert done.returncode == 2
    assert "pip install torch, or give what was exported" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
