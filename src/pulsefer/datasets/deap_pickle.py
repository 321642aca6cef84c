"""The .dat files of DEAP: Python-2 pickles, read without trusting them, and written byte-true.

A pickle may name any function of the machine and call it. Here it can reach four names, and
behind each stands a plain record of this file: NumPy's own unpickling is never run on the user's
bytes, so that no shape, dtype or flag of theirs reaches it before it was looked at.
"""

from __future__ import annotations

import math
import pickle
import pickletools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file

MAX_BYTES = 512 * 2**20
"""Larger files are refused. The published ones have about 103 MB."""

MAX_OPCODES = 10_000
"""A dictionary of two arrays takes about sixty; more is no data but a program."""

DTYPES = ("f8", "f4")
"""Kinds of number that are accepted."""

N_CHANNELS = 40
"""Channels of `data`, pulse and EEG together."""

_REMEDY = "take the file as DEAP delivers it (data_preprocessed_python.zip)"


def read_dat(path: Path) -> dict[str, NDArray[np.floating[Any]]]:
    """The arrays of one file by name, whatever Python wrote it.

    The arrays are views of the bytes that were read, 103 MB for one subject of DEAP; keep a copy
    of the part that is needed.

    Raises:
        BadInput: no such file, no pickle, cut, too large, anything but a dictionary of float
            arrays, or a name in it that has no business there.
    """
    if not path.is_file():
        raise BadInput(
            str(path), expected="a .dat file", found="no such file", remedy="check the path"
        )
    if (size := path.stat().st_size) > MAX_BYTES:
        raise BadInput(
            str(path), expected=f"at most {MAX_BYTES} bytes", found=str(size), remedy=_REMEDY
        )
    try:
        with path.open("rb") as file:
            _look_over(path, file)
            file.seek(0)
            content = _Restricted(path, file).load()
    except BadInput:
        raise
    except Exception as error:
        # A damaged pickle raises nearly anything: EOFError, KeyError, IndexError, MemoryError.
        raise BadInput(
            str(path),
            expected="a whole pickle",
            found=f"{type(error).__name__}: {error}",
            remedy="the file is cut or damaged; copy it again",
        ) from error
    if not isinstance(content, dict):
        raise BadInput(
            str(path),
            expected="a dictionary",
            found=type(content).__name__,
            remedy=_REMEDY,
        )
    arrays = {str(key): value.array for key, value in content.items() if isinstance(value, _Array)}
    if any(array is None for array in arrays.values()) or len(arrays) < len(content):
        raise BadInput(
            str(path), expected="arrays only", found="something else beside them", remedy=_REMEDY
        )
    return {key: array for key, array in arrays.items() if array is not None}


def _look_over(path: Path, file: BinaryIO) -> None:
    """Walk over the opcodes without running them.

    Python's unpickler makes its memo as long as the largest number in the file: eight bytes can
    ask for 64 GB. Such a file is refused here.
    """
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        memo = "PUT" in opcode.name and isinstance(argument, int) and argument > MAX_OPCODES
        if count > MAX_OPCODES or memo:
            raise BadInput(
                str(path),
                expected=f"at most {MAX_OPCODES} steps in the pickle",
                found="more",
                remedy=_REMEDY,
            )
        if opcode.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            _require_known(path, module, name)


class _Restricted(pickle.Unpickler):
    def __init__(self, path: Path, file: BinaryIO) -> None:
        super().__init__(file, encoding="latin1")
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        _require_known(self._path, module, name)
        return _KNOWN[module, name]

    def persistent_load(self, pid: Any) -> NoReturn:
        raise BadInput(
            str(self._path), expected="arrays", found=f"a reference to {pid!r}", remedy=_REMEDY
        )


def _require_known(path: Path, module: str, name: str) -> None:
    if (module, name) not in _KNOWN:
        raise BadInput(
            str(path),
            expected="nothing but NumPy arrays",
            found=f"a call of {module}.{name}",
            remedy=f"do not open this file with anything else; {_REMEDY}",
        )


class _Dtype:
    """Stands for numpy.dtype: a name and a byte order."""

    def __init__(self, name: object, *_flags: object) -> None:
        text = name.decode("latin1") if isinstance(name, bytes) else str(name)
        self.name, self.order = text.lstrip("<>=|"), text[:1] if text[:1] in "<>" else "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else str(state[1])
        if any(part is not None for part in state[2:5]) or order not in "<>":
            raise ValueError(f"a structured dtype {state!r}")
        self.order = order

    def resolve(self) -> np.dtype[Any]:
        if self.name not in DTYPES:
            raise ValueError(f"an array of {self.name!r} where numbers are {' or '.join(DTYPES)}")
        return np.dtype(self.order + self.name)


class _Array:
    """Stands for numpy.ndarray: what was stored, checked, as an array that nobody can write to."""

    array: NDArray[np.floating[Any]] | None = None

    def __init__(self, *_ignored: object) -> None:
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, dtype, is_fortran, raw = state
        self.fill(shape, dtype, "F" if is_fortran else "C", raw)

    def fill(self, shape: Any, dtype: Any, order: str, raw: Any) -> None:
        if not isinstance(dtype, _Dtype):
            raise ValueError(f"a dtype, not {type(dtype).__name__}")
        kind = dtype.resolve()
        octets = raw.encode("latin1") if isinstance(raw, str) else raw
        if not isinstance(octets, bytes | bytearray):
            raise ValueError(f"numbers as bytes, not {type(raw).__name__}")
        dims = tuple(shape)
        if not all(isinstance(n, int) and n >= 0 for n in dims):
            raise ValueError(f"a shape, not {shape!r}")
        if math.prod(dims) * kind.itemsize != len(octets):
            raise ValueError(f"the shape {dims} does not fit its {len(octets)} bytes")
        flat = np.frombuffer(octets, dtype=kind)
        self.array = flat.reshape(dims, order="F" if order == "F" else "C")
        self.array.flags.writeable = False


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    """What Python 3 writes with pickle protocol 5."""
    array = _Array()
    array.fill(shape, dtype, str(order), raw)
    return array


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """What Python 3 writes for bytes with pickle protocol 2."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes as latin1, not as {encoding!r}")
    return text.encode("latin1")


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _latin1,
    **{
        (f"numpy.{core}.{file}", name): stand_in
        for core in ("core", "_core")
        for file, name, stand_in in (
            ("multiarray", "_reconstruct", _Array),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}


def write_dat(
    path: Path,
    labels: NDArray[np.float64],
    trials: Iterable[NDArray[np.float64]],
    *,
    n_samples: int,
) -> None:
    """Write the pickle that Python 2 would have written, opcode by opcode, trial by trial.

    Python 3 cannot write one: it stores text as Unicode and bytes as bytes, and then the latin1
    path, on which everybody's first attempt to load DEAP fails, would never be walked.

    Args:
        path: The file.
        labels: (trials, 4).
        trials: As many arrays (40, n_samples).
        n_samples: Samples of a channel.

    Raises:
        ValueError: a trial of another shape, or another number of trials than of labels.
    """
    shape, n_written = (len(labels), N_CHANNELS, n_samples), 0
    with whole_file(path) as part, part.open("wb") as file:
        file.write(b"\x80\x02}(" + _text(b"labels") + _array_head(labels.shape))
        file.write(np.ascontiguousarray(labels, dtype="<f8").data)
        file.write(_ARRAY_TAIL + _text(b"data") + _array_head(shape))
        for trial in trials:
            if trial.shape != shape[1:]:
                raise ValueError(f"a trial has the shape {shape[1:]}, found {trial.shape}")
            file.write(np.ascontiguousarray(trial, dtype="<f8").data)
            n_written += 1
        if n_written != len(labels):
            raise ValueError(f"{len(labels)} trials announced, {n_written} written")
        file.write(_ARRAY_TAIL + b"u.")


def _text(word: bytes) -> bytes:
    return b"U" + bytes([len(word)]) + word


def _array_head(shape: tuple[int, ...]) -> bytes:
    dims = b"".join(
        b"K" + bytes([n])
        if n < 256
        else b"M" + n.to_bytes(2, "little")
        if n < 65536
        else b"J" + n.to_bytes(4, "little")
        for n in shape
    )
    tuple_of = {2: b"\x86", 3: b"\x87"}[len(shape)]
    n_bytes = 8 * math.prod(shape)
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n" + b"cnumpy\nndarray\n"
        b"K\x00\x85U\x01b\x87R(K\x01" + dims + tuple_of + b"cnumpy\ndtype\n"
        b"U\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + n_bytes.to_bytes(4, "little")
    )


_ARRAY_TAIL = b"tb"
