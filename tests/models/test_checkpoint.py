import hashlib
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from pulsefer.core.errors import BadInput
from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn, CrnnConfig, FrameCnn
from pulsefer.models.frame_affect import FrameAffect, FrameAffectConfig


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


# The network of single pictures, and the CNN alone


@pytest.fixture
def affect(tmp_path):
    torch.manual_seed(0)
    model = FrameAffect(FrameAffectConfig(dropout=0.25))
    torch.nn.init.normal_(model.head[-1].weight)
    checkpoint.save(model, tmp_path / "model", card="# Faces\n", about={"datasets": ["afew_va"]})
    return model.eval(), tmp_path / "model"


def test_a_network_of_pictures_comes_back_to_the_bit(affect):
    model, folder = affect
    torch.manual_seed(4)
    expected = torch.rand(1)
    torch.manual_seed(4)
    again = checkpoint.load_frame_affect(folder)
    assert torch.equal(torch.rand(1), expected)  # loading draws no random number
    assert again.config == model.config
    assert not again.training
    x = torch.rand(2, 3, 64, 64)
    assert torch.equal(again(x), model(x))
    assert checkpoint.about(folder) == {"datasets": ["afew_va"]}


def test_a_pre_trained_cnn_is_not_a_network_of_clips_and_the_error_says_what_it_is_for(affect):
    with pytest.raises(BadInput, match="a pre-trained CNN: use `pulsefer train STORE --cnn"):
        checkpoint.load(affect[1])


def test_a_network_of_clips_is_not_one_of_pictures(folder):
    with pytest.raises(BadInput, match="pulsefer analyze --model"):
        checkpoint.load_frame_affect(folder)


def test_the_cnn_of_a_network_of_pictures_is_its_cnn(affect):
    model, folder = affect
    found = checkpoint.load_cnn(folder)
    wanted = model.cnn.state_dict()
    assert found.tensors.keys() == wanted.keys()
    assert all(torch.equal(found.tensors[name], wanted[name]) for name in wanted)
    assert found.sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert found.about == {"datasets": ["afew_va"]}


def test_the_cnn_of_a_run_is_that_of_its_model(affect):
    _, folder = affect
    assert checkpoint.load_cnn(folder.parent).sha256 == checkpoint.load_cnn(folder).sha256


def test_the_cnn_of_a_network_of_clips_fits_another_one(tmp_path):
    model = Crnn()
    checkpoint.save(model, tmp_path / "m", card="")
    other = FrameCnn()
    other.load_state_dict(dict(checkpoint.load_cnn(tmp_path / "m").tensors))
    wanted = model.cnn.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in other.state_dict().items())


@pytest.mark.parametrize("looks_at", ["difference", "both"])
def test_a_cnn_that_looks_at_changes_is_refused(tmp_path, looks_at):
    checkpoint.save(Crnn(CrnnConfig(input=looks_at)), tmp_path / "m", card="")
    with pytest.raises(BadInput, match=f'colours.*found input "{looks_at}"'):
        checkpoint.load_cnn(tmp_path / "m")


def test_a_folder_without_a_network_has_no_cnn(tmp_path):
    with pytest.raises(BadInput, match=r"config\.json.*no such file"):
        checkpoint.load_cnn(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95pickle.", b"\xff" * 4000])
def test_weights_that_are_something_else_are_not_opened(affect, content):
    _, folder = affect
    (folder / "model.safetensors").write_bytes(content)
    for load in (checkpoint.load_frame_affect, checkpoint.load_cnn):
        with pytest.raises(BadInput, match="they can run code"):
            load(folder)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda x: x * torch.inf, "NaN or infinity"),
        (lambda x: x.half(), "float16"),
        (lambda x: x[:, :2].clone(), r"a difference at cnn\.conv1\.weight"),
    ],
)
def test_weights_that_cannot_be_those_of_a_cnn_are_refused(affect, spoil, found):
    _, folder = affect
    tensors = load_file(folder / "model.safetensors")
    tensors["cnn.conv1.weight"] = spoil(tensors["cnn.conv1.weight"])
    save_file(tensors, folder / "model.safetensors")
    for load in (checkpoint.load_frame_affect, checkpoint.load_cnn):
        with pytest.raises(BadInput, match=found):
            load(folder)


# What config.json says of the files beside it


def change(folder, **said):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **said}))


def test_the_description_names_its_weights_and_how_a_face_is_given(folder):
    said = json.loads((folder / "config.json").read_text())
    weights = (folder / "model.safetensors").read_bytes()
    assert said["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert said["pixels"] == {"colours": "RGB", "range": [0.0, 1.0], "size_px": 64}
    assert said["format"] == 1


def test_weights_that_the_description_does_not_name_are_refused(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["feature.bias"] += 1e-6
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(BadInput, match="two networks"):
        checkpoint.load(folder)


def test_a_folder_from_before_these_were_said_still_loads(folder):
    path = folder / "config.json"
    said = json.loads(path.read_text())
    for name in ("weights_sha256", "pixels", "format"):
        del said[name]
    path.write_text(json.dumps(said))
    assert checkpoint.load(folder).config.input == "both"


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"format": 2}, '"format": 1, found 2'),
        ({"format": "new"}, '"format": 1, found "new"'),
        ({"pixels": {"colours": "BGR", "range": [0.0, 1.0], "size_px": 64}}, '"colours": "RGB"'),
        ({"weights_sha256": "0" * 64}, '"weights_sha256": \'0000'),
        ({"dropout": float("nan")}, "NaN, which is no number"),
        ({"about": {"windows": float("inf")}}, "Infinity, which is no number"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_key(folder, said, named):
    change(folder, **said)
    with pytest.raises(BadInput, match=named):
        checkpoint.load(folder)


def test_a_description_nested_without_end_is_refused(folder):
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(BadInput, match=r"config\.json"):
        checkpoint.load(folder)


def test_a_pickle_instead_of_weights_is_named_and_not_opened(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"pytorch_model\.bin, which could run code"):
        checkpoint.load(folder)


def test_the_picture_of_the_card_is_kept_and_replaced_with_the_folder(folder):
    checkpoint.save(Crnn(), folder, card="", reliability=b"<svg/>")
    assert (folder / "reliability.svg").read_bytes() == b"<svg/>"
    checkpoint.save(Crnn(), folder, card="")
    assert not (folder / "reliability.svg").exists()
