"""A session: the same numbers as offline, few frames waiting, nothing swallowed, nothing hangs."""

import itertools
import math
import threading
import time

import numpy as np
import pandas as pd
import pytest
from scripted_faces import HERE, Scripted, film, one_face, steady, two_faces

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.types import Frame
from pulsefer.inference import session as module
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.config import AnalyzeConfig
from pulsefer.inference.session import Handover, Session
from pulsefer.media.video import encode

LONG_S = 20.0
"""A test that takes this long hangs."""


def analyzer(places_at=one_face, **config):
    return Analyzer(config=AnalyzeConfig(**config), detector=Scripted(places_at))


class Slow(Scripted):
    """A detector that takes its time, whatever the frame."""

    def __init__(self, seconds):
        super().__init__(one_face)
        self.seconds = seconds

    def detect(self, image):
        time.sleep(self.seconds)
        return super().detect(image)


class Source:
    """A `FrameSource` under a test's control: real time or not, with an end of its own."""

    name = "a test"

    def __init__(self, frames, *, paced=True, patience_s=math.inf, problem=None):
        self.frames, self.paced, self.patience_s = frames, paced, patience_s
        self.ends_with, self.problem = problem, None
        self.closed = threading.Event()

    def close(self):
        self.closed.set()

    def __iter__(self):
        return self._frames(iter(self.frames))

    def _frames(self, frames):
        for frame in frames:
            if self.closed.is_set():
                return
            yield frame
        self.problem = self.ends_with


def grey(times_s, size=(48, 64)):
    for index, time_s in enumerate(times_s):
        yield Frame(index, float(time_s), np.full((*size, 3), 90, np.uint8))


def stuck(stopped):
    """A camera that stops sending after 1.2 s, says so to the test, and cannot be interrupted."""
    yield from grey(steady(1.2))
    stopped.set()
    threading.Event().wait(LONG_S)


def row_values(rows):
    """Comparable: NaN is NaN."""
    return [{name: repr(value) for name, value in row.items()} for row in rows]


# The same numbers


@pytest.mark.parametrize("places_at", [one_face, two_faces])
@pytest.mark.parametrize("step_s", [1.0, 0.5])
def test_offline_and_live_give_the_same_rows_for_the_same_frames(places_at, step_s):
    offline = list(analyzer(places_at, step_s=step_s).frames(film(steady(7.3))))
    with Session(analyzer(places_at, step_s=step_s), film(steady(7.3)), pace=False) as session:
        live = list(session)
    assert row_values(live) == row_values(offline)
    assert (session.seen, session.dropped) == (round(7.3 * 25), 0)
    table = session.analyzer.table(offline, source="frames")
    pd.testing.assert_frame_equal(session.table(), table, check_exact=True)
    assert session.table().attrs == table.attrs


def test_with_drops_the_rows_are_those_of_the_frames_that_were_kept():
    frames = list(film(steady(3.2)))
    with Session(Analyzer(detector=Slow(0.2)), frames) as session:
        live = list(session)
    assert session.dropped == len(session.dropped_indices) > 0
    kept = [frame for frame in frames if frame.index not in session.dropped_indices]
    assert session.seen == len(frames) == len(kept) + session.dropped
    assert row_values(live) == row_values(analyzer().frames(kept))


def test_a_file_played_as_fast_as_it_can_has_the_table_of_the_file(tmp_path):
    path = tmp_path / "film.mp4"
    encode(path, (frame.image for frame in film(steady(3, 50.0))), fps_hz=50.0, crf=1)
    offline = analyzer().video(path)
    with Session(analyzer(), str(path), pace=False) as session:
        list(session)
    assert session.dropped == 0
    live = session.table()
    pd.testing.assert_frame_equal(live, offline, check_exact=True)
    assert live.attrs.items() <= offline.attrs.items()
    assert session.seen == 75  # every second frame, as offline


def test_an_end_that_was_asked_for_is_the_end():
    offline = list(analyzer().frames(film(steady(6)), end_s=3.5))
    with Session(analyzer(), film(itertools.count(0, 1 / 25)), pace=False, end_s=3.5) as session:
        assert row_values(session) == row_values(offline)


def test_whoever_watches_sees_every_frame_that_is_analysed():
    watched = []
    with Session(
        analyzer(two_faces), film(steady(1)), pace=False,
        watch=lambda frame, faces: watched.append((frame.index, len(faces))),
    ) as session:  # fmt: skip
        list(session)
    assert watched == [(index, 2) for index in range(25)]


def test_the_analyzer_itself_opens_a_session():
    with analyzer().live(grey(steady(1.5)), pace=False) as session:
        assert [row["time_s"] for row in session] == [0.0, 1.0]


# Late frames


def test_the_newest_frames_wait_and_the_oldest_give_way():
    handover = Handover(2)
    for frame in grey(steady(0.2)):
        assert handover.give(frame, frame.index)
    assert (handover.seen, handover.dropped, len(handover)) == (5, 3, 2)
    assert list(handover.dropped_indices) == [0, 1, 2]
    handover.end()
    taken = [handover.take(), handover.take()]
    assert [(frame.index, at_s) for frame, at_s in taken] == [(3, 3), (4, 4)]
    assert handover.take() is None


def test_without_dropping_whoever_gives_waits_for_room():
    handover = Handover(1, drop=False)
    given = []

    def give():
        given.extend(frame.index for frame in grey(steady(0.2)) if handover.give(frame, 0.0))
        handover.end()

    thread = threading.Thread(target=give, daemon=True)
    thread.start()
    taken = []
    while (item := handover.take()) is not None:
        taken.append(item[0].index)
        assert len(handover) <= 1
    thread.join(LONG_S)
    assert taken == given == [0, 1, 2, 3, 4]
    assert handover.dropped == 0


def test_a_closed_handover_takes_nothing_and_lets_whoever_waits_go():
    handover = Handover(1, drop=False)
    first, second = grey(steady(0.08))
    assert handover.give(first, 0.0)
    threading.Timer(0.05, handover.close).start()
    assert not handover.give(second, 0.0)
    assert handover.take() is None
    with pytest.raises(TimeoutError):
        Handover().take(0.01)
    with pytest.raises(ValueError, match="waiting must be at least 1, found 0"):
        Handover(0)


def test_a_slow_analysis_drops_frames_and_the_queue_stays_short():
    waiting = []

    def watched():
        for frame in film(steady(3, 50.0)):
            yield frame
            waiting.append(session.waiting)

    # Every look takes as long as 25 frames; all looks would take 4.5 s longer than the film.
    with Session(Analyzer(detector=Slow(0.5)), watched(), waiting=2) as session:
        rows = list(session)
    assert [row["time_s"] for row in rows] == [0.0, 1.0, 2.0]
    assert max(waiting) <= 2
    assert 0.2 < session.dropped / session.seen < 0.99
    assert session.latency_s.max_s < 3.0
    assert 0 < session.latency_s.median_s <= session.latency_s.max_s
    assert len(session.latencies_s) == len(rows)


# Tables on the way


def test_before_the_first_row_the_table_is_empty_and_has_its_columns():
    session = Session(analyzer(), [])
    empty = session.analyzer.table([], source="frames")
    pd.testing.assert_frame_equal(session.latest(), empty)
    pd.testing.assert_frame_equal(session.table(), empty)
    assert session.latest().attrs["source"] == "frames"
    assert math.isnan(session.latency_s.median_s)
    assert math.isnan(session.fps_hz)
    assert math.isnan(session.silent_s)


def test_the_latest_are_the_rows_of_the_last_seconds():
    with Session(analyzer(two_faces), film(steady(8)), pace=False) as session:
        list(session)
    whole = session.table()
    assert len(whole) == session.n_rows == 16
    for seconds, n_steps in ((3, 3), (1, 1), (0.1, 1), (100, 8)):
        latest = session.latest(seconds)
        pd.testing.assert_frame_equal(latest, whole.iloc[-2 * n_steps :].reset_index(drop=True))
        assert latest.attrs == whole.attrs
    assert session.fps_hz > 0


def test_what_is_packed_reads_as_before_and_after_a_day_it_is_gone(monkeypatch):
    monkeypatch.setattr(module, "PACKED", 3)
    times_s = steady(14, 10.0)
    offline = analyzer().table(analyzer(two_faces).frames(film(times_s)), source="frames")
    with Session(analyzer(two_faces), film(times_s), pace=False) as session:
        list(session)
    pd.testing.assert_frame_equal(session.table(), offline, check_exact=True)
    assert session.table().attrs == offline.attrs
    pd.testing.assert_frame_equal(session.latest(12), offline.iloc[4:].reset_index(drop=True))
    monkeypatch.setattr(module, "DAY_S", 5.0)
    with Session(analyzer(two_faces), film(times_s), pace=False) as session:
        list(session)
    kept = session.table()
    assert 10 <= len(kept) < 20 < session.n_rows == len(offline)
    pd.testing.assert_frame_equal(kept, offline.iloc[-len(kept) :].reset_index(drop=True))


def test_a_row_is_read_once_and_a_wait_has_an_end():
    gate = threading.Event()

    def frames():
        yield from grey(steady(2.2))
        gate.wait(LONG_S)

    with Session(analyzer(), frames(), pace=False) as session:
        rows = session.read(LONG_S)
        while len(rows) < 2:
            rows += session.read(LONG_S)
        assert [row["time_s"] for row in rows] == [0.0, 1.0]
        began_s = time.perf_counter()
        assert session.read(0.05) == []
        assert time.perf_counter() - began_s < 5.0
        assert not session.ended
        assert session.silent_s > 0
        gate.set()
        assert [row["time_s"] for row in session] == [2.0]
        assert session.ended
        assert session.read() == []


# Ends


def test_a_session_closes_quickly_also_where_the_source_blocks(caplog):
    stopped = threading.Event()
    with Session(analyzer(), stuck(stopped)) as session:
        assert next(iter(session))["time_s"] == 0.0
        assert stopped.wait(LONG_S)
        began_s = time.perf_counter()
    assert time.perf_counter() - began_s < 5.0
    assert "left behind" in caplog.text
    assert [row["time_s"] for row in session] == [1.0]  # the second that had begun
    assert session.ended


def test_closing_ends_a_reader_in_another_thread():
    with Session(analyzer(), stuck(threading.Event())) as session:
        next(iter(session))
        threading.Timer(0.05, session.close).start()
        assert len(list(session)) == 1
    session.close()  # once more is no harm


@pytest.mark.parametrize("pace", [True, False])
def test_what_a_source_fails_with_is_raised_after_the_rows_before_it(pace):
    def frames():
        yield from film(steady(2.2))
        raise OSError("the plug")

    rows = []
    with (
        pytest.raises(OSError, match="the plug"),
        Session(analyzer(), frames(), pace=pace) as session,
    ):
        rows.extend(session)
    assert [row["time_s"] for row in rows] == [0.0, 1.0, 2.0]
    assert len(session.table()) == 3


@pytest.mark.parametrize("pace", [True, False])
def test_what_the_analysis_fails_with_is_raised_and_the_source_is_let_go(pace):
    def places_at(ms):
        if ms > 1500:
            raise ArithmeticError("no such face")
        return [HERE]

    source = Source(film(itertools.count(0, 1 / 25)), paced=pace)
    with (
        pytest.raises(ArithmeticError, match="no such face"),
        Session(analyzer(places_at), source) as session,
    ):
        for _ in session:
            pass
    assert source.closed.is_set()


def test_an_error_that_nobody_has_read_is_raised_at_the_end_of_the_block():
    session = Session(analyzer(), ["no frame"])
    with pytest.raises(BadInput, match=r"frame 0: expected a Frame or an array"), session:
        pass


def test_an_error_of_the_user_is_not_covered_by_one_of_the_session():
    def fail():
        with Session(analyzer(), ["no frame"]) as session:
            session.close()
            raise KeyError("of the user")

    with pytest.raises(KeyError, match="of the user") as raised:
        fail()
    assert "before that, the session had ended with BadInput" in raised.value.__notes__[0]


def test_an_error_that_was_caught_is_not_raised_again():
    with Session(analyzer(), ["no frame"], pace=False) as session:
        with pytest.raises(BadInput):
            list(session)
        assert session.ended
        assert session.read() == []


def test_frames_whose_times_do_not_increase_are_refused():
    frames = [*grey([0.0, 0.1]), *grey([0.05])]
    with (
        pytest.raises(BadInput, match=r"a time after 0\.1 s"),
        Session(analyzer(), frames, pace=False) as session,
    ):
        list(session)


def test_what_cannot_be_opened_is_told_at_once(tmp_path):
    (tmp_path / "film.mp4").write_text("no film")
    with pytest.raises(BadInput, match="a video that FFmpeg can read"):
        Session(analyzer(), tmp_path / "film.mp4").__enter__()
    with pytest.raises(BadInput, match="no such file"):
        Session(analyzer(), "nowhere.mp4")
    with pytest.raises(ValueError, match="end_s must be above 0, found 0"):
        Session(analyzer(), [], end_s=0.0)


def test_a_session_runs_once():
    session = Session(analyzer(), [])
    with session:
        assert list(session) == []
    with pytest.raises(RuntimeError, match="once"):
        session.__enter__()


def test_a_camera_that_is_unplugged_ends_the_session_with_a_problem_and_its_rows(caplog):
    gone = Problem("camera 0", "pictures until it is closed", "55, then: no such device")
    told = []
    with Session(
        analyzer(), Source(film(steady(2.2)), paced=False, problem=gone), on_problem=told.append
    ) as session:
        rows = list(session)
    assert [row["time_s"] for row in rows] == [0.0, 1.0, 2.0]
    assert session.problems == told == [gone]
    assert not caplog.text
    with Session(analyzer(), Source(film(steady(1.0)), paced=False, problem=gone)) as session:
        list(session)
    assert "55, then: no such device" in caplog.text


def test_a_camera_that_shows_nothing_any_more_ends_the_session_with_a_problem():
    told = []
    source = Source(stuck(threading.Event()), patience_s=0.2)
    with Session(analyzer(), source, on_problem=told.append) as session:
        rows = list(session)
    assert rows[-1]["time_s"] == 1.0
    assert [problem.found for problem in told] == ["none for 0.2 s"]
    assert source.closed.is_set()


def test_arrays_get_the_time_of_their_arrival_and_may_be_written_over():
    picture = np.zeros((160, 320, 3), np.uint8)

    def filmed():
        for level in range(8):
            time.sleep(0.01)
            picture[:] = level
            yield picture

    session = Session(analyzer(), filmed())
    frames = list(session.source)
    assert [int(frame.image.mean()) for frame in frames] == list(range(8))
    times_s = [frame.time_s for frame in frames]
    assert times_s[0] == 0.0
    assert (np.diff(times_s) >= 0.009).all()
