"""The group-commit writer on a real SQLite file."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from framefarm.db import (
    DatabaseError,
    GroupCommitWriter,
    Handler,
    WriterBusyError,
    WriterClosedError,
    open_engine,
    sqlite_url,
)
from framefarm.db.writer import CROWD

INSERT = text("INSERT INTO notes VALUES (:text)")


def insert_all(connection, items):
    for item in items:
        if item == "bad":
            raise ValueError("bad item")
        connection.execute(INSERT, {"text": item})
    return [f"stored {item}" for item in items]


NOTE = Handler(insert_all)


def stored(engine: Engine) -> list[str]:
    with engine.connect().execution_options(reading=True) as connection:
        return list(connection.execute(text("SELECT text FROM notes ORDER BY rowid")).scalars())


class Gate:
    """Holds the writer's thread, so that a group gathers behind it."""

    def __init__(self, writer: GroupCommitWriter) -> None:
        self._open = threading.Event()
        self._entered = threading.Event()
        self.held = asyncio.ensure_future(writer.write(self._wait))

    def _wait(self, _) -> None:
        self._entered.set()
        assert self._open.wait(60)

    async def closed(self) -> None:
        assert await asyncio.to_thread(self._entered.wait, 60)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def writer(engine: Engine):
    made = GroupCommitWriter(engine)
    yield made
    made.close()


async def gathered(writer: GroupCommitWriter, *items: str) -> list[object]:
    """Answers of items that were written as one group."""
    gate = Gate(writer)
    await gate.closed()
    futures = [writer.submit(NOTE, item) for item in items]
    gate.open()
    await gate.held
    return await asyncio.gather(*futures, return_exceptions=True)


async def test_an_answer_comes_only_after_the_commit(engine: Engine, writer: GroupCommitWriter):
    entered, go_on, committed = threading.Event(), threading.Event(), []

    @event.listens_for(engine, "commit")
    def hold(_) -> None:
        entered.set()
        assert go_on.wait(60)
        committed.append(True)

    future = writer.submit(NOTE, "a")
    assert await asyncio.to_thread(entered.wait, 60)
    await asyncio.sleep(0)
    assert not future.done()
    assert stored(engine) == []

    go_on.set()

    assert await future == "stored a"
    assert committed
    assert stored(engine) == ["a"]


async def test_what_queued_up_is_one_commit(engine: Engine, writer: GroupCommitWriter):
    gate = Gate(writer)
    await gate.closed()
    futures = [writer.submit(NOTE, str(number)) for number in range(500)]
    commits = []
    event.listen(engine, "commit", commits.append)
    gate.open()

    answers = await asyncio.gather(*futures)

    assert answers == [f"stored {number}" for number in range(500)]
    # The gate's own, and one for all that waited behind it.
    assert len(commits) == 2


class Patient(GroupCommitWriter):
    """Gathers until it is told to go on."""

    def __init__(self, engine: Engine) -> None:
        self.gathering, self.go_on = threading.Event(), threading.Event()
        super().__init__(engine)

    def _gather(self) -> None:
        self.gathering.set()
        assert self.go_on.wait(60)


async def test_behind_a_large_group_the_next_one_gathers_and_behind_a_small_one_it_does_not(
    engine: Engine,
):
    writer = Patient(engine)
    await gathered(writer, *["few"] * (CROWD - 1))
    assert await writer.submit(NOTE, "one") == "stored one"
    assert not writer.gathering.is_set()

    await gathered(writer, *["many"] * CROWD)
    first = writer.submit(NOTE, "first")
    assert await asyncio.to_thread(writer.gathering.wait, 60)
    commits = []
    event.listen(engine, "commit", commits.append)
    second = writer.submit(NOTE, "second")
    writer.go_on.set()

    assert await asyncio.gather(first, second) == ["stored first", "stored second"]
    assert len(commits) == 1
    await asyncio.to_thread(writer.close)


async def test_a_group_has_a_largest_size(engine: Engine):
    writer = GroupCommitWriter(engine, largest_group=10)
    commits = []
    gate = Gate(writer)
    await gate.closed()
    futures = [writer.submit(NOTE, str(number)) for number in range(25)]
    event.listen(engine, "commit", commits.append)
    gate.open()
    await asyncio.gather(*futures)
    await asyncio.to_thread(writer.close)

    assert len(commits) == 1 + 3


async def test_one_bad_item_does_not_harm_the_others(engine: Engine, writer: GroupCommitWriter):
    one, bad, two = await gathered(writer, "one", "bad", "two")

    assert (one, two) == ("stored one", "stored two")
    assert isinstance(bad, ValueError)
    assert stored(engine) == ["one", "two"]


async def test_a_database_error_is_translated_and_reaches_its_item_only(
    engine: Engine, writer: GroupCommitWriter
):
    first, again, other = await gathered(writer, "same", "same", "other")

    assert (first, other) == ("stored same", "stored other")
    assert isinstance(again, DatabaseError)
    assert again.retryable
    assert "UNIQUE" in str(again)
    assert writer.outages == 0, "the database is well"
    assert stored(engine) == ["same", "other"]


async def test_what_a_failed_item_wrote_is_undone(engine: Engine, writer: GroupCommitWriter):
    def half(connection) -> None:
        connection.execute(INSERT, {"text": "half"})
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await writer.write(half)

    assert stored(engine) == []


async def test_a_failed_commit_fails_all_of_its_group_and_the_writer_goes_on(
    engine: Engine, writer: GroupCommitWriter
):
    @event.listens_for(engine, "commit")
    def refuse(_) -> None:
        raise OSError("the disk is gone")

    futures = [writer.submit(NOTE, item) for item in ("a", "b")]
    answers = await asyncio.gather(*futures, return_exceptions=True)
    event.remove(engine, "commit", refuse)

    assert [type(answer) for answer in answers] == [OSError, OSError]
    assert stored(engine) == []
    assert writer.outages == 1
    assert await writer.submit(NOTE, "c") == "stored c"


async def test_a_database_that_cannot_be_reached_fails_its_group_and_the_writer_goes_on(
    engine: Engine, writer: GroupCommitWriter, monkeypatch
):
    def unreachable() -> None:
        raise OSError("too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(engine, "begin", unreachable)
        with pytest.raises(OSError, match="too many"):
            await writer.submit(NOTE, "a")

    assert await writer.submit(NOTE, "b") == "stored b"


async def test_a_full_disk_takes_back_the_whole_group_so_nobody_in_it_hears_success(
    engine: Engine, writer: GroupCommitWriter
):
    def small(connection) -> str:
        connection.execute(INSERT, {"text": "small"})
        return "stored small"

    def fill(connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count=1")
        try:
            connection.execute(INSERT, {"text": "x" * 1_000_000})
        finally:
            connection.exec_driver_sql("PRAGMA max_page_count=1000000")

    answers = await asyncio.gather(
        writer.write(small), writer.write(fill), writer.write(small), return_exceptions=True
    )

    # SQLite undoes the transaction, not only the statement that found the disk full.
    assert [type(answer) for answer in answers] == [DatabaseError] * 3
    assert "full" in str(answers[1])
    assert stored(engine) == []
    assert writer.outages == 1
    assert await writer.submit(NOTE, "b") == "stored b"


async def test_the_owner_hears_of_a_rollback_before_anything_is_tried_again(engine: Engine):
    seen = []
    writer = GroupCommitWriter(engine, on_rollback=lambda: seen.append("rolled back"))

    def note(connection, items):
        seen.extend(items)
        return insert_all(connection, items)

    with pytest.raises(ValueError, match="bad item"):
        await writer.submit(Handler(note), "bad")
    await writer.submit(Handler(note), "good")
    await asyncio.to_thread(writer.close)

    assert seen == ["bad", "rolled back", "bad", "rolled back", "good"]


async def test_handlers_run_in_the_order_of_their_rank(writer: GroupCommitWriter):
    order = []

    def noting(name):
        def run(_, items):
            order.append((name, len(items)))
            return items

        return run

    late, early = Handler(noting("late"), rank=90), Handler(noting("early"), rank=20)
    gate = Gate(writer)
    await gate.closed()
    futures = [writer.submit(handler, 1) for handler in (late, early, late)]
    gate.open()
    await asyncio.gather(*futures)

    assert order == [("early", 1), ("late", 2)]


async def test_l14_a_full_queue_refuses_and_says_to_try_again(engine: Engine):
    writer = GroupCommitWriter(engine, largest_queue=2)
    gate = Gate(writer)
    await gate.closed()
    futures = [writer.submit(NOTE, item) for item in ("a", "b")]

    with pytest.raises(WriterBusyError) as refused:
        writer.submit(NOTE, "c")

    assert refused.value.retryable
    gate.open()
    await asyncio.gather(*futures)
    assert stored(engine) == ["a", "b"]
    await asyncio.to_thread(writer.close)


async def test_closing_writes_what_is_queued_and_refuses_what_comes_after(engine: Engine):
    writer = GroupCommitWriter(engine)
    gate = Gate(writer)
    await gate.closed()
    futures = [writer.submit(NOTE, str(number)) for number in range(3000)]
    closing = asyncio.ensure_future(asyncio.to_thread(writer.close))
    gate.open()
    await closing

    assert len(await asyncio.gather(*futures)) == 3000
    with pytest.raises(WriterClosedError):
        writer.submit(NOTE, "late")
    assert "late" not in stored(engine)
    await asyncio.to_thread(writer.close)


async def test_a_caller_that_gave_up_does_not_disturb_the_others(
    engine: Engine, writer: GroupCommitWriter
):
    gate = Gate(writer)
    await gate.closed()
    gone, here = writer.submit(NOTE, "gone"), writer.submit(NOTE, "here")
    gone.cancel()
    gate.open()

    assert await here == "stored here"
    assert stored(engine) == ["gone", "here"]


def test_a_loop_that_ended_does_not_stop_the_writer(engine: Engine):
    writer = GroupCommitWriter(engine)
    held = threading.Event()

    async def leave() -> None:
        writer.submit(Handler(lambda *_: [held.wait(60)]), None)

    async def come() -> object:
        future = writer.submit(NOTE, "next")
        held.set()
        return await future

    asyncio.run(leave())
    assert asyncio.run(come()) == "stored next"
    writer.close()


@pytest.mark.usefixtures("engine")
def test_kill_9_in_mid_write_loses_nothing_that_was_answered(tmp_path: Path):
    path = tmp_path / "notes.db"
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.db.write_until_killed", str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    answered = [child.stdout.readline().strip() for _ in range(500)]
    child.kill()
    answered += child.stdout.read().split("\n")[:-1]
    child.wait()
    child.stdout.close()

    again = open_engine(sqlite_url(path))
    there = set(stored(again))
    with again.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    again.dispose()

    assert len(answered) >= 500
    assert set(answered) <= there
