"""Orders to a child and its answers, one at a time; what its silence or its end means."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from framefarm.processes.errors import (
    ChildCrashedError,
    ChildDiskError,
    ChildFailedError,
    ChildMemoryError,
    ChildRefusedError,
    ChildStalledError,
    ChildStartError,
)
from framefarm.processes.log_capture import TAIL_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from framefarm.processes.child_process import ChildProcess

OnReport = Callable[[dict[str, Any]], None]


class Conversation:
    """Talks to the driver in a child process.

    Args:
        child: The process.
        who: What it is, for messages: `Blender`.
        stall_s: How long it may be silent while it works.

    Attributes:
        answered_at: When it last answered, in monotonic seconds.
    """

    def __init__(self, child: ChildProcess, *, who: str, stall_s: float) -> None:
        self._child = child
        self._who = who
        self._stall_s = stall_s
        self.answered_at = time.monotonic()

    async def hello(self, what: str, timeout_s: float) -> dict[str, Any]:
        """Wait until it takes orders; returns what it says of itself.

        Args:
            what: Which one it is, for messages.
            timeout_s: How long that may take.

        Raises:
            ChildStartError: It ended, or did not come up in time.
            ChildMemoryError: It took more memory than it may.
        """
        try:
            async with asyncio.timeout(timeout_s):
                hello = await self._child.receive()
        except TimeoutError as error:
            raise ChildStartError(
                f"{what} did not come up within {timeout_s:g} s; `framefarm doctor` tries it alone",
                log_tail=self._child.log.tail(),
            ) from error
        if self._child.memory.excess is not None or self._child.disk.excess is not None:
            raise await self._ended("starting")
        if hello is None or hello.get("report") != "hello":
            code = await self._child.exit_code()
            tail = self._child.log.tail()
            reason = tail.strip().splitlines()[-1:] or ["it printed nothing"]
            raise ChildStartError(
                f"{what} ended at once with exit code {code}: {reason[0]}", log_tail=tail
            )
        return hello

    async def ask(
        self,
        doing: str,
        order: dict[str, Any],
        answer: str,
        stall_s: float | None,
        on_progress: OnReport | None = None,
        *,
        into: Path | None = None,
    ) -> tuple[dict[str, Any], str]:
        """Give an order and wait for its answer. Cancelled, it kills the child.

        Args:
            doing: What it is about, for messages.
            order: For the driver.
            answer: The report that is wanted.
            stall_s: How long it may be silent; None for the usual time.
            on_progress: Called with each progress report.
            into: Where it writes, which is watched meanwhile.

        Returns:
            The answer, and what was printed meanwhile.

        Raises:
            ChildRefusedError: It says why it cannot.
            ChildFailedError: It is gone.
        """
        stall_s = self._stall_s if stall_s is None else stall_s
        self._child.memory.forget_peak()
        self._child.disk.work = into
        mark = f"--- {secrets.token_hex(8)} ---"
        try:
            report = await self._exchange(doing, order | {"mark": mark}, stall_s, on_progress)
            log = await self._child.log.take_until(mark, timeout_s=2.0)
        except BaseException:
            await self._child.kill()
            raise
        self.answered_at = time.monotonic()
        if report["report"] == "refused":
            await self._end_if_it_filled_the_disk(doing)
            raise ChildRefusedError(report["kind"], report["message"], log_text=log)
        if report["report"] != answer:
            await self._child.kill()
            raise ChildCrashedError(self._who, doing, exit_code=None, log_tail=log[-TAIL_BYTES:])
        return report, log

    async def _end_if_it_filled_the_disk(self, doing: str) -> None:
        if await self._child.disk.look() is not None:
            failed = await self._ended(doing)
            await self._child.kill()
            raise failed

    async def _exchange(
        self, doing: str, order: dict[str, Any], stall_s: float, on_progress: OnReport | None
    ) -> dict[str, Any]:
        await self._child.send(order)
        while True:
            report = await self._next_report(doing, stall_s)
            if report["report"] == "progress" and on_progress is not None:
                on_progress(report)
            if report["report"] not in ("started", "progress"):
                return report

    async def _next_report(self, doing: str, stall_s: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(stall_s):
                report = await self._child.receive()
        except TimeoutError as error:
            tail, peak = self._child.log.tail(), self._child.memory.peak_bytes
            raise ChildStalledError(
                self._who, doing, stall_s=stall_s, log_tail=tail, peak_bytes=peak
            ) from error
        if report is None:
            raise await self._ended(doing)
        return report

    async def _ended(self, doing: str) -> ChildFailedError:
        code = await self._child.exit_code()
        tail, memory = self._child.log.tail(), self._child.memory
        if memory.excess is not None:
            return ChildMemoryError(
                self._who,
                doing,
                peak_bytes=memory.excess.peak_bytes,
                limit_bytes=memory.excess.limit_bytes,
                log_tail=tail,
            )
        peak, excess = memory.peak_bytes, await self._child.disk.look()
        if excess is not None:
            return ChildDiskError(self._who, doing, excess=excess, log_tail=tail, peak_bytes=peak)
        return ChildCrashedError(self._who, doing, exit_code=code, log_tail=tail, peak_bytes=peak)
