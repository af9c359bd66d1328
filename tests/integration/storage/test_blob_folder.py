"""Blobs are there whole or not at all (L5), and never fill the disk (L14)."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from framefarm.storage import (
    BlobFolder,
    BlobMismatchError,
    BlobMissingError,
    StorageError,
    StorageFullError,
)

BYTES = b"a frame" * 1000
SHA = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> BlobFolder:
    return BlobFolder(tmp_path / "blobs", low_water_bytes=0)


def keep(blobs: BlobFolder, content: bytes = BYTES, *, announced: bytes | None = None) -> str:
    told = content if announced is None else announced
    sha256 = hashlib.sha256(told).hexdigest()
    with blobs.receive(sha256, len(told)) as incoming:
        incoming.write(content)
        incoming.check()
        incoming.keep()
    return sha256


def left_behind(blobs: BlobFolder) -> list[Path]:
    return [path for path in blobs.root.rglob("*") if path.is_file()]


def test_a_kept_blob_is_there_whole(blobs: BlobFolder):
    keep(blobs)

    assert blobs.has(SHA)
    assert blobs.existing(SHA).read_bytes() == BYTES
    assert left_behind(blobs) == [blobs.path_of(SHA)]
    blobs.verify(SHA)


def test_pieces_make_a_blob(blobs: BlobFolder):
    with blobs.receive(SHA, len(BYTES)) as incoming:
        for at in range(0, len(BYTES), 999):
            assert incoming.missing_bytes == len(BYTES) - at
            incoming.write(memoryview(BYTES)[at : at + 999])
        incoming.check()
        incoming.keep()

    assert blobs.existing(SHA).read_bytes() == BYTES


def test_a_blob_of_no_bytes_is_a_blob(blobs: BlobFolder):
    assert blobs.existing(keep(blobs, b"")).read_bytes() == b""


def test_keeping_a_blob_again_changes_nothing(blobs: BlobFolder):
    keep(blobs)
    keep(blobs)

    assert left_behind(blobs) == [blobs.path_of(SHA)]


def test_nothing_is_visible_before_it_is_kept(blobs: BlobFolder):
    with blobs.receive(SHA, len(BYTES)) as incoming:
        incoming.write(BYTES)
        assert not blobs.has(SHA)
        incoming.check()
        assert not blobs.has(SHA)

    assert left_behind(blobs) == []


def test_other_bytes_are_refused_and_leave_nothing(blobs: BlobFolder):
    with pytest.raises(BlobMismatchError, match="do not have the announced SHA-256"):
        keep(blobs, b"x" + BYTES[1:], announced=BYTES)

    assert left_behind(blobs) == []


def test_fewer_bytes_are_refused(blobs: BlobFolder):
    with pytest.raises(BlobMismatchError, match=r"6,999 bytes came of the announced 7,000"):
        keep(blobs, BYTES[:-1], announced=BYTES)

    assert left_behind(blobs) == []


def test_more_bytes_are_refused_before_they_are_written(blobs: BlobFolder):
    with pytest.raises(BlobMismatchError, match="More than the announced"):
        keep(blobs, BYTES, announced=BYTES[:10])

    assert left_behind(blobs) == []


def test_l14_a_disk_below_its_low_water_mark_takes_nothing(tmp_path: Path):
    blobs = BlobFolder(tmp_path / "blobs", low_water_bytes=1 << 60)

    with pytest.raises(StorageFullError, match="in reserve") as full:
        blobs.receive(SHA, 1)

    assert full.value.retryable
    assert left_behind(blobs) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_so_and_leaves_nothing(blobs: BlobFolder, monkeypatch, code: int):
    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(StorageFullError, match=os.strerror(code)):
        keep(blobs)

    monkeypatch.undo()
    assert left_behind(blobs) == []


def test_a_failing_disk_is_another_error(blobs: BlobFolder, monkeypatch):
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)

    with pytest.raises(StorageError, match="Input/output error") as failed:
        keep(blobs)

    assert not isinstance(failed.value, StorageFullError)


def test_a_blob_is_synced_before_it_is_renamed_and_its_folder_after(blobs: BlobFolder, monkeypatch):
    keep(blobs, b"makes the folder" + bytes([0]))
    order = []
    sync, rename = os.fsync, Path.rename

    def synced(descriptor: int) -> None:
        order.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        sync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        order.append(("rename", str(target)))
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    keep(blobs)

    target = str(blobs.path_of(SHA))
    assert order[0][0] == "sync"
    assert order[0][1].startswith(str(blobs.incoming))
    assert order[-2:] == [("rename", target), ("sync", str(Path(target).parent))]


def test_what_a_killed_manager_was_receiving_is_removed_at_the_next_start(blobs: BlobFolder):
    incoming = blobs.receive(SHA, len(BYTES))
    incoming.write(BYTES[:100])
    kept = keep(blobs, b"kept")

    again = BlobFolder(blobs.root, low_water_bytes=0)
    again.remove_leftovers()

    assert left_behind(again) == [again.path_of(kept)]
    incoming.drop()


@pytest.mark.parametrize(
    "sha256", ["", "x" * 64, SHA.upper(), SHA + "\n", "../" + SHA[3:], SHA[:-1], "/" + SHA[1:]]
)
def test_what_is_no_hash_has_no_place(blobs: BlobFolder, sha256: str):
    for ask in (blobs.path_of, blobs.has, blobs.existing, blobs.remove, blobs.verify):
        with pytest.raises(BlobMissingError):
            ask(sha256)
    with pytest.raises(BlobMissingError):
        blobs.receive(sha256, 1)


def test_a_blob_that_is_not_there_is_missing(blobs: BlobFolder):
    assert not blobs.has(SHA)
    with pytest.raises(BlobMissingError, match=SHA):
        blobs.existing(SHA)
    blobs.remove(SHA)


def test_a_removed_blob_is_gone(blobs: BlobFolder):
    keep(blobs)
    blobs.remove(SHA)

    assert not blobs.has(SHA)


def test_bytes_that_were_changed_on_disk_are_found(blobs: BlobFolder):
    keep(blobs)
    blobs.path_of(SHA).write_bytes(b"x" + BYTES[1:])

    with pytest.raises(BlobMismatchError, match="any more"):
        blobs.verify(SHA)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(StorageError, match="file"):
        BlobFolder(tmp_path / "file" / "blobs")


def test_a_folder_that_was_taken_away_is_said(blobs: BlobFolder):
    blobs.incoming.rmdir()
    blobs.root.rmdir()

    with pytest.raises(StorageError, match="could not be used"):
        blobs.receive(SHA, 1)


def test_a_blob_that_was_touched_is_not_removed(blobs: BlobFolder):
    keep(blobs)
    blobs.touch(SHA)

    assert not blobs.remove(SHA, untouched_since=1.0)
    assert blobs.has(SHA)
    assert list(blobs.untouched_since(1.0)) == []
    assert blobs.remove(SHA)
    assert not blobs.remove(SHA)
    with pytest.raises(BlobMissingError):
        blobs.touch(SHA)
