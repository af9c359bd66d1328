"""Copying a farm while it works."""

from __future__ import annotations

import hashlib
import sqlite3
import stat
from pathlib import Path

import pytest

from framefarm.farm.backup import BackupError, back_up


def farm_in(folder: Path, *contents: bytes) -> Path:
    """The least that makes a farm: a database in WAL mode that names blobs."""
    folder.mkdir()
    with sqlite3.connect(folder / "farm.db") as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE files (sha256 TEXT)")
        database.execute("CREATE TABLE stages (blend_sha256 TEXT)")
        for content in contents:
            database.execute("INSERT INTO files VALUES (?)", (blob(folder, content),))
    database.close()
    (folder / "manager.lock").touch()
    (folder / "serving.json").write_text("{}")
    (folder / "manager.key").write_text("secret")
    (folder / "manager.key").chmod(0o600)
    return folder


def blob(folder: Path, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / "blobs" / sha256[:2] / sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return sha256


def named(folder: Path) -> list[str]:
    with sqlite3.connect(f"file:{folder}/farm.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT sha256 FROM files").fetchall()
    database.close()
    return [sha256 for (sha256,) in rows]


def test_everything_a_manager_needs_is_copied_and_nothing_else(tmp_path: Path):
    farm = farm_in(tmp_path / "farm", b"one", b"two")
    (farm / "blobs" / "incoming").mkdir()
    (farm / "blobs" / "incoming" / "half").write_bytes(b"ha")
    (farm / "outputs").mkdir()

    done = back_up(farm, tmp_path / "copy")

    copy = tmp_path / "copy"
    assert (done.blobs, done.copied, done.copied_bytes) == (2, 2, 6)
    assert {path.name for path in copy.iterdir()} == {"farm.db", "blobs", "manager.key"}
    for sha256 in named(copy):
        content = (copy / "blobs" / sha256[:2] / sha256).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256
    assert stat.S_IMODE((copy / "manager.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700


def test_files_of_a_project_are_checked_where_there_may_be_some(tmp_path: Path):
    farm = farm_in(tmp_path / "farm")
    with sqlite3.connect(farm / "farm.db") as database:
        database.execute("CREATE TABLE trees (tree_sha256 TEXT, sha256 TEXT)")
        database.execute("INSERT INTO trees VALUES ('a tree', ?)", (blob(farm, b"wood"),))
    database.close()
    back_up(farm, tmp_path / "copy")
    with sqlite3.connect(farm / "farm.db") as database:
        database.execute("INSERT INTO trees VALUES ('a tree', ?)", ("0" * 64,))
    database.close()

    with pytest.raises(BackupError, match="1 files that the database names"):
        back_up(farm, tmp_path / "copy")


def test_what_is_written_but_still_in_the_log_is_copied(tmp_path: Path):
    farm = farm_in(tmp_path / "farm")
    with sqlite3.connect(farm / "farm.db") as writing:
        writing.execute("INSERT INTO files VALUES (?)", (blob(farm, b"late"),))
        writing.commit()
        writing.execute("INSERT INTO files VALUES ('of a transaction that has not ended')")

        back_up(farm, tmp_path / "copy")

        writing.rollback()
    writing.close()
    assert named(tmp_path / "copy") == [hashlib.sha256(b"late").hexdigest()]


def test_a_second_backup_copies_only_what_is_new(tmp_path: Path):
    farm = farm_in(tmp_path / "farm", b"one")
    back_up(farm, tmp_path / "copy")
    blob(farm, b"two")

    done = back_up(farm, tmp_path / "copy")

    assert (done.blobs, done.copied) == (2, 1)


def test_a_backup_that_lacks_a_file_says_so_and_leaves_the_one_before_whole(tmp_path: Path):
    farm = farm_in(tmp_path / "farm", b"one")
    back_up(farm, tmp_path / "copy")
    with sqlite3.connect(farm / "farm.db") as database:
        database.execute("INSERT INTO files VALUES (?)", ("f" * 64,))
    database.close()

    with pytest.raises(BackupError, match="f" * 64):
        back_up(farm, tmp_path / "copy")

    assert named(tmp_path / "copy") == [hashlib.sha256(b"one").hexdigest()]


def test_a_folder_without_a_farm_is_told(tmp_path: Path):
    with pytest.raises(BackupError, match="There is no farm in"):
        back_up(tmp_path, tmp_path.parent / "copy")
    assert not (tmp_path.parent / "copy").exists()


def test_a_backup_inside_the_farm_is_refused(tmp_path: Path):
    farm = farm_in(tmp_path / "farm", b"one")

    with pytest.raises(BackupError, match="inside the farm"):
        back_up(farm, farm / "backup")
