"""The one warm process of a slot: started when needed, kept, renewed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar


class Held(Protocol):
    """What is used of a `WarmProcess`; tests put another one in its place."""

    @property
    def alive(self) -> bool:
        """Whether the process runs."""

    def needs_recycling(self, *, max_idle_s: float, max_rss_bytes: int) -> bool:
        """Whether it was idle too long, grew too large or ended."""

    async def quit(self, *, grace_s: float = 2.0) -> None:
        """End it."""

    async def kill(self) -> None:
        """End it at once."""


HeldT = TypeVar("HeldT", bound=Held)
NeedT = TypeVar("NeedT")


class Holder(Generic[NeedT, HeldT]):
    """Keeps a slot's process between units.

    Args:
        start: Starts one that fits a need.
        idle_s: One that did nothing for this long is ended.
        max_bytes: One grown beyond this is renewed.

    Attributes:
        holds: What it has open and how it is set, for whoever uses it; None after a new start.
    """

    def __init__(
        self, start: Callable[[NeedT], Awaitable[HeldT]], *, idle_s: float, max_bytes: int
    ) -> None:
        self._start = start
        self._idle_s = idle_s
        self._max_bytes = max_bytes
        self._process: HeldT | None = None
        self._need: NeedT | None = None
        self.holds: object = None

    @property
    def running(self) -> bool:
        """Whether there is one now."""
        return self._process is not None and self._process.alive

    async def get(self, need: NeedT) -> HeldT:
        """The slot's process, started now unless the right one runs.

        Raises:
            ChildStartError: It does not come up.
        """
        if self._process is not None and (self._need != need or self._is_spent()):
            await self.end()
        if self._process is None:
            self._process = await self._start(need)
            self._need = need
        return self._process

    async def renew_if_spent(self) -> None:
        """End one that was idle too long or grew too large; the next unit gets a new one."""
        if self._process is not None and self._is_spent():
            await self.end()

    async def end(self) -> None:
        """End it in peace: it gets a moment to leave."""
        process, self._process, self.holds = self._process, None, None
        if process is not None:
            await process.quit(grace_s=0.5)

    async def kill(self) -> None:
        """End it at once."""
        process, self._process, self.holds = self._process, None, None
        if process is not None:
            await process.kill()

    def _is_spent(self) -> bool:
        assert self._process is not None
        return self._process.needs_recycling(max_idle_s=self._idle_s, max_rss_bytes=self._max_bytes)
