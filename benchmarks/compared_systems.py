"""What the systems of Tables 1 and 2 cost beside the CRNN: parameters, fitting, answering.

    python -m benchmarks.compared_systems [--rounds 3] [--only NAME ...] [--json FILE]

Every system of `baselines.registry` and the CRNN (STL, GRU) take turns in every round; figures are
medians of rounds, ratios are medians of the ratios within a round. A window of a second and a
whole trial compare by what a trial of 60 s costs: 60 windows for most, 11 for MTTS-CAN, itself for
a system that looks at trials.

Systems have their own settings. Where the whole would take minutes, the cost is a straight line in
one setting (epochs, or frames looked at): two points of it are measured, and the line is read at
the system's own value. The table says which. What is done once, such as drawing weights or reading
all pulses, is then counted once.

Clips are noise on a skin's colour and contact signals are synthetic beats; neither changes the
work. Pictures are in memory for all, so that no disk is compared. What is made of a contact signal
is remembered by a process: signals are new in every turn, so that the first asking is what counts.
VGG-16's own weights, which stay as they are, are drawn before the clock runs; imports too.

One thread; the clock is the processor time of this process, which neighbours on the machine stretch
little.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.machine import in_words, provenance
from pulsefer.baselines.network_fit import drawn, n_parameters
from pulsefer.baselines.registry import SYSTEMS, SystemConfig
from pulsefer.baselines.vgg16_elm import Vgg16ElmConfig, Vgg16ElmSystem
from pulsefer.core.bundle import Bundle, Labels, Modality, Unit
from pulsefer.core.seeding import derive_seed, generator
from pulsefer.core.types import Signal, SignalKind
from pulsefer.datasets.synthetic_pulse import beat_times_s, ecg, ppg
from pulsefer.models.crnn import CrnnConfig
from pulsefer.models.vgg16 import Vgg16
from pulsefer.samples.loader import Batch
from pulsefer.samples.window import PRESETS, WindowConfig
from pulsefer.training.config import TrainConfig
from pulsefer.training.module import TwoTasks, predict

CRNN = "crnn"
TRIAL_S = 60.0
TRIAL_FRAMES = 16
"""Frames of a trial that are there: as many as VGG-16 looks at."""
FS_HZ: Mapping[str, float] = {"ppg": 128.0, "ecg": 256.0, "eda": 256.0}
"""Rates of DEAP's and of MAHNOB-HCI's files."""
SKIN_RGB = np.array([150.0, 110.0, 90.0])

Result = dict[str, Any]


class Turn(NamedTuple):
    """What a system is given in a turn.

    Attributes:
        n: Samples to learn from; half are high, and a person has two.
        n_asked: Samples to answer.
        windows: How they are cut; None is whole trials.
        along: The setting in which the cost is a straight line; "" runs the system as it is.
        points: Its two values that are measured.
    """

    n: int
    n_asked: int
    windows: WindowConfig | None = None
    along: str = ""
    points: tuple[int, int] = (1, 2)

    @property
    def per_trial(self) -> int:
        """Samples in a trial of 60 s."""
        if self.windows is None:
            return 1
        step_s = self.windows.step_s or self.windows.length_s
        return int((TRIAL_S - self.windows.length_s) / step_s + 1e-9) + 1


OF_TRIALS = Turn(16, 4)
OF_CLIPS = Turn(16, 8, PRESETS["paper"], "epochs")
TURNS: dict[str, Turn] = {
    CRNN: Turn(64, 64, PRESETS["paper"], "epochs"),
    **dict.fromkeys(("r_elm", "mrmr_rf", "nca_knn", "wmd_dtw", "ppg_cnn"), OF_TRIALS),
    **dict.fromkeys(("mtl_cnn", "cnn_3d", "ouzar"), OF_CLIPS),
    "mtts_can": Turn(3, 2, PRESETS["pulse"], "epochs"),
    # 32 frames at the second point: enough for all of its 30 components.
    "vgg16_elm": Turn(8, 1, None, "n_frames", (1, 4)),
}
"""Clips fill the batch of each network: 64 windows, 64 grey frames, 16 clips, 3 of 125 frames."""


class CrnnSystem:
    """The network of the paper without its heart-rate head, fitted and asked as the others are."""

    modality: tuple[Modality, ...] = ("face",)
    unit: Unit = "window"

    def __init__(self, config: TrainConfig | None = None) -> None:
        self.config = config or TrainConfig(model=CrnnConfig(heart_rate=False))
        self._module = TwoTasks(self.config)

    def fit(self, bundle: Bundle, labels: Labels, _groups: NDArray[np.int64]) -> None:
        """Steps of `training.module`; a run's checkpoints, curves and folders are left out."""
        torch.manual_seed(self.config.seed)
        self._module = TwoTasks(self.config).train()
        adam = self._module.configure_optimizers()
        order = generator(self.config.seed, "order")
        for _ in range(self.config.epochs):
            for batch in self._batches(bundle, order.permutation(len(bundle)), labels):
                adam.zero_grad()
                torch.autograd.backward(self._module.training_step(batch, 0))
                adam.step()

    def predict_proba(self, bundle: Bundle) -> NDArray[np.float64]:
        """(n, 2)."""
        batches = self._batches(bundle, np.arange(len(bundle)))
        found = predict(self._module.model, batches, torch.device("cpu"))
        high = found["emotion_prob"].numpy().astype(np.float64)
        return np.stack([1 - high, high], axis=1)

    @property
    def n_parameters(self) -> int:
        """Weights of the network."""
        return n_parameters(self._module.model)

    def _batches(
        self, bundle: Bundle, places: NDArray[np.int64], labels: Labels | None = None
    ) -> Iterable[Batch]:
        for start in range(0, len(places), self.config.batch_size):
            chosen = places[start : start + self.config.batch_size]
            frames = torch.from_numpy(np.stack([bundle.faces[place]() for place in chosen]))
            known = torch.zeros(len(chosen))
            if labels is not None:
                known = torch.from_numpy(labels.classes[chosen]).float()
            none = torch.full((len(chosen),), torch.nan)
            yield Batch(frames, known, none, torch.from_numpy(chosen))


def make(name: str, settings: Mapping[str, Any]) -> Any:
    """A system that has learned nothing, otherwise at its own settings."""
    if name == CRNN:
        return CrnnSystem(TrainConfig(model=CrnnConfig(heart_rate=False), **settings))
    if name == "vgg16_elm":
        return Vgg16ElmSystem(Vgg16ElmConfig(**settings), seed=0, network=_vgg16())
    return SystemConfig(name, settings).make(0)


@functools.cache
def _vgg16() -> Vgg16:
    """Drawn once: 0.5 GB that no `fit` changes."""
    return drawn(Vgg16, 0).eval()


def bundle_of(system: Any, turn: Turn, n: int, seed: int) -> Bundle:
    """Samples that no turn with another seed has seen.

    Args:
        system: Has its modality and unit.
        turn: Has the windows.
        n: How many.
        seed: Of pixels and beats.
    """
    n_frames = turn.windows.n_frames if turn.windows else TRIAL_FRAMES
    length_s = turn.windows.length_s if turn.windows else TRIAL_S
    rng = generator(seed, "clips")
    kinds: list[SignalKind] = [one for one in system.modality if one != "face"]
    if hasattr(system, "predict_hr_bpm"):
        kinds = ["ppg"]  # to learn from; it answers from faces alone
    clips: list[NDArray[np.uint8]] = []
    if "face" in system.modality:
        noise = (rng.normal(0, 15, (n_frames, 64, 64, 3)) for _ in range(n))
        clips = [(SKIN_RGB + one).clip(0, 255).astype(np.uint8) for one in noise]
    signals = [
        {kind: _signal(kind, length_s, derive_seed(seed, kind, place)) for kind in kinds}
        for place in range(n if kinds else 0)
    ]
    return Bundle(
        [functools.partial(np.asarray, clip) for clip in clips],
        n_frames / length_s,
        signals,
        system.unit,
    )


def _signal(kind: SignalKind, length_s: float, seed: int) -> Signal:
    rng = generator(seed, "signal")
    fs_hz = FS_HZ[kind]
    if kind == "eda":
        steps = rng.normal(0, 0.01 / np.sqrt(fs_hz), round(length_s * fs_hz))
        return Signal("eda", 5 + np.cumsum(steps), fs_hz, 0.0)
    beats_s = beat_times_s(rng.uniform(60, 90), -2.0, length_s + 2.0, seed=seed, variability=0.05)
    wave = (ppg if kind == "ppg" else ecg)(
        beats_s, fs_hz=fs_hz, start_s=0.0, end_s=length_s, noise=0.02, seed=seed
    )
    return Signal(kind, wave, fs_hz, 0.0)


def run(rounds: int = 3, only: Iterable[str] = tuple(SYSTEMS)) -> Result:
    """Measure.

    Args:
        rounds: Turns that everything takes, after a smaller one that does not count.
        only: Of the compared systems; the CRNN is always there.

    Returns:
        Settings; by system its parameters, cost of fitting and of answering, and their ratios.
    """
    about = provenance("benchmarks.compared_systems")
    names = [CRNN, *only]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            for name in names:
                turn = TURNS[name]
                _measure(name, turn._replace(n=min(turn.n, 4), n_asked=1), turn.points[:1], 0)
            taken: dict[str, list[_Cost]] = {name: [] for name in names}
            for number in range(1, rounds + 1):
                for name in names:
                    taken[name].append(_measure(name, TURNS[name], TURNS[name].points, number))
    finally:
        torch.set_num_threads(before)
    return {
        "benchmark": "compared_systems",
        "about": about,
        "data_kind": "synthetic",
        "rounds": rounds,
        "clock": "process_time",
        "threads": 1,
        "trial_s": TRIAL_S,
        "systems": {name: _said(name, taken[name], taken[CRNN]) for name in names},
    }


class _Cost(NamedTuple):
    """Of one turn: processor seconds for each sample, and what was learned."""

    fit_s: float
    answer_s: float
    parameters: int


def _measure(name: str, turn: Turn, points: tuple[int, ...], number: int) -> _Cost:
    fits_s, answers_s = [], []
    for point in points if turn.along else (0,):
        system = make(name, {turn.along: point} if turn.along else {})
        seed = derive_seed(number, name, point)
        learns = bundle_of(system, turn, turn.n, derive_seed(seed, "learns"))
        asked = bundle_of(system, turn, turn.n_asked, derive_seed(seed, "asked"))
        classes = np.arange(turn.n, dtype=np.int64) % 2
        tells_rates = hasattr(system, "predict_hr_bpm")
        known = (
            ()
            if tells_rates
            else (Labels(classes, 1 - classes.astype(float)), np.arange(turn.n) // 2)
        )
        began = time.process_time()
        system.fit(learns, *known)
        fitted = time.process_time()
        (system.predict_hr_bpm if tells_rates else system.predict_proba)(asked)
        fits_s.append(fitted - began)
        answers_s.append(time.process_time() - fitted)
    if len(fits_s) == 2:
        own = own_value(name, turn)
        fits_s.append(on_line(points, fits_s, own))
        if turn.along != "epochs":  # an answer does not depend on how long was learned
            answers_s.append(on_line(points, answers_s, own))
    return _Cost(fits_s[-1] / turn.n, answers_s[-1] / turn.n_asked, system.n_parameters)


def own_value(name: str, turn: Turn) -> int:
    """The system's own value of the setting along which its cost is a line."""
    return int(getattr(make(name, {}).config, turn.along))


def on_line(points: tuple[int, ...], costs: list[float], value: int) -> float:
    """The straight line through two points, at a third.

    >>> on_line((1, 2), [5.0, 7.0], 15)
    33.0
    """
    (first, second), (low, high) = points, costs
    return low + (high - low) * (value - first) / (second - first)


def _said(name: str, costs: list[_Cost], crnns: list[_Cost]) -> Result:
    """Medians, and the medians of the ratios within a round, by trial."""
    turn = TURNS[name]
    by_trial = turn.per_trial / TURNS[CRNN].per_trial

    def over_crnn(of: Literal["fit_s", "answer_s"]) -> float:
        pairs = zip(costs, crnns, strict=True)
        ratios: list[float] = [getattr(one, of) / getattr(crnn, of) for one, crnn in pairs]
        return by_trial * median(ratios)

    fit_s, answer_s = median(one.fit_s for one in costs), median(one.answer_s for one in costs)
    windows = turn.windows
    return {
        "title": "CRNN (STL, GRU)" if name == CRNN else SYSTEMS[name].title,
        "looks_at": f"{windows.length_s:g} s, {windows.n_frames} frames" if windows else "trial",
        "per_trial": turn.per_trial,
        "learned_from": turn.n,
        "along": turn.along,
        "points": list(turn.points) if turn.along else [],
        "own": own_value(name, turn) if turn.along else None,
        "parameters": costs[-1].parameters,
        "fit_s_per_trial": float(f"{turn.per_trial * fit_s:.3g}"),
        "fit_over_crnn": float(f"{over_crnn('fit_s'):.3g}"),
        "answer_ms": float(f"{1e3 * answer_s:.3g}"),
        "answer_ms_per_trial": float(f"{1e3 * turn.per_trial * answer_s:.3g}"),
        "answer_over_crnn": float(f"{over_crnn('answer_s'):.3g}"),
    }


SECTION = """\
Tables 1 and 2 on one thread, each system at its own settings, for a trial of {trial:g} s; the CRNN
is the one compared with. *Sample*: what is answered at once. *Fit*: processor seconds for each
trial learned from, all epochs; *answer*: milliseconds for a sample, and for the samples of a trial.
Signals are new in every turn: features, series and beats are counted.

| system | sample | in a trial | learned parameters | fit, s a trial | over CRNN | \
answer, ms a sample | ms a trial | over CRNN | measured |
|---|---|---:|---:|---:|---:|---:|---:|---:|---|
{rows}

*Measured*: the samples learned from; and where all would take minutes, two values of a setting, the
cost being read at the system's own value from the line through them. Of the systems on features
and of WMD-DTW, which compares all pairs, the cost for each trial depends on how many there are.
Parameters are what `fit` learned: of a forest its nodes, of neighbours the samples kept, of VGG-16
the components and the machine behind it, for its own weights rest. MTTS-CAN is asked for a
heart rate. The CRNN answers in batches of {batch}, the compared networks one sample at a time.
Synthetic; rounds: {rounds}.

{machine}"""


def section(result: Result) -> str:
    """The text of the page, without its title."""
    return SECTION.format(
        trial=result["trial_s"],
        rows="\n".join(_row(one) for one in result["systems"].values()),
        batch=TURNS[CRNN].n_asked,
        rounds=result["rounds"],
        machine=in_words(result["about"]),
    )


def _row(one: Result) -> str:
    measured = f"{one['learned_from']} samples"
    if one["along"]:
        low, high = one["points"]
        setting = {"n_frames": "frames"}.get(one["along"], one["along"])
        measured += f"; {low} and {high} of {one['own']} {setting}"
    cells = [
        one["title"], one["looks_at"], str(one["per_trial"]), f"{one['parameters']:,}",
        _three(one["fit_s_per_trial"]), _three(one["fit_over_crnn"]), _three(one["answer_ms"]),
        _three(one["answer_ms_per_trial"]), _three(one["answer_over_crnn"]), measured,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _three(value: float) -> str:
    """Three digits and no powers of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--json", type=Path, help="write the result here as well")
    given = parser.parse_args()
    text = json.dumps(run(given.rounds, given.only), indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
