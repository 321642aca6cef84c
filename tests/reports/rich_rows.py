"""Rows and a run as a folder of results would have them, made without training anything."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd

from pulsefer.reports.row import Row, append
from pulsefer.samples.split import PROTOCOLS

ROW = Row(
    experiment="demo", system="MTL", dataset="deap", data_kind="synthetic", dimension="valence",
    metric="balanced_accuracy", value=0.625, low=0.5, high=0.75, protocol="subject",
    selection="last", unit="window", n=120, n_subjects=6, seed=0, config="abc", manifest="def",
    version="0.1.0", paper=0.963, paper_where="Table 3",
)  # fmt: skip
BARE = dataclasses.replace(ROW, paper=math.nan, paper_where="")
REACHED = dict(
    zip(PROTOCOLS, (0.94, 0.91, 0.78, 0.66, 0.64, 0.57, 0.55, 0.52), strict=True)
)  # fmt: skip


def row(metric="balanced_accuracy", value=0.6, *, half=0.05, **changes):
    """A row by trial with an interval of twice `half`."""
    low, high = (value - half, value + half) if half else (math.nan, math.nan)
    given = {"unit": "trial", "n": 240, "config": f"{metric}{value}{changes}"} | changes
    return dataclasses.replace(BARE, metric=metric, value=value, low=low, high=high, **given)


def ladder(**changes):
    """Every protocol, with true and with permuted labels, and the gaps."""
    rows = []
    for by, value in REACHED.items():
        rows.append(row(value=value, protocol=by, experiment="leakage", **changes))
        leaks = by in ("window_within", "window_pooled", "block_within_trial")
        rows.append(
            row(value=value - 0.04 if leaks else 0.5, protocol=by, experiment="leakage",
                system="MTL, permuted labels", **changes)
        )  # fmt: skip
        rows.append(
            row(value=value + 0.06, protocol=by, experiment="leakage", selection="best_on_test",
                **changes)
        )  # fmt: skip
        rows.append(row("accuracy", value + 0.02, protocol=by, experiment="leakage", **changes))
        for metric, level in (("prior", 0.58), ("majority", 0.58), ("majority_by_subject", 0.63),
                              ("majority_by_stimulus", 0.74)):  # fmt: skip
            rows.append(row(metric, level, protocol=by, experiment="leakage", **changes))
        rows += rates(protocol=by, experiment="leakage", **changes)
    for one, other in (("window_pooled", "subject"), ("subject", "subject_x_stimulus")):
        rows.append(
            row("leakage_gap", REACHED[one] - REACHED[other], protocol=f"{one} − {other}",
                experiment="leakage", **changes)
        )  # fmt: skip
    return rows


def rates(**changes):
    """The heart rate, and what it is held against."""
    values = {"hr_rmse_bpm": 9.6, "hr_rmse_train_mean_bpm": 9.9, "hr_rmse_pos_bpm": 4.1,
              "hr_rmse_chrom_bpm": 4.6, "hr_skill": 0.06}  # fmt: skip
    return [
        row(name, value, half=0.1 * value, **{**changes, "dimension": "heart rate"})
        for name, value in values.items()
    ]


def betas(**changes):
    """Table 4 as the experiments have it: the system's name tells beta."""
    rows = []
    for beta, value, paper, rate in ((0.0, 0.55, 0.9367, None), (0.001, 0.57, 0.9641, 12.0),
                                     (0.01, 0.61, 0.9655, 9.5), (0.1, 0.58, 0.9551, 7.0),
                                     (1.0, 0.52, 0.9449, 5.5)):  # fmt: skip
        along = {"experiment": "table4", "x_name": "beta", "x": beta,
                 "system": f"MTL, beta {beta:g}" if beta else "STL", **changes}  # fmt: skip
        rows.append(row(value=value, **along))
        rows.append(
            row("accuracy", value + 0.03, **along, paper=paper, paper_where="Table 4")
        )  # fmt: skip
        if rate:
            rows.append(row("hr_rmse_bpm", rate, half=1.0, **along | {"dimension": "heart rate"}))
            rows.append(
                row("hr_rmse_train_mean_bpm", 9.9, half=1.0, **along | {"dimension": "heart rate"})
            )
    rows.append(
        row("difference_balanced_accuracy", -0.06, half=0.04, experiment="table4", p=0.03,
            system="STL − MTL, beta 0.01", **changes)
    )  # fmt: skip
    return rows


def epochs(**changes):
    """Figure 3: a mean over seeds with its interval, for every epoch."""
    return [
        row("validation_bce", 0.6 + 0.2 * math.exp(-epoch / speed) + 0.004 * epoch, half=0.03,
            experiment="figure3", system=system, selection="every", unit="seed", n=5,
            x_name="epoch", x=float(epoch), **changes)
        for system, speed in (("STL", 4.0), ("MTL", 2.0))
        for epoch in range(1, 16)
    ]  # fmt: skip


def lengths(**changes):
    """Windows of several lengths."""
    rows = []
    for length, value, rate in ((1.0, 0.56, 10.0), (5.0, 0.58, 8.0), (10.0, 0.6, 5.0),
                                (20.0, 0.59, 4.0)):  # fmt: skip
        along = {"experiment": "length", "x_name": "length_s", "x": length, **changes}
        for system, plus in (("STL", 0.0), ("MTL", 0.01)):
            rows.append(row(value=value + plus, system=system, **along))
        rows.append(row("hr_rmse_bpm", rate, half=1.0, **along | {"dimension": "heart rate"}))
    return rows


def pretrained(**changes):
    """A pre-training."""
    return [
        row(metric, value, experiment="pretrain", system="CNN", dataset="afew_va", unit="frame",
            **changes)
        for metric, value in (("ccc", 0.41), ("pearson", 0.44), ("rmse", 0.21),
                              ("rmse_constant", 0.24))
    ]  # fmt: skip


def rich(**changes):
    """Everything that a report can show."""
    return [
        *ladder(**changes), *betas(**changes), *epochs(**changes), *lengths(**changes),
        *pretrained(**changes),
    ]  # fmt: skip


ABOUT = {
    "system": "MTL", "data_kind": "synthetic", "datasets": ["deap"], "protocol_name": "subject",
    "leaky": False, "fingerprint": "feedfacecafe0001", "manifest": "0123456789abcdef",
    "version": "0.1.0", "n_windows": 1440, "n_trials": 240, "n_subjects": 12, "high_share": 0.56,
    "windows_left_out": {"face": 3}, "hr_rejected": {"agreement": 12}, "marks": {}, "cnn": None,
    "protocol": {"by": "subject", "folds": 5, "validation": 0.2, "split_seed": 0},
    "windows": {
        "length_s": 1.0, "n_frames": 5, "step_s": None, "dimension": "valence",
        "threshold": "ge5", "hr_context_s": 10.0, "min_face_share": 1.0,
    },
    "store": {"follow": {"crop": {"top": 0.45, "bottom": 0.3, "size_px": 64}}, "fps_hz": 25.0},
    "train": {
        "model": {"input": "appearance", "heart_rate": True, "dropout": 0.5},
        "weights": {"alpha": 1.0, "beta": 0.01}, "epochs": 15, "batch_size": 64,
        "learning_rate": 0.001, "hr_start": "default", "hr_by_dataset": False,
        "peek_at_test": False, "freeze_cnn": False, "precision": "32-true", "seed": 0,
    },
}  # fmt: skip
"""What run.json says of a run of the defaults."""


def predictions(*, persons=12, trials=20, windows=6, knows=0.5, seed=0):
    """A table of predictions; the first person has labels of one class only."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(persons):
        for trial in range(trials):
            high = 1 if person == 0 else int(rng.integers(2))
            level = rng.normal(knows * (2 * high - 1), 1)
            for start in range(windows):
                prob = 1 / (1 + math.exp(-(level + rng.normal(0, 0.4))))
                rows.append(
                    ("deap", f"s{person:02d}", f"trial{trial:02d}", f"video{trial:02d}",
                     float(start), person % 5, high, prob, 80.0, 81.0, "last")
                )  # fmt: skip
    names = ("dataset", "subject", "trial", "stimulus", "start_s", "fold", "emotion",
             "emotion_prob", "hr_bpm", "hr_pred_bpm", "selection")  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def write_run(folder, *, about=ABOUT, seed=0, **changes):
    """A finished run as far as a report looks at it."""
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({**about, **changes}), "utf-8")
    predictions(seed=seed).to_parquet(folder / "predictions.parquet", index=False)
    return folder


def write_rich(folder):
    """A folder of results with everything in it."""
    append(folder / "rows.jsonl", rich())
    write_run(folder / "runs" / "mtl")
    write_run(folder / "runs" / "stl", seed=1, system="STL")
    return folder


def weighings(**changes):
    """Two curves of static betas, three methods that were tuned, and what their weights were."""
    given = {"experiment": "weighting", "dimension": "arousal", **changes}
    rows = []
    for system, top in (("static", 0.72), ("static, subject_mean", 0.58)):
        for beta, value in ((0.0, 0.55), (0.01, top - 0.05), (1.0, top)):
            along = {"system": system, "x_name": "beta", "x": beta}
            rows.append(row(value=value, **given | along))
            if system == "static":
                rate = given | along | {"dimension": "heart rate"}
                rows.append(row("hr_rmse_bpm", 14.0 - beta, half=1.0, **rate))
    for name, value, beta, cosine in (("static", 0.71, None, 0.1), ("gls", 0.72, 0.05, 0.2),
                                      ("uw", 0.6, 0.5, -0.1)):  # fmt: skip
        own = given | {"system": f"{name}, tuned"}
        rows.append(row(value=value, **own))
        rows.append(row("hr_rmse_bpm", 12.0, half=1.0, **own | {"dimension": "heart rate"}))
        told = own | {"unit": "network", "n": 10}
        if beta:
            rows.append(row("effective_beta", beta, half=beta / 2, **told))
        rows.append(row("gradient_cosine", cosine, half=0.05, **told))
        rows.append(row("gradient_conflicts", 0.5 - cosine, half=0.05, **told))
    for name, value, p in (("static, subject_mean", 0.13, 0.01), ("gls", -0.01, 0.9),
                           ("uw", 0.11, 0.03), ("STL", 0.16, 0.02)):  # fmt: skip
        rows.append(
            row("difference_balanced_accuracy", value, p=p, **given,
                system=f"static, tuned − {name}, tuned")
        )  # fmt: skip
    for name, value in (("static", 0.66), ("gls", 0.7)):
        rows.append(row(value=value, **given | {"system": f"{name}, as it comes"}))
    return rows
