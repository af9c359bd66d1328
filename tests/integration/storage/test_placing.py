"""Making a blob appear as an ordinary file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from framefarm.storage import place, placing


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    path = tmp_path / "blobs" / "ab"
    path.parent.mkdir()
    path.write_bytes(b"picture")
    return path


@pytest.fixture(params=["as the disk can", "link", "copy"])
def way(request, monkeypatch) -> str:
    """Each way a disk may allow."""
    if request.param != "as the disk can":
        monkeypatch.setattr(placing, "_clone", lambda *_: False)
    if request.param == "copy":
        monkeypatch.setattr(os, "link", _refuse)
    return str(request.param)


def _refuse(*_: object) -> None:
    raise OSError("not on this disk")


def test_the_file_appears_with_its_folders(blob: Path, tmp_path: Path, way: str):
    target = tmp_path / "out" / "project" / "0001.png"

    place(blob, target)

    assert target.read_bytes() == b"picture", way
    assert list(target.parent.iterdir()) == [target]


def test_what_was_there_is_replaced(blob: Path, tmp_path: Path, way: str):
    target = tmp_path / "0001.png"
    target.write_bytes(b"an older picture")

    place(blob, target)

    assert target.read_bytes() == b"picture", way
    assert blob.read_bytes() == b"picture"


def test_placing_twice_changes_nothing(blob: Path, tmp_path: Path, way: str):
    target = tmp_path / "0001.png"
    place(blob, target)
    place(blob, target)

    assert target.read_bytes() == b"picture", way
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0001.png", "blobs"]


def test_half_a_copy_is_never_seen_and_not_left(blob: Path, tmp_path: Path, monkeypatch):
    target = tmp_path / "out" / "0001.png"
    target.parent.mkdir()
    target.write_bytes(b"an older picture")

    def break_off(_: Path, to: Path) -> None:
        to.write_bytes(b"pic")
        raise OSError("disk full")

    monkeypatch.setattr(placing, "_clone", lambda *_: False)
    monkeypatch.setattr(os, "link", _refuse)
    monkeypatch.setattr(shutil, "copyfile", break_off)

    with pytest.raises(OSError, match="disk full"):
        place(blob, target)

    assert target.read_bytes() == b"an older picture"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_in_the_way_is_an_error_and_stays(blob: Path, tmp_path: Path):
    target = tmp_path / "0001.png"
    (target / "inside").mkdir(parents=True)

    with pytest.raises(OSError):  # noqa: PT011  the text differs between systems
        place(blob, target)

    assert (target / "inside").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0001.png", "blobs"]


def test_a_link_to_a_blob_is_closed_to_writing_and_may_be_replaced(
    blob: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(placing, "_clone", lambda *_: False)
    shared, own = tmp_path / "shared.png", tmp_path / "own.png"
    copied = tmp_path / "copied.png"

    place(blob, own)
    assert own.stat().st_mode & 0o222
    place(blob, shared, read_only=True)
    assert shared.samefile(blob)
    assert not shared.stat().st_mode & 0o222

    # As programs save that write beside a file first.
    copied.write_bytes(b"edited")
    copied.replace(shared)
    assert blob.read_bytes() == b"picture"
    place(blob, shared, read_only=True)
    assert shared.read_bytes() == b"picture"


def test_a_copy_stays_open_to_writing(blob: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(placing, "_clone", lambda *_: False)
    monkeypatch.setattr(os, "link", _refuse)
    target = tmp_path / "0001.png"

    place(blob, target, read_only=True)

    assert target.stat().st_mode & 0o200
