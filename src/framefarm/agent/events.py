"""What can happen to an agent. The manager's orders (`framefarm.protocol`) are events as well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from framefarm.protocol.messages import Order, UnitFacts

if TYPE_CHECKING:
    from framefarm.agent.errors import FailureReason
    from framefarm.agent.work import Outcome, UnitWork

Answer = Literal["accepted", "accepted_late", "already_done", "gone"]
"""How the manager settled a result; with each of them the result is off the worker's hands."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A result in the outbox that the manager has not acknowledged.

    Attributes:
        entry: Its name in the outbox.
        lease, stage, unit, attempt: What it is the result of.
        has_files: It goes by HTTP; without files it goes as the report `finished`.
        facts: What is known of how it was made.
        seal: That of its lease.
        renewing: Its lease is still this process's, so heartbeats go on listing it. False for what
            an earlier process left behind, and after a revoke.
        farm: Whose it is; empty when that farm does not say.
    """

    entry: str
    lease: str
    stage: int
    unit: int
    attempt: int
    has_files: bool
    facts: UnitFacts = field(default_factory=UnitFacts)
    seal: str = ""
    renewing: bool = True
    farm: str = ""


@dataclass(frozen=True, slots=True)
class Connected:
    """The connection to the manager is open; nothing was said yet.

    Attributes:
        farm: Which farm it is of; empty when that manager does not say.
    """

    farm: str = ""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone."""


@dataclass(frozen=True, slots=True)
class UnitRendered:
    """A slot finished a unit; its result is not stored yet.

    Attributes:
        work: The unit.
        outcome: What was made.
        warm: SHA-256 of the .blend the slot's Blender holds now.
    """

    work: UnitWork
    outcome: Outcome
    warm: str | None = None


@dataclass(frozen=True, slots=True)
class UnitFailed:
    """A slot could not make a unit.

    Attributes:
        work: The unit.
        reason, message, log_tail: For the report `failed`.
        warm: SHA-256 of the .blend the slot's Blender holds now.
        peak_memory_bytes: Most memory its processes held together, 0 when unknown.
        memory_bytes: How much it was allowed, 0 when unknown.
        no_room: The disk was full, so nobody can tell whether the unit is to blame.
    """

    work: UnitWork
    reason: FailureReason
    message: str
    log_tail: str = ""
    warm: str | None = None
    peak_memory_bytes: int = 0
    memory_bytes: int = 0
    no_room: bool = False


@dataclass(frozen=True, slots=True)
class UnitAborted:
    """A slot stopped a unit as it was told; nothing of it is left."""

    work: UnitWork
    warm: str | None = None


@dataclass(frozen=True, slots=True)
class ResultKept:
    """A result lies in the outbox, durably."""

    owed: Owed


@dataclass(frozen=True, slots=True)
class ResultLost:
    """A result could not be put into the outbox."""

    work: UnitWork
    message: str


@dataclass(frozen=True, slots=True)
class OfferAnswered:
    """The manager settled a result that was offered by HTTP."""

    entry: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class OfferRefused:
    """The manager said that a result is not what was asked for."""

    entry: str
    message: str


@dataclass(frozen=True, slots=True)
class OfferDeferred:
    """A result could not be delivered this time; the uploader tries again by itself."""

    entry: str


@dataclass(frozen=True, slots=True)
class KeyRefused:
    """The manager does not know the worker's key any more; a new hello is needed."""


@dataclass(frozen=True, slots=True)
class DiskChanged:
    """The disk went below its reserve (`low`), or above it again."""

    low: bool


@dataclass(frozen=True, slots=True)
class RestChanged:
    """The machine is not to work now, or may again.

    Attributes:
        reason: Why not, for people; empty when it may.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class FactsMoved:
    """The machine is not what the manager was last told."""


@dataclass(frozen=True, slots=True)
class DrainAsked:
    """Someone at the worker wants it to finish its leases and then end."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Someone at the worker wants it to end now."""


Event = (
    Connected
    | Disconnected
    | Order
    | UnitRendered
    | UnitFailed
    | UnitAborted
    | ResultKept
    | ResultLost
    | OfferAnswered
    | OfferRefused
    | OfferDeferred
    | KeyRefused
    | DiskChanged
    | RestChanged
    | FactsMoved
    | DrainAsked
    | StopAsked
)
