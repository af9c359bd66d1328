"""The reports: what a worker tells the manager."""

from __future__ import annotations

from framefarm.protocol.facts import (
    Attempt,
    Bytes,
    Count,
    Id,
    MachineFacts,
    Message,
    Seal,
    SlotOffer,
    Unit,
    UnitFacts,
)


class Hello(Message, frozen=True, tag="hello"):
    """The first report on a connection. Answered by `welcome` or `bye`.

    Attributes:
        protocol: `PROTOCOL_VERSION` of the worker.
        boot_id: Random per worker process. A new one tells the manager that the old process, and
            whatever it was rendering, is gone (L8).
        name: What people call the worker; the host name by default.
        worker_id: Its id from an earlier welcome, None the first time.
        key: Its secret from an earlier welcome.
        join_token: What lets an unknown worker in, where the manager asks for one.
        holding: Leases it still works on from before the connection broke.
        owed: Lease and unit of finished results that it has still to bring, also those of an
            earlier process: they are not to be made again by others (L6).
        interrupted: Stage and unit of what an earlier process of this worker was at when it died,
            so that a unit that kills workers is found out (L9).
        cached: SHA-256 of files it holds, those used last first, so that it gets work on them.
        clock_at: Its own clock, seconds since 1970 UTC; only shown to people, never relied on.
        takes: Orders it knows that older workers do not, to whom they are never sent: `prefetch`.
    """

    protocol: int
    boot_id: str
    name: str
    agent_version: str
    facts: MachineFacts
    slots: tuple[SlotOffer, ...]
    worker_id: str | None = None
    key: str | None = None
    join_token: str | None = None
    holding: tuple[str, ...] = ()
    owed: tuple[tuple[str, Unit], ...] = ()
    interrupted: tuple[tuple[Id, Unit], ...] = ()
    cached: tuple[str, ...] = ()
    clock_at: float = 0.0
    takes: tuple[str, ...] = ()


class Ready(Message, frozen=True, tag="ready"):
    """A slot wants a lease. Stays in force until a `lease` for the slot is sent.

    Attributes:
        slot: Which one.
        warm: SHA-256 of the .blend its Blender holds open, so that it gets more of the same (L12).
    """

    slot: str
    warm: str | None = None


class Heartbeat(Message, frozen=True, tag="heartbeat"):
    """Renews all leases it lists (L3). Those that are not the worker's any more are revoked."""

    leases: tuple[str, ...]


class Progress(Message, frozen=True, tag="progress"):
    """How far the unit in work is.

    Attributes:
        done: Of `total`, in the executor's own steps: samples, encoded frames.
        phase: For people: `loading`, `syncing`, `rendering`, `saving`, ...
    """

    lease: str
    unit: Unit
    done: Count
    total: Count
    phase: str = ""


class Finished(Message, frozen=True, tag="finished"):
    """A unit whose result has no files. One with files goes by `PUT /api/leases/...`.

    Answered by `settled`. Repeating it gives the same answer (L5).

    Attributes:
        seal: That of its lease.
    """

    lease: str
    stage: Id
    unit: Unit
    attempt: Attempt
    facts: UnitFacts = UnitFacts()
    seal: Seal = ""


class Failed(Message, frozen=True, tag="failed"):
    """A unit could not be made. Counts only from the current attempt (L4). Answered by `settled`.

    Attributes:
        reason: One of `crashed`, `stalled`, `out_of_memory`, `disk` (it wrote too much), `refused`,
            `error`, `input_missing`, `placement` (it would have run on another device than its
            slot's).
        message: What a person should read.
        log_tail: The end of the unit's log.
        peak_memory_bytes: Most memory its processes held together, 0 when unknown.
        memory_bytes: How much it was allowed, 0 when unknown. After `out_of_memory` the unit is
            only tried where there is more.
    """

    lease: str
    stage: Id
    unit: Unit
    attempt: Attempt
    reason: str
    message: str
    log_tail: str = ""
    peak_memory_bytes: Bytes = 0
    memory_bytes: Bytes = 0


class Released(Message, frozen=True, tag="released"):
    """The worker gives back what is left of a lease, unblamed: it stops, or was told to."""

    lease: str


class FactsChanged(Message, frozen=True, tag="facts"):
    """The machine's facts changed, or its clock was set, or the manager asked.

    Attributes:
        clock_at: As in `hello`.
    """

    facts: MachineFacts
    clock_at: float = 0.0


class GotFiles(Message, frozen=True, tag="got_files"):
    """The answer to `prefetch`: the job's files are here, or why not.

    Attributes:
        message: What a person should read, where they are not.
    """

    job: Id
    ok: bool = True
    message: str = ""


class LogLine(Message, frozen=True, tag="log"):
    """Something the manager's people should know of this worker."""

    level: str
    text: str


Report = (
    Hello
    | Ready
    | Heartbeat
    | Progress
    | Finished
    | Failed
    | Released
    | GotFiles
    | FactsChanged
    | LogLine
)
