"""Every message of the worker protocol.

A WebSocket text message is a JSON array of these, so that a worker's `finished` and `ready` travel
in one packet and the manager answers both in one. Each object names its `type`. Unknown fields are
ignored, so that a newer peer may add some; an unknown type or a wrong value closes the connection.

Reports go up (worker to manager), orders go down.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Id = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
"""A stage's or a job's: no more than both databases, and JSON in a browser, can hold."""

Unit = Annotated[int, msgspec.Meta(ge=-(1 << 31), lt=1 << 31)]
Attempt = Annotated[int, msgspec.Meta(ge=1, lt=1 << 31)]
Bytes = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
SlotName = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Seal = Annotated[str, msgspec.Meta(max_length=200)]
"""What proves that a lease was given, to a manager that may have forgotten it (L6)."""

BlenderSeries = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}\Z")]
"""`major.minor`."""

Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=1e9)]
"""Thirty years at most, so that sums of them stay numbers."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """What every message shares: it is immutable and its type is in the field `type`."""


class BlenderOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One Blender a slot can run. `version` is `major.minor`, `full` has the patch number."""

    version: BlenderSeries
    full: str = ""
    kind: str = "executable"


class SlotOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one slot of a worker can do.

    Attributes:
        slot: Its name within the worker, for example `cpu` or `media`.
        kinds: Stage kinds it runs: `render`, `movie`, `join`, `trial`, ...
        blenders: The Blenders it can render with; empty for a slot that does not render.
        threads: How many threads it may use.
        device: What it renders on: `CPU`, or `GPU:` and the number of one of the machine's `gpus`.
        memory_bytes: Memory a unit may take here before it is stopped; 0 when unknown.
    """

    slot: SlotName
    kinds: tuple[str, ...]
    blenders: tuple[BlenderOffer, ...] = ()
    threads: Count = 0
    device: Annotated[str, msgspec.Meta(max_length=40)] = "CPU"
    memory_bytes: Bytes = 0


class GpuFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """One GPU of a machine.

    Attributes:
        name: As its maker calls it.
        backend: The Cycles backend that drives it best: `OPTIX`, `CUDA`, `HIP`, `METAL`, `ONEAPI`;
            empty when none was found.
        memory_bytes: Its own memory, 0 when unknown.
        works: Whether it really rendered a test picture; None when that was not tried.
    """

    name: str
    backend: str = ""
    memory_bytes: Bytes = 0
    works: bool | None = None


class MachineFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a worker's machine is, and how busy. Sizes in bytes.

    Attributes:
        mac, ip: Of the interface that leads to the manager, where known.
        cores: That the worker may use.
        devices: What Cycles really rendered a test picture on: `CPU`, `CUDA`, `OPTIX`, ...
        load: Share of all cores that is busy, 0.0 to 1.0; None when not measured yet.
        temperature_c: Of the processor, where the system tells.
        resting: Why the worker asks for no work of its own accord: outside its hours, the machine
            is in use, its disk is nearly full. Empty when it does.
    """

    host: str
    system: str = ""
    mac: str = ""
    ip: str = ""
    cpu: str = ""
    cores: Count = 0
    memory_bytes: Bytes = 0
    memory_free_bytes: Bytes = 0
    disk_free_bytes: Bytes = 0
    gpus: tuple[GpuFacts, ...] = ()
    devices: tuple[str, ...] = ()
    load: float | None = None
    temperature_c: float | None = None
    resting: str = ""


# --- reports: worker to manager ---------------------------------------------------------------


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


class UnitFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of how a unit was made.

    Attributes:
        seconds: Wall time of the unit on its slot.
        peak_memory_bytes: Of the process that made it, 0 when unknown.
        device: The device that really did the work, for example `CPU`.
        blender: Full version of the Blender that rendered.
        phases: Seconds per phase, where known.
        extra: What else the executor reports, small.
        asked_device: The device of its slot.
    """

    seconds: Seconds = 0.0
    peak_memory_bytes: Bytes = 0
    device: str = ""
    blender: str = ""
    phases: dict[str, float] = {}
    extra: dict[str, Any] = {}
    asked_device: str = ""


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


class LogLine(Message, frozen=True, tag="log"):
    """Something the manager's people should know of this worker."""

    level: str
    text: str


Report = (
    Hello | Ready | Heartbeat | Progress | Finished | Failed | Released | FactsChanged | LogLine
)

# --- orders: manager to worker ----------------------------------------------------------------


class Welcome(Message, frozen=True, tag="welcome"):
    """The manager knows the worker now.

    Attributes:
        worker_id: Its id from now on.
        epoch: Changes when the manager's memory may have (restore, failover): offer the outbox
            again (L6).
        lease_s: How long a lease lives without a heartbeat; send one every third of it (L3).
        key: Its secret, only in the answer to the first hello.
        enabled: False when someone disabled the worker; it then gets no leases.
        draining: True when someone drained it: it ends what it holds and gets no more.
        stall_s: A unit without progress for this long is to be killed (L10).
        name: What people call the worker here; may be another than it said.
    """

    worker_id: str
    epoch: str
    lease_s: float
    key: str | None = None
    enabled: bool = True
    draining: bool = False
    stall_s: float = 300.0
    name: str = ""


class Task(Message, frozen=True, tag="task"):
    """What a stage's leases need to know, sent once per connection before its first lease.

    Attributes:
        stage: Id that leases refer to.
        job: Id of its job.
        kind: Which executor runs it.
        settings: The executor's settings: `RenderTask`, `MovieTask`, `JoinTask` or `TrialTask` in
            `framefarm.protocol.tasks`.
    """

    stage: int
    job: int
    kind: str
    settings: msgspec.Raw


class InputFile(msgspec.Struct, frozen=True, array_like=True):
    """A file a unit needs: fetch it by hash from `GET /api/blobs/{sha256}`."""

    unit: int
    name: str
    sha256: str
    size_bytes: int


class Lease(Message, frozen=True, tag="lease"):
    """Units for one slot.

    Attributes:
        units: Span text, in the order to work, for example `5-9`.
        attempt: The same for all of them.
        expires_in_s: From the sending; renewed by heartbeats.
        inputs: What earlier stages made for these units, in order; only for kinds that need it.
        stall_s: Another limit than the welcome's for these units, where they are expected to take
            long (L10).
        seal: To be shown with each of its results, also by a later process: it proves the lease to
            a manager that has forgotten it (L6). Empty where there is none.
    """

    lease: str
    stage: int
    slot: str
    units: str
    attempt: int
    expires_in_s: float
    inputs: tuple[InputFile, ...] = ()
    stall_s: float | None = None
    seal: str = ""


class Settled(Message, frozen=True, tag="settled"):
    """The answer to a `finished` or `failed`.

    Attributes:
        answer: `accepted`, `accepted_late`, `already_done`, `noted` (a failure that counted),
            `stale` (a failure that did not) or `gone` (no such unit any more).
    """

    lease: str
    unit: int
    answer: str


class Revoke(Message, frozen=True, tag="revoke"):
    """Stop what is left of a lease at once; it is not the worker's any more.

    Attributes:
        units: Span text; only these units are taken away, the rest of the lease stays. Empty: all.
    """

    lease: str
    reason: str = ""
    units: str = ""


class Drain(Message, frozen=True, tag="drain"):
    """Finish what you have, then ask for nothing more."""


class Enable(Message, frozen=True, tag="enable"):
    """Ask for leases again."""


class Disable(Message, frozen=True, tag="disable"):
    """Give back what you have and ask for nothing."""


class Restart(Message, frozen=True, tag="restart"):
    """End this process and start it anew, with the same arguments.

    Attributes:
        at_once: Give back what is in work first; else finish it.
    """

    at_once: bool = False


class Query(Message, frozen=True, tag="query"):
    """Answer with `facts`, measured now."""


class Bye(Message, frozen=True, tag="bye"):
    """The manager closes this connection.

    Attributes:
        reason: For people.
        retry_in_s: When to come again; None means: not with this configuration.
        code: Why, for programs: `busy`, `replaced` (a newer process has the same key), `revoked`,
            `join_token`, `worker_key`, `version`, `malformed`, `stopping`; empty otherwise.
    """

    reason: str
    retry_in_s: float | None = None
    code: str = ""


Order = Welcome | Task | Lease | Settled | Revoke | Drain | Enable | Disable | Restart | Query | Bye
