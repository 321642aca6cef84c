"""DEAP: face video, finger pulse and self-reported emotion of 22 people, 40 music clips each.

Koelstra et al., DEAP: a database for emotion analysis using physiological signals, IEEE
Transactions on Affective Computing 3(1), 18-31, 2012. The data are licence-gated; none of them
are here. `write_fake` writes the same files with a planted answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from pulsefer.core.errors import BadInput, OnProblem, log_problem
from pulsefer.core.types import Recording, Signal, SignalKind
from pulsefer.datasets.deap_fake import write_fake
from pulsefer.datasets.deap_ratings import Rated, read_ratings, row_of, rows_of
from pulsefer.datasets.deap_signal import (
    music_onsets,
    prove_order,
    read_preprocessed,
    signal_from_bdf,
    signal_from_dat,
    skin_from_dat,
)
from pulsefer.datasets.deap_tree import (
    DEAP_LAYOUT,
    LICENCE,
    Layout,
    Tree,
    find,
    missing_videos,
    subject_name,
)
from pulsefer.datasets.deap_video import check_video

__all__ = ["DEAP_LAYOUT", "Layout", "read", "write_fake"]


def read(
    root: Path, *, on_problem: OnProblem | None = None, expect: Layout | None = None
) -> Iterator[Recording]:
    """The trials of a copy, whole or partial, subject by subject in the order of presentation.

    Files are found wherever they lie under `root`. The pulse comes from
    data_preprocessed_python/sXX.dat; where a participant's is absent, from data_original/sXX.bdf.
    Before the first trial of a participant is given out, the order of the trials is proved: the
    ratings inside the .dat must be those of the table by `Experiment_id`; a BDF must have as many
    starts of a music video as the table has trials. Headers are read, no video is decoded.

    Skin resistance ("eda") is offered from a .dat only: in the BDF files the two sites wrote it in
    different units.

    Args:
        root: Folder that holds face_video, metadata_csv and data_preprocessed_python.
        on_problem: Told of what is skipped or deserves a look; None writes it to the log.
        expect: What a whole copy has; None takes the marker of a specimen, or else DEAP.

    Returns:
        Recordings; `stimulus` is the `Experiment_id`, "video12".

    Raises:
        BadInput: no folder, no face videos, or no usable table of ratings.
    """
    tell = on_problem or log_problem
    tree = find(root, on_problem=tell, expect=expect)
    if not tree.videos:
        raise BadInput(
            str(root),
            expected="face videos, face_video/s01/s01_trial01.avi and so on",
            found="none",
            remedy=f"unpack face_video.zip here; {LICENCE}",
        )
    ratings = read_ratings(tree.ratings, root=tree.root, on_problem=tell)
    for problem in missing_videos(tree):
        tell(problem)
    return _recordings(tree, ratings, tell)


def _recordings(
    tree: Tree, ratings: Mapping[int, Sequence[Rated]], tell: OnProblem
) -> Iterator[Recording]:
    for participant in sorted({participant for participant, _ in tree.videos}):
        try:
            rows = rows_of(ratings, participant, table=tree.ratings, on_problem=tell)
            load = _source_of_pulse(tree, participant, rows)
        except BadInput as bad:
            tell(bad.problem)
            continue
        trials = sorted(trial for owner, trial in tree.videos if owner == participant)
        for trial in trials:
            path = tree.videos[participant, trial]
            try:
                row = row_of(rows, trial, video=path)
                video = check_video(path, tree.layout)
            except BadInput as bad:
                tell(bad.problem)
                continue
            if video.warning:
                tell(video.warning)
            yield Recording(
                dataset="deap",
                subject=subject_name(participant),
                trial=f"trial{trial:02d}",
                stimulus=f"video{row.stimulus:02d}",
                video=path,
                fps_hz=video.fps_hz,
                length_s=tree.layout.length_s,
                ratings=row.ratings,
                data_kind=tree.data_kind,
                load_signal=load(row),
                load_other=_other(tree, participant, row),
            )


def _source_of_pulse(
    tree: Tree, participant: int, rows: Sequence[Rated]
) -> Callable[[Rated], Callable[[], Signal]]:
    """Prove the order of one participant's trials; give what loads a trial.

    What it gives is made of functions of a module and so travels to worker processes.
    """
    if dat := tree.dats.get(participant):
        prove_order(dat, read_preprocessed(dat, tree.layout).labels, rows)
        return lambda row: partial(signal_from_dat, dat, tree.layout, row.stimulus)
    if bdf := tree.bdfs.get(participant):
        music_onsets(bdf, tree.layout)
        return lambda row: partial(signal_from_bdf, bdf, tree.layout, row.trial)
    name = subject_name(participant)
    raise BadInput(
        f"{tree.root}: {name}",
        expected=f"data_preprocessed_python/{name}.dat or data_original/{name}.bdf",
        found="neither",
        remedy="without the pulse there is no heart rate; its videos are left out",
    )


def _other(tree: Tree, participant: int, row: Rated) -> dict[SignalKind, Callable[[], Signal]]:
    dat = tree.dats.get(participant)
    return {"eda": partial(skin_from_dat, dat, tree.layout, row.stimulus)} if dat else {}
