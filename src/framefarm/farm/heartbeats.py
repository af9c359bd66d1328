"""Heartbeats, written a few times a second rather than one by one.

Ten thousand workers send a thousand a second. A transaction for each, or for the few that meet in
one group, cost a whole core; gathered over a twentieth of a second they cost a few hundredths of
one, and a lease lives six hundred times as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from framefarm.db import GroupCommitWriter, Handler
from framefarm.farm.registry import Renewal, renew_many

GATHER_S = 0.05

_Lost = tuple[str, ...]


class Heartbeats:
    """Renews leases in groups. Used from the manager's event loop only.

    The first after a pause is written at once; while it is, and for `GATHER_S` after it, the next
    ones gather.

    Args:
        writer: Runs the writes.
    """

    def __init__(self, writer: GroupCommitWriter) -> None:
        self._writer = writer
        self._renewals: Handler[Sequence[Renewal], list[_Lost]] = Handler(
            lambda connection, groups: [renew_many(connection, group) for group in groups], rank=10
        )
        self._gathered: list[tuple[Renewal, asyncio.Future[_Lost]]] = []
        self._writing: asyncio.Task[None] | None = None

    def renew(self, renewal: Renewal) -> asyncio.Future[_Lost]:
        """Queue a heartbeat; its answer are the leases that are not the worker's any more.

        Awaiting it raises what `GroupCommitWriter.submit` raises.
        """
        answer: asyncio.Future[_Lost] = asyncio.get_running_loop().create_future()
        self._gathered.append((renewal, answer))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="heartbeats")
        return answer

    async def close(self) -> None:
        """Write no more: after a start nothing expires before workers could renew again (L7)."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write_all(self) -> None:
        try:
            while self._gathered:
                await self._write()
                await asyncio.sleep(GATHER_S)
        finally:
            self._writing = None

    async def _write(self) -> None:
        group, self._gathered = self._gathered, []
        try:
            lost = await self._writer.submit(self._renewals, [renewal for renewal, _ in group])
        except Exception as error:  # noqa: BLE001  it is the answer to each of them
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), leases in zip(group, lost, strict=True):
            if not answer.done():
                answer.set_result(leases)
