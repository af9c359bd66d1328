"""What the decisions tell the rest of the agent to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framefarm.protocol.messages import Prefetch, Report

if TYPE_CHECKING:
    from framefarm.agent.work import Outcome, UnitWork


@dataclass(frozen=True, slots=True)
class Greet:
    """Say hello on the new connection.

    Attributes:
        holding: The leases still held.
        resting: Why it will ask for no work just now; empty when it will.
    """

    holding: tuple[str, ...]
    resting: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a report."""

    report: Report


@dataclass(frozen=True, slots=True)
class SendFacts:
    """Report the machine's facts as they are now, and why it asks for no work, if so."""

    resting: str = ""


@dataclass(frozen=True, slots=True)
class Settle:
    """Take over what a welcome says: identity, pace, stall time.

    Attributes:
        worker_id, key: To be remembered; `key` is None when it was said before.
        name: What people call the worker there.
        lease_s: Heartbeats go out every third of it (L3).
        stall_s: A unit without progress for this long is killed (L10).
    """

    worker_id: str
    key: str | None
    lease_s: float
    stall_s: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class StartUnit:
    """Let a slot begin a unit."""

    work: UnitWork


@dataclass(frozen=True, slots=True)
class FetchAhead:
    """Fetch a job's files in the background, and report when they are here."""

    order: Prefetch


@dataclass(frozen=True, slots=True)
class AbortUnit:
    """Stop what a slot is doing at once; it answers with one of the unit events."""

    slot: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Put a finished unit's output into the outbox."""

    work: UnitWork
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Discard:
    """Delete a unit's work directory; nothing of it is wanted."""

    work: UnitWork


@dataclass(frozen=True, slots=True)
class Offer:
    """Deliver a result by HTTP; at once, even when it is waiting for a retry."""

    entry: str


@dataclass(frozen=True, slots=True)
class DropEntry:
    """Take a result out of the outbox.

    Attributes:
        entry: Which.
        useful: The manager has it now, so its files may serve later stages from the cache.
    """

    entry: str
    useful: bool


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Close the connection and open it anew."""

    reason: str


@dataclass(frozen=True, slots=True)
class AwaitReturn:
    """The manager closed the connection and said when to come again."""

    retry_in_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The manager will not have this worker: end, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Quit:
    """All is done that was to be done before the end.

    Attributes:
        again: The process is to be started anew.
    """

    again: bool = False


Instruction = (
    Greet
    | Send
    | SendFacts
    | Settle
    | StartUnit
    | FetchAhead
    | AbortUnit
    | Keep
    | Discard
    | Offer
    | DropEntry
    | Reconnect
    | AwaitReturn
    | GiveUp
    | Quit
)
