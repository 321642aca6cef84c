"""Three leads of one heart: whatever happens to one of them, the rate is that heart's."""

import dataclasses

import numpy as np
import pytest
from beat_shapes import breathing, contact, ecg_wave, steady

from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal
from pulsefer.signals.gate import window_rate
from pulsefer.signals.leads import best_lead
from pulsefer.signals.rate import heart_rate_bpm

FS_HZ, LENGTH_S, BPM = 256.0, 60.0, 72.0
TIME_S = np.arange(round(LENGTH_S * FS_HZ)) / FS_HZ
BEATS_S = breathing(BPM, LENGTH_S, depth=0.03)


def lead(values):
    return Signal("ecg", np.asarray(values, float), FS_HZ, 0.0)


def of_heart(beats_s=BEATS_S, *, scale=1.0, noise=0.03, seed=0):
    signal = contact("ecg", beats_s, length_s=LENGTH_S, noise=noise, seed=seed)
    return lead(scale * signal.values)


def noisy(seed=1):
    return lead(np.random.default_rng(seed).standard_normal(len(TIME_S)))


def hum():
    noise = np.random.default_rng(2).standard_normal(len(TIME_S))
    return lead(400 * np.sin(2 * np.pi * 50 * TIME_S) + noise)


def counted_twice():
    """The T wave stands as high and as steep as R, so that every beat gives two peaks."""
    between_s = BEATS_S + 0.36
    return lead(ecg_wave(TIME_S, np.sort(np.concatenate([BEATS_S, between_s]))))


def of_somebody_else():
    return of_heart(breathing(91, LENGTH_S, depth=0.03), seed=5)


def off():
    return lead(np.full(len(TIME_S), -8000.0))


def broken():
    values = of_heart().values.copy()
    values[1000:2000] = np.nan
    return lead(values)


SPOILT = [noisy, hum, counted_twice, of_somebody_else, off, broken]


def rate(chosen):
    return heart_rate_bpm(chosen.beats.times_s)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_one_lead_may_fail_and_the_other_two_have_the_rate(spoil, place):
    names = ["EXG1", "EXG2", "EXG3"]
    bad = names[place]
    good = [of_heart(seed=8), of_heart(scale=-0.4, seed=9)]
    leads = {name: spoil() if name == bad else good.pop() for name in names}
    chosen = best_lead(leads)
    assert chosen.name != bad
    assert chosen.others == tuple(name for name in names if name not in (bad, chosen.name))
    assert chosen.signal is leads[chosen.name]
    assert chosen.reason == ""
    assert chosen.agreement > 0.95
    assert rate(chosen) == pytest.approx(BPM, abs=0.5)


def test_three_whole_leads_all_agree_and_of_equal_ones_the_first_is_taken():
    leads = {name: of_heart(scale=scale, seed=k) for k, (name, scale) in enumerate(
        {"b": 1.0, "a": -2.0, "c": 0.1}.items())}  # fmt: skip
    chosen = best_lead(leads)
    assert (chosen.name, chosen.others) == ("b", ("a", "c"))
    assert chosen.agreement == pytest.approx(1.0, abs=0.01)


def test_the_lead_with_less_noise_is_taken():
    leads = {"a": of_heart(noise=0.35, seed=1), "b": of_heart(noise=0.02, seed=2)}
    assert best_lead(leads).name == "b"
    assert best_lead(dict(reversed(leads.items()))).name == "b"


def test_unit_sign_and_offset_of_a_lead_do_not_matter():
    leads = {"a": of_heart(seed=1), "b": noisy(), "c": of_heart(seed=3)}
    moved = {"a": lead(-3e-4 * leads["a"].values + 7), "b": leads["b"], "c": leads["c"]}
    np.testing.assert_allclose(
        best_lead(moved).beats.times_s, best_lead(leads).beats.times_s, atol=1e-6
    )


def test_the_r_wave_of_one_lead_may_be_later():
    leads = {"a": of_heart(), "b": of_heart(BEATS_S + 0.04, seed=4)}
    chosen = best_lead(leads)
    assert chosen.agreement > 0.95
    assert {chosen.name, *chosen.others} == {"a", "b"}


def test_leads_agree_through_a_change_of_pace():
    """One median over all would fall between the two paces, here or there."""
    slow, fast = steady(60, 30.0), 30.0 + steady(90, 30.0)
    both = np.concatenate([slow, fast])
    leads = {"a": of_heart(both, noise=0.2, seed=1), "b": of_heart(both, noise=0.2, seed=2)}
    assert best_lead(leads).agreement > 0.9


def test_two_leads_with_the_same_noise_do_not_outvote_the_heart():
    noise = noisy().values
    leads = {"a": lead(noise), "b": lead(-0.5 * noise), "c": of_heart()}
    chosen = best_lead(leads)
    assert (chosen.name, chosen.others) == ("c", ())
    assert "no other lead confirms it (a no rhythm, b no rhythm, c 72 bpm)" in chosen.reason


def test_a_lead_that_stands_alone_has_to_convince():
    alone = best_lead({"a": off(), "b": of_heart(), "c": off()})
    assert (alone.name, alone.others) == ("b", ())
    assert alone.agreement > 0.95
    assert "its own detectors agree on" in alone.reason
    with pytest.raises(BadInput, match="lead b: expected two detectors that agree on 90%"):
        best_lead({"a": off(), "b": of_heart(noise=0.5)})


@pytest.mark.parametrize(
    ("leads", "said"),
    [
        ({"a": of_heart(), "b": of_somebody_else()}, "a 72 bpm, b 91 bpm"),
        ({"a": of_heart(), "b": of_somebody_else(), "c": noisy()}, "b 91 bpm, c no rhythm"),
        ({"a": off(), "b": noisy(), "c": hum()}, "a -8000 throughout, b no rhythm, c no rhythm"),
    ],
)
def test_where_no_two_agree_each_is_named_with_what_it_gave(leads, said):
    with pytest.raises(BadInput, match="two with the same beats") as error:
        best_lead(leads)
    assert said in str(error.value)


def test_the_clock_of_the_signal_is_that_of_the_beats():
    leads = {"a": of_heart(seed=1), "b": of_heart(seed=2)}
    moved = {name: dataclasses.replace(one, start_s=-31.5) for name, one in leads.items()}
    chosen = best_lead(moved)
    np.testing.assert_allclose(
        chosen.beats.times_s, best_lead(leads).beats.times_s - 31.5, atol=1e-9
    )
    assert window_rate(chosen.signal, chosen.beats, -20.0, -5.0).hr_bpm == pytest.approx(BPM, abs=2)


def test_leads_that_are_not_on_one_clock_are_a_mistake():
    with pytest.raises(ValueError, match="at least one"):
        best_lead({})
    with pytest.raises(ValueError, match="share kind, rate, start and length"):
        best_lead({"a": of_heart(), "b": dataclasses.replace(of_heart(), start_s=1.0)})
