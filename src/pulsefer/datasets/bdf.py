"""Plain BioSemi BDF: header, one channel, the trigger codes; and a writer for specimens.

pyEDFlib reads the samples. Its writer is not used: it makes BDF+, with an annotation channel
that no recording of DEAP or MAHNOB-HCI has.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file

UV_PER_STEP = 1 / 32
"""Physical size of one digital step of a BioSemi amplifier, microvolts (31.25 nV)."""

MAX_CHANNELS = 512
"""More are refused: the header would be larger than any amplifier's."""

# The C library behind pyEDFlib keeps one table of open files and refuses a second handle on a
# path, so that two threads on one file would fail each other.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class BdfInfo:
    """What the header says.

    Attributes:
        labels: One per channel, blanks cut off. The last one is the trigger channel whatever it
            is called: "Status", "" and "-1" all occur in DEAP.
        fs_hz: Sampling rate per channel.
        n_records: Data records.
        length_s: Seconds of signal.
    """

    labels: tuple[str, ...]
    fs_hz: tuple[float, ...]
    n_records: int
    length_s: float

    def channel(self, label: str, path: Path) -> int:
        """Position of the channel with this label.

        Raises:
            BadInput: none or several.
        """
        found = [index for index, name in enumerate(self.labels) if name == label]
        if len(found) != 1:
            raise BadInput(
                str(path),
                expected=f"one channel named {label}",
                found=f"{len(found)} among {', '.join(name or '(blank)' for name in self.labels)}",
                remedy="take the file as the data set delivers it",
            )
        return found[0]


def probe(path: Path) -> BdfInfo:
    """Read the header and hold it against the size of the file.

    Raises:
        BadInput: no such file, no BDF, or cut.
    """
    if not path.is_file():
        raise BadInput(
            str(path), expected="a BDF file", found="no such file", remedy="check the path"
        )
    fixed, fields = _header_of(path)
    n = len(fields) // 256
    record_s = _number(path, "seconds per record", fixed[244:252])
    n_records = int(_number(path, "number of records", fixed[236:244]))
    per_record = [
        _number(path, "samples per record", fields[216 * n + 8 * k : 216 * n + 8 * k + 8])
        for k in range(n)
    ]
    if record_s <= 0 or n_records < 1 or min(per_record) < 1:
        raise BadInput(
            str(path),
            expected="positive numbers of records, seconds and samples",
            found=f"{n_records} records of {record_s:g} s, {min(per_record):g} samples at least",
            remedy="the recording was not closed; take the file as the data set delivers it",
        )
    expected_bytes = 256 * (n + 1) + n_records * 3 * int(sum(per_record))
    if (found_bytes := path.stat().st_size) != expected_bytes:
        raise BadInput(
            str(path),
            expected=f"{n_records} records, {expected_bytes} bytes",
            found=f"{found_bytes} bytes",
            remedy="the file is cut or damaged; copy it again",
        )
    return BdfInfo(
        labels=tuple(fields[16 * k : 16 * k + 16].decode("latin-1").strip("\0 ") for k in range(n)),
        fs_hz=tuple(samples / record_s for samples in per_record),
        n_records=n_records,
        length_s=n_records * record_s,
    )


def read_channel(
    path: Path, index: int, *, start: int = 0, n_samples: int | None = None, digital: bool = False
) -> NDArray[np.float64]:
    """Samples of one channel, (n_samples,), in its physical unit or in digital steps.

    Args:
        path: A BDF file.
        index: Channel, from 0.
        start: First sample.
        n_samples: How many; None reads to the end.
        digital: Steps as stored instead of the physical unit.

    Raises:
        BadInput: no whole BDF, no such channel, or fewer samples than asked for.
    """
    info = probe(path)
    if not 0 <= index < len(info.labels):
        raise BadInput(str(path), expected=f"channel {index}", found=f"{len(info.labels)} channels")
    available = round(info.length_s * info.fs_hz[index])
    wanted = available - start if n_samples is None else n_samples
    if start < 0 or wanted < 0 or start + wanted > available:
        raise BadInput(
            str(path),
            expected=f"samples {start} to {start + wanted} of channel {index}",
            found=f"0 to {available}",
            remedy="the recording ends too early",
        )
    import pyedflib

    with _ONE_AT_A_TIME:
        try:
            reader: Any = pyedflib.EdfReader(str(path))
        except OSError as error:
            raise BadInput(str(path), expected="a plain BDF file", found=str(error)) from error
        try:
            samples = reader.readSignal(index, start, wanted, digital=digital)
        finally:
            reader.close()
    return np.asarray(samples, dtype=np.float64)


def onsets(path: Path, code: int) -> NDArray[np.int64]:
    """Samples at which the trigger channel goes over to `code`.

    Only the low byte counts. The bits above it are the amplifier's (0x18FF00 in some files of
    DEAP, 0x58FF00 once the battery runs low), and a change of theirs alone is no event.

    Raises:
        BadInput: no whole BDF.
    """
    last = len(probe(path).labels) - 1
    codes = read_channel(path, last, digital=True).astype(np.int64) & 0xFF
    before = np.concatenate([[-1], codes[:-1]])
    return np.flatnonzero((codes == code) & (before != code))


def write(
    path: Path,
    records: Iterable[NDArray[np.int32]],
    *,
    labels: Sequence[str],
    fs_hz: int,
    n_records: int,
) -> None:
    """Write records of one second; the last channel is the trigger channel.

    Args:
        path: The file.
        records: `n_records` arrays (n_channels, fs_hz) of 24-bit digital values. A step is 1/32
            uV; the trigger channel holds bits.
        labels: One per channel, up to 16 ASCII characters; may be empty.
        fs_hz: Sampling rate of every channel.
        n_records: Seconds.

    Raises:
        ValueError: a record of another shape, or another number of records.
    """
    n, n_written = len(labels), 0
    with whole_file(path) as part, part.open("wb") as file:
        file.write(_header(labels, fs_hz, n_records))
        for record in records:
            if record.shape != (n, fs_hz):
                raise ValueError(f"a record has the shape {(n, fs_hz)}, found {record.shape}")
            octets = np.ascontiguousarray(record, dtype="<i4").view(np.uint8)
            file.write(octets.reshape(-1, 4)[:, :3].tobytes())
            n_written += 1
        if n_written != n_records:
            raise ValueError(f"the header says {n_records} records, found {n_written}")


def _header_of(path: Path) -> tuple[bytes, bytes]:
    """The first 256 bytes, and the 256 of every channel."""
    try:
        with path.open("rb") as file:
            fixed = file.read(256)
            is_bdf = len(fixed) == 256 and fixed.startswith(b"\xffBIOSEMI")
            n = _number(path, "number of channels", fixed[252:256]) if is_bdf else 0
            fields = file.read(256 * int(n)) if 1 <= n <= MAX_CHANNELS else b""
    except OSError as error:
        raise BadInput(str(path), expected="a file that can be read", found=str(error)) from error
    if not is_bdf:
        raise BadInput(
            str(path),
            expected="a BioSemi BDF header",
            found=f"{len(fixed)} bytes that begin {fixed[:8]!r}",
            remedy="copy the file again",
        )
    if not 1 <= n <= MAX_CHANNELS:
        raise BadInput(str(path), expected=f"1-{MAX_CHANNELS} channels", found=f"{n:g}")
    if len(fields) < 256 * int(n):
        raise BadInput(
            str(path),
            expected=f"a header of {256 * (int(n) + 1)} bytes",
            found=f"{256 + len(fields)}",
            remedy="the file is cut; copy it again",
        )
    return fixed, fields


def _header(labels: Sequence[str], fs_hz: int, n_records: int) -> bytes:
    n = len(labels)

    def fill(text: object, width: int) -> bytes:
        octets = str(text).encode("ascii")
        if len(octets) > width:
            raise ValueError(f"{text!r} is longer than the {width} characters of its field")
        return octets.ljust(width)

    fixed = [
        (b"\xffBIOSEMI"),
        fill("", 80),
        fill("", 80),
        b"01.01.10",
        b"10.00.00",
        fill(256 * (n + 1), 8),
        fill("24BIT", 44),
        fill(n_records, 8),
        fill(1, 8),
        fill(n, 4),
    ]
    columns: list[tuple[int, Sequence[object]]] = [
        (16, list(labels)),
        (80, ["Active Electrode, pin type"] * (n - 1) + ["Triggers and Status"]),
        (8, ["uV"] * (n - 1) + ["Boolean"]),
        (8, [-262144] * (n - 1) + [-8388608]),
        (8, [262143] * (n - 1) + [8388607]),
        (8, [-8388608] * n),
        (8, [8388607] * n),
        (80, ["HP: DC; LP: 113 Hz"] * (n - 1) + ["No filtering"]),
        (8, [fs_hz] * n),
        (32, ["Reserved"] * n),
    ]
    return b"".join(fixed) + b"".join(
        fill(text, width) for width, column in columns for text in column
    )


def _number(path: Path, what: str, field: bytes) -> float:
    try:
        value = float(field.decode("ascii").strip("\0 "))
    except ValueError as error:
        raise BadInput(
            str(path), expected=f"{what} as text in the header", found=repr(field)
        ) from error
    if not np.isfinite(value):
        raise BadInput(str(path), expected=f"a finite {what} in the header", found=repr(field))
    return value
