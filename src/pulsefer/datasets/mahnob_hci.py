"""MAHNOB-HCI: face video, electrocardiogram and self-reported emotion of 27 people, 20 clips each.

Soleymani, Lichtenauer, Pun, Pantic, A multimodal database for affect recognition and implicit
tagging, IEEE Transactions on Affective Computing 3(1), 42-55, 2012. The data are licence-gated;
none of them are here. `write_fake` writes the same files with a planted answer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pulsefer.core.errors import BadInput, OnProblem, Severity, log_problem
from pulsefer.core.types import DataKind, Recording
from pulsefer.datasets.mahnob_clock import Clock
from pulsefer.datasets.mahnob_fake import write_fake
from pulsefer.datasets.mahnob_session import Absent, read_session
from pulsefer.datasets.mahnob_signal import OTHER_LABELS, load_ecg, load_other
from pulsefer.datasets.mahnob_tree import DATASET, MAHNOB_LAYOUT, Layout, Tree, find
from pulsefer.datasets.mahnob_trial import Trial, open_trial

__all__ = ["MAHNOB_LAYOUT", "Clock", "Layout", "read", "write_fake"]


def read(
    root: Path, *, on_problem: OnProblem | None = None, neutral: bool = False
) -> Iterator[Recording]:
    """The trials of a copy, whole or partial, person by person in the order of presentation.

    Every folder with a session.xml is a session, wherever it lies. It is used if number, folder,
    person and file names say the same of it, and if the colour video and the BDF are there. The
    trial is the stimulus: what precedes it in the BDF is before time 0, the questionnaire at the
    end of the video is behind `length_s`. Headers and triggers are read, no video is decoded.

    Args:
        root: Folder that holds Sessions, or any folder above.
        on_problem: Told of what is skipped or deserves a look; None writes it to the log.
        neutral: Also the neutral clip before each stimulus, without ratings: "neutral03".

    Returns:
        Recordings; the pulse is an electrocardiogram, `load_other` has "eda", "respiration" and
        "temperature"; `ratings` has "valence", "arousal", "dominance" and "predictability".

    Raises:
        BadInput: no folder, or no session in it.
    """
    tell = on_problem or log_problem
    return _recordings(find(root, on_problem=tell), neutral, tell)


def _recordings(tree: Tree, neutral: bool, tell: OnProblem) -> Iterator[Recording]:
    for folder in tree.folders:
        try:
            session = read_session(folder)
            if session is None or not (session.is_stimulus or neutral):
                continue
            trial = open_trial(session)
        except Absent as absent:
            # Nobody has the video of participant 26, so that its absence is no fault of the copy.
            is_normal = session is not None and session.subject not in tree.layout.n_sessions
            severity: Severity = "note" if is_normal else "error"
            tell(dataclasses.replace(absent.problem, severity=severity))
            continue
        except BadInput as bad:
            tell(bad.problem)
            continue
        for remark in trial.remarks:
            tell(remark)
        yield _recording(trial, tree.data_kind)


def _recording(trial: Trial, data_kind: DataKind) -> Recording:
    session, path, start_s = trial.session, trial.physiology.path, trial.signal_start_s
    return Recording(
        dataset=DATASET,
        subject=session.subject,
        trial=session.trial,
        stimulus=session.stimulus,
        video=trial.video.path,
        fps_hz=trial.video.fps_hz,
        length_s=trial.length_s,
        ratings=session.ratings,
        data_kind=data_kind,
        load_signal=partial(load_ecg, path, start_s),
        begin_s=trial.begin_s,
        load_other={kind: partial(load_other, path, start_s, kind) for kind in OTHER_LABELS},
    )
