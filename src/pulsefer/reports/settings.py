"""Settings of two runs held against each other, from what their run.json say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulsefer.reports.sheet import NOTHING

FOLLOWS = frozenset(
    {"fingerprint", "manifest", "protocol_name", "leaky", "n_windows", "n_trials", "n_subjects",
     "high_share", "shared", "training_side", "hr_scale", "windows_left_out", "hr_rejected"}
)  # fmt: skip
"""What a run.json says that follows from the settings and the data: nobody chose it."""

LISTED = 6
"""Values of a list that are written out; of longer ones it is said how many there are."""
LETTERS = 160
"""Of a value; more is cut."""


@dataclass(frozen=True)
class Differing:
    """Settings of two runs.

    Attributes:
        lines: Name, value of the first and value of the second, of those that differ.
        n_same: How many are the same.
    """

    lines: tuple[tuple[str, str, str], ...]
    n_same: int


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> Differing:
    """Nested settings by their path, those that differ in the order of their names.

    Args:
        first: What a run.json says.
        second: What the other's says.

    >>> differing({"train": {"seed": 0, "epochs": 15}}, {"train": {"seed": 1, "epochs": 15}})
    Differing(lines=(('train.seed', '0', '1'),), n_same=1)
    """
    one, other = flat(first), flat(second)
    names = sorted(
        name for name in one.keys() | other.keys()
        if not (_is_none_of_many(name, one, other) or _is_none_of_many(name, other, one))
    )  # fmt: skip
    apart = [
        name for name in names
        if name not in one or name not in other or _text(one[name]) != _text(other[name])
    ]  # fmt: skip
    return Differing(
        tuple((shown(name), *_both(name, one, other)) for name in apart), len(names) - len(apart)
    )


def flat(about: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting by the names that lead to it; a list of plain values is one value.

    >>> flat({"train": {"weights": {"beta": 0.01}}, "datasets": ["deap"], "leaky": False})
    {'train.weights.beta': 0.01, 'datasets': ['deap']}
    """
    found: dict[str, Any] = {}
    # Without recursion: a foreign file may be nested deeper than Python is.
    left = [(str(name), value) for name, value in about.items() if name not in FOLLOWS][::-1]
    while left:
        name, value = left.pop()
        if isinstance(value, Mapping):
            left += [(f"{name}.{key}", inside) for key, inside in value.items()][::-1]
        elif isinstance(value, list) and any(isinstance(one, (list, Mapping)) for one in value):
            left += [(f"{name}.{place}", inside) for place, inside in enumerate(value)][::-1]
        else:
            found[name] = value
    return found


def shown(text: str, *, most: int = LETTERS) -> str:
    """Text of a run as a page can show it: letters that print, and not more than can be read."""
    printed = "".join(letter if letter.isprintable() else "?" for letter in text[: most + 1])
    return printed if len(printed) <= most else f"{printed[: most - 1]}…"


def _is_none_of_many(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether one side has nothing where the other has several settings, which say it already."""
    nothing = name in one and one[name] is None and name not in other
    return nothing and any(each.startswith(f"{name}.") for each in other)


def _both(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, str]:
    values = [side.get(name) for side in (one, other)]
    long = any(isinstance(value, list) and len(value) > LISTED for value in values)
    cells = []
    for side, value, across in zip((one, other), values, values[::-1], strict=True):
        if name not in side:
            cells.append(NOTHING)
        elif long and isinstance(value, list):
            there = {_text(each) for each in across} if isinstance(across, list) else set()
            own = sum(_text(each) not in there for each in value)
            cells.append(f"{len(value):,} values, {own:,} of them only here")
        else:
            cells.append(shown(_words(value)))
    return cells[0], cells[1]


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value) or "none"
    return "none" if value is None else _text(value)


def _text(value: Any) -> str:
    # As text NaN equals itself, and true is not 1.
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
