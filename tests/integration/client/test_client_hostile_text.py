"""What a worker that was let in says of itself, and where people read it."""

from __future__ import annotations

import contextlib
import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from framefarm.agent.journal import open_journal
from framefarm.cli import logs
from framefarm.client import Farm, FarmAnswerError
from tests.integration.api.manager import Manager, Worker

TRICK = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\nframefarm: a lie \u202egnp\x00"
OBEYED = frozenset("\x1b\x07\x9b\r\u202e\x00")

FACTS = {
    "host": TRICK,
    "system": TRICK,
    "mac": TRICK,
    "ip": TRICK,
    "cpu": TRICK,
    "gpus": [{"name": TRICK, "backend": TRICK}],
    "devices": [TRICK],
    "resting": TRICK,
}
SLOT = {"slot": "cpu", "kinds": ["trial"], "blenders": [{"version": "5.0", "full": TRICK}]}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "manager")
    yield made
    made.close()


@pytest.fixture
def hostile(manager: Manager) -> Iterator[Worker]:
    with manager.worker(name=TRICK, agent_version=TRICK, facts=FACTS, slots=[SLOT]) as worker:
        yield worker


def obeyed_in(value: Any) -> set[str]:
    """Characters in a view or a text that a terminal would obey."""
    match value:
        case str():
            return set(value) & OBEYED
        case dict():
            return obeyed_in([*value, *value.values()])
        case list() | tuple():
            return {char for one in value for char in obeyed_in(one)}
        case msgspec.Struct():
            return obeyed_in(msgspec.to_builtins(value))
        case _:
            return set()


def test_nothing_that_a_client_reads_of_a_hostile_worker_steers_a_terminal(
    manager: Manager, hostile: Worker
):
    job = manager.trial()["id"]
    # The API takes no such name; before it looked, it did.
    with contextlib.closing(sqlite3.connect(manager.settings.data_dir / "farm.db")) as old, old:
        old.execute("UPDATE jobs SET name = ?, owner = ? WHERE id = ?", (TRICK, TRICK, job))
    hostile.fail(hostile.lease(), message=TRICK, log_tail=TRICK, reason=TRICK[:18])

    with Farm(manager.server.url) as farm, contextlib.closing(farm.events(job)) as events:
        told: list[Any] = [
            next(farm.workers()),
            farm.worker(hostile.id),
            farm.why(job),
            farm.job(job),
            farm.job_log(job),
            next(events),
        ]
        with pytest.raises(FarmAnswerError) as refused:
            farm.worker(TRICK)

    assert [obeyed_in(one) for one in [*told, refused.value.detail]] == [set()] * 7
    # It was shown all the same, with marks in place of what was dangerous.
    assert "\ufffd[2J" in told[4]
    assert "a lie" in told[1].facts.host


def test_nothing_that_a_hostile_peer_says_steers_the_terminal_a_log_is_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    before = structlog.get_config()
    try:
        logs.log_to_stderr(as_json=False)
        structlog.get_logger().info("worker_says", worker=TRICK, text=TRICK)
    finally:
        structlog.configure(**before)
    open_journal("info").warning("no connection", reason=TRICK)

    written = stream.getvalue() + capsys.readouterr().err
    assert obeyed_in(written) == set()
    # One line each: what came with an end of line did not begin another.
    assert len(written.splitlines()) == 2
    assert "a lie" in written
