"""A whole agent against a fake manager: leases in, results out, whatever the connection does."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import threading
import time
from pathlib import Path

import pytest

from framefarm.agent import (
    Agent,
    AgentSettings,
    DataDirInUseError,
    RefusedByManagerError,
    connection,
)
from framefarm.agent.identity import FILE_NAME
from framefarm.blender.installations import BlenderInstallation
from framefarm.protocol import messages as msg
from tests.integration.agent.conftest import StartAgent
from tests.integration.agent.fake_manager import Answer, FakeManager, trial_lease, trial_task

SLOW = 600.0
AN_HOUR_S = 3_600.0
NOT_WAITED_FOR = msg.Finished | msg.Failed | msg.Heartbeat


async def test_lease_without_files_is_finished_over_the_connection(
    manager: FakeManager, start_agent: StartAgent
):
    start_agent()
    await manager.heard(msg.Ready)

    await manager.order(trial_task(), trial_lease(units="1-3"))

    finished = [await manager.heard(msg.Finished) for _ in range(3)]
    assert [report.unit for report in finished] == [1, 2, 3]
    assert not manager.arrivals


async def test_ready_for_the_next_lease_comes_with_the_last_result_or_before(
    manager: FakeManager, start_agent: StartAgent
):
    start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(image_bytes=5_000), trial_lease(units="1"))
    manager.answers.append(Answer(503, b"", {"Retry-After": "600"}))

    # The upload never gets through, and the slot asks for more all the same.
    assert (await manager.heard(msg.Ready)).slot == "cpu"


async def test_result_with_files_is_uploaded_with_its_manifest_and_key(
    manager: FakeManager, start_agent: StartAgent
):
    start_agent()
    await manager.heard(msg.Ready)

    await manager.order(trial_task(image_bytes=20_000), trial_lease(units="7"))

    (result,) = await manager.arrived(1)
    (file,) = result.manifest.files
    assert (result.lease, result.unit, result.manifest.attempt) == ("L1", 7, 1)
    assert (file.role, file.name) == ("image", "trial_0007.png")
    assert 15_000 < file.size_bytes < 25_000
    assert result.files[file.name].startswith(b"\x89PNG")
    assert result.headers["authorization"] == "Bearer key-of-w1"
    assert result.headers["content-type"] == "application/vnd.framefarm.result"
    assert "transfer-encoding" not in result.headers


async def test_accepted_result_leaves_nothing_in_outbox_and_work(
    manager: FakeManager, start_agent: StartAgent
):
    agent = start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(image_bytes=5_000), trial_lease(units="1-2"))
    await manager.arrived(2)

    await agent.stop()

    data_dir = agent.settings.data_dir
    assert not list((data_dir / "outbox").iterdir())
    assert not (data_dir / "work").exists()
    assert len(list((data_dir / "cache" / "blobs").glob("??/*"))) == 2


async def test_second_hello_shows_the_identity_of_the_first(
    manager: FakeManager, start_agent: StartAgent
):
    agent = start_agent()
    first = await manager.heard(msg.Hello)
    await manager.heard(msg.Ready)
    assert (first.worker_id, first.key) == (None, None)
    await agent.stop()

    start_agent()
    second = await manager.heard(msg.Hello)

    assert (second.worker_id, second.key) == ("w1", "key-of-w1")
    assert second.boot_id != first.boot_id


async def test_l6_hello_names_what_an_earlier_process_left_undelivered(
    manager: FakeManager, start_agent: StartAgent
):
    agent = start_agent()
    first = await manager.heard(msg.Hello)
    await manager.heard(msg.Ready)
    manager.answers.append(Answer(503))
    await manager.order(trial_task(image_bytes=5_000), trial_lease(units="7"))
    await manager.arrived(1)
    await agent.stop()

    start_agent()
    second = await manager.heard(msg.Hello)

    assert first.owed == ()
    assert second.owed == (("L1", 7),)


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX")
async def test_key_is_readable_by_its_user_only(manager: FakeManager, start_agent: StartAgent):
    agent = start_agent()
    await manager.heard(msg.Ready)

    path = agent.settings.data_dir / FILE_NAME

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_broken_connection_is_opened_again_and_the_unit_goes_on(
    manager: FakeManager, start_agent: StartAgent
):
    start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(seconds=SLOW), trial_lease())
    await manager.heard(msg.Progress)

    await manager.drop()

    hello = await manager.heard(msg.Hello)
    assert hello.holding == ("L1",)
    await manager.order(msg.Revoke("L1"))
    await manager.heard(msg.Ready)


async def test_manager_that_was_away_is_found_again_and_gets_what_was_made(
    manager: FakeManager, start_agent: StartAgent
):
    start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(image_bytes=5_000), trial_lease(units="1-4"))
    await manager.arrived(1)

    await manager.stop()
    await manager.start()

    await manager.heard(msg.Hello)
    results = await manager.arrived(4)
    assert {result.unit for result in results} == {1, 2, 3, 4}


@pytest.mark.parametrize("epoch", ["epoch-1", "epoch-2"])
async def test_unanswered_result_is_offered_again_after_every_welcome(
    manager: FakeManager, start_agent: StartAgent, epoch: str
):
    manager.answers.append(Answer(507, b"", {}))
    start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(image_bytes=5_000), trial_lease())
    await manager.arrived(1)

    manager.epoch = epoch
    await manager.drop()

    first, second = await manager.arrived(2)
    assert first.manifest == second.manifest
    assert first.files == second.files


async def test_result_of_a_process_that_died_is_delivered_by_the_next_before_it_asks_for_work(
    manager: FakeManager, start_agent: StartAgent
):
    manager.answers.append(Answer(507, b"", {}))
    agent = start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(image_bytes=5_000), trial_lease())
    await manager.arrived(1)
    await agent.vanish()

    start_agent()
    await manager.arrived(2)

    await manager.heard(msg.Hello)
    await manager.heard(msg.Ready)
    assert manager.arrivals[0].manifest == manager.arrivals[1].manifest


async def test_refused_result_is_reported_failed(manager: FakeManager, start_agent: StartAgent):
    manager.answers.append(Answer(422, b'{"detail":"not a PNG"}'))
    start_agent()
    await manager.heard(msg.Ready)

    await manager.order(trial_task(image_bytes=5_000), trial_lease())

    failed = await manager.heard(msg.Failed)
    assert (failed.unit, failed.reason, failed.message) == (1, "error", "not a PNG")


async def test_refused_key_says_hello_again_and_then_delivers(
    manager: FakeManager, start_agent: StartAgent
):
    manager.answers.append(Answer(401, b"{}"))
    start_agent()
    await manager.heard(msg.Ready)

    await manager.order(trial_task(image_bytes=5_000), trial_lease())

    await manager.heard(msg.Hello)
    await manager.arrived(2)


async def test_revoke_stops_the_unit_at_once_and_not_at_the_next_heartbeat(
    manager: FakeManager, start_agent: StartAgent
):
    manager.lease_s = AN_HOUR_S
    start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(seconds=SLOW), trial_lease())
    await manager.heard(msg.Progress)

    await manager.order(msg.Revoke("L1", "the job was cancelled"))
    await manager.heard(msg.Ready)

    assert not any(isinstance(report, NOT_WAITED_FOR) for report in manager.reports)


async def test_heartbeats_name_the_leases_in_work(manager: FakeManager, start_agent: StartAgent):
    manager.lease_s = 0.3
    start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(seconds=SLOW), trial_lease())

    await manager.heard(msg.Heartbeat, lambda beat: beat.leases == ("L1",))


async def test_unit_without_progress_is_stopped_and_reported_stalled(
    manager: FakeManager, start_agent: StartAgent
):
    # Half a second of progress intervals is longer than this stall time.
    manager.stall_s = 0.05
    start_agent()
    await manager.heard(msg.Ready)

    await manager.order(trial_task(seconds=SLOW), trial_lease())

    failed = await manager.heard(msg.Failed)
    assert failed.reason == "stalled"
    await manager.heard(msg.Ready)


async def test_kind_that_no_slot_makes_fails_with_a_reason(
    manager: FakeManager, start_agent: StartAgent
):
    start_agent()
    await manager.heard(msg.Ready)
    task = trial_task()

    await manager.order(msg.Task(1, 1, "detect", task.settings), trial_lease())

    assert "detect" in (await manager.heard(msg.Failed)).message


async def test_settings_of_another_version_fail_with_a_reason(
    manager: FakeManager, start_agent: StartAgent
):
    start_agent()
    await manager.heard(msg.Ready)

    await manager.order(trial_task(seconds="soon"), trial_lease())  # type: ignore[arg-type]

    assert "same version" in (await manager.heard(msg.Failed)).message


async def test_stop_gives_the_lease_back_and_waits_for_neither_unit_nor_limit(
    manager: FakeManager, start_agent: StartAgent, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("framefarm.agent.agent.STOP_S", AN_HOUR_S)
    agent = start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(seconds=SLOW), trial_lease())
    await manager.heard(msg.Progress)

    await agent.stop()

    assert (await manager.heard(msg.Released)).lease == "L1"
    assert not any(isinstance(report, NOT_WAITED_FOR) for report in manager.reports)


async def test_data_directory_that_vanishes_ends_the_agent_and_is_named(
    manager: FakeManager, start_agent: StartAgent
):
    agent = start_agent()
    await manager.heard(msg.Ready)

    await asyncio.to_thread(shutil.rmtree, agent.settings.data_dir)

    with pytest.raises(FileNotFoundError) as ended:
        await agent.ended()
    assert ended.value.filename == str(agent.settings.data_dir)


async def test_stop_says_goodbye(manager: FakeManager, start_agent: StartAgent):
    agent = start_agent()
    await manager.heard(msg.Ready)

    await agent.stop()

    # Any other code is that of a worker which may come back, and is lost when it does not.
    assert await manager.until(lambda: manager.close_codes or None, "the end") == [1000]


async def test_stop_ends_although_the_manager_takes_no_results(
    manager: FakeManager, start_agent: StartAgent
):
    agent = start_agent()
    await manager.heard(msg.Ready)
    manager.hold_blobs = asyncio.Event()
    manager.answers.extend(Answer(503, b"", {"Retry-After": "3600"}) for _ in range(9))
    await manager.order(trial_task(image_bytes=5_000), trial_lease(units="1-5"))
    await manager.arrived(1)

    await agent.stop()

    assert list((agent.settings.data_dir / "outbox").iterdir())


async def test_drain_finishes_the_lease_first(manager: FakeManager, start_agent: StartAgent):
    agent = start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(image_bytes=5_000), trial_lease(units="1-3"))
    await manager.arrived(1)

    agent.agent.drain()
    await agent.ended()

    assert {result.unit for result in manager.arrivals} == {1, 2, 3}
    assert not list((agent.settings.data_dir / "outbox").iterdir())


async def test_worker_that_is_turned_away_ends_with_the_reason(
    manager: FakeManager, start_agent: StartAgent
):
    manager.refuse_with = msg.Bye("wrong protocol")
    agent = start_agent()

    with pytest.raises(RefusedByManagerError, match="wrong protocol"):
        await agent.ended()


async def test_worker_comes_again_when_the_manager_said(
    manager: FakeManager, start_agent: StartAgent
):
    manager.refuse_with = msg.Bye("busy", 0.1)
    start_agent()
    await manager.heard(msg.Hello)

    manager.refuse_with = None

    await manager.heard(msg.Ready)


async def test_worker_that_is_never_welcomed_comes_again(
    manager: FakeManager, start_agent: StartAgent, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "_WELCOME_S", 0.3)
    manager.says_nothing = True
    start_agent()
    await manager.until(lambda: manager.connections > 1 or None, "the second try")

    manager.says_nothing = False

    await manager.heard(msg.Ready)


async def test_l13_worker_that_found_no_room_comes_again_when_the_manager_said(
    manager: FakeManager, start_agent: StartAgent
):
    manager.no_room_for_s = 1
    loop = asyncio.get_running_loop()
    start_agent()
    await manager.until(lambda: manager.connections or None, "the first try")
    began = loop.time()

    await manager.heard(msg.Ready)

    assert loop.time() - began >= 0.9
    assert manager.connections == 2


async def test_second_agent_in_a_data_directory_is_refused(
    manager: FakeManager, start_agent: StartAgent
):
    start_agent()
    await manager.heard(msg.Ready)

    with pytest.raises(DataDirInUseError, match="another worker"):
        await start_agent().ended()


async def test_full_disk_takes_no_lease(manager: FakeManager, start_agent: StartAgent):
    start_agent(disk_reserve_bytes=1 << 60)
    await manager.heard(msg.Hello)

    await manager.order(trial_task(), trial_lease())

    await manager.heard(msg.Released)
    assert not any(isinstance(report, msg.Ready) for report in manager.reports)


async def test_two_slots_work_at_the_same_time(manager: FakeManager, start_agent: StartAgent):
    start_agent(slots=2)
    ready = {(await manager.heard(msg.Ready)).slot for _ in range(2)}
    assert ready == {"cpu", "cpu-2"}

    await manager.order(
        trial_task(seconds=SLOW), trial_lease("L1"), trial_lease("L2", slot="cpu-2")
    )

    await manager.heard(msg.Progress, lambda progress: progress.lease == "L1")
    await manager.heard(msg.Progress, lambda progress: progress.lease == "L2")


async def test_agent_runs_in_a_loop_of_another_thread_and_is_stopped_from_here(
    manager: FakeManager, tmp_path
):
    settings = AgentSettings(
        data_dir=tmp_path / "threaded", media=False, warm_start=False, log_level="error"
    )
    agent = Agent(manager.url, settings, find=lambda _: [])
    thread = threading.Thread(target=lambda: asyncio.run(agent.run()))
    thread.start()
    await manager.heard(msg.Ready)

    agent.stop()

    await asyncio.to_thread(thread.join, 60)
    assert not thread.is_alive()
    assert not (tmp_path / "threaded" / "work").exists()


async def test_stop_before_the_start_ends_at_once(manager: FakeManager, tmp_path):
    settings = AgentSettings(data_dir=tmp_path / "early", media=False, log_level="error")
    agent = Agent(manager.url, settings, find=lambda _: [])

    agent.stop()

    await asyncio.wait_for(agent.run(), 60)


async def test_lease_says_how_long_its_units_may_be_silent(
    manager: FakeManager, start_agent: StartAgent
):
    start_agent()
    await manager.heard(msg.Ready)
    order = msg.Lease("L1", 1, "cpu", "1", 1, 30.0, stall_s=0.05)

    await manager.order(trial_task(seconds=SLOW), order)

    failed = await manager.heard(msg.Failed)
    assert failed.reason == "stalled"
    assert "0.05 s" in failed.message


async def test_process_that_died_in_a_unit_tells_it_once_to_the_next(
    manager: FakeManager, start_agent: StartAgent, tmp_path
):
    for name in ("gpu_0-7--3-0123456789ab", "cpu-2-7-12-0123456789ab", "something else"):
        (tmp_path / "agent" / "work" / name).mkdir(parents=True)

    start_agent()

    hello = await manager.heard(msg.Hello)
    assert hello.interrupted == ((7, 12), (7, -3))
    await manager.heard(msg.Ready)
    await manager.drop()
    assert (await manager.heard(msg.Hello)).interrupted == ()


async def test_stop_leaves_no_unit_that_looks_interrupted(
    manager: FakeManager, start_agent: StartAgent
):
    agent = start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(seconds=SLOW), trial_lease())
    await manager.heard(msg.Progress)

    await agent.stop()

    assert not (agent.settings.data_dir / "work").exists()


async def test_hello_names_the_larger_files_it_holds_and_its_clock(
    manager: FakeManager, start_agent: StartAgent
):
    agent = start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(image_bytes=100_000), trial_lease(units="1-2"))
    await manager.order(trial_task(stage=2, image_bytes=5_000))
    await manager.arrived(2)
    await manager.heard(msg.Ready)
    await manager.order(trial_lease("L2", units="3", stage=2))
    await manager.arrived(3)
    large = [next(iter(a.manifest.files)).sha256 for a in manager.arrivals[:2]]
    await agent.stop()

    start_agent()

    hello = await manager.heard(msg.Hello, lambda hello: hello.worker_id is not None)
    assert sorted(hello.cached) == sorted(large)
    assert abs(hello.clock_at - time.time()) < 60


@pytest.mark.parametrize("at_once", [False, True])
async def test_restart_ends_the_process_to_begin_anew(
    *, manager: FakeManager, start_agent: StartAgent, at_once: bool
):
    agent = start_agent()
    await manager.heard(msg.Ready)
    await manager.order(trial_task(seconds=SLOW if at_once else 0.2), trial_lease())

    await manager.order(msg.Restart(at_once=at_once))
    if not at_once:
        await manager.heard(msg.Finished)
        await manager.order(msg.Settled("L1", 1, "accepted"))

    assert await asyncio.wait_for(agent.task, 60) is True
    assert any(isinstance(report, msg.Released) for report in manager.reports) == at_once


async def test_manager_that_stays_away_does_not_fill_the_log(
    start_agent: StartAgent, manager: FakeManager, capsys: pytest.CaptureFixture[str]
):
    await manager.stop()
    tries = 0
    enough = asyncio.Event()

    def die() -> float:
        nonlocal tries
        tries += 1
        if tries == 5:
            enough.set()
        return 0.0

    agent = start_agent(log_level="info", die=die)
    await asyncio.wait_for(enough.wait(), 60)
    await agent.stop()
    await manager.start()

    told = capsys.readouterr().err
    assert told.count("no connection") == 1
    assert "connection refused: nothing listens at that address" in told


async def test_log_tells_what_was_done(
    start_agent: StartAgent, manager: FakeManager, capsys: pytest.CaptureFixture[str]
):
    agent = start_agent(log_level="info")
    await manager.heard(msg.Ready)
    await manager.order(trial_task(), trial_lease(units="1-2"))
    await manager.heard(msg.Finished)
    await manager.heard(msg.Finished)
    await agent.stop()

    told = re.findall(r"event=(\w+) .*", capsys.readouterr().err)
    assert told.count("leased") == 1
    assert told.count("done") == 2


async def test_an_agent_stopped_while_it_looks_for_blenders_makes_nothing_more(
    manager: FakeManager, tmp_path: Path
):
    agent: Agent

    def find(_: AgentSettings) -> list[BlenderInstallation]:
        agent.stop()
        return []

    settings = AgentSettings(data_dir=tmp_path / "agent", log_level="error", media=False)
    agent = Agent(manager.url, settings, find=find)

    assert await asyncio.wait_for(agent.run(), 60) is False
    assert [path.name for path in (tmp_path / "agent").iterdir()] == ["agent.lock"]
    assert manager.reports == []
