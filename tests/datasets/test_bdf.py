import threading

import numpy as np
import pyedflib
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.datasets import bdf

FS_HZ = 64
N_RECORDS = 6


def course(bits=0):
    """A ramp, a sine and trigger codes 1, 4, 5, 4 that come up at known samples."""
    n = FS_HZ * N_RECORDS
    steps = np.zeros((3, n), np.int32)
    steps[0] = np.arange(n) - 100
    steps[1] = np.rint(1e6 * np.sin(np.arange(n) / 9))
    steps[2] = bits
    for code, start in ((1, 5), (4, 70), (5, 130), (4, 200)):
        steps[2, start : start + 40] = bits + code
    return steps


def write(path, steps, label="Status"):
    records = (steps[:, k : k + FS_HZ] for k in range(0, steps.shape[1], FS_HZ))
    bdf.write(path, records, labels=["Fp1", "Plet", label], fs_hz=FS_HZ, n_records=N_RECORDS)
    return path


@pytest.fixture
def recording(tmp_path):
    return write(tmp_path / "a.bdf", course())


def test_samples_come_back_to_the_last_bit(recording):
    for index, steps in enumerate(course()):
        np.testing.assert_array_equal(bdf.read_channel(recording, index, digital=True), steps)


def test_a_step_is_a_thirty_second_of_a_microvolt(recording):
    got = bdf.read_channel(recording, 1, start=10, n_samples=50)
    # The limits in the header, -262144 and 262143, make the gain two parts in a million less.
    np.testing.assert_allclose(got, course()[1, 10:60] / 32, rtol=2e-6, atol=0.5)


def test_pyedflib_itself_reads_what_is_written(recording):
    with pyedflib.EdfReader(str(recording)) as reader:
        assert reader.getSignalLabels() == ["Fp1", "Plet", "Status"]
        assert list(reader.getSampleFrequencies()) == [FS_HZ] * 3
        assert reader.getFileDuration() == N_RECORDS


@pytest.mark.parametrize(
    ("label", "bits"), [("Status", 0), ("", 0x18FF00), ("-1", 0x18FF00), ("-1", 0x58FF00)]
)
def test_codes_are_found_whatever_the_channel_is_called_and_the_amplifier_adds(
    tmp_path, label, bits
):
    path = write(tmp_path / "a.bdf", course(bits), label)
    assert bdf.probe(path).labels == ("Fp1", "Plet", label)
    assert bdf.onsets(path, 4).tolist() == [70, 200]
    assert bdf.onsets(path, 1).tolist() == [5]
    assert bdf.onsets(path, 9).tolist() == []


def test_a_battery_that_runs_low_is_no_event(tmp_path):
    steps = course(0x18FF00)
    steps[2, 85:] += 0x400000
    path = write(tmp_path / "a.bdf", steps, "")
    assert bdf.onsets(path, 4).tolist() == [70, 200]


def test_a_code_that_stands_from_the_first_sample_begins_there(tmp_path):
    steps = course()
    steps[2, :20] = 4
    assert bdf.onsets(write(tmp_path / "a.bdf", steps), 4).tolist() == [0, 70, 200]


def test_the_header_tells_rate_and_length(recording):
    info = bdf.probe(recording)
    assert info.fs_hz == (64.0, 64.0, 64.0)
    assert (info.n_records, info.length_s) == (6, 6.0)
    assert info.channel("Plet", recording) == 1


def test_a_channel_is_asked_for_by_a_name_that_is_there_once(recording, tmp_path):
    with pytest.raises(BadInput, match="one channel named ECG, found 0 among Fp1, Plet, Status"):
        bdf.probe(recording).channel("ECG", recording)
    twice = write(tmp_path / "b.bdf", course(), "Plet")
    with pytest.raises(BadInput, match="found 2"):
        bdf.probe(twice).channel("Plet", twice)


@pytest.mark.parametrize("keep", [0, 100, 600, 1023, 2000, -1, -600])
def test_a_cut_file_is_refused_with_its_name(recording, keep):
    recording.write_bytes(recording.read_bytes()[:keep])
    with pytest.raises(BadInput, match=r"a\.bdf"):
        bdf.read_channel(recording, 0)


@pytest.mark.parametrize(
    ("at", "octets", "what"),
    [
        (0, b"JPEG", "BioSemi"),
        (236, b"-1      ", "positive numbers"),
        (236, b"abcdefgh", "number of records"),
        (244, b"0       ", "positive numbers"),
        (244, b"nan     ", "finite"),
        (252, b"9999", "1-512 channels"),
        (252, b"0   ", "1-512 channels"),
    ],
)
def test_a_broken_header_is_refused_by_the_field_that_is_broken(recording, at, octets, what):
    data = bytearray(recording.read_bytes())
    data[at : at + len(octets)] = octets
    recording.write_bytes(data)
    with pytest.raises(BadInput, match=what):
        bdf.probe(recording)


def test_what_is_not_there_cannot_be_read(recording, tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        bdf.probe(tmp_path / "none.bdf")
    with pytest.raises(BadInput, match="3 channels"):
        bdf.read_channel(recording, 3)
    with pytest.raises(BadInput, match="samples 380 to 390"):
        bdf.read_channel(recording, 0, start=380, n_samples=10)
    with pytest.raises(BadInput, match="samples -1 to"):
        bdf.read_channel(recording, 0, start=-1, n_samples=10)


def test_threads_may_read_one_file_at_the_same_time(recording):
    failed = []

    def read():
        try:
            for _ in range(20):
                bdf.read_channel(recording, 1)
        except BadInput as error:
            failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_writer_that_is_given_less_than_announced_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="6 records, found 2"):
        bdf.write(
            tmp_path / "a.bdf",
            [np.zeros((1, 64), np.int32)] * 2,
            labels=["Plet"],
            fs_hz=64,
            n_records=6,
        )
    with pytest.raises(ValueError, match="shape"):
        write(tmp_path / "a.bdf", course()[:2])
    with pytest.raises(ValueError, match="longer than the 16 characters"):
        write(tmp_path / "a.bdf", course(), "a name that does not fit")
    assert list(tmp_path.iterdir()) == []
