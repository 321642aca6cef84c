"""How often the 95 % interval over persons holds the truth of all people.

Persons differ in how readable they are, in how high the network sets its probabilities for them,
in their resting rate and in the network's bias: an experiment sees 10 or 22 of them. The interval
promises to hold the score of everybody in 95 of 100 such experiments.
"""

import functools

import numpy as np
import pytest

from pulsefer.metrics import baselines, emotion, heart_rate
from pulsefer.metrics.bootstrap import draw, interval
from pulsefer.metrics.crossed import crossed_interval
from pulsefer.metrics.score import MIRRORED

TRIALS = 20
EXPERIMENTS = 500
RESAMPLES = 1000

DOMINATED = {"hr_mae_bpm": 0.87, "hr_rmse_bpm": 0.84, "hr_skill": 0.90}
"""What a few far persons dominate is held less often. Floors, for 10 persons and more."""


def people(n, chance):
    """Truth and answers of `n` persons, 20 trials each."""
    person = np.repeat(np.arange(n), TRIALS)
    share = np.clip(chance.normal(0.5, 0.15, n), 0.1, 0.9)
    readable, level = chance.normal(0.56, 0.56, n), chance.normal(0, 0.6, n)
    high = chance.random(len(person)) < share[person]
    logit = np.where(high, 1, -1) * readable[person] + level[person]
    prob = 1 / (1 + np.exp(-logit - chance.normal(0, 1, len(person))))
    true = chance.normal(72, 9, n)[person] + chance.normal(0, 5, len(person))
    pred = 72 + 0.5 * (true - 72) + chance.normal(0, 4, n)[person]
    return person, high, prob, true, pred + chance.normal(0, 4, len(person))


def scores(answers, draws):
    person, high, prob, true, pred = answers
    known = np.full(len(true), 0.5), true, pred, np.full(len(true), 72.0)
    return {
        **emotion.resampled(high, prob, person, draws),
        **heart_rate.resampled(true, pred, person, draws),
        "hr_skill": baselines.from_training(high, *known, person, draws)["hr_skill"],
    }


@functools.cache
def of_everybody():
    """The score of 10,000 persons."""
    chance = np.random.default_rng(1)
    parts = [scores(people(1000, chance), np.ones((1, 1000))) for _ in range(10)]
    return {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}


@functools.cache
def coverage(n, experiments=EXPERIMENTS):
    """Share of the experiments whose interval holds the truth, by ours and by plain percentiles."""
    chance, truth = np.random.default_rng(n), of_everybody()
    ours, plain = (dict.fromkeys(truth, 0) for _ in range(2))
    for number in range(experiments):
        answers = people(n, chance)
        point = scores(answers, np.ones((1, n)))
        for name, values in scores(answers, draw(n, RESAMPLES, number)).items():
            mirror = float(point[name][0]) if name in MIRRORED else None
            low, high = interval(values, n, mirror=mirror)
            ours[name] += low <= truth[name] <= high
            low, high = np.nanpercentile(values, [2.5, 97.5])
            plain[name] += low <= truth[name] <= high
    return tuple({name: hits / experiments for name, hits in by.items()} for by in (ours, plain))


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 22])
def test_the_interval_holds_the_truth_as_often_as_it_says(n):
    chance_alone = 3 * np.sqrt(0.95 * 0.05 / EXPERIMENTS)
    ours, _ = coverage(n)
    for name, share in ours.items():
        least = DOMINATED.get(name, 0.95 - chance_alone)
        assert least <= share <= 0.95 + chance_alone, (name, ours)


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 22])
def test_plain_percentiles_would_hold_it_less_often(n):
    ours, plain = coverage(n)
    gain = {name: ours[name] - plain[name] for name in ours}
    assert min(gain.values()) >= 0, gain
    assert np.mean(list(gain.values())) > (0.03 if n == 10 else 0.01), gain


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spread_of", "persons", "folds", "seeds", "least"),
    [
        ((1.0, 0.0), 12, 2, 5, 0.94),
        ((0.0, 1.0), 12, 2, 5, 0.94),
        ((1.0, 1.0), 20, 5, 5, 0.94),
        ((0.3, 2.0), 12, 2, 5, 0.93),
        ((0.3, 2.0), 12, 2, 2, 0.89),  # four networks, of which the luck is nearly all
    ],
)
def test_over_persons_and_networks_it_holds_the_truth_too(spread_of, persons, folds, seeds, least):
    chance = np.random.default_rng(0)
    of_person, of_network = spread_of
    blocks = np.arange(persons) % folds
    hits = 0
    for number in range(EXPERIMENTS):
        differences = (
            of_person * chance.normal(size=(persons, 1))
            + of_network * chance.normal(size=(folds, seeds))[blocks]
            + chance.normal(size=(persons, seeds))
        )
        low, high = crossed_interval(differences, blocks, seed=number)
        hits += low <= 0 <= high
    assert hits / EXPERIMENTS >= least
