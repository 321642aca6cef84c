"""Tables 1 and 2: what stands in them, what is asked of whom, and what stands beside."""

import dataclasses
import math

import pytest

from made_store import make_store
from pulsefer.baselines.registry import SYSTEMS
from pulsefer.experiments import table1, table2
from pulsefer.experiments.budget import SIZES
from pulsefer.experiments.compared import CRNN, Line, Table
from pulsefer.experiments.grid import plan, run_jobs
from pulsefer.experiments.published import TABLE_1, TABLE_2
from pulsefer.samples.split import LEAKY

TINY = dataclasses.replace(SIZES["smoke"], n_frames=2, window_step_s=4.0)
FEW = Table(
    "table1",
    "ppg",
    (
        Line("R-ELM", "r_elm", "title", "an unknown protocol", by_trial=True,
             settings={"n_hidden": (20,)}),
        Line("NCA, 3 classes", "r_elm", n_classes=3, by_trial=True,
             settings={"n_hidden": (20,)}),
        *CRNN,
    ),
    TABLE_1,
)  # fmt: skip


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return {"deap": make_store(tmp_path_factory.mktemp("tables") / "store", trials=8).path}


@pytest.fixture(scope="module")
def grid(stores, tmp_path_factory):
    return run_jobs(plan(FEW.arms(stores, TINY), out=tmp_path_factory.mktemp("grid")))


@pytest.fixture(scope="module")
def rows(grid, stores):
    assert grid.problems == ()
    return FEW.rows(grid, stores, TINY)


@pytest.mark.parametrize(("table", "published"), [(table1.TABLE, TABLE_1), (table2.TABLE, TABLE_2)])
def test_every_published_figure_has_its_line_and_every_line_its_system(table, published):
    titles = [line.title for line in table.lines]
    assert len(set(titles)) == len(titles)
    assert {title for title, _ in published} <= set(titles)
    assert {line.key for line in table.lines if line.key} <= SYSTEMS.keys()
    for line in table.lines:
        if (line.title, "valence") in published:
            assert line.obtained


def test_whole_trials_are_not_asked_where_a_protocol_cuts_them(stores):
    for arm in table1.TABLE.arms(stores, SIZES["paper"]):
        by_trial = {line.title for line in table1.TABLE.lines if line.by_trial}
        if arm.protocol.by in LEAKY:
            assert not any(f", {title}, " in arm.name for title in by_trial)


def test_all_have_the_windows_and_folds_of_the_network_but_a_reference_for_the_heart_rate(stores):
    arms = [arm for arm in table1.TABLE.arms(stores, SIZES["desk"]) if "valence" in arm.name]
    some = [arm for arm in arms if "MTTS-CAN" not in arm.name]
    assert len({(arm.windows, arm.protocol) for arm in some}) == 1
    assert len(some) == len(table1.TABLE.lines) - 1
    (reference,) = (arm for arm in arms if "MTTS-CAN" in arm.name)
    assert reference.windows.length_s == 10


def test_a_store_without_the_tables_signal_is_left_to_the_other_table(stores):
    assert table2.TABLE.arms(stores, TINY) == []
    assert table2.TABLE.rows(run_jobs([]), stores, TINY) == []


def test_what_was_published_stands_beside_with_its_protocol_and_what_was_read(rows):
    (row,) = (r for r in rows if r.system == "R-ELM" and r.metric == "accuracy")
    assert row.paper == 0.6406
    assert row.paper_where == "Table 1, an unknown protocol; ours read from its title"
    mtl = [r for r in rows if (r.system, r.metric) == ("MTL", "accuracy")]
    (row,) = (r for r in mtl if r.selection == "last")
    assert (row.paper, row.paper_where) == (0.9626, "Table 1, an unstated protocol")
    assert all(math.isnan(r.paper) for r in rows if r.system == "STL")


def test_three_classes_have_scores_of_three_classes_and_no_others(rows):
    found = {r.metric for r in rows if r.system == "NCA, 3 classes"}
    assert found == {"accuracy_thirds", "balanced_accuracy_thirds", "majority_thirds"}


def test_the_network_is_compared_with_everyone_who_was_asked_the_same(rows):
    found = [r for r in rows if r.metric == "difference_balanced_accuracy"]
    assert {r.system for r in found} == {"MTL − R-ELM", "MTL − STL"}
    assert all(0 < r.p <= 1 for r in found)


def test_a_heart_rate_is_scored_of_those_who_tell_one(rows):
    assert {r.system for r in rows if r.dimension == "heart rate"} == {"MTL"}


def test_of_a_specimen_for_one_question_only_that_is_asked(stores):
    (path,) = stores.values()
    table = dataclasses.replace(table2.TABLE, signal="ppg")
    arms = table.arms({table2.CLIP.name: path}, SIZES["desk"])
    assert {arm.windows.dimension for arm in arms} == {"valence"}
    assert len(arms) == 3 * 2
