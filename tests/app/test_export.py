"""`pulsefer export`: what it says, and to whom."""

import sys

import pytest
import torch

from pulsefer.app.cli import run
from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn

ABOUT = {
    "store": {"follow": {"crop": {"size_px": 64, "top": 1.0, "bottom": 0.5}}},
    "windows": {"length_s": 1.0, "n_frames": 5, "dimension": "valence", "threshold": "ge5"},
    "protocol_name": "subject", "data_kind": "synthetic", "datasets": ["deap"],
    "fingerprint": "0123456789abcdef",
}  # fmt: skip


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A folder as a run has it."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("NO_COLOR", "1")
    torch.manual_seed(0)
    folder = tmp_path / "run"
    checkpoint.save(Crnn(), folder / checkpoint.MODEL, card="# A network\n", about=ABOUT)
    return folder


@pytest.mark.slow  # the README's `pulsefer export` does the same, in the wheel, every day
def test_a_run_is_written_and_the_next_step_is_told(trained, tmp_path, capsys):
    out = tmp_path / "small"
    assert run(["export", str(trained), "--output", str(out)]) == 0
    table, words = capsys.readouterr()
    for path in out.iterdir():
        assert path.name in table
    assert "1e-4 is allowed" in words
    assert f"next: pulsefer analyze VIDEO --model {out / 'model.onnx'} --output FILE.csv" in words


def test_what_is_no_run_is_refused(tmp_path, capsys):
    assert run(["export", str(tmp_path), "--output", str(tmp_path / "small")]) == 2
    assert "make one with `pulsefer train" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_its_name_is_said(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert run(["export", str(trained), "--output", str(tmp_path / "small")]) == 2
    assert "pip install 'pulsefer[export]'" in capsys.readouterr().err
    assert not (tmp_path / "small").exists()
