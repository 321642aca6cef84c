"""One result, one row, appended to a JSONL file and never changed."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulsefer.core.errors import BadInput
from pulsefer.core.types import DataKind


@dataclass(frozen=True, slots=True)
class Row:
    """A figure with everything needed to judge it.

    Attributes:
        experiment: Name of the command or experiment.
        system: "STL", "MTL", "POS" ...
        dataset: Data set.
        data_kind: "real" or "synthetic".
        dimension: "valence", "arousal", or "heart rate".
        metric: For example "balanced_accuracy" (a share) or "hr_rmse_bpm".
        value: The figure.
        low: Lower end of the 95 % interval; NaN where none could be made.
        high: Upper end.
        protocol: Name of the split, for example "window_pooled" or "subject".
        selection: Epoch rule: "last", "validation", or "best_on_test", which the test side chose.
        unit: What was counted: "window", "trial", or "frame" of a pre-training.
        n: How many of them.
        n_subjects: How many persons.
        seed: Seed.
        config: Fingerprint of the configuration.
        manifest: Fingerprint of the folds.
        version: Version of this package.
        paper: The published figure, NaN where there is none; never ours.
        paper_where: Its place, for example "Table 3".
        x_name: What a series goes along, for example "beta", "epoch", "length_s"; "" for a figure
            that stands alone.
        x: Where on it.
        p: Of a paired comparison, adjusted for the comparisons made with it; NaN elsewhere.
    """

    experiment: str
    system: str
    dataset: str
    data_kind: DataKind
    dimension: str
    metric: str
    value: float
    low: float
    high: float
    protocol: str
    selection: str
    unit: str
    n: int
    n_subjects: int
    seed: int
    config: str
    manifest: str
    version: str
    paper: float = math.nan
    paper_where: str = ""
    x_name: str = ""
    x: float = math.nan
    p: float = math.nan

    @property
    def identity(self) -> tuple[Any, ...]:
        """What makes two rows the same measurement."""
        return (
            self.experiment,
            self.system,
            self.dataset,
            self.dimension,
            self.metric,
            self.protocol,
            self.selection,
            self.unit,
            self.seed,
            self.config,
            self.manifest,
            self.version,
            self.x_name,
            # NaN is not equal to itself, and two rows without an x are one measurement.
            None if math.isnan(self.x) else self.x,
        )


def append(path: Path, rows: Iterable[Row]) -> int:
    """Add rows at the end; those that are there already are left out.

    Returns:
        How many were added.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    there = {row.identity for row in read(path)} if path.exists() else set()
    new = [row for row in rows if row.identity not in there]
    lines = "".join(json.dumps(_plain(row), sort_keys=True) + "\n" for row in new)
    with path.open("ab+") as file:
        size = file.seek(0, 2)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":  # a writer was killed in the middle of its line
                lines = "\n" + lines
        file.write(lines.encode())
    return len(new)


def read(path: Path) -> list[Row]:
    """All rows of a file. A last line that a kill cut short is left out.

    Raises:
        BadInput: no such file, or a line inside it that is not a row.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(str(path), expected="a file of results", found="no such file")
    rows: list[Row] = []
    for number, line in lines(path):
        try:
            rows.append(of_line(line))
        except ValueError as error:
            if is_half(line):
                # Half a line, left by a kill: the same rows were appended again after it.
                continue
            raise BadInput(
                f"{path}:{number}", expected=f"a row with {len(_TYPES)} fields", found=str(error)
            ) from error
    return rows


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of every line that is not empty.

    Bytes that are not UTF-8 become characters that no row may have.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.decode("utf-8", errors="surrogateescape").strip()
            if text:
                yield number, text


def is_half(line: str) -> bool:
    """Whether a line looks like one that a kill cut short."""
    return line.startswith('{"') and not line.endswith("}")


def of_line(line: str) -> Row:
    """The row that a line holds.

    Raises:
        ValueError: what it holds instead.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("half a row" if is_half(line) else "a line that is not JSON") from error
    if not isinstance(found, dict):
        raise ValueError("JSON that is not a row")
    if strange := sorted(found.keys() - _TYPES.keys()):
        raise ValueError(f"a field of another version: {_short(strange[0])}")
    if missing := sorted(_REQUIRED - found.keys()):
        raise ValueError(f"no {missing[0]}")
    for name, value in found.items():
        if not _CHECKS[_TYPES[name]](value):
            raise ValueError(f"a value of {name} that cannot be")
    values: dict[str, Any] = {
        name: math.nan if value is None else float(value) if _TYPES[name] == "float" else value
        for name, value in found.items()
    }
    return Row(**values)


def _is_text(value: object) -> bool:
    if not isinstance(value, str):
        return False
    # Half of a surrogate pair is text to JSON and to nobody else.
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_count(value: object) -> bool:
    return type(value) is int and abs(value) < 2**63


def _is_number(value: object) -> bool:
    """Any number but infinity; null stands for NaN."""
    if value is None:
        return True
    if type(value) is int:
        return abs(value) < 2**63
    return isinstance(value, float) and not math.isinf(value)


_TYPES = {field.name: str(field.type) for field in dataclasses.fields(Row)}
_REQUIRED = {
    field.name for field in dataclasses.fields(Row) if field.default is dataclasses.MISSING
}
_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "str": _is_text,
    "int": _is_count,
    "float": _is_number,
    "DataKind": lambda value: value in ("real", "synthetic"),
}


def _short(text: str) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _plain(row: Row) -> dict[str, Any]:
    """NaN becomes null: JSON has no NaN."""
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in dataclasses.asdict(row).items()
    }
