"""Two systems over the persons who were tested and over the networks that were trained.

Persons who are tested by one network share its luck. A test over persons alone asks: would other
persons, tested by these very networks, show the difference? Few mean that question. Here both are
drawn: would other persons and other trainings show it? (Clark, Journal of Verbal Learning 1973,
says the same of persons and words.)

Shape letters: P persons, S seeds, B blocks of persons that share their networks, R resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.metrics.bootstrap import Floats, draw, interval
from pulsefer.metrics.paired import by_person, compare, sign_flip
from pulsefer.metrics.score import Unit

if TYPE_CHECKING:
    import pandas as pd

N_RESAMPLES = 2000
PERSON = ["dataset", "subject"]


@dataclass(frozen=True, slots=True)
class CrossedTest:
    """Mean difference over persons and networks.

    Attributes:
        mean: First system minus second, in the unit of the metric.
        low: Low end of its 95 % interval over persons and networks.
        high: High end.
        p: The larger of the two below: the difference is there for persons and for networks.
        p_persons: Sign flips over persons, given the networks.
        p_networks: Sign flips over networks. 2^(1 - n_networks) is the least it can be.
        n_persons: Persons with a value.
        n_networks: Networks of each system: folds times seeds.
    """

    mean: float
    low: float
    high: float
    p: float
    p_persons: float
    p_networks: float
    n_persons: int
    n_networks: int


def compare_crossed(
    first: Sequence[pd.DataFrame],
    second: Sequence[pd.DataFrame],
    metric: str,
    *,
    unit: Unit = "trial",
    seed: int = 0,
) -> CrossedTest:
    """First system minus second, over persons and over networks.

    Args:
        first: Predictions of one system: a table for each seed, as `score` takes them.
        second: Of the other, in the same order: the folds of each pair are the same.
        metric: One of `paired.METRICS`.
        unit: What is counted.
        seed: Of resamples and flips.

    Raises:
        BadInput: as `paired.compare`; no network with a value.
    """
    import pandas as pd

    persons = compare(first, second, metric, unit=unit, seed=seed).test
    of_seeds, of_networks = [], []
    for one, other in zip(first, second, strict=True):
        of_seeds.append(by_person(one, metric, unit=unit) - by_person(other, metric, unit=unit))
        for fold, rows in one.groupby("fold", sort=True):
            apart = by_person(rows, metric, unit=unit) - by_person(
                other[other["fold"] == fold], metric, unit=unit
            )
            of_networks.append(float(apart.mean()))  # of those who have a value
    known = np.array([mean for mean in of_networks if np.isfinite(mean)])
    if not len(known):
        raise BadInput(
            f"{metric} of two systems",
            expected="one network at least whose tested persons have a value",
            found=f"none of {len(of_networks)}",
        )
    networks = sign_flip(known, seed=seed)
    table = pd.concat(of_seeds, axis=1).dropna()
    low, high = crossed_interval(
        table.to_numpy(np.float64), _block(first[0], table.index), seed=seed
    )
    return CrossedTest(
        mean=persons.mean,
        low=low,
        high=high,
        p=max(persons.p, networks.p),
        p_persons=persons.p,
        p_networks=networks.p,
        n_persons=persons.n,
        n_networks=networks.n,
    )


def crossed_interval(
    differences_PS: Floats, block_P: NDArray[np.intp], *, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a mean over persons and seeds, both drawn.

    Persons are drawn with all their seeds, and seeds within each block of persons that share their
    networks: a cell of the table counts as often as its person times as often as its network (the
    pigeonhole bootstrap; Owen, Annals of Applied Statistics 2007). With one seed there is nothing
    to draw networks from, and the interval is over persons alone.

    Choice: its ends are those of the smaller count, of persons or of networks (see
    `bootstrap.tail_share`). Simulated (tests/metrics/test_coverage.py), the truth lies in it at
    least as often as it says, but for two seeds in two folds whose luck is nearly all: there less.

    Args:
        differences_PS: (P, S) finite.
        block_P: (P,) which block each person is in, from 0.
        seed: Of the resamples.
    """
    n_persons, n_seeds = differences_PS.shape
    n_blocks = int(block_P.max()) + 1
    persons_RP = draw(n_persons, N_RESAMPLES, seed)
    if n_seeds == 1:
        return interval(persons_RP @ differences_PS[:, 0] / n_persons, n_persons)
    sums_R = np.zeros(N_RESAMPLES)
    for block in range(n_blocks):
        inside = block_P == block
        # Another seed than the persons' draw, or the same seeds would go with the same persons.
        seeds_RS = draw(n_seeds, N_RESAMPLES, seed + 1 + block)
        sums_R += ((persons_RP[:, inside] @ differences_PS[inside]) * seeds_RS).sum(axis=1)
    return interval(sums_R / (n_persons * n_seeds), min(n_persons, n_blocks * n_seeds))


def _block(table: pd.DataFrame, persons: pd.Index) -> NDArray[np.intp]:
    """Number of each person's fold; one block where persons are tested in several folds."""
    folds = table.groupby(PERSON)["fold"].agg(["nunique", "first"]).loc[persons]
    if (folds["nunique"] > 1).any():
        return np.zeros(len(persons), np.intp)
    return np.unique(folds["first"].to_numpy(), return_inverse=True)[1].astype(np.intp)
