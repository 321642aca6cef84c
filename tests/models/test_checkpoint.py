import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from pulsefer.core.errors import BadInput
from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn, CrnnConfig


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    model = Crnn(CrnnConfig(input="both", dropout=0.25))
    place = tmp_path / "model"
    checkpoint.save(model, place, card="# A card\n", about={"dimension": "valence", "fps_hz": 12.5})
    return place


def test_a_network_comes_back_to_the_bit(folder):
    torch.manual_seed(0)
    model = Crnn(CrnnConfig(input="both", dropout=0.25)).eval()
    again = checkpoint.load(folder)
    assert again.config == model.config
    assert not again.training
    x = torch.rand(1, 3, 3, 64, 64)
    assert torch.equal(again(x).hr_bpm, model(x).hr_bpm)
    again(x).emotion_logit.sum().backward()
    assert again.cnn.conv1.weight.grad is not None


def test_the_folder_has_the_names_the_hub_knows(folder):
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip
    assert (folder / "README.md").read_text() == "# A card\n"
    assert json.loads((folder / "config.json").read_text())["input"] == "both"


def test_what_was_said_about_it_comes_back(folder):
    assert checkpoint.about(folder) == {"dimension": "valence", "fps_hz": 12.5}


def test_loading_draws_no_random_number(folder):
    torch.manual_seed(4)
    expected = torch.rand(1)
    torch.manual_seed(4)
    checkpoint.load(folder)
    assert torch.equal(torch.rand(1), expected)


def test_saving_again_replaces(folder):
    checkpoint.save(Crnn(), folder, card="new")
    assert checkpoint.load(folder).config == CrnnConfig()


def test_saving_over_something_else_is_refused_and_loses_nothing(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BadInput, match=r"thesis\.tex"):
        checkpoint.save(Crnn(), tmp_path, card="")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(BadInput, match=f"{name}.*no such file"):
        checkpoint.load(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"[1, 2]", b"\xff\xfe" * 40])
def test_a_damaged_file_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(BadInput, match=name):
        checkpoint.load(folder)


@pytest.mark.parametrize(
    "change",
    [{"architecture": "other.Net"}, {"input": "colour"}, {"layers": 12}, {"about": 3}],
)
def test_a_configuration_of_something_else_is_refused(folder, change):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(BadInput, match=r"config\.json"):
        checkpoint.load(folder)


def test_weights_of_another_network_are_refused(folder):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "input": "appearance"}))
    with pytest.raises(BadInput, match=r"cnn\.conv1\.weight"):
        checkpoint.load(folder)


@pytest.mark.parametrize(
    ("spoil", "found"), [(lambda x: x * torch.nan, "NaN"), (lambda x: x.double(), "float64")]
)
def test_numbers_that_cannot_be_weights_are_refused(folder, spoil, found):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors["feature.bias"] = spoil(tensors["feature.bias"])
    save_file(tensors, path)
    with pytest.raises(BadInput, match=found):
        checkpoint.load(folder)
