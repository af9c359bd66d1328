"""Uploads from before their bytes were counted: a database of that time, and its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from framefarm.db import open_engine, sqlite_url
from framefarm.db.migrate import migrate
from framefarm.db.upgrading import upgrade
from framefarm.farm.old_uploads import OldUploads
from framefarm.storage import BlobFolder
from tests.integration.api.manager import Manager, until

BEFORE = "0004"
"""The last version of the schema without them."""

CONTENTS = [b"", b"a" * 10, b"b" * 200, b"c" * 3_000]
HASHES = [hashlib.sha256(content).hexdigest() for content in CONTENTS]
LOST = "0" * 64
"""Of a blob whose file is gone."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A manager's, with files of ann's and bob's."""
    folder = tmp_path / "manager"
    blobs = BlobFolder(folder / "blobs")
    for content, sha256 in zip(CONTENTS, HASHES, strict=True):
        path = blobs.path_of(sha256)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    engine = open_engine(sqlite_url(folder / "farm.db"))
    with engine.begin() as connection:
        upgrade(connection, BEFORE)
        for number, name in ((1, "ann"), (2, "bob"), (3, "cyd")):
            connection.execute(
                text("INSERT INTO users (id, name, role, created_at) VALUES (:i, :n, 'artist', 1)"),
                {"i": number, "n": name},
            )
        for number, sha256 in [*((1, one) for one in (*HASHES, LOST)), (2, HASHES[3])]:
            connection.execute(
                text("INSERT INTO blob_owners (user_id, sha256) VALUES (:u, :s)"),
                {"u": number, "s": sha256},
            )
    engine.dispose()
    return folder


@pytest.fixture
def migrated(folder: Path) -> Iterator[Engine]:
    engine = open_engine(sqlite_url(folder / "farm.db"))
    migrate(engine)
    yield engine
    engine.dispose()


def used(connection: Connection) -> dict[str, int]:
    rows = connection.execute(text("SELECT name, upload_bytes FROM users ORDER BY id")).all()
    return {row.name: row.upload_bytes for row in rows}


def test_manager_counts_at_its_start_what_is_there(folder: Path):
    manager = Manager(folder)
    try:

        def counted() -> bool:
            users = manager.http.get("/api/users").json()["users"]
            return {one["name"]: one["upload_bytes"] for one in users} == {
                "ann": 3_210,
                "bob": 3_000,
                "cyd": 0,
            }

        until(counted, "the count of old uploads")
    finally:
        manager.close()
    manager.check()


def test_they_are_counted_a_few_at_a_time_and_once(folder: Path, migrated: Engine):
    blobs = BlobFolder(folder / "blobs")

    def count(times: int) -> tuple[list[bool], dict[str, int]]:
        old, more = OldUploads(blobs), []
        for _ in range(times):
            with migrated.begin() as connection:
                more.append(old.count_some(connection, 2))
        with migrated.connect() as connection:
            return more, used(connection)

    # A kill after any of the writes loses nothing: the next start goes on.
    _, some = count(1)
    assert 0 < some["ann"] < 3_210
    assert some["bob"] == 0
    assert count(3)[1] == {"ann": 3_210, "bob": 3_000, "cyd": 0}
    assert count(1) == ([False], {"ann": 3_210, "bob": 3_000, "cyd": 0})
