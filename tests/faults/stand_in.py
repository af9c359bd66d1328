"""What a worker of these tests renders `trial` units with: a child process, as Blender is one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from framefarm.agent.errors import FetchError, UnitFailedError
from framefarm.agent.executors.contract import Progress, SlotResources, Unprepared, read_settings
from framefarm.agent.work import Outcome, ProducedFile, UnitWork
from framefarm.protocol.messages import UnitFacts
from framefarm.protocol.tasks import TrialTask

RENDERER = Path(__file__).with_name("renderer.py")


class StandIn(Unprepared):
    """Makes the units of `trial` stages in a child process.

    Args:
        resources: The slot's.
        record: Where renders are noted.
        needed: A JSON file naming the blob that every unit needs, `{"sha256", "size_bytes"}`; not
            there when none does.
    """

    def __init__(self, resources: SlotResources, record: Path, needed: Path) -> None:
        self._resources = resources
        self._record = record
        self._needed = needed

    async def run(self, work: UnitWork, workdir: Path, progress: Progress) -> Outcome:
        """Fetch what is needed, then render; see `Executor.run`."""
        task = read_settings(work, TrialTask)
        began = time.monotonic()
        progress(0, 2, "fetching")
        await self._fetch()
        progress(1, 2, "rendering")
        out = workdir / "trial.png"
        await self._render(work, task, out)
        file = ProducedFile(out, f"trial_{work.unit:04d}.png", "image")
        return Outcome((file,), UnitFacts(seconds=time.monotonic() - began, device="none"))

    async def _fetch(self) -> None:
        try:
            needed = json.loads(self._needed.read_text())
        except FileNotFoundError:
            return
        try:
            async with self._resources.cache.use(needed["sha256"], needed["size_bytes"]):
                pass
        except FetchError as error:
            raise UnitFailedError("input_missing", str(error)) from error
        except OSError as error:
            raise UnitFailedError("error", f"an input cannot be stored: {error}") from error

    async def _render(self, work: UnitWork, task: TrialTask, out: Path) -> None:
        order = {
            "record": str(self._record),
            "out": str(out),
            "seconds": task.seconds,
            "image_bytes": max(1, task.image_bytes),
            "unit": _described(work, self._resources.settings.worker_name),
        }
        command = (sys.executable, "-I", "-S", str(RENDERER), json.dumps(order))
        child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stderr=PIPE)
        try:
            _, log = await _ended(child)
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        if child.returncode:
            told = f"the renderer ended with {child.returncode}"
            raise UnitFailedError("crashed", told, log_tail=log.decode(errors="replace"))


async def _ended(child: Process) -> tuple[int, bytes]:
    # Not `communicate`: it closes the standard input, which tells the renderer to end.
    assert child.stderr is not None
    log = await child.stderr.read()
    return await child.wait(), log


def _described(work: UnitWork, worker: str) -> dict[str, Any]:
    named = ("lease", "job", "stage", "unit", "attempt")
    return {"worker": worker, **{name: getattr(work, name) for name in named}}
