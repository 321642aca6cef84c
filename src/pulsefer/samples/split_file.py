"""Folds as a plain CSV file that any tool can read: a row for every window of every fold.

    by,within,fold,side,dataset,subject,trial,stimulus,start_s,length_s
    subject,,0,train,deap,s02,trial01,video17,0.0,1.0

`by` is the protocol, `within` the person a model is fitted to ("deap/s01"; empty where one model
is fitted to all), `side` is train, validation or test. Windows that a fold leaves out have no row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
import pandas as pd

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.samples.audit import audits
from pulsefer.samples.split import By, Split
from pulsefer.samples.window import Window

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = get_args(Side)

COLUMNS = (
    "by", "within", "fold", "side", "dataset", "subject", "trial", "stimulus", "start_s",
    "length_s",
)  # fmt: skip

REMEDY = "cut the windows as they were when the folds were made: same data, length and step"


def write_split(path: Path, windows: Sequence[Window], folds: Sequence[Split]) -> None:
    """Write folds. Equal folds give equal bytes, in whatever order the windows are.

    Args:
        path: The file.
        windows: What the folds were made from.
        folds: All folds.

    Raises:
        BadInput: a fold whose groups violate its name.
    """
    list(audits(windows, folds))
    # By person, trial and time; the identity of a window is its trial and its millisecond.
    order = sorted(range(len(windows)), key=lambda index: _sort_key(windows[index]))
    place = np.empty(len(windows), np.intp)
    place[order] = np.arange(len(windows))
    endings = [
        _line([w.dataset, w.subject, w.trial, w.stimulus, repr(w.start_s), repr(w.length_s)])
        for w in windows
    ]
    with whole_file(Path(path)) as part, part.open("w", encoding="utf-8", newline="") as file:
        file.write(_line(COLUMNS))
        for fold in sorted(folds, key=lambda one: (one.within or "", one.fold)):
            for side in SIDES:
                beginning = _line([fold.by, fold.within or "", str(fold.fold), side])[:-1]
                chosen = np.array(getattr(fold, side), np.intp)
                chosen = chosen[np.argsort(place[chosen])]
                file.writelines(f"{beginning},{endings[index]}" for index in chosen.tolist())


def read_split(path: Path, windows: Sequence[Window]) -> list[Split]:
    """Read folds and find their windows. Their seed is not in the file; it is None.

    Args:
        path: A file that `write_split` wrote, or anybody with the same columns.
        windows: What the folds were made from, in any order.

    Raises:
        BadInput: not such a file, a window that is not there, one that is not tested exactly
            once, or a fold whose groups violate its name.
    """
    path = Path(path)
    rows = _rows(path)
    rows["window"] = _find(path, rows, windows)
    folds = []
    for _, of_person in rows.groupby("within", sort=True):
        numbers = sorted(of_person["fold"].unique().tolist())
        if numbers != list(range(len(numbers))):
            raise BadInput(str(path), expected="folds 0, 1, 2 ...", found=str(numbers)[:60])
        for number, some in of_person.groupby("fold", sort=True):
            train, validation, test = (
                tuple(sorted(some.loc[some["side"] == side, "window"].tolist())) for side in SIDES
            )
            folds.append(
                Split(
                    by=cast(By, some["by"].iloc[0]),
                    within=some["within"].iloc[0] or None,
                    fold=int(str(number)),
                    folds=len(numbers),
                    seed=None,
                    train=train,
                    validation=validation,
                    test=test,
                )
            )
    list(audits(windows, folds))
    _require_all_tested(path, windows, folds)
    return folds


def _rows(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        for name in ("fold", "start_s", "length_s"):
            if name in rows:
                rows[name] = pd.to_numeric(rows[name])
    except FileNotFoundError as error:
        raise BadInput(str(path), expected="a CSV file of folds", found="no such file") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise BadInput(str(path), expected="a CSV file of folds", found=str(error)[:80]) from error
    missing = [name for name in COLUMNS if name not in rows]
    if missing or rows.empty:
        raise BadInput(
            str(path),
            expected=f"rows with {', '.join(COLUMNS)}",
            found=f"none of {', '.join(missing)}" if missing else "no row",
        )
    numbers = rows[["fold", "start_s", "length_s"]].to_numpy(np.float64)
    if not np.isfinite(numbers).all() or (numbers[:, 0] % 1).any():
        raise BadInput(
            str(path),
            expected="a whole number as fold, and seconds as start_s and length_s",
            found="another fold, start or length",
        )
    wrong = sorted(set(rows["side"]) - set(SIDES))
    if wrong:
        raise BadInput(str(path), expected=f"sides {', '.join(SIDES)}", found=wrong[0])
    protocols = sorted(set(rows["by"]))
    if len(protocols) > 1:
        raise BadInput(str(path), expected="one protocol", found=", ".join(protocols)[:60])
    return rows


def _find(path: Path, rows: pd.DataFrame, windows: Sequence[Window]) -> pd.Series[int]:
    """Index of every row's window."""
    key = ["dataset", "subject", "trial", "start_ms"]
    known = pd.DataFrame(
        {
            "dataset": [w.dataset for w in windows],
            "subject": [w.subject for w in windows],
            "trial": [w.trial for w in windows],
            "stimulus_there": [w.stimulus for w in windows],
            "start_ms": _milliseconds([w.start_s for w in windows]),
            "length_ms": _milliseconds([w.length_s for w in windows]),
            "window": np.arange(len(windows)),
        }
    )
    asked = rows.assign(start_ms=_milliseconds(rows["start_s"]))
    found = asked.merge(known, how="left", on=key, validate="many_to_one")
    same = (found["stimulus"] == found["stimulus_there"]) & (
        _milliseconds(found["length_s"]) == found["length_ms"]
    )
    if not same.all():
        first = found[~same].iloc[0]
        raise BadInput(
            f"{path}:{int(same.argmin()) + 2}",
            expected="a window of the data",
            found=f"{first['dataset']}/{first['subject']}/{first['trial']} at {first['start_s']:g} "
            f"s for {first['length_s']:g} s, clip {first['stimulus']}; {(~same).sum()} in all",
            remedy=REMEDY,
        )
    return found["window"].astype(int)


def _require_all_tested(path: Path, windows: Sequence[Window], folds: Sequence[Split]) -> None:
    tested = np.bincount(
        np.concatenate([np.array(fold.test, np.intp) for fold in folds]), minlength=len(windows)
    )
    for wrong, found in ((tested == 0, "never"), (tested > 1, "in several folds")):
        if wrong.any():
            raise BadInput(
                str(path),
                expected="every window tested in one fold",
                found=f"{wrong.sum()} tested {found}, such as {windows[int(wrong.argmax())].id}",
                remedy=REMEDY,
            )


def _milliseconds(seconds: Sequence[float] | pd.Series[float]) -> np.ndarray:
    """(n,) int64, as exact as the id of a window."""
    return np.round(np.asarray(seconds, np.float64) * 1e3).astype(np.int64)


def _sort_key(window: Window) -> tuple[str, str, str, float]:
    return window.dataset, window.subject, window.trial, window.start_s


def _line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
