"""Is this copy of MAHNOB-HCI whole and what the reader takes it for? One table."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.label import balance
from pulsefer.core.progress import progress
from pulsefer.datasets.check_report import CheckReport, CheckTable, Verdict
from pulsefer.datasets.mahnob_session import Absent, Session, read_session
from pulsefer.datasets.mahnob_signal import EDGE_TOLERANCE_S, LENGTH_TOLERANCE_S, load_lead
from pulsefer.datasets.mahnob_tree import BDF_LEAD_S, Tree, find
from pulsefer.datasets.mahnob_trial import Trial, open_trial
from pulsefer.media.video import frames
from pulsefer.signals.leads import Lead
from pulsefer.signals.rate import heart_rate_bpm

CUT_TOLERANCE_S = 0.0002
"""cutLenSec has four decimals."""
VIDEO_TOLERANCE_S = 0.5
KNOWN_SESSION, KNOWN_FRAMES, KNOWN_BPM = 2, (306, 2135), 73.0
"""What the code of Lam & Kuno (ICCV 2015) gives for one stretch of one session."""
KNOWN_TOLERANCE_BPM = 2.0
FEW = 5
"""So many sessions with one and the same complaint are listed, the others counted."""


@dataclass
class _Seen:
    """What was found so far, session by session."""

    sessions: list[Session] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    leads: list[tuple[Trial, Lead]] = field(default_factory=list)
    absent: list[tuple[Session, Problem]] = field(default_factory=list)
    complaints: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    n_neutral: int = 0
    n_other: int = 0


def check(root: Path, *, deep: bool = False, show_progress: bool = False) -> CheckReport:
    """Open every session of a stimulus as the reader would, and look for its heart.

    What is good is one row for all sessions; what is not is listed. Sessions that were not
    downloaded, or not with all their files, make a copy partial and break nothing.

    Args:
        root: Folder of a copy, whole or partial.
        deep: Decode every video too: hours for the whole data set.
        show_progress: A bar on standard error.
    """
    table = CheckTable(Path(root))
    try:
        tree = find(root, on_problem=table.tell)
    except BadInput as bad:
        table.tell(bad.problem)
        return table.report()
    table.add("kind of data", "real or synthetic", tree.data_kind)
    seen = _Seen()
    with progress("checking MAHNOB-HCI", len(tree.folders), show=show_progress) as advance:
        for folder in tree.folders:
            _look(folder, seen, deep)
            advance(1)
    _counts(tree, seen, table)
    _complaints(seen, table)
    _files(tree, seen, table)
    _clocks(seen, table)
    _hearts(tree, seen, table)
    _balance(seen, table)
    return table.report()


def _look(folder: Path, seen: _Seen, deep: bool) -> None:
    """Everything about one session; nothing is raised."""
    session = None
    try:
        session = read_session(folder)
        if session is None:
            seen.n_other += 1
            return
        if not session.is_stimulus:
            seen.n_neutral += 1
            return
        seen.sessions.append(session)
        trial = open_trial(session)
        seen.trials.append(trial)
        for remark in trial.remarks:
            (seen.notes if remark.severity == "note" else seen.complaints).append(remark)
        lead = load_lead(trial.physiology.path, trial.signal_start_s)
        seen.leads.append((trial, lead))
        if deep:
            _decode(trial)
    except Absent as absent:
        if session is not None:
            problem = dataclasses.replace(absent.problem, severity="note")
            seen.absent.append((session, problem))
    except BadInput as bad:
        seen.complaints.append(bad.problem)


def _decode(trial: Trial) -> None:
    video = trial.video
    n_frames = sum(1 for _ in frames(video.path, fps_hz=video.fps_hz))
    if n_frames < video.info.n_frames:
        raise BadInput(
            str(video.path),
            expected=f"{video.info.n_frames} frames as the header says",
            found=f"{n_frames} that decode",
            remedy="the file is damaged; copy it again",
        )


def _counts(tree: Tree, seen: _Seen, table: CheckTable) -> None:
    expected = tree.layout.n_sessions
    whole = Counter(
        session.subject
        for session in seen.sessions
        if session.number not in {other.number for other, _ in seen.absent}
    )
    fewer = {name: whole[name] for name, n in expected.items() if whole[name] < n}
    more = {name: n for name, n in whole.items() if n > expected.get(name, 0)}
    table.partial = bool(fewer)
    n_expected, n_found = sum(expected.values()), sum(whole.values())
    table.add(
        "sessions of stimuli with video and BDF",
        f"{n_expected} of {len(expected)} people",
        f"{n_found} of {len(whole)}",
        "note" if fewer else "ok",
    )
    listed = Counter(expected.values())
    usual = max(listed, key=lambda n: listed[n])
    others = [f"{name} {n}" for name, n in expected.items() if n != usual]
    differ = [f"{name} {n}" for name, n in sorted((fewer | more).items())]
    table.add(
        "sessions of each person",
        ", ".join([f"{usual} each", *others]),
        _some(differ) if differ else "the same",
        "warning" if more else "note" if fewer else "ok",
    )
    without = Counter(session.subject for session, _ in seen.absent)
    if without:
        table.problems.extend(problem for _, problem in seen.absent)
        whose = _some([f"{n} of {name}" for name, n in sorted(without.items())])
        what = "sessions without colour video or BDF"
        table.add(what, "none but those of p26", f"{sum(without.values())}: {whose}", "note")
    found = f"{seen.n_neutral} neutral clips, {seen.n_other} of other experiments"
    table.add("sessions besides", "not read", found, "note")


def _complaints(seen: _Seen, table: CheckTable) -> None:
    """What `read` would tell, a few of each kind as rows."""
    table.problems.extend(seen.notes)
    kinds: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in seen.complaints:
        kinds[re.sub(r"[\d.]+", "#", problem.expected), problem.severity].append(problem)
    for problems in kinds.values():
        for problem in problems[:FEW]:
            table.tell(problem)
        if rest := problems[FEW:]:
            table.problems.extend(rest)
            verdict: Verdict = "broken" if rest[0].severity == "error" else "warning"
            table.add("the same elsewhere", rest[0].expected, f"{len(rest)} more sessions", verdict)


def _files(tree: Tree, seen: _Seen, table: CheckTable) -> None:
    sessions, trials, layout = seen.sessions, seen.trials, tree.layout
    # What is bad in these two is a complaint of the reader, and listed above.
    _row(table, "number, folder, person, isStim", "agree", {str(s.folder): True for s in sessions})
    _row(table, "colour video and BDF", "found", {str(t.video.path): True for t in trials})
    is_equal = {str(s.folder): _cut_error_s(s) <= CUT_TOLERANCE_S for s in sessions}
    _row(table, "cutLenSec and (audEndSmp - audBeginSmp) / audRate", "equal", is_equal)
    errors_s = {
        str(t.video.path): abs(t.video.length_s - (t.session.cut_length_s or 0)) for t in trials
    }
    is_equal = {where: error_s <= VIDEO_TOLERANCE_S for where, error_s in errors_s.items()}
    _row(table, "length of the video and cutLenSec", "equal", is_equal)
    if not trials:
        return
    rates = Counter(f"{t.session.video_rate_hz:.6g}" for t in trials if t.session.video_rate_hz)
    # An integer instead of 60.97 drifts by 57 ms in two minutes.
    is_rounded = layout.fps_hz % 1 != 0 and any(float(text).is_integer() for text in rates)
    table.add(
        "vidRate, frames/s",
        f"about {layout.fps_hz:.6g}",
        _some([f"{text} ({n})" for text, n in sorted(rates.items())]),
        "warning" if is_rounded else "ok",
    )
    sizes = Counter(f"{t.video.info.width_px}x{t.video.info.height_px}" for t in trials)
    size = f"{layout.width_px}x{layout.height_px}"
    found = _some([f"{text} ({n})" for text, n in sorted(sizes.items())])
    table.add("frame size", size, found, "ok" if set(sizes) == {size} else "warning")


def _cut_error_s(session: Session) -> float:
    numbers = (
        session.cut_length_s,
        session.audio_begin,
        session.audio_end,
        session.audio_rate_hz,
    )
    if None in numbers or not session.audio_rate_hz:
        return float("inf")
    length_s, begin, end, rate_hz = (float(n or 0) for n in numbers)
    return abs(length_s - (end - begin) / rate_hz)


def _clocks(seen: _Seen, table: CheckTable) -> None:
    trials = seen.trials
    if not trials:
        return
    starts = [t.physiology.start_s for t in trials]
    # The bad ones were named above: they are remarks of the reader.
    is_good = all(abs(start_s - BDF_LEAD_S) <= EDGE_TOLERANCE_S for start_s in starts)
    table.add(
        "stimulus after the begin of the BDF",
        f"{BDF_LEAD_S:g} s, +/- {EDGE_TOLERANCE_S:g}",
        f"{_range(starts)} s in {len(trials)} sessions",
        "ok" if is_good else "warning",
    )
    rest = [t.physiology.length_s - t.physiology.stimulus_s for t in trials]
    is_good = all(abs(rest_s - 2 * BDF_LEAD_S) <= LENGTH_TOLERANCE_S for rest_s in rest)
    table.add(
        "BDF without its stimulus",
        f"{2 * BDF_LEAD_S:g} s, +/- {LENGTH_TOLERANCE_S:g}",
        f"{_range(rest)} s in {len(trials)} sessions",
        "ok" if is_good else "warning",
    )
    exact = [t.clock.offset_s for t in trials if t.clock.source == "tsv"]
    n_simple = len(trials) - len(exact)
    found = f"{len(exact)} exact" + (f", {_range(exact)} s" if exact else "")
    table.add(
        "start of the stimulus on the video's clock",
        "exact, by the eye tracker's table",
        f"{found}, {n_simple} simple" if n_simple else found,
        "note" if n_simple else "ok",
    )
    lengths = [t.length_s for t in trials]
    hours = sum(lengths) / 3600
    table.add("length of a trial", "34-117 s", f"{_range(lengths)} s, {hours:.2f} h in all", "note")


def _hearts(tree: Tree, seen: _Seen, table: CheckTable) -> None:
    if not seen.leads:
        return
    counts = Counter(len(lead.others) + 1 for _, lead in seen.leads)
    said = ", ".join(f"{n} leads in {counts[n]}" for n in sorted(counts, reverse=True))
    verdict: Verdict = "warning" if 1 in counts else "ok"
    table.add("leads with the same beats", "2 or 3 of 3 in every session", said, verdict)
    for trial, lead in seen.leads:
        if lead.reason:
            where = table.short(trial.physiology.path)
            table.add(where, "a lead that another confirms", lead.reason, "warning")
    rates = [
        bpm
        for trial, lead in seen.leads
        if (bpm := _rate_bpm(lead, 0.0, trial.length_s)) is not None
    ]
    found = f"{_range(rates)} bpm in {len(rates)} sessions"
    is_whole = len(rates) == len(seen.leads)
    table.add("heart rate", "40-180 bpm", found, "ok" if is_whole else "warning")
    known = [pair for pair in seen.leads if pair[0].session.number == KNOWN_SESSION]
    if tree.data_kind == "real" and known:
        ((trial, lead),) = known
        rate_hz = trial.video.fps_hz or trial.video.info.fps_hz
        start_s, end_s = (frame / rate_hz - trial.begin_s for frame in KNOWN_FRAMES)
        bpm = _rate_bpm(lead, start_s, end_s)
        is_near = bpm is not None and abs(bpm - KNOWN_BPM) <= KNOWN_TOLERANCE_BPM
        table.add(
            f"session {KNOWN_SESSION}, frames {KNOWN_FRAMES[0]}-{KNOWN_FRAMES[1]}",
            f"{KNOWN_BPM:g} bpm, as published",
            "none" if bpm is None else f"{bpm:.1f} bpm",
            "ok" if is_near else "warning",
        )


def _rate_bpm(lead: Lead, start_s: float, end_s: float) -> float | None:
    times_s = lead.beats.times_s
    try:
        return heart_rate_bpm(times_s[(times_s >= start_s) & (times_s < end_s)])
    except ValueError:
        return None


def _balance(seen: _Seen, table: CheckTable) -> None:
    """Low and high by every rule: ratings are whole numbers, and many are 5."""
    for scale in ("valence", "arousal"):
        counts = balance(trial.session.ratings[scale] for trial in seen.trials)
        found = ", ".join(f"{rule} {low}/{high}" for rule, (low, high) in counts.items())
        table.add(f"low/high {scale}", "no figure published", found, "note")


def _row(table: CheckTable, what: str, word: str, is_good: Mapping[str, bool]) -> None:
    """One row for all sessions; one more for each of the first few that are not so."""
    bad = [where for where, good in is_good.items() if not good]
    n_good = len(is_good) - len(bad)
    verdict: Verdict = "warning" if bad else "ok"
    table.add(what, f"{len(is_good)} sessions", f"{n_good} {word}", verdict)
    for where in bad[:FEW]:
        table.add(where, f"{what} {word}", "not so", "warning")


def _range(values: Sequence[float]) -> str:
    if not values:
        return "none"
    low, high = min(values), max(values)
    return f"{low:.2f}" if high - low < 0.005 else f"{low:.2f} to {high:.2f}"


def _some(texts: Sequence[str]) -> str:
    """The first twelve."""
    more = len(texts) - 12
    return ", ".join(texts[:12]) + (f" and {more} more" if more > 0 else "")
