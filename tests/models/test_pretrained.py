"""The hub's two names give the very folder that the package writes, and never ask the hub."""

import socket
import subprocess
import sys

import pytest
import torch
from huggingface_hub import PyTorchModelHubMixin

from pulsefer.core.errors import BadInput
from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.models.frame_affect import FrameAffect
from pulsefer.models.pretrained import Pretrained

CARD = "---\nlicense: other\n---\n# A card – with a dash\r\n"
ABOUT = {"dimension": "valence", "windows": {"n_frames": 5}}


@pytest.fixture(autouse=True)
def no_connection(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    model = Crnn(CrnnConfig(input="both", dropout=0.25, heart_rate=False))
    folder = tmp_path / "model"
    checkpoint.save(model, folder, card=CARD, about=ABOUT, reliability=b"<svg/>\n")
    return model.eval(), folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_network_goes_and_comes_back_with_the_same_bytes(saved, tmp_path):
    model, folder = saved
    loaded = Pretrained.from_pretrained(folder)
    loaded.save_pretrained(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(folder)
    x = torch.rand(1, 3, 3, 64, 64)
    assert torch.equal(loaded(x).emotion_logit, model(x).emotion_logit)
    assert not loaded.training


def test_a_folder_has_the_same_bytes_whoever_wrote_it(tmp_path):
    torch.manual_seed(0)
    model = Pretrained(CrnnConfig(dropout=0.1), card=CARD, about=ABOUT)
    model.save_pretrained(tmp_path / "a")
    plain = Crnn(CrnnConfig(dropout=0.1))
    plain.load_state_dict(model.state_dict())
    checkpoint.save(plain, tmp_path / "b", card=CARD, about=ABOUT)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert len(contents(tmp_path / "a")) == 3


def test_it_is_the_hubs_mixin_and_the_papers_network(saved):
    loaded = Pretrained.from_pretrained(str(saved[1]))
    assert isinstance(loaded, PyTorchModelHubMixin)
    assert isinstance(loaded, Crnn)
    assert (loaded.about, loaded.card) == (ABOUT, CARD)
    loaded(torch.rand(1, 2, 3, 64, 64)).emotion_logit.sum().backward()
    assert loaded.cnn.conv1.weight.grad is not None


def test_loading_draws_no_random_number(saved):
    torch.manual_seed(4)
    expected = torch.rand(1)
    torch.manual_seed(4)
    Pretrained.from_pretrained(saved[1])
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("name", ["someone/valence", "valence"])
def test_a_repository_is_not_fetched_and_the_error_says_how_to(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="hf download ORG/NAME --local-dir FOLDER"):
        Pretrained.from_pretrained(name)


@pytest.mark.parametrize("setting", [{"revision": "main"}, {"token": "x"}, {"strict": False}])
def test_settings_of_a_download_are_refused_rather_than_ignored(saved, setting):
    with pytest.raises(BadInput, match=f"found the settings {next(iter(setting))}"):
        Pretrained.from_pretrained(saved[1], **setting)


def test_a_pickle_is_never_opened(tmp_path):
    torch.save(Crnn().state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"pytorch_model\.bin, which could run code"):
        Pretrained.from_pretrained(tmp_path)


@pytest.mark.parametrize("missing", ["model.safetensors", "config.json", "README.md"])
def test_a_missing_file_is_named(saved, missing):
    (saved[1] / missing).unlink()
    with pytest.raises(BadInput, match=f"{missing}.*no such file"):
        Pretrained.from_pretrained(saved[1])


def test_a_card_that_is_no_text_is_refused(saved):
    (saved[1] / "README.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match=r"README\.md: expected text in UTF-8"):
        Pretrained.from_pretrained(saved[1])


def test_another_network_is_refused(tmp_path):
    checkpoint.save(FrameAffect(), tmp_path / "m", card="")
    with pytest.raises(BadInput, match="pre-trained CNN"):
        Pretrained.from_pretrained(tmp_path / "m")


def test_saving_over_something_else_loses_nothing(saved):
    _, folder = saved
    loaded = Pretrained.from_pretrained(folder)
    (folder / "thesis.tex").write_text("years of work")
    before = contents(folder)
    with pytest.raises(BadInput, match=r"thesis\.tex"):
        loaded.save_pretrained(folder)
    assert contents(folder) == before


def test_nothing_is_sent_and_nothing_is_written_when_sending_is_asked_for(tmp_path):
    model = Pretrained()
    for send in (
        lambda: model.push_to_hub("someone/valence"),
        lambda: model.save_pretrained(tmp_path / "m", push_to_hub=True),
        lambda: model.save_pretrained(tmp_path / "m", repo_id="someone/valence"),
    ):
        with pytest.raises(BadInput, match="hf upload ORG/NAME FOLDER"):
            send()
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "what",
    ["import pulsefer.models.artefact", "from pulsefer.app import cli; cli.run(['--help'])"],
)
def test_the_hubs_library_is_imported_by_nobody_else(what):
    code = f"""
import sys
try:
    {what}
except SystemExit:
    pass
assert "huggingface_hub" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
