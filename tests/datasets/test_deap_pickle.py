import builtins
import os
import pickle
import pickletools

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.datasets.deap_pickle import read_dat, write_dat

LABELS = np.arange(160, dtype=np.float64).reshape(40, 4) / 7
DATA = np.random.default_rng(0).normal(size=(40, 40, 30))


@pytest.fixture
def dat(tmp_path):
    """Written opcode by opcode as Python 2 wrote it."""
    path = tmp_path / "s01.dat"
    write_dat(path, LABELS, DATA, n_samples=30)
    return path


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def test_the_specimen_is_a_python_2_pickle_that_needs_latin1(dat):
    with dat.open("rb") as file, pytest.raises(UnicodeDecodeError):
        pickle.load(file)
    with dat.open("rb") as file:
        content = pickle.load(file, encoding="latin1")
    np.testing.assert_array_equal(content["labels"], LABELS)
    np.testing.assert_array_equal(content["data"], DATA)
    with dat.open("rb") as file:
        names = {opcode.name for opcode, _, _ in pickletools.genops(file)}
    assert "BINSTRING" in names
    assert not any("UNICODE" in name or "BINBYTES" in name for name in names)


def test_arrays_come_back_to_the_last_bit(dat):
    arrays = read_dat(dat)
    assert sorted(arrays) == ["data", "labels"]
    np.testing.assert_array_equal(arrays["labels"], LABELS)
    np.testing.assert_array_equal(arrays["data"], DATA)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_python_3_writes_is_read_too(tmp_path, protocol, order):
    path = tmp_path / "s01.dat"
    content = {"labels": LABELS.astype(">f8"), "data": np.asarray(DATA, order=order)}
    path.write_bytes(pickle.dumps(content, protocol))
    arrays = read_dat(path)
    np.testing.assert_array_equal(arrays["labels"], LABELS)
    np.testing.assert_array_equal(arrays["data"], DATA)


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch pwned",), rf"{os.name}\.system|nt\.system"),
        (builtins.eval, ("open('pwned', 'w')",), r"builtins\.eval|__builtin__\.eval"),
        (builtins.getattr, ("text", "format"), r"getattr"),
        (np.load, ("x.npy",), r"numpy\.load|numpy\.lib"),
        (pickle.loads, (b"",), r"loads"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_no_function_is_called_and_the_forbidden_one_is_named(
    tmp_path, monkeypatch, function, arguments, name, protocol
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "s01.dat"
    content = {"labels": LABELS, "data": Call(function, *arguments)}
    path.write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(BadInput, match=name) as error:
        read_dat(path)
    assert "s01.dat" in str(error.value)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'touch pwned'\ntR.",
        b"(S'touch pwned'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0btouch pwned\x85R.",
        b"\x80\x02cnumpy\nndarray.__class__\n.",
        b"\x80\x02cnumpy.core.multiarray\nscalar\n.",
    ],
)
def test_hand_made_calls_are_refused_as_well(tmp_path, monkeypatch, pickled):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "s01.dat"
    path.write_bytes(pickled)
    with pytest.raises(BadInput, match="nothing but NumPy arrays, found a call of"):
        read_dat(path)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}, []], dtype=object),
        np.zeros(3, dtype=[("a", "f8"), ("b", "i4")]),
        np.zeros(3, dtype=complex),
        np.array(["text"]),
        np.zeros(3, dtype="i8"),
    ],
)
def test_arrays_of_anything_but_real_numbers_are_refused(tmp_path, array):
    path = tmp_path / "s01.dat"
    for protocol in (2, 5):
        path.write_bytes(pickle.dumps({"labels": array}, protocol))
        with pytest.raises(BadInput, match=r"s01\.dat"):
            read_dat(path)


def test_a_shape_that_its_bytes_do_not_fill_takes_no_memory(dat):
    # 40 x 40 x 30 becomes 40 x 40 x 2 billion: 25 TB.
    data = dat.read_bytes()
    dims = b"K\x28K\x28K\x1e\x87"
    assert data.count(dims) == 1
    dat.write_bytes(data.replace(dims, b"K\x28K\x28J\xff\xff\xff\x7f\x87"))
    with pytest.raises(BadInput, match="does not fit"):
        read_dat(dat)
    dat.write_bytes(data.replace(dims, b"K\x28K\x28J\xff\xff\xff\xff\x87"))
    with pytest.raises(BadInput, match="a shape, not"):
        read_dat(dat)


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x80\x02Nr\xff\xff\xff\x7f.",  # a memo of two billion places
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.",  # a byte array of 8 EB
        b"\x80\x02T\xff\xff\xff\x7f.",  # a text of 2 GB
        b"\x80\x02" + b"N0" * 100_000 + b".",
    ],
)
def test_a_bomb_is_refused_before_it_goes_off(tmp_path, bomb):
    path = tmp_path / "s01.dat"
    path.write_bytes(bomb)
    with pytest.raises(BadInput, match=r"s01\.dat"):
        read_dat(path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_a_cut_pickle_is_refused_with_its_name(dat, share):
    data = dat.read_bytes()
    dat.write_bytes(data[: int(share * len(data))])
    with pytest.raises(BadInput, match=r"s01\.dat: expected a whole pickle"):
        read_dat(dat)


def test_one_wrong_byte_anywhere_in_the_frame_is_refused_or_harmless(dat):
    """Whatever a byte turns into, the reader answers with arrays or with BadInput."""
    data = dat.read_bytes()
    head = data.index(LABELS.tobytes())
    rng = np.random.default_rng(0)
    for at in range(head):
        broken = bytearray(data)
        broken[at] = int(rng.integers(256))
        dat.write_bytes(broken)
        try:
            read_dat(dat)
        except BadInput:
            continue


@pytest.mark.parametrize("content", [[LABELS], LABELS, 7, {"labels": 7}, {"labels": [LABELS]}])
def test_anything_but_a_dictionary_of_arrays_is_refused(tmp_path, content):
    path = tmp_path / "s01.dat"
    path.write_bytes(pickle.dumps(content, 2))
    with pytest.raises(BadInput, match=r"a dictionary|arrays only"):
        read_dat(path)


def test_a_missing_and_an_oversized_file_are_refused(tmp_path, monkeypatch, dat):
    with pytest.raises(BadInput, match="no such file"):
        read_dat(tmp_path / "none.dat")
    monkeypatch.setattr("pulsefer.datasets.deap_pickle.MAX_BYTES", 1000)
    with pytest.raises(BadInput, match="at most 1000 bytes"):
        read_dat(dat)


def test_a_writer_that_is_given_less_than_announced_leaves_nothing(tmp_path):
    path = tmp_path / "s01.dat"
    with pytest.raises(ValueError, match="40 trials announced, 1 written"):
        write_dat(path, LABELS, DATA[:1], n_samples=30)
    with pytest.raises(ValueError, match="a trial has the shape"):
        write_dat(path, LABELS, DATA[:, :3], n_samples=30)
    assert list(tmp_path.iterdir()) == []
