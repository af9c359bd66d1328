from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from framefarm.db import open_engine, sqlite_url


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database with one table, `notes(text UNIQUE)`."""
    made = open_engine(sqlite_url(tmp_path / "notes.db"))
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE notes (text TEXT UNIQUE)"))
    yield made
    made.dispose()
