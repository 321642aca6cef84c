"""What was planted in the specimens, and what the committed rows of a desk say of it.

Not a test of the code alone: whoever runs `pulsefer reproduce` again and commits other rows learns
here which truth they no longer tell.
"""

from pathlib import Path

import pytest

from pulsefer.experiments import input_kind, leakage, placebo, weighting
from pulsefer.experiments.budget import SIZES
from pulsefer.experiments.experiment import FACE
from pulsefer.experiments.weighting_trials import families
from pulsefer.reports.groups import is_shuffled
from pulsefer.reports.row import read
from pulsefer.samples.split import LEAKY, PROTOCOLS
from pulsefer.training.probe import SHUFFLED

ROWS = Path(__file__).parents[2] / "results" / "experiments.jsonl"
CLIP_LIGHT = "clip light"
PERMUTED = "MTL, permuted labels"


@pytest.fixture(scope="module")
def rows():
    return read(ROWS)


def one(rows, **wanted):
    wanted = {"selection": "last", **wanted}
    (found,) = (
        row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())
    )
    return found


def test_every_row_is_synthetic_and_has_what_is_needed_to_judge_it(rows):
    for row in rows:
        assert row.data_kind == "synthetic"
        assert row.n > 0
        assert row.n_subjects > 0
        assert row.config
        assert row.manifest


@pytest.mark.parametrize("other", [name for name in placebo.SYSTEMS if name != placebo.TRUE])
def test_where_the_heart_knows_the_true_rate_helps_more_than_any_placebo(rows, other):
    difference = {"experiment": "placebo", "metric": "difference_balanced_accuracy",
                  "system": f"{placebo.TRUE} − {other}"}  # fmt: skip
    helps = one(rows, dataset=placebo.HELPS.name, **difference)
    assert helps.low > 0
    assert helps.p < 0.05
    cannot = one(rows, dataset=placebo.CANNOT_HELP.name, **difference)
    assert cannot.p > 0.05


def test_a_pulse_is_read_from_differences_in_their_order_and_not_from_colours(rows):
    skill = {"experiment": "input", "dataset": input_kind.PULSE.name, "metric": "hr_skill"}
    assert one(rows, system="difference", **skill).low > 0
    assert one(rows, system="appearance", **skill).low < 0 < one(
        rows, system="appearance", **skill
    ).high + 0.05  # fmt: skip
    shuffled = one(rows, system="difference", **{**skill, "selection": SHUFFLED})
    assert is_shuffled(shuffled)
    assert shuffled.value < 0
    within = {**skill, "metric": "hr_pearson_within", "system": "difference"}
    assert one(rows, **within).low > 0
    assert one(rows, **{**within, "selection": SHUFFLED}).low < 0


LEAKAGE = {"experiment": "leakage", "metric": "balanced_accuracy"}
HONEST = [by for by in PROTOCOLS if by not in LEAKY]


@pytest.mark.parametrize("by", PROTOCOLS)
def test_a_face_that_shows_it_survives_every_protocol(rows, by):
    assert one(rows, dataset=FACE.name, system="MTL", protocol=by, **LEAKAGE).low > 0.5


@pytest.mark.parametrize("by", HONEST)
def test_labels_without_information_are_at_chance_where_a_trial_stands_on_one_side(rows, by):
    found = one(rows, dataset=CLIP_LIGHT, system=PERMUTED, protocol=by, **LEAKAGE)
    assert found.low < 0.5 < found.high


def test_and_are_learned_where_it_stands_on_both(rows):
    wanted = {**LEAKAGE, "dataset": CLIP_LIGHT, "system": PERMUTED, "protocol": "window_within"}
    assert one(rows, **wanted).low > 0.5


def test_knowing_the_clip_helps_with_persons_never_seen_and_not_with_clips_never_seen(rows):
    clip = {**LEAKAGE, "dataset": CLIP_LIGHT, "system": "MTL"}
    assert one(rows, protocol="subject", **clip).low > 0.5
    nothing = one(rows, protocol="subject_x_stimulus", **clip)
    assert nothing.low < 0.5 < nothing.high
    names = [specimen.name for specimen in leakage.specimens(SIZES["desk"])]
    assert names == [FACE.name, CLIP_LIGHT]


WEIGHTING = {"experiment": "weighting", "dataset": weighting.TELLS.name}


def test_the_more_a_heart_that_knows_is_weighed_the_better_and_a_placebo_is_not(rows):
    curve = {**WEIGHTING, "metric": "balanced_accuracy", "x_name": "beta"}
    much, little = (one(rows, system="static", x=beta, **curve) for beta in (1.0, 0.001))
    assert much.low > little.high
    for other in ("permuted_within", "subject_mean"):
        assert one(rows, system=f"static, {other}", x=1.0, **curve).high < much.value
    within = {**WEIGHTING, "metric": "difference_balanced_accuracy"}
    assert one(rows, system="static, tuned − static, permuted_within, tuned", **within).low > 0


def test_no_weighting_is_shown_to_beat_a_fixed_beta_that_was_looked_for(rows):
    moving = [family for family in families("desk") if family.moves]
    assert len(moving) == 8
    for family in moving:
        row = one(rows, system=f"static, tuned − {family.tuned}", **WEIGHTING,
                  metric="difference_balanced_accuracy")  # fmt: skip
        assert row.value > 0 or row.p > 0.05, family.name


def test_every_method_learns_the_heart_rate_beside_the_emotion(rows):
    rate = {**WEIGHTING, "dimension": "heart rate"}
    for family in families("desk"):
        if family.auxiliary == "true" and family.name != "STL":
            found, mean = (
                one(rows, system=family.tuned, metric=metric, **rate)
                for metric in ("hr_rmse_bpm", "hr_rmse_train_mean_bpm")
            )
            assert found.value < mean.value, family.name
