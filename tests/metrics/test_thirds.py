"""Three classes: scikit-learn as the oracle, and laws."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from pulsefer.core.errors import BadInput
from pulsefer.metrics.thirds import COLUMNS, score_thirds


def table(seed=0, persons=6, trials=12, windows=2, skill=2.0):
    chance = np.random.default_rng(seed)
    rows = []
    for person in range(persons):
        for trial in range(trials):
            truth = int(chance.integers(3))
            for window in range(windows):
                logits = chance.normal(size=3)
                logits[truth] += skill
                proba = np.exp(logits) / np.exp(logits).sum()
                rows.append({"dataset": "d", "subject": f"s{person}", "trial": f"t{trial}",
                             "fold": person % 2, "start_s": window, "third": truth,
                             **dict(zip(COLUMNS, proba, strict=True))})  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn_by_trial(seed):
    rows = table(seed).sample(frac=1, random_state=seed)
    trials = rows.groupby(["subject", "trial"])[["third", *COLUMNS]].mean()
    answers = trials[list(COLUMNS)].to_numpy().argmax(axis=1)
    found = score_thirds(rows)
    truth = trials["third"].astype(int)
    assert found["accuracy_thirds"].value == pytest.approx(accuracy_score(truth, answers))
    assert found["balanced_accuracy_thirds"].value == pytest.approx(
        balanced_accuracy_score(truth, answers)
    )
    assert found["majority_thirds"].value == truth.value_counts(normalize=True).max()
    for score in found.values():
        assert 0 <= score.low <= score.value <= score.high <= 1


def test_who_always_says_the_same_is_right_as_often_as_it_is_so_and_one_third_when_balanced():
    rows = table().assign(prob_low=1.0, prob_middle=0.0, prob_high=0.0)
    found = score_thirds(rows)
    assert found["accuracy_thirds"].value == pytest.approx((rows["third"] == 0).mean())
    assert found["balanced_accuracy_thirds"].value == pytest.approx(1 / 3)


def test_trials_of_unknown_class_are_not_asked():
    rows = table()
    unknown = rows.assign(third=-1, subject="s9")
    assert score_thirds(pd.concat([rows, unknown])) == score_thirds(rows)


def test_a_table_of_two_classes_is_refused():
    with pytest.raises(BadInput, match="three classes"):
        score_thirds(table().drop(columns="prob_middle"))
    with pytest.raises(BadInput, match="known"):
        score_thirds(table().assign(third=-1))
