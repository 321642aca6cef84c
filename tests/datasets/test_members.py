import io
import os
import pickle
import zipfile

import pytest

from pulsefer.core.errors import BadInput
from pulsefer.datasets import members as room
from pulsefer.datasets.members import (
    HEAD_BYTES,
    marker_of,
    members,
    read_head,
    read_member,
)

FILES = {"a.txt": b"one", "deep/er/b.txt": b"two", "deep/c.bin": bytes(range(256)) * 999}


def as_folder(root):
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def as_zip(path, files=FILES, method=zipfile.ZIP_DEFLATED):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def look(root):
    problems = []
    return members(root, on_problem=problems.append), problems


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_has_the_files_of_the_folder_it_was_made_from(tmp_path, method):
    plain, _ = look(as_folder(tmp_path / "folder"))
    zipped, problems = look(as_zip(tmp_path / "copy.zip", method=method))
    assert problems == []
    assert {m.place: read_member(m) for m in plain} == FILES
    assert {m.place: read_member(m) for m in zipped} == FILES
    assert [m.place for m in plain] == [m.place for m in zipped] == sorted(FILES)


def test_a_zip_in_a_folder_counts_as_a_folder_of_its_name(tmp_path):
    as_zip(tmp_path / "copy" / "part" / "01.zip")
    (tmp_path / "copy" / "01.txt").write_text("beside")
    found, _ = look(tmp_path / "copy")
    assert [m.place for m in found] == ["01.txt", *(f"part/01/{name}" for name in sorted(FILES))]
    assert {(m.folder, m.name) for m in found} >= {("", "01.txt"), ("part/01/deep", "c.bin")}


def test_a_member_travels_to_another_process_without_the_open_zip(tmp_path):
    found, _ = look(as_zip(tmp_path / "copy.zip"))
    content = pickle.dumps(found)
    assert len(content) < 2000
    assert [read_member(m) for m in pickle.loads(content)] == [read_member(m) for m in found]


def test_the_directory_of_a_zip_is_read_once(tmp_path, monkeypatch):
    path = as_zip(tmp_path / "copy.zip", {f"{k:05d}.txt": b"%d" % k for k in range(2000)})
    opened = []
    true = zipfile.ZipFile

    def counting(*arguments):
        opened.append(arguments)
        return true(*arguments)

    monkeypatch.setattr(room.zipfile, "ZipFile", counting)
    found, _ = look(path)
    assert [read_member(m) for m in found] == [b"%d" % k for k in range(2000)]
    assert len(opened) == 1
    as_zip(tmp_path / "new.zip", {"other.txt": b"new"}).replace(path)
    assert [read_member(m) for m in look(path)[0]] == [b"new"]
    forked = os.getpid() + 1  # a child must not move the parent's place in the file
    monkeypatch.setattr(room.os, "getpid", lambda: forked)
    before = len(opened)
    read_member(look(path)[0][0])
    assert len(opened) == before + 1


def test_what_grows_beyond_the_limit_is_refused_wherever_it_lies(tmp_path):
    zeros = {"bomb.png": bytes(5_000_000)}
    path = as_zip(tmp_path / "copy.zip", zeros)
    assert path.stat().st_size < 10_000
    (tmp_path / "bomb.png").write_bytes(zeros["bomb.png"])
    for member in look(tmp_path)[0]:
        with pytest.raises(BadInput, match="at most 1000000 bytes"):
            read_member(member, limit_bytes=1_000_000)
        assert len(read_member(member, limit_bytes=5_000_000)) == 5_000_000
        assert len(read_head(member)) == HEAD_BYTES


def test_a_zip_that_lies_about_a_size_gives_no_more_than_it_says(tmp_path):
    path = as_zip(tmp_path / "copy.zip", {"bomb.png": bytes(5_000_000)})
    content = bytearray(path.read_bytes())
    true = (5_000_000).to_bytes(4, "little")
    assert content.count(true) == 2  # before the data and in the directory
    path.write_bytes(content.replace(true, (100).to_bytes(4, "little")))
    (member,) = look(path)[0]
    with pytest.raises(BadInput, match=r"copy\.zip: bomb\.png"):
        read_member(member)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_cannot_be_stopped_is_refused(tmp_path, method):
    found, _ = look(as_zip(tmp_path / "copy.zip", method=method))
    with pytest.raises(BadInput, match="stored or deflated"):
        read_member(found[0])


def test_an_encrypted_file_is_refused(tmp_path):
    path = as_zip(tmp_path / "copy.zip", {"a.txt": b"x"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(BadInput, match="encrypted"):
        read_member(look(path)[0][0])


@pytest.mark.parametrize(
    "name", ["../up.txt", "a/../../up.txt", "/etc/x.txt", "C:/x.txt", "a\\b.txt", ".."]
)
def test_a_name_that_leaves_its_folder_is_told_and_left_out(tmp_path, name):
    files = {"good.txt": b"good", name: b"bad", f"{name}/..": b"bad"}
    found, problems = look(as_zip(tmp_path / "copy.zip", files))
    assert [m.place for m in found] == ["good.txt"]
    assert len(problems) == 1
    assert "2 such names, left out" in problems[0].found
    assert list(tmp_path.iterdir()) == [tmp_path / "copy.zip"]


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_a_broken_zip_is_told_and_the_rest_goes_on(tmp_path, content):
    whole = as_zip(tmp_path / "copy" / "whole.zip")
    cut = whole.read_bytes()[:-30] if content is None else content
    (tmp_path / "copy" / "broken.zip").write_bytes(cut)
    found, problems = look(tmp_path / "copy")
    assert len(found) == len(FILES)
    assert [p.where for p in problems] == [str(tmp_path / "copy" / "broken.zip")]


def test_damage_inside_a_zip_is_a_complaint_about_one_file(tmp_path):
    path = as_zip(tmp_path / "copy.zip", {"a.txt": b"a" * 1000, "b.txt": b"b"})
    content = bytearray(path.read_bytes())
    content[40] ^= 255
    path.write_bytes(content)
    first, second = look(path)[0]
    with pytest.raises(BadInput, match=r"copy\.zip: a\.txt"):
        read_member(first)
    assert read_member(second) == b"b"


def test_a_zip_in_a_zip_is_told(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.txt", "x")
    path = as_zip(tmp_path / "copy.zip", {"inner.zip": inner.getvalue(), "b.txt": b"b"})
    found, problems = look(path)
    assert [m.place for m in found] == ["b.txt"]
    assert "unpack the outer one" in str(problems[0])


def test_what_programs_leave_behind_is_passed_over(tmp_path):
    clutter = {"__MACOSX/._a.txt": b"", "._b.txt": b"", "x/.DS_Store": b"", "good.txt": b"g"}
    assert [m.place for m in look(as_zip(tmp_path / "copy.zip", clutter))[0]] == ["good.txt"]


def test_a_file_that_went_away_is_a_complaint(tmp_path):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "a.txt").write_bytes(b"x")
    as_zip(tmp_path / "copy" / "b.zip")
    found, _ = look(tmp_path / "copy")
    (tmp_path / "copy" / "a.txt").unlink()
    (tmp_path / "copy" / "b.zip").unlink()
    for member in found:
        with pytest.raises(BadInput, match="can be read"):
            read_member(member)


@pytest.mark.parametrize("name", ["none", "file.txt"])
def test_what_is_neither_folder_nor_zip_is_refused(tmp_path, name):
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(BadInput, match=r"a folder or a \.zip"):
        look(tmp_path / name)


def test_a_marker_is_seen_wherever_it_lies(tmp_path):
    text = b'{"dataset": "afew_va", "seed": 3}'
    found, _ = look(as_zip(tmp_path / "a.zip", {"x/SPECIMEN.json": text}))
    assert marker_of(found, "afew_va") == {"dataset": "afew_va", "seed": 3}
    (tmp_path / "up" / "b").mkdir(parents=True)
    (tmp_path / "up" / "b" / "SPECIMEN.json").write_bytes(text)
    assert marker_of(look(tmp_path / "up")[0], "afew_va")["seed"] == 3
    with pytest.raises(BadInput):
        marker_of(found, "stills")
    broken = as_zip(tmp_path / "c.zip", {"SPECIMEN.json": b"[" * 100_000})
    with pytest.raises(BadInput, match="marker"):
        marker_of(look(broken)[0], "afew_va")
    assert marker_of(look(as_zip(tmp_path / "d.zip"))[0], "afew_va") is None
