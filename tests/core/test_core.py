import os
import pickle
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.core.fan_out import fan_out
from pulsefer.core.files import sweep, whole_file, whole_folder
from pulsefer.core.fingerprint import SAID_IF_CHANGED, canonical_json, fingerprint
from pulsefer.core.seeding import derive_seed, generator


@dataclass(frozen=True)
class Settings:
    a: int = 1
    b: tuple[float, ...] = (0.5,)


def test_equal_things_have_equal_fingerprints_and_others_others():
    assert fingerprint(Settings()) == fingerprint({"a": 1, "b": [0.5]})
    assert fingerprint(Settings()) != fingerprint(Settings(a=2))
    assert fingerprint(np.arange(3)) != fingerprint(np.arange(4))
    with pytest.raises(TypeError, match="no canonical text"):
        fingerprint(object())


def test_a_field_that_came_later_renames_nothing_until_it_is_changed():
    @dataclass(frozen=True)
    class Grown(Settings):
        c: str = field(default="as before", metadata=SAID_IF_CHANGED)

    assert fingerprint(Grown()) == fingerprint(Settings())
    assert fingerprint(Grown(c="other")) == fingerprint({"a": 1, "b": [0.5], "c": "other"})


def test_a_fingerprint_does_not_depend_on_the_process():
    code = (
        "from pulsefer.core.fingerprint import fingerprint as f; print(f({'x': {'b': 1, 'a': 2}}))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    other = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == fingerprint({"x": {"a": 2, "b": 1}})


def test_named_streams_are_independent_of_each_other():
    assert generator(1, "a").random() == generator(1, "a").random()
    assert len({derive_seed(s, n) for s in range(50) for n in ("a", "b")}) == 100


def test_a_failed_write_leaves_what_was_there(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")

    def breaks():
        with whole_file(file) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_appears_whole_and_what_a_kill_left_is_swept(tmp_path):
    with whole_folder(tmp_path / "a") as part:
        (part / "x").write_text("1")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a" / "x").read_text() == "1"
    (tmp_path / ".b.123.part").mkdir()
    (tmp_path / ".c.123.part.csv").write_text("half")
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_bad_input_survives_a_pickle_with_its_parts():
    bad = BadInput("a.dat", expected="x", found="y", remedy="z")
    back = pickle.loads(pickle.dumps(bad))
    assert back.problem == bad.problem
    assert str(bad) == "a.dat: expected x, found y; z"


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done_once_whatever_the_workers(workers):
    assert sorted(fan_out(abs, [-1, -2, -3], workers=workers)) == [(0, 1), (1, 2), (2, 3)]


def test_no_source_file_mentions_a_download():
    """Nothing is fetched at run time: no client of the network is imported anywhere."""
    source = Path(__file__).parents[2] / "src" / "pulsefer"
    for file in source.rglob("*.py"):
        text = file.read_text("utf-8")
        for word in ("urllib.request", "import requests", "http.client", "hf_hub_download"):
            assert word not in text, f"{file} uses {word}"


def test_a_later_field_with_a_default_that_is_made_has_no_place_until_it_is_changed():
    @dataclass(frozen=True)
    class Settings:
        old: int = 1
        new: dict = field(default_factory=dict, metadata=SAID_IF_CHANGED)

    assert canonical_json(Settings()) == '{"old":1}'
    assert canonical_json(Settings(new={"c": 2})) == '{"new":{"c":2},"old":1}'
