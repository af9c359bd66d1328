"""Reports made from what the agent knows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from framefarm.protocol.limits import MAX_ERROR_CHARACTERS
from framefarm.protocol.messages import Failed, Finished

if TYPE_CHECKING:
    from framefarm.agent.errors import FailureReason
    from framefarm.agent.events import Owed, UnitFailed
    from framefarm.agent.work import UnitWork

MAX_TAIL_CHARACTERS = 16_000
"""About 200 lines: enough to see why, few enough to travel in a message beside others."""


def failed_report(
    of: UnitWork | Owed, reason: FailureReason, message: str, log_tail: str = ""
) -> Failed:
    """The report that a unit could not be made, cut to what the protocol takes."""
    return Failed(
        lease=of.lease,
        stage=of.stage,
        unit=of.unit,
        attempt=of.attempt,
        reason=reason,
        message=message[:MAX_ERROR_CHARACTERS],
        log_tail=log_tail[-MAX_TAIL_CHARACTERS:],
    )


def unit_report(event: UnitFailed) -> Failed:
    """The report of a unit that a slot could not make."""
    report = failed_report(event.work, event.reason, event.message, event.log_tail)
    return msgspec.structs.replace(
        report, peak_memory_bytes=event.peak_memory_bytes, memory_bytes=event.memory_bytes
    )


def finished_report(owed: Owed) -> Finished:
    """The report of a result without files."""
    return Finished(
        lease=owed.lease,
        stage=owed.stage,
        unit=owed.unit,
        attempt=owed.attempt,
        facts=owed.facts,
        seal=owed.seal,
    )
