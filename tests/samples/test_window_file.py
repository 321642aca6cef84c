import math

import pytest

from pulsefer.core.errors import BadInput
from pulsefer.samples.window import WindowConfig, window
from pulsefer.samples.window_file import read_windows, write_windows


def test_windows_come_back_as_they_were(small_store, tmp_path):
    windows = window(small_store, WindowConfig(step_s=2.0, n_frames=4, hr_context_s=3.0))
    write_windows(tmp_path / "w.parquet", windows)
    back = read_windows(tmp_path / "w.parquet")
    assert back.config == windows.config
    assert (back.left_out, back.hr_rejected) == (windows.left_out, windows.hr_rejected)
    assert [one.id for one in back.windows] == [one.id for one in windows.windows]
    for ours, theirs in zip(back.windows, windows.windows, strict=True):
        same_rate = ours.hr_bpm == theirs.hr_bpm or (
            math.isnan(ours.hr_bpm) and math.isnan(theirs.hr_bpm)
        )
        assert same_rate
        assert (ours.emotion, ours.key, ours.hr_reason) == (
            theirs.emotion, theirs.key, theirs.hr_reason,
        )  # fmt: skip


def test_the_same_windows_are_the_same_bytes(small_store, tmp_path):
    windows = window(small_store, WindowConfig(step_s=4.0))
    for name in ("a", "b"):
        write_windows(tmp_path / name, windows)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table at all"])
def test_what_is_no_table_of_windows_is_refused(content, tmp_path):
    (tmp_path / "w.parquet").write_bytes(content)
    with pytest.raises(BadInput, match="delete the file; they are cut again"):
        read_windows(tmp_path / "w.parquet")


def test_another_table_and_no_file_are_refused(small_store, tmp_path):
    with pytest.raises(BadInput, match="expected windows"):
        read_windows(small_store.path / "index.parquet")
    with pytest.raises(BadInput, match="expected windows"):
        read_windows(tmp_path / "none.parquet")
