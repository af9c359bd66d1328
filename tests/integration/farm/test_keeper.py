"""The keeper process: small results checked and stored outside the manager's own process."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.images import noise_png
from framefarm.farm.intake import Asked, NotWhatWasAskedError, Picture
from framefarm.farm.keeper import Keeper, KeeperGoneError, RefusedResultError
from framefarm.protocol import ResultFile, ResultManifest
from framefarm.storage import BlobFolder
from tests.integration.api.manager import Manager, is_problem, of

TRIAL = Asked("trial", {})


@pytest_asyncio.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    made = Keeper(tmp_path / "blobs", 0)
    await made.start()
    yield made
    await made.stop()


def announced(*contents: bytes, role: str = "image") -> ResultManifest:
    files = tuple(
        ResultFile(f"{n}.png", role, hashlib.sha256(one).hexdigest(), len(one))  # type: ignore[arg-type]
        for n, one in enumerate(contents)
    )
    return ResultManifest(stage=1, attempt=1, files=files)


async def test_a_result_is_durable_when_it_is_kept(keeper: Keeper, tmp_path: Path):
    picture, log = noise_png(2_000, seed=1), b"what Blender said"
    manifest = announced(picture)
    text = ResultFile("log.txt", "log", hashlib.sha256(log).hexdigest(), len(log))
    both = ResultManifest(stage=1, attempt=1, files=(*manifest.files, text))

    await keeper.keep(TRIAL, both, picture + log)

    blobs = BlobFolder(tmp_path / "blobs", low_water_bytes=0)
    assert blobs.existing(both.files[0].sha256).read_bytes() == picture
    assert blobs.existing(both.files[1].sha256).read_bytes() == log


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (noise_png(2_000, seed=2)[:-1], "hash_differs"),
        (noise_png(2_000, seed=2) + b"x", "hash_differs"),
        (b"x" * len(noise_png(2_000, seed=2)), "hash_differs"),
    ],
)
async def test_bytes_that_were_not_announced_are_refused(
    keeper: Keeper, tmp_path: Path, body: bytes, code: str
):
    with pytest.raises(RefusedResultError) as refused:
        await keeper.keep(TRIAL, announced(noise_png(2_000, seed=2)), body)

    assert refused.value.code == code
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


async def test_what_is_no_picture_is_refused_and_the_next_result_is_kept(keeper: Keeper):
    with pytest.raises(RefusedResultError, match="PNG"):
        await keeper.keep(TRIAL, announced(b"no picture"), b"no picture")

    picture = noise_png(2_000, seed=3)
    await keeper.keep(TRIAL, announced(picture), picture)


async def test_a_full_disk_is_told_as_such(tmp_path: Path):
    keeper = Keeper(tmp_path / "blobs", 1 << 60)
    await keeper.start()
    picture = noise_png(2_000, seed=4)

    with pytest.raises(RefusedResultError) as refused:
        await keeper.keep(TRIAL, announced(picture), picture)

    assert refused.value.code == "disk_full"
    await keeper.stop()


async def test_a_keeper_that_ends_as_its_time_is_over_is_no_error(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
):
    assert keeper._reading is not None
    keeper._reading.cancel()  # it would start the next one
    monkeypatch.setattr("framefarm.farm.keeper._END_S", 0.0)
    await killed_while_at(keeper)

    await keeper.stop()


async def killed_while_at(keeper: Keeper) -> None:
    """Kill the keeper's process once all that is asked of it is on its way."""
    process = keeper._process
    assert process is not None
    await asyncio.sleep(0)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()


def stop_process(keeper: Keeper) -> None:
    assert keeper._process is not None
    os.kill(keeper._process.pid, signal.SIGSTOP)


async def test_a_keeper_that_is_killed_costs_no_result(keeper: Keeper):
    first = keeper._process
    stop_process(keeper)
    pictures = [noise_png(2_000, seed=n) for n in (5, 6)]
    waiting = [
        asyncio.create_task(keeper.keep(TRIAL, announced(picture), picture)) for picture in pictures
    ]

    await killed_while_at(keeper)

    assert await asyncio.wait_for(asyncio.gather(*waiting), 60) == [None, None]
    assert keeper._process is not first


async def test_what_it_dies_at_twice_is_refused_and_nothing_else_is_lost(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
):
    stop_process(keeper)
    pictures = [noise_png(2_000, seed=n) for n in (8, 9)]
    waiting = [
        asyncio.create_task(keeper.keep(TRIAL, announced(picture), picture)) for picture in pictures
    ]
    # The next keeper dies as soon as it is started, the one after that is sound.
    with monkeypatch.context() as patched:
        patched.setattr("framefarm.farm.keeper.PROGRAM", ("-c", "raise SystemExit(9)"))
        await killed_while_at(keeper)
        dead = keeper._process
        while keeper._process is dead:  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.01)

    outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 60)

    assert isinstance(outcomes[0], NotWhatWasAskedError)
    assert outcomes[1] is None


async def test_who_waits_hears_that_the_manager_stops(keeper: Keeper):
    assert keeper._process is not None
    os.kill(keeper._process.pid, signal.SIGSTOP)
    picture = noise_png(2_000, seed=7)
    waiting = asyncio.create_task(keeper.keep(TRIAL, announced(picture), picture))
    await asyncio.sleep(0)

    await asyncio.wait_for(keeper.stop(), 60)

    with pytest.raises(KeeperGoneError):
        await waiting
    with pytest.raises(KeeperGoneError):
        await keeper.keep(TRIAL, announced(picture), picture)


async def test_it_ends_when_the_manager_is_killed(tmp_path: Path):
    keeper = Keeper(tmp_path / "blobs", 0)
    await keeper.start()
    process = keeper._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()  # all that a killed manager's end of the pipe does

    assert await asyncio.wait_for(process.wait(), 60) == 0
    await keeper.stop()


async def test_pictures_that_came_already_are_checked_by_a_process_made_for_the_first(
    tmp_path: Path,
):
    checker = Keeper(tmp_path / "blobs", 0)
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(noise_png(2_000_000, seed=1))
    bad.write_bytes(b"no picture" * 200_000)
    try:
        assert checker._process is None
        await checker.check(TRIAL, [Picture("image", str(good))])
        with pytest.raises(RefusedResultError, match="PNG"):
            await checker.check(TRIAL, [Picture("image", str(good)), Picture("image", str(bad))])
        stop_process(checker)
        waiting = asyncio.create_task(checker.check(TRIAL, [Picture("image", str(good))]))
        await killed_while_at(checker)
        await asyncio.wait_for(waiting, 60)
    finally:
        await checker.stop()
    with pytest.raises(KeeperGoneError):
        await checker.check(TRIAL, [Picture("image", str(good))])


def test_large_picture_that_crashes_its_decoder_takes_no_manager_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    manager = Manager(tmp_path, keeper=True)
    picture = noise_png(2_000_000, seed=1)
    try:
        manager.trial("1-2")
        with manager.worker() as worker:
            lease = worker.lease()
            name = f"trial_{of(lease)['unit']:04d}.png"
            with monkeypatch.context() as patched:
                patched.setattr("framefarm.farm.keeper.PROGRAM", ("-c", "raise SystemExit(9)"))
                refused = worker.put(lease, (name, "image", picture))
                told = is_problem(refused, 422, "not_what_was_asked")
                assert "crashed at it twice" in told["detail"]
                assert list((manager.settings.blobs / "incoming").iterdir()) == []
            assert worker.put(lease, (name, "image", picture)).status_code == 200
        manager.check()
    finally:
        manager.close()


async def test_a_picture_that_hangs_its_decoder_is_refused_alone(tmp_path: Path):
    checker = Keeper(tmp_path / "blobs", 0, longest_s=3.0)
    good, endless = tmp_path / "good.png", tmp_path / "endless.png"
    good.write_bytes(noise_png(2_000_000, seed=1))
    os.mkfifo(endless)  # whoever opens it to read waits for ever
    # A busy machine may take longer for one than the endless one is given.
    patient = [Picture("image", str(good))] * 20
    try:
        await checker.check(TRIAL, patient)
        first = checker._process
        hanging = asyncio.create_task(checker.check(TRIAL, [Picture("image", str(endless))]))
        await asyncio.sleep(0)
        behind = [asyncio.create_task(checker.check(TRIAL, patient)) for _ in range(3)]

        with pytest.raises(NotWhatWasAskedError, match="within 3 s"):
            await asyncio.wait_for(hanging, 60)
        assert await asyncio.wait_for(asyncio.gather(*behind), 60) == [None] * 3
        assert checker._process is not first
        assert first is not None
        assert await asyncio.wait_for(first.wait(), 10) == -signal.SIGKILL
    finally:
        await checker.stop()


def test_result_whose_check_never_ends_is_refused_by_its_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    manager = Manager(tmp_path, keeper=True, longest_check_s=0.5)
    picture = noise_png(2_000_000, seed=1)
    try:
        manager.trial("1-2")
        with manager.worker() as worker, monkeypatch.context() as patched:
            lease = worker.lease()
            name = f"trial_{of(lease)['unit']:04d}.png"
            hangs = "import sys; sys.stdin.buffer.read()"
            patched.setattr("framefarm.farm.keeper.PROGRAM", ("-c", hangs))
            told = is_problem(
                worker.put(lease, (name, "image", picture)), 422, "not_what_was_asked"
            )
            assert "could not be decoded within 0.5 s" in told["detail"]
        assert list((manager.settings.blobs / "incoming").iterdir()) == []
        manager.check()
    finally:
        manager.close()
