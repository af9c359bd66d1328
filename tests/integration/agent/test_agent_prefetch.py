"""Files that a worker is told to fetch ahead of its leases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from framefarm.agent import prefetching
from framefarm.protocol import messages as msg
from framefarm.protocol.trees import Tree, TreeFile, encode_tree
from tests.integration.agent.conftest import StartAgent
from tests.integration.agent.fake_manager import FakeManager


def order(manager: FakeManager, content: bytes, job: int = 1, **scene: object) -> msg.Prefetch:
    sha256 = manager.put_blob(content)
    return msg.Prefetch(job, msg.SceneFile(sha256, len(content), **scene))  # type: ignore[arg-type]


async def test_a_job_s_file_is_here_before_its_first_lease(
    manager: FakeManager, start_agent: StartAgent, tmp_path: Path
):
    asked = order(manager, b"scene")
    manager.first_orders = [asked]
    start_agent()

    assert (await manager.heard(msg.Hello)).takes == ("prefetch",)
    told = await manager.heard(msg.GotFiles)

    assert (told.job, told.ok, told.message) == (1, True, "")
    sha256 = asked.scene.sha256
    assert (tmp_path / "agent" / "cache" / "blobs" / sha256[:2] / sha256).read_bytes() == b"scene"


async def test_a_project_comes_with_all_its_files(
    manager: FakeManager, start_agent: StartAgent, tmp_path: Path
):
    contents = {"shot.blend": b"scene", "wood.png": b"texture"}
    files = tuple(
        TreeFile(name, manager.put_blob(content), len(content))
        for name, content in contents.items()
    )
    asked = order(manager, encode_tree(Tree("shot.blend", files)), in_tree=True)
    manager.first_orders = [asked]
    start_agent()

    assert (await manager.heard(msg.GotFiles)).ok

    blobs = tmp_path / "agent" / "cache" / "blobs"
    assert {blobs.joinpath(f.sha256[:2], f.sha256).read_bytes() for f in files} == {
        b"scene",
        b"texture",
    }


async def test_the_same_order_again_is_one_fetch_and_one_answer(
    manager: FakeManager, start_agent: StartAgent
):
    asked = order(manager, b"scene")
    manager.hold_blobs = asyncio.Event()
    manager.first_orders = [asked, asked, order(manager, b"scene", job=2)]
    start_agent()
    await manager.until(lambda: manager.blob_requests or None, "a request")
    manager.hold_blobs.set()

    told = [await manager.heard(msg.GotFiles) for _ in range(2)]

    assert [one.job for one in told] == [1, 2]
    assert len(manager.blob_requests) == 1


async def test_a_file_that_lies_here_already_is_not_fetched(
    manager: FakeManager, start_agent: StartAgent, tmp_path: Path
):
    own = tmp_path / "shot.blend"
    own.write_bytes(b"scene")
    manager.first_orders = [order(manager, b"scene", source_path=str(own))]
    start_agent()

    assert (await manager.heard(msg.GotFiles)).ok

    assert manager.blob_requests == []


async def test_what_cannot_be_had_is_said_and_the_worker_goes_on(
    manager: FakeManager, start_agent: StartAgent
):
    missing = msg.Prefetch(7, msg.SceneFile("0" * 64, 5))
    manager.first_orders = [missing, order(manager, b"scene", job=8)]
    start_agent()

    told = [await manager.heard(msg.GotFiles) for _ in range(2)]

    assert [(one.job, one.ok) for one in told] == [(7, False), (8, True)]
    assert "the manager does not have it" in told[0].message


async def test_no_more_orders_wait_than_may(
    manager: FakeManager, start_agent: StartAgent, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(prefetching, "MOST_WAITING", 1)
    manager.hold_blobs = asyncio.Event()
    manager.first_orders = [order(manager, b"one"), order(manager, b"two", job=2)]
    start_agent()

    told = await manager.heard(msg.GotFiles)

    assert (told.job, told.ok) == (2, False)
    manager.hold_blobs.set()
    assert (await manager.heard(msg.GotFiles)).job == 1


async def test_a_worker_that_stops_gives_a_fetch_up(manager: FakeManager, start_agent: StartAgent):
    manager.hold_blobs = asyncio.Event()
    manager.first_orders = [order(manager, b"scene")]
    agent = start_agent()
    await manager.until(lambda: manager.blob_requests or None, "a request")

    await agent.stop()

    assert not any(isinstance(one, msg.GotFiles) for one in manager.reports)
