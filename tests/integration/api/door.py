"""A manager, and browsers of people before it who log in with passwords."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from framefarm.api.certificate import own_certificate
from framefarm.api.serving import ManagerServer
from framefarm.farm import passwords
from tests.integration.api.manager import Manager

PASSWORD = "correct horse battery"
OTHER = "staple of another kind"


@contextlib.contextmanager
def quick_hashes() -> Iterator[None]:
    """argon2id all the same, with less memory."""
    patch = pytest.MonkeyPatch()
    patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    passwords._nobodys.cache_clear()
    yield
    patch.undo()
    passwords._nobodys.cache_clear()


@contextlib.contextmanager
def encrypted(folder: Path) -> Iterator[httpx.Client]:
    """A client of a manager with a certificate of its own, on which ada has an account."""
    manager = Manager(folder / "first")
    manager.close()
    certificate = own_certificate(folder / "certificate")
    server = ManagerServer(manager.settings, "127.0.0.1", 0, certificate=certificate)
    server.start()
    try:
        with httpx.Client(base_url=server.url, verify=False, timeout=60) as client:  # noqa: S501
            asked = {"name": "ada", "password": PASSWORD}
            client.post("/api/users", json=asked).raise_for_status()
            yield client
    finally:
        server.stop(60)


class Door:
    """A manager, and browsers of people before it."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.url = manager.server.url

    def add(self, name: str, role: str = "artist", password: str | None = PASSWORD) -> None:
        body = {"name": name, "role": role, "password": password}
        answer = self.manager.http.post("/api/users", json=body)
        assert answer.status_code == 201, answer.text

    @contextlib.contextmanager
    def browser(self, name: str = "") -> Iterator[httpx.Client]:
        """A browser with a page of this manager open, in which somebody is logged in."""
        with httpx.Client(base_url=self.url, headers={"Origin": self.url}, timeout=60) as client:
            if name:
                self.log_in(client, name).raise_for_status()
                assert client.cookies
            yield client

    def log_in(self, client: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
        return client.post("/api/login", json={"name": name, "password": password})

    def token(self, name: str, password: str = PASSWORD) -> str:
        asked = {"name": name, "password": password}
        answer = self.manager.http.post("/api/login/token", json=asked).raise_for_status()
        return str(answer.json()["token"])

    def database(self, statement: str, *values: Any) -> list[Any]:
        with sqlite3.connect(self.manager.settings.data_dir / "farm.db", timeout=60) as opened:
            return opened.execute(statement, values).fetchall()


@contextlib.contextmanager
def manned_door(folder: Path, **roles: str) -> Iterator[Door]:
    """A manager on which some have accounts, by name; looked through when it has ended."""
    manager = Manager(folder / "manager")
    door = Door(manager)
    for name, role in roles.items():
        door.add(name, role)
    yield door
    manager.close()
    manager.check()
