import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pulsefer.core.errors import BadInput
from pulsefer.models import vgg16
from pulsefer.models.vgg16 import MEAN, SPREAD, Vgg16, load_vgg16, vgg_input


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Vgg16().eval()


def faces(n=2):
    return torch.rand(n, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def hollow(n_classes=None):
    with torch.device("meta"):
        return Vgg16(n_classes)


@pytest.mark.parametrize(("n_classes", "published"), [(1000, 138_357_544), (None, 134_260_544)])
def test_parameters_are_those_of_configuration_d(n_classes, published):
    assert sum(p.numel() for p in hollow(n_classes).parameters()) == published


def test_tensors_have_torchvisions_names():
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    names = [f"features.{place}" for place in places] + [f"classifier.{n}" for n in (0, 3, 6)]
    assert list(hollow(1000).state_dict()) == [
        f"{name}.{what}" for name in names for what in ("weight", "bias")
    ]


@pytest.mark.parametrize(("size_px", "map_px"), [(224, 7), (64, 2), (32, 1)])
def test_five_poolings_leave_a_map_that_becomes_seven_by_seven(size_px, map_px):
    model, shapes = hollow(), []
    for module in (model.features, model.avgpool):
        module.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape)))
    out = model(torch.zeros(2, 3, size_px, size_px, device="meta"))
    assert shapes == [(2, 512, map_px, map_px), (2, 512, 7, 7)]
    assert out.shape == (2, 4096)


def test_a_thousand_answers_come_after_the_features():
    assert hollow(1000)(torch.zeros(1, 3, 224, 224, device="meta")).shape == (1, 1000)


def test_features_are_rectified_of_sound_size_and_tell_faces_apart(network):
    with torch.inference_mode():
        out = network(vgg_input(faces(), 32))
    assert out.min() == 0
    assert 0.05 < out.std() < 50
    assert (out[0] - out[1]).abs().max() > 0.01


def test_a_picture_does_not_see_its_neighbours(network):
    x = vgg_input(faces(), 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(x)[1:], network(x[1:]), rtol=1e-5, atol=1e-5)


def test_gradients_reach_every_weight(network):
    network.zero_grad()
    network(vgg_input(faces(1), 32)).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.any(), name
    network.zero_grad()


def test_the_mean_colour_of_photographs_becomes_zero_and_a_spread_one():
    mean, spread = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, SPREAD))
    flat = mean.expand(1, 3, 64, 64)
    torch.testing.assert_close(vgg_input(flat, 32), torch.zeros(1, 3, 32, 32), rtol=0, atol=1e-6)
    torch.testing.assert_close(vgg_input(flat + spread, 224), torch.ones(1, 3, 224, 224))


@pytest.mark.parametrize(
    "x", [torch.zeros(1, 3, 31, 40), torch.zeros(1, 1, 64, 64), torch.zeros(3, 64, 64),
          torch.zeros(1, 3, 64, 64).byte()],
)  # fmt: skip
def test_other_shapes_and_types_are_refused(x):
    with pytest.raises(ValueError, match="at least 32 px"):
        hollow()(x)


# Weights from files


@pytest.fixture
def narrow(monkeypatch):
    """The same network with a hundredth of the weights, to write to disk."""
    monkeypatch.setattr(vgg16, "BLOCKS", ((4, 2), (4, 2), (4, 3), (4, 3), (4, 3)))
    monkeypatch.setattr(vgg16, "FEATURES", 32)
    torch.manual_seed(0)
    return Vgg16(10)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_weights_of_a_file_are_taken_and_the_last_layer_left(narrow, tmp_path, name):
    state = narrow.state_dict()
    if name.endswith("pth"):
        torch.save(state, tmp_path / name)
    else:
        save_file(state, tmp_path / name)
    back = load_vgg16(tmp_path / name)
    assert not back.training
    taken = back.state_dict()
    assert all(torch.equal(taken[key], state[key]) for key in taken)
    assert set(state) - set(taken) == {"classifier.6.weight", "classifier.6.bias"}


def test_half_precision_is_read_as_whole(narrow, tmp_path):
    save_file({k: v.half() for k, v in narrow.state_dict().items()}, tmp_path / "w.safetensors")
    assert load_vgg16(tmp_path / "w.safetensors").features[0].weight.dtype == torch.float32


def test_weights_of_another_network_are_refused_by_name(narrow, tmp_path):
    state = narrow.state_dict()
    del state["features.0.weight"]
    state["classifier.3.weight"] = state["classifier.3.weight"][:5].clone()
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(BadInput, match=r"difference at classifier.3.weight, features.0.weight"):
        load_vgg16(tmp_path / "w.safetensors")


def test_weights_that_are_no_numbers_are_refused(narrow, tmp_path):
    state = narrow.state_dict()
    state["features.2.bias"][1] = torch.nan
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(BadInput, match=r"finite weights, found features\.2\.bias"):
        load_vgg16(tmp_path / "w.safetensors")


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        load_vgg16(tmp_path / "w.safetensors")
    for name in ("w.safetensors", "w.pth"):
        for content in (b"", b"\x80\x02 not weights", b"x" * 100):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(BadInput, match="expected a safetensors file"):
                load_vgg16(tmp_path / name)


def test_a_damaged_file_is_refused_wherever_it_is_damaged(narrow, tmp_path):
    torch.save(narrow.state_dict(), tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(40):
        content = bytearray(whole)
        for place in rng.integers(0, 3000, 8):
            content[place] ^= 0xFF
        (tmp_path / "w.pth").write_bytes(content)
        try:
            load_vgg16(tmp_path / "w.pth")
        except BadInput:
            refused += 1
    assert refused > 30


def test_a_file_that_would_run_code_is_not_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    torch.save({"features.0.weight": Trap()}, tmp_path / "w.pth")
    with pytest.raises(BadInput, match="files that can run code are not opened"):
        load_vgg16(tmp_path / "w.pth")
    (tmp_path / "p.pth").write_bytes(pickle.dumps(Trap(), protocol=2))
    with pytest.raises(BadInput, match="files that can run code are not opened"):
        load_vgg16(tmp_path / "p.pth")
    assert not (tmp_path / "ran").exists()


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "w.pth")
    with pytest.raises(BadInput, match="expected a dict of tensors by name, found list"):
        load_vgg16(tmp_path / "w.pth")


def test_every_layer_begins_as_he_et_al_have_it(network):
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_in = layer.weight[0].numel()
            wanted = (2 / fan_in) ** 0.5
            assert layer.weight.std().item() == pytest.approx(wanted, rel=0.05)
            assert not layer.bias.any()
