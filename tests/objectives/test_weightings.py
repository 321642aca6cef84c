"""The methods that weigh two losses: laws that all have, then each one's arithmetic by hand."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from pulsefer.core.errors import BadInput
from pulsefer.core.fingerprint import canonical_json, fingerprint
from pulsefer.objectives.loss_weights import ALIASES, METHODS, LossWeights, build
from pulsefer.objectives.weighting import GradientLevel, LossLevel, cosine, gramian

LOSSES = torch.tensor([0.6931, 12.0])
OF_LOSSES = ("static", "rlw", "uw", "gls", "dwa")
OF_GRADIENTS = ("gcs", "pcgrad", "pcd", "torchjd:MGDA", "torchjd:Random")
WITHOUT_SCALE = ("uw", "gls", "pcd")
"""Alpha and beta cancel in these."""


def weighting(method, **wishes):
    return build(LossWeights(method=method, **wishes), seed=3)


def gram(emotion, heart_rate, c):
    """Gramian of two gradients of these lengths, with this cosine between them."""
    product = emotion * heart_rate * c
    return torch.tensor([[emotion**2, product], [product, heart_rate**2]], dtype=torch.float64)


def slope(method, losses, **wishes):
    """(2,) what the number that goes down makes of each loss."""
    losses = losses.clone().requires_grad_()
    made = weighting(method, **wishes)
    made(losses).backward()
    return losses.grad


def share(weights, losses=(1.0, 1.0)):
    """The heart rate's part of the direction, whatever its length."""
    one, other = (float(w) * float(loss) for w, loss in zip(weights, losses, strict=True))
    return other / math.hypot(one, other)


# What all of them are.


def test_there_are_the_eight_of_the_list_and_torchjd():
    assert tuple(METHODS) == (*OF_LOSSES, "gcs", "pcgrad", "pcd")
    assert LossWeights(method="torchjd:MGDA").on_gradients


@pytest.mark.parametrize("method", [*OF_LOSSES, *OF_GRADIENTS])
def test_every_method_is_of_one_level_and_says_its_formula(method):
    made = weighting(method)
    assert isinstance(made, LossLevel) != isinstance(made, GradientLevel)
    assert LossWeights(method=method).on_gradients == isinstance(made, GradientLevel)
    assert "=" in type(made).__doc__


@pytest.mark.parametrize("method", OF_LOSSES)
def test_of_two_losses_comes_a_number_that_rises_with_both(method):
    made = weighting(method)
    found = made(LOSSES)
    assert found.shape == ()
    assert (slope(method, LOSSES) > 0).all()


@pytest.mark.parametrize("method", OF_LOSSES)
def test_where_no_heart_rate_is_known_only_the_emotion_counts(method):
    emotion = torch.tensor(0.7, requires_grad=True)
    made = weighting(method)
    made.alone(emotion).backward()
    assert emotion.grad > 0
    assert [one for one in made.of_heart_rate() if one.grad is not None] == []


@pytest.mark.parametrize("method", OF_GRADIENTS)
@pytest.mark.parametrize("c", [-0.9, 0.0, 0.7])
def test_weights_of_gradients_are_finite_whatever_the_angle(method, c):
    found = weighting(method)(gram(0.1, 5.0, c).float())
    assert found.shape == (2,)
    assert found.isfinite().all()


@pytest.mark.parametrize("method", ["gcs", "pcgrad", "pcd"])
@pytest.mark.parametrize("lengths", [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_a_gradient_that_is_nothing_breaks_nothing(method, lengths):
    assert weighting(method)(gram(*lengths, 0.0)).isfinite().all()


@pytest.mark.parametrize("method", ["gcs", "pcd"])
@pytest.mark.parametrize("c", [-0.99, -0.3, 0.0, 0.4])
def test_the_emotions_loss_never_climbs_where_it_comes_first(method, c):
    """To the first order: the step's product with the emotion's gradient."""
    for mode in ("gate", "cosine", "project") if method == "gcs" else (None,):
        wishes = {"mode": mode} if mode else {}
        g = gram(1.0, 30.0, c)
        assert float((g @ weighting(method, **wishes)(g))[0]) >= -1e-9


@pytest.mark.parametrize("c", [-0.99, -0.3, 0.0, 0.4])
def test_by_pcgrad_neither_loss_climbs(c):
    g = gram(1.0, 30.0, c)
    assert (g @ weighting("pcgrad")(g) >= -1e-9).all()


# Scale: the unit of the heart rate.


@pytest.mark.parametrize("method", OF_LOSSES)
def test_a_hundred_times_the_heart_rate_loss_moves_all_but_those_without_scale(method):
    """By the share that each task has in the direction: weight times gradient, and the gradient
    grows as the loss does."""
    wishes = {"log_var_start": "first_batch"} if method == "uw" else {}
    large = LOSSES * torch.tensor([1.0, 100.0])
    before = share(slope(method, LOSSES, **wishes), (1.0, 1.0))
    after = share(slope(method, large, **wishes), (1.0, 100.0))
    if method in WITHOUT_SCALE:
        assert after == pytest.approx(before, rel=1e-5)
    else:
        assert after > 5 * before


@pytest.mark.parametrize("method", ["gcs", "pcgrad", "pcd"])
def test_a_hundred_times_the_heart_rate_gradient_moves_all_but_pcd(method):
    directions = []
    for scale in (1.0, 100.0):
        made = weighting(method, **({"tau": 0.3} if method == "pcd" else {}))
        for c in (-0.2, 0.1):  # pcd has a memory
            w = made(gram(0.5, 2.0 * scale, c))
        directions.append(share(w, (0.5, 2.0 * scale)))
    if method == "pcd":
        assert directions[1] == pytest.approx(directions[0], rel=1e-6)
    else:
        assert directions[1] > 5 * directions[0] or directions[1] > 0.99 > directions[0]


@pytest.mark.parametrize("method", WITHOUT_SCALE)
@pytest.mark.parametrize("wish", [{"beta": 0.01}, {"alpha": 2.0}])
def test_base_weights_that_would_cancel_are_refused(method, wish):
    with pytest.raises(ValueError, match="leave them out"):
        LossWeights(method=method, **wish)


@pytest.mark.parametrize("method", ["rlw", "dwa", "static"])
def test_base_weights_come_first_in_the_others(method):
    few, many = (slope(method, LOSSES, beta=beta) for beta in (0.01, 0.1))
    assert float(many[1] / few[1]) == pytest.approx(10.0, rel=1e-5)
    assert float(many[0]) == float(few[0])


# Each by hand.


def test_static_is_equation_7():
    assert float(weighting("static")(torch.tensor([0.7, 12.0]))) == pytest.approx(0.82)
    assert slope("static", LOSSES, alpha=2.0, beta=0.5).tolist() == [2.0, 0.5]


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ("constant", [0.1, 0.1, 0.1, 0.1, 0.1]),
        ("linear", [0.1, 0.08, 0.06, 0.04, 0.02]),
        # (1 - cos(pi t)) / 2 at t = 0, 1/4, 1/2, 3/4, 1 is 0, 0.1464, 0.5, 0.8536, 1
        ("cosine", [0.1, 0.088284, 0.06, 0.031716, 0.02]),
    ],
)
def test_beta_goes_where_the_schedule_says(schedule, wanted):
    wishes = {} if schedule == "constant" else {"schedule": schedule, "beta_end": 0.02}
    made = weighting("static", beta=0.1, **wishes)
    found = []
    for epoch in range(5):
        made.begin_epoch(epoch, 5)
        found.append(float(made(torch.tensor([0.0, 1.0]))))
    assert found == pytest.approx(wanted, abs=1e-6)


def test_a_warm_up_grows_to_beta_and_the_schedule_begins_behind_it():
    made = weighting("static", beta=0.1, schedule="linear", warmup_epochs=2)
    found = []
    for epoch in range(5):
        made.begin_epoch(epoch, 5)
        found.append(float(made(torch.tensor([0.0, 1.0]))))
    assert found == pytest.approx([0.05, 0.1, 0.1, 0.05, 0.0], abs=1e-6)


def test_a_schedule_of_one_epoch_is_its_beginning():
    made = weighting("static", beta=0.1, schedule="linear")
    made.begin_epoch(0, 1)
    assert float(made(torch.tensor([0.0, 1.0]))) == pytest.approx(0.1)


def test_random_weights_add_to_one_and_are_equal_on_the_mean():
    made = weighting("rlw", beta=1.0)
    found = []
    for step in range(2000):
        made.step.fill_(step)
        losses = torch.ones(2, requires_grad=True)
        made(losses).backward()
        found.append(losses.grad.numpy())
    assert np.sum(found, axis=1) == pytest.approx(1.0, abs=1e-6)
    assert np.mean(found, axis=0) == pytest.approx(0.5, abs=0.02)
    # softmax of two is the logistic function of their difference, N(0, 2)
    assert np.std(found, axis=0) == pytest.approx(0.2644, abs=0.02)


def test_random_weights_belong_to_seed_and_step_and_take_no_number_from_others():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    one, same, other = (build(LossWeights(method="rlw"), seed=seed) for seed in (1, 1, 2))
    assert float(one(LOSSES)) == float(same(LOSSES)) != float(other(LOSSES))
    one.step += 1
    assert float(one(LOSSES)) != float(same(LOSSES))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("uncertainty", "wanted"),
    [
        # exp(0) (0.5 + 8) / 2 + 0; then with s = (log 0.5, log 8): each term 1/2, plus s / 2
        ("kendall", (4.25, 1.0 + (math.log(0.5) + math.log(8.0)) / 2)),
        # + 2 log 2; then 1/2 + 1/2 + log(1.5) + log(9)
        ("revised", (4.25 + 2 * math.log(2.0), 1.0 + math.log(1.5) + math.log(9.0))),
    ],
)
def test_uncertainties_by_hand(uncertainty, wanted):
    losses = torch.tensor([0.5, 8.0])
    for start, value in zip(("zero", "first_batch"), wanted, strict=True):
        made = weighting("uw", uncertainty=uncertainty, log_var_start=start)
        assert made(losses).item() == pytest.approx(value, rel=1e-6)


def test_the_best_log_variance_is_the_log_of_the_loss():
    """There the weights are 1 / (2 L), the geometric mean's but for their length."""
    made = weighting("uw", log_var_start="first_batch")
    made(LOSSES).backward()
    assert [s.grad.item() for s in made.log_vars] == pytest.approx([0.0, 0.0], abs=1e-6)
    found = slope("uw", LOSSES, log_var_start="first_batch")
    assert found.tolist() == pytest.approx([0.5 / 0.6931, 0.5 / 12.0], rel=1e-5)
    along = slope("gls", LOSSES)
    assert float(found[1] / found[0]) == pytest.approx(float(along[1] / along[0]), rel=1e-5)


def test_the_first_batch_is_taken_once_and_only_where_both_losses_are_known():
    made = weighting("uw", log_var_start="first_batch")
    made.alone(torch.tensor(3.0))
    assert [s.item() for s in made.log_vars] == [0.0, 0.0]
    made(LOSSES)
    made(LOSSES * 2)
    assert [s.item() for s in made.log_vars] == pytest.approx(LOSSES.log().tolist(), rel=1e-6)


def test_log_variances_learn_at_their_own_rate_and_without_decay():
    made = weighting("uw", log_var_rate=0.1)
    (group,) = made.param_groups()
    assert (group["lr"], group["weight_decay"]) == (0.1, 0.0)
    adam = torch.optim.Adam([{"params": [torch.nn.Parameter(torch.zeros(1))]}, group], lr=1e-3)
    made(LOSSES).backward()
    adam.step()
    # Adam's first step has the length of the rate, against the gradient.
    assert [s.item() for s in made.log_vars] == pytest.approx([-0.1, 0.1], rel=1e-4)


def test_the_geometric_mean_by_hand():
    assert float(weighting("gls")(torch.tensor([0.5, 8.0]))) == pytest.approx(2.0)
    # sqrt(L1 L2) / (2 L_i)
    assert slope("gls", torch.tensor([0.5, 8.0])).tolist() == pytest.approx([2.0, 0.125])


def test_the_geometric_mean_of_a_loss_of_nothing_has_a_gradient():
    assert slope("gls", torch.tensor([0.0, 8.0])).isfinite().all()


def test_at_the_papers_losses_the_geometric_mean_is_the_papers_beta():
    """Table 4: a cross-entropy of 0.0919; 9 bpm are assumed, the paper reports no error."""
    found = slope("gls", torch.tensor([0.0919, 9.0]))
    assert float(found[1] / found[0]) == pytest.approx(0.0102, abs=1e-4)


def run_dwa(epochs, **wishes):
    """Weights that each epoch began with, given its mean losses."""
    made = weighting("dwa", alpha=1.0, beta=1.0, **wishes)
    found = []
    for number, means in enumerate(epochs):
        made.begin_epoch(number, len(epochs))
        found.append(made.weights_2.tolist())
        for factor in (0.5, 1.5):  # two batches
            made(torch.tensor(means) * factor)
    return found


def test_rates_of_descent_by_hand():
    found = run_dwa([(1.0, 10.0), (0.9, 10.0), (0.9, 8.0), (1.0, 1.0)])
    assert found[:2] == [[1.0, 1.0], [1.0, 1.0]]
    # r = (0.9, 1.0), T = 2: 2 / (1 + exp(0.05)) = 0.97500
    assert found[2] == pytest.approx([0.97500, 1.02500], abs=1e-5)
    # r = (1.0, 0.8): 2 / (1 + exp(-0.1)) = 1.04996
    assert found[3] == pytest.approx([1.04996, 0.95004], abs=1e-5)


def test_a_low_temperature_exaggerates_the_rates():
    # T = 0.1: 2 / (1 + exp(1)) = 0.53788
    assert run_dwa([(1.0, 10.0), (0.9, 10.0), (1.0, 1.0)], temperature=0.1)[2] == pytest.approx(
        [0.53788, 1.46212], abs=1e-5
    )


def test_an_epoch_without_any_heart_rate_gives_equal_weights():
    made = weighting("dwa", beta=1.0)
    for number in range(3):
        made.begin_epoch(number, 5)
        made.alone(torch.tensor(1.0 / (number + 1)))
    made.begin_epoch(3, 5)
    assert made.weights_2.tolist() == [1.0, 1.0]


def test_batches_without_a_heart_rate_have_no_say_in_its_mean():
    made = weighting("dwa", beta=1.0)
    made.begin_epoch(0, 5)
    made(torch.tensor([1.0, 10.0]))
    made.alone(torch.tensor(3.0))
    made.begin_epoch(1, 5)
    assert made.means_22[0].tolist() == [2.0, 10.0]


@pytest.mark.parametrize(
    ("mode", "c", "wanted"),
    [
        ("gate", 0.5, (1.0, 1.0)), ("gate", 0.0, (1.0, 1.0)), ("gate", -0.1, (1.0, 0.0)),
        ("cosine", 0.5, (1.0, 0.5)), ("cosine", -0.5, (1.0, 0.0)),
        # lengths 2 and 3: 1 - (2 * 3 * -0.5) / 4 = 1.75
        ("project", 0.5, (1.0, 1.0)), ("project", -0.5, (1.75, 1.0)),
    ],
)  # fmt: skip
def test_gradients_gated_by_their_cosine_by_hand(mode, c, wanted):
    assert weighting("gcs", mode=mode)(gram(2.0, 3.0, c)).tolist() == pytest.approx(wanted)


def test_gradients_projected_by_hand():
    # products -3: 1 + 3/4 and 1 + 3/9
    assert weighting("pcgrad")(gram(2.0, 3.0, -0.5)).tolist() == pytest.approx([1.75, 4 / 3])
    assert weighting("pcgrad")(gram(2.0, 3.0, 0.5)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("tau", "c", "wanted"),
    [
        # s = (1/2, 1/3), n of length 1; m = max(0, tau - c); |d|^2 = 1 + 2 m c + m^2; times 2 / |d|
        (0.3, 0.3, (1.0, 0.0)),
        (0.3, 0.0, (1.0 / math.sqrt(1.09), 0.2 / math.sqrt(1.09))),
        (0.5, -0.5, (1.0, 2 / 3)),  # m = 1, |d|^2 = 1
        (0.0, -0.6, (1.25, 0.5)),  # m = 0.6, |d|^2 = 1 - 0.72 + 0.36 = 0.64
    ],
)
def test_the_emotion_first_by_hand(tau, c, wanted):
    found = weighting("pcd", tau=tau)(gram(2.0, 3.0, c))
    assert found.tolist() == pytest.approx(wanted, rel=1e-6, abs=1e-8)


def test_the_heart_rate_gets_its_share_of_progress_and_the_step_the_emotions_length():
    for c in (-0.8, -0.1, 0.0, 0.2):
        g = gram(2.0, 30.0, c)
        w = weighting("pcd", tau=0.3)(g)
        assert math.sqrt(float(w @ g @ w)) == pytest.approx(2.0, rel=1e-6)
        d = w / torch.tensor([0.5, 1 / 30.0])  # in gradients of length 1
        progress = float(d[0] * c + d[1])
        assert progress / (d[0] if d[0] else 1.0) >= 0.3 - 1e-6


def test_opposite_gradients_leave_no_step():
    assert weighting("pcd", tau=0.0)(gram(2.0, 3.0, -1.0)).tolist() == [0.0, 0.0]


def test_the_running_means_forget_by_their_decay():
    made = weighting("pcd", tau=1.0, ema_decay=0.5)
    made(gram(1.0, 1.0, 0.0))
    w = made(gram(1.0, 3.0, 0.0))
    # v_2 = (0.25 * 1 + 0.5 * 9) / 0.75 = 6.3333; n_2 n_2 = 9 / v_2; m = 1
    s = 1 / math.sqrt(6.333333)
    length = math.sqrt(1.0 + 9.0 * s * s)
    assert w.tolist() == pytest.approx([1 / length, s / length], rel=1e-5)


# Gradients.


def test_a_gramian_is_the_products_of_whole_gradients():
    chance = torch.Generator().manual_seed(0)
    first, second = ([torch.randn(shape, generator=chance) for shape in ((2, 3), (4,))]
                     for _ in range(2))  # fmt: skip
    matrix = torch.stack([torch.cat([piece.flatten() for piece in one]) for one in (first, second)])
    torch.testing.assert_close(gramian(first, second), matrix @ matrix.T)
    half = [[piece.bfloat16() for piece in one] for one in (first, second)]
    assert gramian(*half).dtype == torch.float32


def test_a_cosine_is_within_its_bounds_and_0_where_a_gradient_is_nothing():
    assert float(cosine(gram(2.0, 3.0, -0.25))) == pytest.approx(-0.25)
    assert float(cosine(gram(0.0, 3.0, 0.0))) == 0.0
    assert float(cosine(torch.tensor([[1.0, 1.0000001], [1.0000001, 1.0]]))) <= 1.0


# TorchJD as an oracle.


@pytest.fixture(scope="module")
def aggregation():
    return pytest.importorskip("torchjd.aggregation")


@pytest.fixture(scope="module")
def scalarization():
    return pytest.importorskip("torchjd.scalarization")


def grams(n=60):
    """Gramians of random gradients, norms from 0.1 to 10."""
    chance = np.random.default_rng(0)
    for _ in range(n):
        yield gram(*10 ** chance.uniform(-1, 1, 2), chance.uniform(-0.98, 0.98))


def test_pcgrad_is_torchjds(aggregation):
    theirs = aggregation.PCGradWeighting()
    for g in grams():
        torch.testing.assert_close(weighting("pcgrad")(g), theirs(g))


@pytest.mark.parametrize("tau", [0.02, 0.3, 1.0])
def test_pcd_is_torchjds_over_many_steps(aggregation, tau):
    ours, theirs = weighting("pcd", tau=tau), aggregation.PCDWeighting(tau=tau)
    for g in grams():
        torch.testing.assert_close(ours(g), theirs(g), rtol=1e-6, atol=1e-9)


def test_uncertainties_are_torchjds(scalarization):
    theirs = scalarization.UW(2)
    ours = weighting("uw")
    with torch.no_grad():
        for mine, value in zip(ours.log_vars, (0.3, -1.2), strict=True):
            mine.fill_(value)
        theirs.log_var.copy_(torch.tensor([0.3, -1.2]))
    torch.testing.assert_close(ours(LOSSES), theirs(LOSSES))


def test_the_geometric_mean_is_torchjds(scalarization):
    torch.testing.assert_close(weighting("gls")(LOSSES), scalarization.GeometricMean()(LOSSES))


def test_rates_of_descent_are_torchjds(scalarization):
    ours, theirs = weighting("dwa", beta=1.0), scalarization.DWA()
    for number, scale in enumerate((1.0, 0.9, 0.85, 0.6, 0.59)):
        ours.begin_epoch(number, 5)
        losses = LOSSES * torch.tensor([scale, scale**3])
        torch.testing.assert_close(ours(losses), theirs(losses))
        theirs.step()


@pytest.mark.parametrize("name", ["MGDA", "IMTLG", "AlignedMTL", "Mean", "Sum", "PCGrad"])
def test_a_weighting_of_torchjd_is_what_it_is_there(aggregation, name):
    ours, theirs = weighting(f"torchjd:{name}"), getattr(aggregation, f"{name}Weighting")()
    for g in grams(10):
        torch.testing.assert_close(ours(g), theirs(g))


def test_torchjds_options_are_taken(aggregation):
    g = gram(2.0, 3.0, -0.5)
    wanted = aggregation.MGDAWeighting(max_iters=1)(g)
    found = weighting("torchjd:MGDAWeighting", torchjd={"max_iters": 1})(g)
    torch.testing.assert_close(found, wanted)


def test_what_torchjd_draws_belongs_to_seed_and_step(aggregation):  # noqa: ARG001
    one, same = weighting("torchjd:Random"), weighting("torchjd:Random")
    g = gram(1.0, 1.0, 0.0)
    torch.manual_seed(5)
    first = one(g)
    torch.manual_seed(6)
    assert torch.equal(same(g), first)
    one.step += 1
    assert not torch.equal(one(g), first)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MDGA", "did you mean torchjd:MGDA"),
        ("PCD", "pcd is here under its own name"),
        ("GradVac", "whose memory is in no checkpoint"),
        ("CAGrad", r"its class takes \(c"),
        ("UPGrad", "quadprog"),
    ],
)
def test_a_weighting_of_torchjd_that_cannot_be_is_refused_with_the_way_out(
    aggregation,  # noqa: ARG001
    name,
    said,
):
    with pytest.raises(BadInput, match=said):
        weighting(f"torchjd:{name}")


def test_without_torchjd_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torchjd.aggregation", None)
    with pytest.raises(BadInput, match=r"pulsefer\[torchjd\]"):
        weighting("torchjd:MGDA")


# Settings.


def test_the_defaults_are_the_papers_and_have_the_name_they_had():
    """Fingerprints of runs that were made before there were methods still stand."""
    assert LossWeights() == LossWeights(alpha=1.0, beta=0.01, method="static")
    assert canonical_json(LossWeights()) == '{"alpha":1.0,"beta":0.01}'
    assert '"method":"pcd"' in canonical_json(LossWeights(method="pcd"))
    assert fingerprint(LossWeights(method="torchjd:MGDA")) != fingerprint(
        LossWeights(method="torchjd:MGDA", torchjd={"max_iters": 9})
    )


@pytest.mark.parametrize("method", [*OF_LOSSES, *OF_GRADIENTS])
def test_settings_survive_a_file(method):
    import json

    weights = LossWeights(method=method)
    assert LossWeights(**json.loads(json.dumps(dataclasses.asdict(weights)))) == weights


@pytest.mark.parametrize("alias", ALIASES)
def test_names_of_other_libraries_are_understood(alias):
    assert LossWeights(method=alias.upper()).method == ALIASES[alias]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"method": "gsl"}, "did you mean gls"),
        ({"method": "torchjd:"}, "torchjd:CLASS"),
        ({"tau": 0.3}, "tau is an option of pcd, and static has"),
        ({"method": "gls", "temperature": 1.0}, "an option of dwa, and gls has none"),
        ({"method": "dwa", "on": "trunk"}, "on is an option of gcs, pcgrad, pcd"),
        ({"torchjd": {"c": 0.4}}, "an option of torchjd:CLASS"),
        ({"method": "gcs", "mode": "gates"}, "mode is one of"),
        ({"method": "gcs", "on": "head"}, "on is one of trunk, recurrent, feature"),
        ({"method": "pcd", "tau": 1.5}, r"tau is in \[0, 1\]"),
        ({"method": "pcd", "ema_decay": 1.0}, "ema_decay"),
        ({"method": "dwa", "temperature": 0.0}, "temperature is a positive"),
        ({"method": "uw", "log_var_rate": 0.0}, "log_var_rate is a positive"),
        ({"method": "uw", "uncertainty": "half"}, "uncertainty is one of"),
        ({"method": "uw", "log_var_start": "one"}, "log_var_start is one of"),
        ({"schedule": "step"}, "schedule is one of"),
        ({"beta_end": 0.1}, "needs a schedule"),
        ({"schedule": "linear", "beta_end": -0.1}, "beta_end"),
        ({"warmup_epochs": -1}, "warmup_epochs"),
        ({"beta": -0.1}, "beta"), ({"beta": math.inf}, "beta"), ({"alpha": math.nan}, "alpha"),
    ],
)  # fmt: skip
def test_a_setting_that_means_nothing_is_refused(wish, said):
    with pytest.raises(ValueError, match=said):
        LossWeights(**wish)


def steps_until_there(rate, losses):
    """Until the ratio of the weights has come 90 % of its way, losses standing still."""
    made = weighting("uw", log_var_rate=rate)
    adam = torch.optim.Adam(made.param_groups())
    way = math.log(losses[1] / losses[0])
    for step in range(1, 10_000):
        adam.zero_grad()
        made(torch.tensor(losses)).backward()
        adam.step()
        emotion, heart_rate = (s.item() for s in made.log_vars)
        if heart_rate - emotion > 0.9 * way:
            return step
    raise AssertionError("never")


@pytest.mark.parametrize("losses", [(0.5, 75.0), (0.09, 9.0)])
def test_uncertainties_at_the_networks_rate_take_longer_than_a_training(losses):
    """As the class says; some 1,000 steps are the paper's 15 epochs of some 5,000 windows."""
    assert 3000 < steps_until_there(0.001, losses) < 8000
    assert 100 < steps_until_there(0.025, losses) < 700
