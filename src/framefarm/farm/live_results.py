"""What comes back from workers: results and failures, each queued for the writer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from framefarm.core.requirements import Requirements
from framefarm.db import Handler
from framefarm.farm.blame import Blame, known_elsewhere
from framefarm.farm.charging import finish_and_charge
from framefarm.farm.failures import Failure, fail_many
from framefarm.farm.finishes import Settlement
from framefarm.farm.late_finishes import Finish
from framefarm.farm.roster import Link

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_A_DAY_S = 86_400.0


class LiveResults:
    """Settles what workers made or could not make. Used from the manager's event loop only.

    Args:
        farm: Whose units.

    Attributes:
        blame: Who is to blame for what went wrong.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self.blame = Blame(farm.settings.blame, self._elsewhere)
        self._started_at = time.monotonic()
        self._finishes: Handler[Finish, Settlement] = Handler(self._finish_many, rank=20)
        self._failures: Handler[Failure, Settlement] = Handler(self._fail_many, rank=30)

    def _finish_many(self, connection: Connection, finishes: Sequence[Finish]) -> list[Settlement]:
        return finish_and_charge(
            connection, self._farm.catalog, finishes, self._farm.settings.blame
        )

    def _fail_many(self, connection: Connection, failures: Sequence[Failure]) -> list[Settlement]:
        return fail_many(connection, self._farm.catalog, failures, self.blame)

    def finish(self, finish: Finish) -> asyncio.Future[Settlement]:
        """Queue a result; `settled` its answer once it is there.

        That it could make one counts at once, as a failure does: what a worker kept while the
        manager was away comes in one message with what went wrong after it.
        """
        link = self._farm.roster.get(finish.worker_id)
        if link is not None:
            link.made(finish.stage_id, finish.lease_id, finish.unit)
        return self._farm.writer.submit(self._finishes, finish)

    def fail(self, failure: Failure) -> asyncio.Future[Settlement]:
        """Queue a failure; `settled` its answer once it is there.

        At once, and not when it is durable: a slot's next claim may come in the same message.
        """
        link = self._farm.roster.get(failure.worker_id)
        if link is not None:
            self._let_rest(link, failure.stage_id)
        return self._farm.writer.submit(self._failures, failure)

    def _let_rest(self, link: Link, stage_id: int) -> None:
        stage = self._farm.catalog.known(stage_id)

        def sound_elsewhere() -> bool:
            return stage is None or self._farm.roster.sound_for(stage.asked, stage_id)

        pause_s = link.rest(stage_id, self._farm.settings.blame, sound_elsewhere)
        if pause_s:
            asyncio.get_running_loop().call_later(pause_s, self._rested, link, stage_id)

    def _rested(self, link: Link, stage_id: int) -> None:
        link.rested(stage_id)
        self._farm.dispatcher.work_appeared()

    async def settled(self, settlement: Settlement) -> str:
        """Spread what a settlement changed; returns the answer for the worker."""
        if settlement.news is not None:
            await self._farm.spread(settlement.news)
        return settlement.answer

    def _elsewhere(
        self, connection: Connection, asked: Requirements, avoid: frozenset[str], more: int
    ) -> bool:
        """Whether a worker that is here, or was a moment ago, could do a stage; see `Blame`.

        Soon after the manager's start also one that was here within a day: how long the manager was
        away is not the workers' doing, and they are on their way back.
        """
        known_s = self._farm.settings.known_s
        just_started = time.monotonic() - self._started_at < known_s
        return self._farm.roster.others(asked, avoid, more) or known_elsewhere(
            connection, asked, avoid, more, seen_s=_A_DAY_S if just_started else known_s
        )
