"""Results are checked by processes of their own, and small ones stored by them as well.

Checking a frame decodes whatever a worker sent, and making it durable is some twenty system calls.
In threads of the manager each of those calls hands Python's lock back and forth: with 32 workers
uploading 20 kB images that cost 2.3 ms of processor time a result: 450 a second was the
end. In a process of its own the same work takes 0.4 ms, and a picture that crashes its decoder
takes that process down, not the manager.

Large results stream to the disk in threads; there the pieces, not the calls, are what takes time. A
second process decodes their pictures, which may take seconds, so that small ones need not wait for
that; it is started for the first one.

They work off what is asked one after the other. A picture at which a decoder hangs would hold up
all behind it, so the process is killed at one that takes too long, and that one is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from framefarm.core.errors import FrameFarmError
from framefarm.farm.intake import Asked, NotWhatWasAskedError, Picture
from framefarm.farm.keeping import Check, Keep, Kept, Order, framed
from framefarm.protocol.manifest import ResultManifest

_log = structlog.get_logger(__name__)
_answers = msgspec.msgpack.Decoder(Kept)
_END_S = 1.0

PROGRAM = ("-m", "framefarm.farm.keeper_process")
"""What Python runs; the folder and the low-water mark follow."""

DEADLY = 2
"""A keeper that dies at a result may have been killed by anybody; one that dies at it again was
killed by the result."""


class KeeperGoneError(FrameFarmError):
    """The manager is stopping; the sender keeps its result and sends it again (L6)."""

    retryable = True
    code = "stopping"


class RefusedResultError(FrameFarmError):
    """The keeper refused a result.

    Attributes:
        code: That of the error it met.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Keeper:
    """The manager's side of its keeper process.

    Args:
        blobs: The blob folder.
        low_water_bytes: Free space below which nothing more is taken.
        longest_s: How long a picture may take.
    """

    def __init__(self, blobs: Path, low_water_bytes: int, *, longest_s: float = 120.0) -> None:
        self._longest_s = longest_s
        self._timer: asyncio.TimerHandle | None = None
        self._killed = False
        self._arguments = (str(blobs), str(low_water_bytes))
        self._waiting: dict[int, tuple[Order, asyncio.Future[Kept]]] = {}
        self._deaths: Counter[int] = Counter()
        self._numbers = 0
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stopped = False
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Start the process, unless it was started."""
        async with self._starting:
            if self._reading is None and not self._stopped:
                await self._launch()
                self._reading = asyncio.create_task(self._read_answers(), name="keeper")

    async def _launch(self) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *PROGRAM, *self._arguments, stdin=PIPE, stdout=PIPE
        )
        return self._process

    async def keep(self, asked: Asked, manifest: ResultManifest, body: bytes) -> None:
        """Check a result's files and make them durable.

        Raises:
            RefusedResultError: They are not what was announced or asked for, or the disk is full.
            NotWhatWasAskedError: They crash the program that decodes them, or hang it.
            KeeperGoneError: The manager is stopping.
        """
        self._numbers += 1
        await self._ask(Keep(self._numbers, asked, manifest, body))

    async def check(self, asked: Asked, pictures: Sequence[Picture]) -> None:
        """Check pictures that came already; starts the process if need be.

        Raises:
            RefusedResultError: They are not what was asked for.
            NotWhatWasAskedError: They crash the program that decodes them, or hang it.
            KeeperGoneError: The manager is stopping.
        """
        await self.start()
        self._numbers += 1
        await self._ask(Check(self._numbers, asked, list(pictures)))

    async def _ask(self, order: Order) -> None:
        if self._stopped or self._process is None:
            raise KeeperGoneError("The manager is stopping.")
        answer: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        self._waiting[order.number] = (order, answer)
        if len(self._waiting) == 1:
            self._time_the_first()
        await self._send(order)
        kept = await answer
        if kept.code:
            raise RefusedResultError(kept.code, kept.message)

    async def _send(self, order: Order) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # When it has just died, the order is sent again to the next one. uvloop then speaks of a
        # closed handler.
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._process.stdin.write(framed(order))
            await self._process.stdin.drain()

    async def _read_answers(self) -> None:
        process = self._process
        while process is not None and not self._stopped:
            assert process.stdout is not None
            try:
                length = int.from_bytes(await process.stdout.readexactly(4), "big")
                kept = _answers.decode(await process.stdout.readexactly(length))
            except (asyncio.IncompleteReadError, ConnectionError):
                process = await self._replace(process)
                continue
            _, answer = self._forget(kept.number)
            self._time_the_first()
            if answer is not None and not answer.done():
                answer.set_result(kept)

    def _time_the_first(self) -> None:
        """See to it that what the process is at now does not last for ever."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and not self._stopped:
            number = min(self._waiting)
            limit_s = self._longest_s * _pictures_of(self._waiting[number][0])
            later = asyncio.get_running_loop().call_later
            self._timer = later(limit_s, self._give_up, number, limit_s)

    def _give_up(self, number: int, limit_s: float) -> None:
        """Refuse what takes too long, and kill the process, which is at it."""
        _, answer = self._forget(number)
        _log.error("keeper_hangs", waiting=len(self._waiting), limit_s=limit_s)
        if answer is not None and not answer.done():
            told = f"It could not be decoded within {limit_s:g} s; is it a picture at all?"
            answer.set_exception(NotWhatWasAskedError(told))
        if self._process is not None and self._process.returncode is None:
            self._killed = True
            self._process.kill()

    async def _replace(self, dead: Process) -> Process | None:
        """After a death: let a new process do what is left, but for what was deadly twice."""
        status = await dead.wait()
        if self._stopped:
            return None
        _log.error("keeper_died", status=status, waiting=len(self._waiting))
        # The one that it was killed at has its answer; the next one is not to blame.
        if self._waiting and not self._killed:
            self._blame(min(self._waiting))
        self._killed = False
        process = await self._launch()
        self._time_the_first()
        for order, _ in list(self._waiting.values()):
            await self._send(order)
        return process

    def _blame(self, number: int) -> None:
        """Refuse what a keeper died at, if that was not the first time."""
        self._deaths[number] += 1
        if self._deaths[number] < DEADLY:
            return
        _, answer = self._forget(number)
        if answer is not None and not answer.done():
            told = "The program that checks results crashed at it twice; is it a picture at all?"
            answer.set_exception(NotWhatWasAskedError(told))

    def _forget(self, number: int) -> tuple[Order | None, asyncio.Future[Kept] | None]:
        self._deaths.pop(number, None)
        return self._waiting.pop(number, (None, None))

    async def stop(self) -> None:
        """End the process; who still waits hears that the manager is stopping."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for _, answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(KeeperGoneError("The manager is stopping."))
        self._waiting.clear()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), _END_S)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):  # it ended at this very moment
                    self._process.kill()
                await self._process.wait()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


def _pictures_of(order: Order) -> int:
    """How many pictures there may be to decode; at least one, since it all takes some time."""
    return max(1, len(order.manifest.files if isinstance(order, Keep) else order.pictures))
