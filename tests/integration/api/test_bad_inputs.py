"""Whatever is asked wrongly is refused in words that help, and changes nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from framefarm.farm.settings import ConnectionLimits
from tests.integration.api.bad_files import FILES, BadFile
from tests.integration.api.bad_inputs import ASKED, Bad
from tests.integration.api.manager import Manager, is_problem

FEWEST = 90


@dataclass
class World:
    """A manager with a little of everything.

    Attributes:
        blend: A .blend that would be taken.
        known: What words of a row stand for.
    """

    manager: Manager
    blend: bytes
    known: dict[str, str]

    def ask(self, row: Bad) -> None:
        path, content, headers = row.path, row.content, dict(row.headers)
        for word, meant in self.known.items():
            path = path.replace(word, meant)
            content = content and content.replace(word.encode(), meant.encode())
            headers = {name: value.replace(word, meant) for name, value in headers.items()}
        answer = self.manager.http.request(row.method, path, content=content, headers=headers)
        self._check(answer, row)

    def hand_in(self, row: BadFile) -> None:
        path = f"/api/render-tasks/run_task/?{row.query}"
        headers = {"Content-Type": row.kind}
        answer = self.manager.http.post(path, content=row.make(self.blend), headers=headers)
        self._check(answer, row)

    def _check(self, answer: httpx.Response, row: Bad | BadFile) -> None:
        detail = is_problem(answer, row.status, row.code)["detail"]
        assert row.told in detail, detail
        assert str(self.manager.settings.data_dir) not in answer.text

    def kept(self) -> tuple[dict[str, str], list[Path]]:
        """All that the manager keeps: a digest of each table, and every file of the blobs."""
        place = f"file:{self.manager.settings.data_dir}/farm.db?mode=ro"
        with sqlite3.connect(place, uri=True) as database:
            tables = [name for (name,) in database.execute(_TABLES)]
            rows = {name: list(database.execute(f"SELECT * FROM {name}")) for name in tables}  # noqa: S608  the schema's
        database.close()
        digests = {
            name: hashlib.sha256(repr(found).encode()).hexdigest() for name, found in rows.items()
        }
        files = self.manager.settings.blobs.rglob("*")
        return digests, sorted(path for path in files if path.is_file())


_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, blends: dict[str, bytes]) -> Iterator[World]:
    limits = ConnectionLimits(requests_per_s=0.0)
    manager = Manager(tmp_path_factory.mktemp("manager"), connections=limits)
    try:
        paused, _ = manager.trial()["id"], manager.trial()["id"]
        manager.http.post(f"/api/jobs/{paused}/pause").raise_for_status()
        assert paused == 1
        manager.http.post("/api/users", json={"name": "ada"}).raise_for_status()
        token = manager.http.post("/api/users/ada/tokens", json={"name": "t"}).json()["token"]
        # When it was last used is kept now and then; once is enough.
        manager.http.get("/api/me", headers={"Authorization": f"Bearer {token}"}).raise_for_status()
        known = {"BLEND": manager.upload(blends["plain"]), "TOKEN": token}
        yield World(manager, blends["plain"], known)
    finally:
        manager.close()
    manager.check()


def test_table_is_large_and_no_row_is_there_twice():
    sent = [(row.method, row.path, row.content, *row.headers.items()) for row in ASKED.values()]

    assert len(ASKED) + len(FILES) >= FEWEST
    assert len(set(sent)) == len(sent)


@pytest.mark.parametrize("case", ASKED)
def test_what_is_asked_wrongly_is_refused_in_words_and_changes_nothing(world: World, case: str):
    before = world.kept()

    world.ask(ASKED[case])

    assert world.kept() == before
    assert world.manager.http.get("/api/health").status_code == 200


@pytest.mark.parametrize("case", FILES)
def test_what_is_no_file_to_render_is_refused_in_words_and_leaves_nothing(world: World, case: str):
    before = world.kept()

    world.hand_in(FILES[case])

    assert world.kept() == before
    assert world.manager.http.get("/api/health").status_code == 200


def test_what_rows_are_made_of_is_taken(world: World):
    """Else a row could be refused for something else than what it says."""
    made = world.manager.http.post("/api/render-tasks/run_task/", content=world.blend)

    assert made.status_code == 201
    assert world.manager.http.delete(f"/api/jobs/{made.json()['job']}").status_code == 204
