from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pulsefer.baselines.cnn_3d import Cnn3dConfig, Cnn3dSystem
from pulsefer.baselines.face_frames import evenly
from pulsefer.baselines.mtl_cnn import MtlCnnConfig, MtlCnnSystem, both_answers
from pulsefer.baselines.network_fit import drawn
from pulsefer.baselines.vgg16_elm import Vgg16ElmConfig, Vgg16ElmSystem
from pulsefer.core.bundle import Bundle, Labels
from pulsefer.core.errors import BadInput
from pulsefer.models.vgg16 import Vgg16

PERSONS, PER_PERSON, FRAMES = 12, 8, 2
LEARNING = 8
"""Persons of the training side."""
SMALL_VGG = Vgg16ElmConfig(
    size_px=32, n_frames=2, components=8, n_hidden=(50,), log2_c=(-6.0, -2.0), n_draws=3
)
SYSTEMS = ("mtl_cnn", "cnn_3d", "vgg16_elm")


@pytest.fixture(scope="module")
def vgg():
    return drawn(Vgg16, 0).eval()


def patches():
    """Stands where VGG-16 stands and costs nothing: what is tested is what is built upon it."""
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(3 * 8 * 8, 64), nn.ReLU())


@pytest.fixture
def make():
    """A system by name, with settings for a second."""

    def system(name, *, epochs=1, seed=0):
        if name == "mtl_cnn":
            return MtlCnnSystem(MtlCnnConfig(epochs=epochs, batch_size=16), seed=seed)
        if name == "cnn_3d":
            return Cnn3dSystem(Cnn3dConfig(epochs=epochs, batch_size=8, lr=1e-3), seed=seed)
        return Vgg16ElmSystem(SMALL_VGG, seed=seed, network=drawn(patches, 0))

    return system


def made_faces(unit="window", seed=0, frames=FRAMES):
    """Noise on a skin of each person's own; high has a bright mouth, low a dark one."""
    rng = np.random.default_rng(seed)
    persons = np.repeat(np.arange(PERSONS), PER_PERSON)
    classes = np.tile(np.arange(2), len(persons) // 2)
    skins = rng.uniform(90, 160, (PERSONS, 3))
    films = []
    for person, high in zip(persons, classes, strict=True):
        film = skins[person] + rng.normal(0, 15, (frames, 64, 64, 3))
        film[:, 44:56, 18:46] += 60 if high else -60
        films.append(film.clip(0, 255).astype(np.uint8))
    other = np.where(rng.random(len(classes)) < 0.3, np.nan, rng.integers(0, 2, len(classes)))
    return bundle_of(films, unit), Labels(classes, other), persons


def bundle_of(films, unit="window"):
    return Bundle([lambda film=film: film for film in films], 5.0, (), unit)


def unit_of(name):
    return "trial" if name == "vgg16_elm" else "window"


def sides(name, seed=0):
    bundle, labels, persons = made_faces(unit_of(name), seed)
    learns = np.flatnonzero(persons < LEARNING)
    asked = np.flatnonzero(persons >= LEARNING)
    return (
        (bundle.take(learns), labels.take(learns), persons[learns]),
        (bundle.take(asked), labels.take(asked).classes),
    )


def few(name, n=12):
    (bundle, labels, persons), (asked, _) = sides(name)
    places = np.arange(n) * len(bundle) // n
    return (bundle.take(places), labels.take(places), persons[places]), asked.take(range(6))


def balanced_accuracy(proba, truth):
    answer = proba[:, 1] > 0.5
    return np.mean([(answer[truth == one] == one).mean() for one in (0, 1)])


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_planted_mouth_is_found_in_persons_who_were_not_there(make, name):
    train, (asked, truth) = sides(name)
    system = make(name, epochs={"mtl_cnn": 4}.get(name, 7))
    system.fit(*train)
    proba = system.predict_proba(asked)
    assert proba.shape == (len(asked), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert balanced_accuracy(proba, truth) > 0.85


def test_the_mouth_is_found_in_what_vgg16_makes_of_faces_with_weights_that_nobody_learned(vgg):
    train, (asked, truth) = sides("vgg16_elm")
    system = Vgg16ElmSystem(SMALL_VGG, seed=0, network=vgg)
    train = (train[0].take(range(0, 64, 3)), train[1].take(range(0, 64, 3)), train[2][::3])
    system.fit(*train)
    some = range(0, 32, 3)
    assert balanced_accuracy(system.predict_proba(asked.take(some)), truth[some]) > 0.8
    # Mean and 8 components of 4096 numbers, scale and offset of 24 columns, 3 regressions on 50.
    assert system.n_parameters == 4096 + 8 * 4096 + 2 * 24 + 3 * 50


def test_without_a_network_the_seed_draws_vgg16(vgg):
    (bundle, _, _), _ = few("vgg16_elm", n=1)
    shared = Vgg16ElmSystem(SMALL_VGG, seed=0, network=vgg)
    own = Vgg16ElmSystem(SMALL_VGG, seed=0)
    np.testing.assert_array_equal(own._features(bundle), shared._features(bundle))


@pytest.mark.parametrize("name", SYSTEMS)
def test_permuted_labels_teach_nothing(make, name):
    (bundle, labels, persons), (asked, truth) = sides(name)
    # Within each person, half of either mouth: a permutation that has nothing to do with mouths
    # by luck either, which with labels this few could be read by all, rightly or upside down.
    shuffled = Labels(np.tile([0, 0, 1, 1], len(bundle) // 4), labels.other)
    system = make(name, epochs=2)
    system.fit(bundle, shuffled, persons)
    # 32 samples: three standard errors of a coin are 0.27.
    assert abs(balanced_accuracy(system.predict_proba(asked), truth) - 0.5) < 0.27


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_was_fitted_does_not_know_the_tested_side(make, name):
    train, asked = few(name)
    rng = np.random.default_rng(1)
    one, again = make(name), make(name)
    one.fit(*train)
    before = {key: value.copy() for key, value in one.fitted().items()}
    noise = [rng.integers(0, 256, (FRAMES, 64, 64, 3), np.uint8) for _ in range(len(asked))]
    one.predict_proba(bundle_of(noise, unit_of(name)))
    torch.rand(3)
    again.fit(*train)
    for after in (one.fitted(), again.fitted()):
        assert before.keys() == after.keys()
        for key, value in before.items():
            assert value.tobytes() == after[key].tobytes(), key
    assert one.n_parameters == again.n_parameters > 0


@pytest.mark.parametrize("name", SYSTEMS)
def test_fitting_again_starts_anew(make, name):
    train, asked = few(name)
    fresh, used = make(name), make(name)
    used.fit(*few(name, n=8)[0])
    used.fit(*train)
    fresh.fit(*train)
    np.testing.assert_array_equal(used.predict_proba(asked), fresh.predict_proba(asked))


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_answer_depends_on_its_sample_alone(make, name):
    train, asked = few(name)
    system = make(name)
    system.fit(*train)
    whole = system.predict_proba(asked)
    order = [3, 1, 5, 0, 2, 4]
    np.testing.assert_array_equal(system.predict_proba(asked.take(order)), whole[order])
    np.testing.assert_array_equal(system.predict_proba(asked.take([2])), whole[[2]])


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_seed_decides(make, name):
    train, asked = few(name)
    one, other = make(name), make(name, seed=1)
    one.fit(*train)
    other.fit(*train)
    assert not np.array_equal(one.predict_proba(asked), other.predict_proba(asked))


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_chance_of_others_is_left_alone(make, name):
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    system = make(name)
    system.fit(*few(name)[0])
    assert torch.equal(torch.rand(4), wanted)


@pytest.mark.parametrize("name", SYSTEMS)
def test_samples_of_other_lengths_are_answered(make, name):
    train, _ = few(name)
    system = make(name)
    system.fit(*train)
    films = [np.full((frames, 64, 64, 3), 120, np.uint8) for frames in (1, 3, 20)]
    proba = system.predict_proba(bundle_of(films, unit_of(name)))
    assert np.isfinite(proba).all()


@pytest.mark.parametrize("name", SYSTEMS)
def test_faces_without_light_are_no_error(make, name):
    (bundle, labels, persons), _ = few(name, n=6)
    dark = bundle_of([np.zeros((1, 64, 64, 3), np.uint8)] * len(bundle), unit_of(name))
    system = make(name)
    system.fit(dark, labels, persons)
    assert np.isfinite(system.predict_proba(dark)).all()


@pytest.mark.parametrize("name", SYSTEMS)
def test_one_class_alone_can_be_learned(make, name):
    (bundle, labels, persons), asked = few(name, n=8)
    system = make(name)
    system.fit(bundle, Labels(np.zeros_like(labels.classes), labels.other), persons)
    proba = system.predict_proba(asked)
    assert proba.shape == (len(asked), 2)
    assert (proba[:, 0] > 0.4).all()
    system.fitted()


@pytest.mark.parametrize("name", SYSTEMS)
def test_hostile_bundles_and_labels_are_refused(make, name):
    (bundle, labels, persons), asked = few(name)
    system = make(name)
    with pytest.raises(RuntimeError, match="call fit first"):
        system.predict_proba(asked)
    other = "window" if unit_of(name) == "trial" else "trial"
    with pytest.raises(BadInput, match=f"samples that are {unit_of(name)}s, found {other}s"):
        system.fit(replace(bundle, unit=other), labels, persons)
    with pytest.raises(BadInput, match="expected faces, found none"):
        system.fit(replace(bundle, faces=()), labels, persons)
    with pytest.raises(BadInput, match="frames per second above 0"):
        system.fit(replace(bundle, fps_hz=0.0), labels, persons)
    with pytest.raises(BadInput, match="this system knows two classes"):
        system.fit(bundle, Labels(labels.classes + 1, labels.other), persons)
    with pytest.raises(BadInput, match="for each of 12 samples, found 11, 11 and 12"):
        system.fit(bundle, labels.take(range(11)), persons)
    for film, found in (
        (np.zeros((2, 64, 64), np.uint8), r"found \(2, 64, 64\) uint8"),
        (np.zeros((2, 64, 64, 3)), r"found \(2, 64, 64, 3\) float64"),
        (np.zeros((0, 64, 64, 3), np.uint8), "at least one frame, found none"),
    ):
        bad = bundle_of([film] * len(bundle), unit_of(name))
        with pytest.raises(BadInput, match=found):
            system.fit(bad, labels, persons)


# What is particular to one of them


def test_the_parts_of_an_hour_lie_in_its_middle_and_nothing_is_skipped():
    assert evenly(5, 5).tolist() == [0, 1, 2, 3, 4]
    assert evenly(3, 1).tolist() == [1]
    for there in range(1, 20):
        for wanted in range(1, 20):
            places = evenly(there, wanted)
            assert len(places) == wanted
            assert (np.diff(places) >= 0).all()
            assert 0 <= places[0] <= places[-1] < there
            assert (places == there - 1 - places[::-1]).all() or there % 2 == 0 or wanted % 2 == 0


def test_an_unknown_rating_teaches_nothing_about_it():
    logits = torch.randn(5, 2, requires_grad=True)
    targets = torch.tensor([[1, 0], [0, torch.nan], [1, torch.nan], [0, 1], [1, 0]])
    both_answers(logits, targets).backward()
    assert not logits.grad[1:3, 1].any()
    assert logits.grad[:, 0].all()
    unknown = torch.stack([targets[:, 0], torch.full((5,), torch.nan)], dim=1)
    alone = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], targets[:, 0])
    torch.testing.assert_close(both_answers(logits, unknown), alone)


def test_the_other_rating_takes_part_in_the_multi_task_network_alone(make):
    for name in SYSTEMS:
        (bundle, labels, persons), asked = few(name)
        one, other = make(name), make(name)
        one.fit(bundle, labels, persons)
        other.fit(bundle, Labels(labels.classes, np.full(len(bundle), np.nan)), persons)
        same = np.array_equal(one.predict_proba(asked), other.predict_proba(asked))
        assert same == (name != "mtl_cnn")


def test_at_most_four_grey_frames_a_second_are_looked_at(make, monkeypatch):
    seen = []
    from pulsefer.baselines import mtl_cnn

    kept = mtl_cnn.grey
    monkeypatch.setattr(mtl_cnn, "grey", lambda x: (seen.append(len(x)), kept(x))[1])
    (_, labels, persons), _ = few("mtl_cnn", n=4)
    for frames, fps_hz in ((25, 25.0), (5, 5.0), (3, 3.0), (1, 1.0), (50, 25.0)):
        films = [np.zeros((frames, 64, 64, 3), np.uint8)] * 4
        make("mtl_cnn").fit(replace(bundle_of(films), fps_hz=fps_hz), labels, persons)
    assert seen == [4] * 4 + [4] * 4 + [3] * 4 + [1] * 4 + [8] * 4


def test_parameters_are_counted_honestly(make):
    assert make("mtl_cnn").n_parameters == 655_010
    assert make("cnn_3d").n_parameters == 1_197_793
    system = make("vgg16_elm")
    with pytest.raises(RuntimeError, match="call fit first"):
        _ = system.n_parameters


def test_the_size_of_the_hidden_layer_is_chosen_by_persons_inside_the_training_side():
    train, _ = few("vgg16_elm")
    config = replace(SMALL_VGG, n_hidden=(5, 50), log2_c=(-6.0, 2.0))
    system = Vgg16ElmSystem(config, seed=0, network=drawn(patches, 0))
    system.fit(*train)
    state = system.fitted()
    assert state["inner_scores"].shape == (4,)
    best = np.argmax(state["inner_scores"] >= state["inner_scores"].max() - 1e-9)
    chosen = (state["n_hidden"], state["log2_c"])
    assert chosen == [(5, -6.0), (5, 2.0), (50, -6.0), (50, 2.0)][best]


def test_on_the_training_side_every_column_goes_from_minus_one_to_one(make):
    train, _ = few("vgg16_elm")
    system = make("vgg16_elm")
    system.fit(*train)
    rows = system._look(system._features(train[0]))
    np.testing.assert_allclose(rows.min(axis=0), -1, atol=1e-5)
    np.testing.assert_allclose(rows.max(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [{"size_px": 31}, {"n_frames": 0}, {"components": 0}, {"n_hidden": ()}, {"inner_folds": 1}],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=r"at least|start at 1|are needed"):
        replace(SMALL_VGG, **wrong)
