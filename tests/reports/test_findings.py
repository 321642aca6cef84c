"""Sentences are made by rules, and say by which protocol, of how many, and of what kind."""

import dataclasses
import math

import pytest
from rich_rows import betas, epochs, ladder, lengths, pretrained, rates, rich, row

from pulsefer.reports.findings import findings
from pulsefer.reports.groups import groups, over_seeds
from pulsefer.reports.protocols import LADDER, is_honest, is_leaky, strictness
from pulsefer.samples.split import PROTOCOLS


def sentences(rows):
    (group,) = groups(rows)
    return findings(group)


def test_the_ladder_has_every_protocol_and_the_leaky_ones_come_first():
    assert set(LADDER) == set(PROTOCOLS)
    assert [is_leaky(one) for one in LADDER] == [True] * 3 + [False] * 5
    assert strictness("subject, trained on a+b") == strictness("subject")
    assert strictness("trained on deap") > strictness("subject_x_stimulus")
    assert not is_honest("window_pooled, trained on a+b")
    assert not is_honest("a name of tomorrow")


@pytest.mark.parametrize("kind", ["real", "synthetic"])
def test_every_sentence_says_protocol_n_persons_and_synthetic_where_it_is(kind):
    for group in groups(rich(data_kind=kind)):
        said = findings(group)
        assert said
        for sentence in said:
            assert "by " in sentence.lower() or "trained on" in sentence
            assert " of 6 persons" in sentence
            assert ("synthetic" in sentence) == (kind == "synthetic"), sentence


def test_the_headline_is_of_the_strictest_honest_protocol_by_trial():
    rows = [row(value=value, protocol=by) for by, value in
            (("window_pooled", 0.9), ("subject", 0.6), ("stimulus", 0.7))]  # fmt: skip
    rows.append(row(value=0.8, unit="window", n=1440))
    first = sentences(rows)[0]
    assert first.startswith("By subject, balanced accuracy of valence: MTL 60.0 % (95 % interval")
    assert "240 trials of 6 persons" in first


@pytest.mark.parametrize(
    ("value", "half", "told"),
    [
        (0.6, 0.05, ", clear of chance (50 %)"),
        (0.54, 0.05, ", not clear of chance (50 %)"),
        (0.4, 0.05, ", worse than chance (50 %), which wants an explanation"),
        (0.9, 0.0, "without an interval says nothing about chance"),
    ],
)
def test_an_interval_is_held_against_chance(value, half, told):
    assert told in sentences([row(value=value, half=half)])[0]


def test_a_leaky_protocol_alone_is_not_called_emotion():
    (said,) = sentences([row(value=0.9, protocol="window_within")])
    assert "none of it need be emotion" in said


def test_a_figure_by_an_unknown_protocol_makes_no_claim():
    (said,) = sentences([row(value=0.9, protocol="window")])
    assert said == "1 figures, none of which a rule makes a sentence of; all are in the table."


def test_the_gap_is_taken_from_its_row_and_without_one_has_no_interval():
    both = [row(value=0.9, protocol="window_pooled"), row(value=0.6)]
    gap = row("leakage_gap", 0.3, protocol="window_pooled − subject")
    assert "+30.0 points (95 % interval +25.0 to +35.0)" in sentences([*both, gap])[1]
    assert "recognition of the trial, not emotion" in sentences([*both, gap])[1]
    unpaired = sentences(both)[1]
    assert "MTL +30.0 points" in unpaired
    assert "there is no interval" in unpaired
    shallow = dataclasses.replace(gap, low=-0.1)
    assert "a gap is not shown" in sentences([*both, shallow])[1]


def test_a_gap_between_two_honest_protocols_is_not_called_recognition_of_the_trial():
    gap = row("leakage_gap", 0.3, protocol="subject − subject_x_stimulus")
    (said,) = sentences([gap])
    assert "recognition" not in said
    assert "the clips, watched by other persons" in said


def test_permuted_labels_above_chance_accuse_the_protocol_and_are_never_the_headline():
    said = sentences(ladder())
    assert said[0].startswith("By subject_x_stimulus, balanced accuracy of valence: MTL 52.0 %")
    (permuted,) = [one for one in said if "nothing to learn" in one]
    assert "90.0 % by window_within" in permuted.split("above chance, so this is not emotion")[0]
    assert "by subject: not above chance" not in permuted.split("above chance")[0]


def test_permuted_heart_rates_are_not_permuted_labels():
    said = sentences([row(value=0.6, system="MTL, permuted heart rates")])
    assert "clear of chance" in said[0]
    assert not any("nothing to learn" in one for one in said)


def test_accuracy_stands_beside_the_guessers_and_the_paper():
    rows = [
        row("accuracy", 0.7, half=0.02, paper=0.963, paper_where="Table 3"),
        row("prior", 0.58), row("majority_by_stimulus", 0.66),
    ]  # fmt: skip
    (said,) = sentences(rows)
    assert "Always the training side's larger class: 58.0 %" in said
    assert "each clip's larger class 66.0 %" in said
    assert "MTL is clear of all these" in said
    assert "The paper has 96.3 % for MTL (Table 3) and does not say how it split" in said
    assert "cannot be compared" in said
    (lower,) = sentences([row("accuracy", 0.7, half=0.05), *rows[1:]])
    assert "no network is clear of all these" in lower


def test_the_heart_rate_stands_beside_mean_pos_and_chrom():
    (said,) = sentences(rates())
    for part in ("MTL 9.6 bpm", "the training side's mean 9.9 bpm", "POS 4.1 bpm", "CHROM 4.6 bpm",
                 "MTL does better than always saying the mean"):  # fmt: skip
        assert part in said
    worse = [dataclasses.replace(one, low=-0.1) for one in rates()]
    assert "is not shown" in sentences(worse)[0]


def test_the_best_epoch_on_the_test_fold_is_not_a_result():
    (said,) = [one for one in sentences(ladder()) if "not a result" in one]
    assert "58.0 % instead of 52.0 % at the last epoch; likewise by 7 other protocols" in said
    assert "58.0" not in sentences(ladder())[0]


def test_seeds_are_one_system_and_settings_of_one_name_are_not():
    seeds = [row(value=value, seed=seed) for seed, value in enumerate((0.6, 0.7))]
    (line,) = over_seeds(seeds)
    assert (line.row.value, line.n_seeds) == (pytest.approx(0.65), 2)
    assert (line.row.low, line.row.high) == (pytest.approx(0.55), pytest.approx(0.75))
    assert "65.0 %, mean of 2 seeds (95 % intervals within 55.0 to 75.0)" in sentences(seeds)[0]
    settings = [row(value=0.6, config="aaaaaaaa"), row(value=0.7, config="bbbbbbbb")]
    assert [one.label for one in over_seeds(settings)] == ["MTL (aaaaaa)", "MTL (bbbbbb)"]
    unsure = [seeds[0], row(value=0.7, seed=1, half=0)]
    assert math.isnan(over_seeds(unsure)[0].row.low)


def test_a_series_names_its_best_place_and_whether_it_can_be_told_apart():
    said = sentences(betas())
    along = [one for one in said if one.startswith("Along beta")]
    assert "highest at 0.01, 61.0 %" in along[0]
    assert "none is shown to be the best" in along[0]
    assert "lowest at 1, 5.5 bpm" in along[1]
    assert "the intervals of 2 of 3 others lie outside its own" in along[1]
    assert "lowest at 6" in sentences(epochs())[1]
    assert len([one for one in sentences(lengths()) if "window length (s), 1 to 20" in one]) == 3


def test_a_tested_difference_says_its_p():
    said = sentences(betas())[0]
    assert said.startswith("STL − MTL, beta 0.01, by subject: -6.0 points")
    assert "p = 0.030: a difference" in said
    p = [dataclasses.replace(one, p=0.4) for one in betas() if one.p == one.p]
    assert "no difference is shown" in sentences(p)[0]


def test_a_pre_training_is_held_against_no_agreement():
    assert "CNN 0.410 (95 % interval 0.360 to 0.460), clear of chance (0)" in sentences(
        pretrained()
    )[0]  # fmt: skip
