"""A synthetic population: people, clips, ratings and heart rates with effects that are known.

Nothing here is measured on anybody. The specimens of the data sets are made from it, so that a
reader, a label or a whole experiment can be checked against an answer that was planted. What is
learnt from it says that the code works, not that an emotion can be read from a face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.fingerprint import SAID_IF_CHANGED
from pulsefer.core.seeding import generator
from pulsefer.core.types import MAX_BPM, MIN_BPM

RATING_SD = 2.0
"""Spread of a rating, points. Choice: near that of DEAP's participants (about 2.1)."""
SCARCEST_SHARE = 0.25
"""Least share of a person's trials on each side of 5. Choice: a demo of six trials needs both."""
N_ORDERS = 64
"""Orders of presentation that are drawn to find one with both classes early."""


@dataclass(frozen=True, slots=True)
class Effects:
    """Which effects are planted, and how strong. Zero switches an effect off.

    Choice: all numbers. They are made for testing, most of them stronger than in life.

    Attributes:
        pulse_amplitude: Share of the skin's green level that is lost at the peak of the pulse,
            0-0.1; 0 films no pulse. In life about 0.005-0.02.
        expression: How visible valence and arousal are in mouth, brows and lids, 0 hidden - 1
            plain.
        arousal_to_hr_bpm: Heart rate added per unit of (arousal - 5) / 4, -40 - 40 bpm.
        hr_to_flush: Share of the skin's green level that a flush takes away per 30 bpm above
            `hr_mean_bpm`, 0-0.2. It shows the rate in a single frame, without any pulse.
        hr_of_subject: Share of the variance of the heart rate that belongs to the person, 0-1.
        hr_mean_bpm: Heart rate of the population, bpm.
        hr_sd_bpm: Its spread over persons and trials, before arousal acts, bpm.
        hr_low_bpm: No trial is slower, bpm.
        hr_high_bpm: No trial is faster, bpm.
        hr_gap_bpm: Least distance between two trials of a person, bpm, so that trials in a wrong
            order or a shift of the signal can be told by the rate. With many trials it widens a
            narrow spread; 0 leaves the rates as drawn.
        stimulus_to_rating: Share of the variance of a rating that the clip decides, 0-1.
        subject_to_rating: Share that the person decides, 0-1. The rest belongs to the trial.
        rating_noise: Spread of what is felt (the face shows it, the heart follows it) around what
            is rated, points, 0-4.
        motion_px: Spread of the head's position in a picture 576 pixels high, 0-20; it scales
            with the picture.
        sensor_noise: Spread of the camera's noise, grey levels, 0-20. Below about 0.3 a pulse
            of 1 % is lost in rounding.
        stimulus_to_light: Share of its light that each colour channel loses at most while a clip
            is watched, 0-0.5. What is lost belongs to the clip, is the same for everybody and is
            seen in a single frame: the glow of the screen, by which a network can know the clip.
        clips_in_common: The first so many trials of everybody are of the same clips, 0-40. 0
            leaves the order free: of 40 clips, two persons with 8 trials share one or two.

    Raises:
        ValueError: a field outside its range.
    """

    pulse_amplitude: float = 0.01
    expression: float = 1.0
    arousal_to_hr_bpm: float = 6.0
    hr_to_flush: float = 0.02
    hr_of_subject: float = 0.5
    hr_mean_bpm: float = 80.0
    hr_sd_bpm: float = 10.0
    hr_low_bpm: float = 50.0
    hr_high_bpm: float = 110.0
    hr_gap_bpm: float = 1.0
    stimulus_to_rating: float = 0.5
    subject_to_rating: float = 0.1
    rating_noise: float = 0.5
    motion_px: float = 3.0
    sensor_noise: float = 1.5
    stimulus_to_light: float = 0.0
    clips_in_common: int = field(default=0, metadata=SAID_IF_CHANGED)

    def __post_init__(self) -> None:
        """Refuse what cannot be planted."""
        for name, low, high in (
            ("pulse_amplitude", 0.0, 0.1),
            ("expression", 0.0, 1.0),
            ("arousal_to_hr_bpm", -40.0, 40.0),
            ("hr_to_flush", 0.0, 0.2),
            ("hr_of_subject", 0.0, 1.0),
            ("hr_mean_bpm", MIN_BPM, MAX_BPM),
            ("hr_sd_bpm", 0.0, 40.0),
            ("hr_low_bpm", MIN_BPM, MAX_BPM),
            ("hr_high_bpm", MIN_BPM, MAX_BPM),
            ("hr_gap_bpm", 0.0, 10.0),
            ("stimulus_to_rating", 0.0, 1.0),
            ("subject_to_rating", 0.0, 1.0),
            ("rating_noise", 0.0, 4.0),
            ("motion_px", 0.0, 20.0),
            ("sensor_noise", 0.0, 20.0),
            ("stimulus_to_light", 0.0, 0.5),
            ("clips_in_common", 0, 40),
        ):
            value = getattr(self, name)
            if not low <= value <= high:  # NaN fails too
                raise ValueError(f"{name} must lie in {low:g}-{high:g}, found {value}")
        if self.stimulus_to_rating + self.subject_to_rating > 1:
            raise ValueError(
                "stimulus_to_rating and subject_to_rating are shares of one variance; found "
                f"{self.stimulus_to_rating} + {self.subject_to_rating} > 1"
            )
        if not self.hr_low_bpm <= self.hr_mean_bpm <= self.hr_high_bpm:
            raise ValueError(
                f"hr_mean_bpm must lie between hr_low_bpm and hr_high_bpm, found "
                f"{self.hr_low_bpm}, {self.hr_mean_bpm}, {self.hr_high_bpm}"
            )


@dataclass(frozen=True, slots=True)
class Subject:
    """A person who does not exist: what stays the same over all trials.

    Attributes:
        name: For example "s01".
        hr_z: Place of the person's own heart rate in the population, standard deviations.
        valence_z: Place of the person's own valence ratings, standard deviations.
        arousal_z: Place of the person's own arousal ratings, standard deviations.
        tone: Skin, 0 light - 1 dark.
        hair: Hair, 0 as photographed - 1 nearly black.
        clothes_rgb: Gain of the clothes' colour channels.
        mirrored: Whether the portrait is mirrored.
        face_width: Stretch of the face's width, about 1.
        face_length: Stretch from the brows down to the chin, about 1.
        eye_distance: Change of the distance between the eyes, portrait pixels.
        nose_width: Change of the nose's width, portrait pixels.
        jaw_width: Change of the jaw's width, portrait pixels.
        face_height: Height of the face, hairline to chin, as a share of the picture's.
        offset_x: Place of the face's middle, share of the picture's height right of its centre.
        offset_y: Same, below its centre.
        tilt_rad: Resting tilt of the head, radians.
        light_level: Gain of the light, about 1.
        light_slope: Change of the light over half a picture height, share.
        light_angle_rad: Where the light comes from; 0 right, pi/2 below.
        light_warmth: Gain of red over blue, about 0.
    """

    name: str
    hr_z: float
    valence_z: float
    arousal_z: float
    tone: float
    hair: float
    clothes_rgb: tuple[float, float, float]
    mirrored: bool
    face_width: float
    face_length: float
    eye_distance: float
    nose_width: float
    jaw_width: float
    face_height: float
    offset_x: float
    offset_y: float
    tilt_rad: float
    light_level: float
    light_slope: float
    light_angle_rad: float
    light_warmth: float


def subject(seed: int, name: str) -> Subject:
    """The person of that name: the same in every trial, independent of everybody else."""
    rng = generator(seed, "subject", name)

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    red, green, blue = rng.uniform(0.35, 1.0, 3)
    tone = between(0.0, 1.0)
    return Subject(
        name=name,
        hr_z=between(-math.sqrt(3), math.sqrt(3)),  # uniform, variance 1
        valence_z=between(-math.sqrt(3), math.sqrt(3)),
        arousal_z=between(-math.sqrt(3), math.sqrt(3)),
        tone=tone,
        hair=between(0.8 * tone, 1.0),  # fair hair is rare above dark skin
        clothes_rgb=(float(red), float(green), float(blue)),
        mirrored=bool(rng.integers(2)),
        face_width=between(0.88, 1.12),
        face_length=between(0.94, 1.08),
        eye_distance=between(-4.0, 4.0),
        nose_width=between(-2.0, 3.0),
        jaw_width=between(-5.0, 6.0),
        face_height=between(0.42, 0.56),
        offset_x=between(-0.12, 0.12),
        offset_y=between(-0.02, 0.08),
        tilt_rad=between(-0.07, 0.07),
        light_level=between(0.8, 1.0),
        light_slope=between(0.0, 0.25),
        light_angle_rad=between(-math.pi, math.pi),
        light_warmth=between(-0.05, 0.08),
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """One person, one clip.

    Attributes:
        subject: Who.
        trial: Place in the order of presentation, from 1.
        stimulus: Which clip, from 1; the same number is the same clip for everybody.
        valence: Rating, 1-9, two decimals.
        arousal: Rating, 1-9, two decimals.
        felt_valence: What the face shows, 1-9.
        felt_arousal: What the face shows and the heart follows, 1-9.
        hr_bpm: Heart rate during the clip, two decimals.
        light_rgb: Gain of the light of the screen on red, green and blue.
    """

    subject: Subject
    trial: int
    stimulus: int
    valence: float
    arousal: float
    felt_valence: float
    felt_arousal: float
    hr_bpm: float
    light_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)


def draw_trials(effects: Effects, *, subjects: int, stimuli: int = 40, seed: int) -> list[Trial]:
    """Everybody watches every clip once, each in an own order.

    Choice: a rating is 5 + 2 (clip + person + trial), the three scaled to their shares of the
    variance and clipped to 1-9. Clips come in fours, one of each quadrant, as DEAP chose its
    forty. A person with fewer than a quarter of the trials on one side of 5 has all ratings
    moved by the least step that mends it, and the order of presentation is one that shows both
    sides within the first six trials: a demonstration of six trials needs both classes.

    Choice: each channel's loss of light is drawn for itself, which gives a tint and a brightness
    at once. Nothing gets brighter, so that nothing is cut off at white.

    Choice: the part of the heart rate that belongs to the trial is one value from each n-th of
    its distribution, shuffled, so that n trials of a person cover it.

    Args:
        effects: What is planted.
        subjects: Number of people, "s01" onwards.
        stimuli: Number of clips, and so of trials of each person.
        seed: Same seed, same trials. A person's trials do not depend on how many people there are.

    Returns:
        Subject by subject, in the order of presentation.

    Raises:
        ValueError: no subjects or no stimuli, or more trials than rates that far apart.
    """
    if subjects < 1 or stimuli < 1:
        raise ValueError(
            f"a population needs at least one subject and one stimulus, found {subjects} and "
            f"{stimuli}"
        )
    span = effects.hr_high_bpm - effects.hr_low_bpm
    if (stimuli - 1) * effects.hr_gap_bpm > span:
        raise ValueError(
            f"{stimuli} rates {effects.hr_gap_bpm:g} bpm apart do not fit in {span:g} bpm; "
            "lower hr_gap_bpm or widen hr_low_bpm-hr_high_bpm"
        )
    clips = _clips(stimuli, seed)
    lights = _lights(stimuli, effects.stimulus_to_light, seed)
    trials = []
    for number in range(1, subjects + 1):
        person = subject(seed, f"s{number:02d}")
        rng = generator(seed, "trials", person.name)
        own_z = np.array([person.valence_z, person.arousal_z])
        ratings = np.stack([_ratings(clips[:, k], own_z[k], effects, rng) for k in (0, 1)], axis=1)
        felt = np.clip(ratings + effects.rating_noise * rng.normal(size=ratings.shape), 1, 9)
        rates = _rates_bpm(person, felt[:, 1], effects, rng)
        order = _order(ratings >= 5, effects.clips_in_common, rng)
        for place, clip in enumerate(order, start=1):
            trials.append(
                Trial(
                    subject=person,
                    trial=place,
                    stimulus=int(clip) + 1,
                    valence=float(ratings[clip, 0]),
                    arousal=float(ratings[clip, 1]),
                    felt_valence=round(float(felt[clip, 0]), 2),
                    felt_arousal=round(float(felt[clip, 1]), 2),
                    hr_bpm=float(rates[clip]),
                    light_rgb=lights[clip],
                )
            )
    return trials


def _clips(stimuli: int, seed: int) -> NDArray[np.float64]:
    """(stimuli, 2) valence and arousal of each clip, mean 0, variance about 1."""
    rng = generator(seed, "clips")
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    fours = [corners[rng.permutation(4)] for _ in range(-(-stimuli // 4))]
    sides = np.concatenate(fours)[:stimuli]
    strength = rng.uniform(0.3, 1.6, (stimuli, 2))  # mean square 1.04
    return np.asarray(sides * strength, np.float64)


def _lights(stimuli: int, most: float, seed: int) -> list[tuple[float, float, float]]:
    """Gains of red, green and blue for each clip, from 1 - `most` to 1."""
    lost = most * generator(seed, "light of the clips").uniform(size=(stimuli, 3))
    return [(1 - float(red), 1 - float(green), 1 - float(blue)) for red, green, blue in lost]


def _spread_out(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Uniform, mean 0, variance 1: one value from each n-th of the range, in any order."""
    share = (rng.permutation(n) + rng.uniform(size=n)) / n
    return np.asarray((2 * share - 1) * math.sqrt(3), np.float64)


def _ratings(
    clips: NDArray[np.float64], own_z: float, effects: Effects, rng: np.random.Generator
) -> NDArray[np.float64]:
    n = len(clips)
    rest = max(0.0, 1 - effects.stimulus_to_rating - effects.subject_to_rating)
    latent = (
        math.sqrt(effects.stimulus_to_rating) * clips
        + math.sqrt(effects.subject_to_rating) * own_z
        + math.sqrt(rest) * _spread_out(n, rng)
    )
    rating = np.round(np.clip(5 + RATING_SD * latent, 1, 9), 2)
    least = min(math.ceil(SCARCEST_SHARE * n), n // 2)
    ordered = np.sort(rating)
    if least and ordered[n - least] < 5:
        rating = rating + (5 - ordered[n - least])
    elif least and ordered[least - 1] >= 5:
        rating = rating - (ordered[least - 1] - 4.99)
    return np.asarray(np.round(np.clip(rating, 1, 9), 2), np.float64)


def _rates_bpm(
    person: Subject, felt_arousal: NDArray[np.float64], effects: Effects, rng: np.random.Generator
) -> NDArray[np.float64]:
    n = len(felt_arousal)
    own = math.sqrt(effects.hr_of_subject) * person.hr_z
    of_trial = math.sqrt(1 - effects.hr_of_subject) * _spread_out(n, rng)
    rate = effects.hr_mean_bpm + effects.hr_sd_bpm * (own + of_trial)
    rate += effects.arousal_to_hr_bpm * (felt_arousal - 5) / 4
    return _apart(rate, effects.hr_gap_bpm, effects.hr_low_bpm, effects.hr_high_bpm)


def _apart(values: NDArray[np.float64], gap: float, low: float, high: float) -> NDArray[np.float64]:
    """The same ranks, neighbours at least `gap` apart, all within [low, high], two decimals."""
    gap = math.ceil(gap * 100) / 100
    rank = np.argsort(np.argsort(values, kind="stable"))
    steps = gap * np.arange(len(values))
    # Without the steps, "at least gap apart" is "never falling"; the two sweeps below mend it
    # from either side, and their mean does not push everything one way.
    flat = np.clip(np.sort(values) - steps, low, high - steps[-1])
    upward = np.maximum.accumulate(flat)
    downward = np.minimum.accumulate(flat[::-1])[::-1]
    mended = np.floor((upward + downward) / 2 * 100) / 100  # floor keeps the order
    return np.asarray(np.round((np.maximum(mended, low) + steps)[rank], 2), np.float64)


def _order(high: NDArray[np.bool_], n_common: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """A shuffled order with both sides of 5 among its first six, as far as there are any.

    The first `n_common` clips come first.
    """
    early = min(6, len(high))
    best, best_share = np.arange(len(high)), -1.0
    for _ in range(N_ORDERS):
        order = rng.permutation(len(high))
        order = np.concatenate([order[order < n_common], order[order >= n_common]])
        share_high = high[order[:early]].mean(axis=0)
        share = float(np.minimum(share_high, 1 - share_high).min())
        if share > best_share:
            best, best_share = order, share
        if best_share > SCARCEST_SHARE:
            break
    return best
