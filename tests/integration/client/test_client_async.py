"""`AsyncFarm`: the same as `Farm`, awaited; against a real manager."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import io
import json
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from framefarm.client import (
    AsyncFarm,
    BadFarmUrlError,
    BeginHappening,
    EndEvent,
    Farm,
    FarmAnswerError,
    FarmUnreachableError,
    JobEvent,
    MissingLinksError,
    Submission,
    TrialRequest,
    UnreadableAnswerError,
)
from framefarm.core.spans import SpansError
from tests.integration.api.manager import Manager, picture
from tests.integration.client.fake_manager import CannedManager, Reply, as_json, problem
from tests.integration.client.test_client_farm import stream


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    made = Manager(tmp_path_factory.mktemp("manager"))
    yield made
    made.close()
    made.check()


@pytest_asyncio.fixture
async def farm(manager: Manager) -> AsyncIterator[AsyncFarm]:
    async with AsyncFarm(manager.server.url) as made:
        yield made


def trial(units: str = "1-2", **more: Any) -> Submission:
    return Submission(kind="trial", settings=TrialRequest(units=units, seconds=0), **more)


# --- the surface --------------------------------------------------------------------------------


def public(kind: type[Any]) -> dict[str, Any]:
    return {name: inspect.getattr_static(kind, name) for name in dir(kind) if name[0] != "_"}


def arguments(method: Any) -> list[tuple[str, Any, Any]]:
    described = method.__wrapped__ if hasattr(method, "__wrapped__") else method
    found = inspect.signature(described).parameters.values()
    return [(one.name, one.kind, one.default) for one in found]


def test_both_have_the_same_methods_with_the_same_arguments():
    here, there = public(Farm), public(AsyncFarm)

    assert here.keys() == there.keys()
    assert len(here) > 35
    for name, method in here.items():
        if not isinstance(method, property):
            assert arguments(method) == arguments(there[name]), name
    assert arguments(Farm.__init__) == arguments(AsyncFarm.__init__)


def test_methods_say_what_they_do():
    for name, method in public(Farm).items():
        assert (method.__doc__ or "").strip(), name
    bound = Farm("http://127.0.0.1:1").job
    assert bound.__name__ == "job"
    assert bound.__doc__.startswith("One job.")


# --- calls --------------------------------------------------------------------------------------


async def test_calls_are_answered(farm: AsyncFarm, manager: Manager):
    assert (await farm.health()).farm
    job = await farm.submit(trial(name="a trial"))
    assert (await farm.job(job.id)).name == "a trial"
    assert (await farm.pause(job.id)).state == "paused"
    assert (await farm.set_priority(job.id, 80)).priority == 80
    assert (await farm.cancel(job.id)).state == "cancelled"
    assert await farm.me() is None
    added = await farm.add_user("ada", role="artist", password="correct horse battery")
    token = await farm.log_in("ada", "correct horse battery")
    async with AsyncFarm(manager.server.url, token=token.token) as hers:
        me = await hers.me()
        assert me is not None
        assert me.name == added.name == "ada"
        with pytest.raises(FarmAnswerError, match="is an artist here") as refused:
            _ = [user async for user in hers.users()]
        assert refused.value.status == 403
        await hers.log_out()
        with pytest.raises(FarmAnswerError, match="taken back"):
            await hers.me()
    await farm.remove_user("ada")
    await farm.delete(job.id)
    with pytest.raises(FarmAnswerError) as missing:
        await farm.job(job.id)
    assert missing.value.code == "no_such_job"


async def test_lists_come_in_pages(farm: AsyncFarm):
    made = [(await farm.submit(trial())).id for _ in range(3)]

    assert [job.id async for job in farm.jobs(limit=2)] == made[:0:-1]
    assert {job.id async for job in farm.jobs()} >= set(made)
    # Units are rows when something became of them.
    assert [unit async for unit in farm.units(made[0], kind="trial")] == []
    assert [worker async for worker in farm.workers()] == []
    for job in made:
        await farm.delete(job)


async def test_many_calls_at_once(farm: AsyncFarm):
    job = await farm.submit(trial())

    found = await asyncio.gather(*(farm.job(job.id) for _ in range(50)))

    assert {one.id for one in found} == {job.id}
    await farm.delete(job.id)


# --- events and files ---------------------------------------------------------------------------


async def test_events_end_with_the_job(farm: AsyncFarm):
    job = await farm.submit(trial())
    seen = []
    async for event in farm.events(job.id):
        seen.append(event)
        if len(seen) == 1:
            await farm.cancel(job.id)

    assert isinstance(seen[0], JobEvent)
    assert isinstance(seen[-1], EndEvent)
    await farm.delete(job.id)


async def test_happenings_begin_and_tell_of_new_jobs(farm: AsyncFarm):
    happenings = farm.happenings(kinds=["job"])
    first = await anext(happenings)
    job = await farm.submit(trial(name="happened"))
    second = await anext(happenings)

    assert isinstance(first, BeginHappening)
    assert "happened" in repr(second) or str(job.id) in repr(second)
    await happenings.aclose()  # type: ignore[attr-defined]  # it is a generator
    await farm.delete(job.id)


async def test_files_travel_both_ways(farm: AsyncFarm, tmp_path: Path):
    content = bytes(range(256)) * 9_000
    sha256 = hashlib.sha256(content).hexdigest()
    path = tmp_path / "file"
    path.write_bytes(content)

    assert not await farm.has_blob(sha256)
    assert await farm.upload_blob(path) == sha256
    assert await farm.has_blob(sha256)
    assert b"".join([piece async for piece in farm.read_blob(sha256)]) == content
    assert b"".join([piece async for piece in farm.read_blob(sha256, start=9)]) == content[9:]
    other = content[::-1]
    sent = await farm.upload_in_chunks(io.BytesIO(other), len(other))
    assert sent == hashlib.sha256(other).hexdigest()


async def test_frames_are_fetched_as_they_appear(farm: AsyncFarm, manager: Manager, tmp_path: Path):
    """A worker hands in one frame; the next is rendered only when that one has been fetched."""
    job = await farm.submit(trial("1-2"))
    folder = tmp_path / "frames"
    with manager.worker() as worker:
        fetching = farm.fetch(job.id, folder, follow=True)
        for number in (1, 2):
            await asyncio.to_thread(_make_a_frame, worker)
            found = await anext(fetching)
            assert found.path.parent == folder
            assert found.path.name == f"trial_{number:04d}.png"
            assert found.outcome == "fetched"
        with pytest.raises(StopAsyncIteration):
            await anext(fetching)
    again = [one.outcome async for one in farm.fetch(job.id, folder)]
    assert again == ["kept", "kept"]
    with Farm(manager.server.url) as here:
        assert [one.outcome for one in here.fetch(job.id, folder, follow=True)] == ["kept"] * 2
        assert [one.outcome for one in here.fetch(job.id, folder)] == ["kept"] * 2
        [one] = here.fetch(job.id, folder, frames="2-9")
        assert (one.file.unit, one.outcome) == (2, "kept")
        with pytest.raises(SpansError):
            here.fetch(job.id, folder, frames="9-2")
    assert [one.file.unit async for one in farm.fetch(job.id, folder, frames="2-9")] == [2]
    await farm.delete(job.id)


def _make_a_frame(worker: Any) -> None:
    lease = worker.lease()
    number = int(lease["units"].split("-")[0])
    put = worker.put(lease, (f"trial_{number:04d}.png", "image", picture()))
    assert put.status_code == 200, put.text


# --- what goes wrong ----------------------------------------------------------------------------


async def test_nobody_there_is_told(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused for sure
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with AsyncFarm(url, patience_s=0) as farm:
            with pytest.raises(FarmUnreachableError, match=f"No manager answers at {url}") as told:
                await farm.health()
            assert told.value.refused
            with pytest.raises(FarmUnreachableError):
                await anext(farm.events(1))
            with pytest.raises(FarmUnreachableError):
                await farm.render(tmp_path / "a.blend")


@pytest.mark.parametrize("url", ["", "x", "ftp://x", "http://", "http://[", "http://x?y=z"])
def test_address_that_is_none_is_told(url: str):
    with pytest.raises(BadFarmUrlError):
        AsyncFarm(url)


async def test_what_is_no_managers_answer_is_told():
    with CannedManager() as fake:
        fake.reply("GET", "/api/health", as_json([1]))
        fake.reply("GET", "/api/jobs/7", problem(404, "no_such_job", "No job 7."))
        async with AsyncFarm(fake.url, timeout_s=5, patience_s=5) as farm:
            with pytest.raises(UnreadableAnswerError):
                await farm.health()
            with pytest.raises(FarmAnswerError, match=r"No job 7\.") as refused:
                await farm.job(7)
            assert refused.value.code == "no_such_job"


async def test_what_is_made_is_asked_for_again_with_its_key_where_the_connection_breaks():
    made = {"name": "ada", "role": "artist"}
    cut = Reply(201, json.dumps(made).encode(), cut=3)
    with CannedManager() as fake:
        fake.reply("POST", "/api/users", cut, as_json(made, 201))
        fake.reply("POST", "/api/jobs/3/cancel", cut)
        async with AsyncFarm(fake.url, timeout_s=5, patience_s=5) as farm:
            assert (await farm.add_user("ada", role="artist")).name == "ada"
            with pytest.raises(FarmUnreachableError):
                await farm.cancel(3)

    first, second, cancel = fake.asked
    assert len(first.headers["idempotency-key"]) >= 16
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert "idempotency-key" not in cancel.headers


async def test_events_are_followed_over_a_broken_connection():
    view = {"id": 3, "state": "running", "stages": [], "created_at": "2026-01-02T03:04:05+00:00"}
    job = f"event: job\ndata: {json.dumps(view)}\n\n"
    with CannedManager() as fake:
        cut = stream(job, "event: unit\nda")
        end = stream(job, ": hi\n\nevent: new\ndata: 1\n\nevent: end\ndata: {}\n\n")
        fake.reply("GET", "/api/jobs/3/events", cut, end)
        fake.reply("GET", "/api/jobs/4/events", stream("event: unit\ndata: 5\n\n"))
        async with AsyncFarm(fake.url, timeout_s=5, patience_s=5) as farm:
            events = [event async for event in farm.events(3)]
            asked = len(fake.asked)
            with pytest.raises(UnreadableAnswerError):
                await anext(farm.events(4))
            with pytest.raises(FarmAnswerError):
                await anext(farm.events(99))

    assert [type(event) for event in events] == [JobEvent, JobEvent, EndEvent]
    assert asked == 2


async def test_busy_manager_is_asked_again():
    with CannedManager() as fake:
        busy = problem(503, "busy", "In a moment.")
        fake.reply("GET", "/api/health", busy, as_json({"version": "1", "epoch": "e"}))
        async with AsyncFarm(fake.url, timeout_s=5) as farm:
            assert (await farm.health()).version == "1"
        assert len(fake.asked) == 2


def test_strict_render_names_what_is_missing():
    error = MissingLinksError("shot.blend", ["//wood.png", "//b.png"])

    assert str(error) == "shot.blend links //wood.png and 1 more, which is not there."
