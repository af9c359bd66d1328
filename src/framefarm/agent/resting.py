"""When the machine is not to work: outside its hours, and while somebody uses it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from framefarm.agent.idle_sensor import IdleSensor
from framefarm.agent.idleness import Idleness, sense

if TYPE_CHECKING:
    from collections.abc import Callable

    from framefarm.agent.idleness import IdleLimits, Sensed
    from framefarm.agent.settings import AgentSettings
    from framefarm.core.hours import Hours

IN_USE = "somebody uses the machine"


def why_not_now(hours: Hours | None, now: datetime, *, in_use: bool) -> str:
    """Why no work is to be begun now, for people; empty when it may. Pure."""
    if hours is not None and not hours.contain(now):
        return f"it works {hours} only, next at {hours.next_start(now)}"
    return IN_USE if in_use else ""


class RestWatch:
    """Looks whether the machine may work.

    Args:
        settings: The agent's.
        look: What the sensors say; blocks for a moment.
        now: The time of this place.
    """

    def __init__(
        self,
        settings: AgentSettings,
        *,
        look: Callable[[], Sensed] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._hours = settings.hours
        self._limits: IdleLimits | None = settings.idle if settings.only_when_idle else None
        self._look = look
        self._now = now
        self._idleness = Idleness(in_use=self._limits is not None)

    async def reason(self) -> str:
        """Why no work is to be begun now; empty when it may. To be asked about once a second."""
        if self._limits is not None:
            self._idleness = sense(self._idleness, await self._sensed(), self._limits)
        return why_not_now(self._hours, self._now(), in_use=self._idleness.in_use)

    async def _sensed(self) -> Sensed:
        if self._look is None:
            self._look = (await asyncio.to_thread(IdleSensor)).look
        return await asyncio.to_thread(self._look)
