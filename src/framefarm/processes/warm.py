"""A child that stays up and takes order after order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import psutil  # type: ignore[import-untyped,unused-ignore]  # stubs are a package of their own

from framefarm.processes.conversation import Conversation

if TYPE_CHECKING:
    from types import TracebackType

    from framefarm.processes.child_process import ChildProcess


class WarmProcess:
    """One child. Not for concurrent use: one order at a time.

    A cancelled call kills the process, because nobody knows then what it is doing.

    Args:
        child: The process, which has not said hello yet.
        who: What it is, for messages: `Blender`.
        stall_s: How long it may be silent while it works.

    Attributes:
        started_in_s: How long it took to come up.
    """

    def __init__(self, child: ChildProcess, *, who: str, stall_s: float) -> None:
        self.started_in_s = 0.0
        self._child = child
        self._talk = Conversation(child, who=who, stall_s=stall_s)
        self._pid = child.pid

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.quit()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child.alive

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._pid

    @property
    def rss_bytes(self) -> int:
        """Memory it holds now, without what it started; 0 when it ended."""
        try:
            return int(psutil.Process(self._pid).memory_info().rss) if self.alive else 0
        except psutil.Error:
            return 0

    @property
    def idle_s(self) -> float:
        """Seconds since its last order was answered."""
        return time.monotonic() - self._talk.answered_at

    def needs_recycling(self, *, max_idle_s: float, max_rss_bytes: int) -> bool:
        """Whether to quit it: it ended, was idle too long, grew too large, or left children."""
        if not self.alive or self.idle_s > max_idle_s or self.rss_bytes > max_rss_bytes:
            return True
        return self._child.memory.count() > 1

    async def quit(self, *, grace_s: float = 2.0) -> None:
        """End it, by force after `grace_s`, and remove its temporary files."""
        await self._child.end({"order": "quit"}, grace_s=grace_s)

    async def kill(self) -> None:
        """End it and everything it started at once, and remove its temporary files."""
        await self._child.kill()

    async def _hello(self, what: str, timeout_s: float, *, began: float) -> dict[str, Any]:
        """Wait until it takes orders, or end it; returns what it says of itself.

        Args:
            what: Which one it is, for messages.
            timeout_s: How long that may take.
            began: When its start began, in monotonic seconds.
        """
        try:
            hello = await self._talk.hello(what, timeout_s)
        except BaseException:
            await self.kill()
            raise
        self._pid = int(hello.get("pid", self._child.pid))
        self.started_in_s = time.monotonic() - began
        return hello
