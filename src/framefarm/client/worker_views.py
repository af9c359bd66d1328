"""What the manager tells about its workers. Times are aware UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class SlotWork(msgspec.Struct, frozen=True):
    """What a worker's slot has in hand.

    Attributes:
        name: Of the job.
        units: What is left of its lease.
        unit: The one in work, as far as is known, with `done` of `total` steps.
    """

    slot: str
    job: int
    kind: str
    units: str
    name: str = ""
    unit: int | None = None
    done: int = 0
    total: int = 0


class Quarantine(msgspec.Struct, frozen=True):
    """What a worker is not trusted with. After `until_at` it gets one unit to show itself."""

    kind: str
    blender: str
    reason: str
    since_at: datetime | None = None
    until_at: datetime | None = None
    strikes: int = 1


class WorkerSession(msgspec.Struct, frozen=True):
    """The session that a worker is in: the job that it works for before all others.

    Attributes:
        name, owner: Of the job.
    """

    id: int
    job: int
    name: str = ""
    owner: str = ""


class WorkerView(msgspec.Struct, frozen=True):
    """One worker as the manager knows it.

    Attributes:
        reason: Why it is in its state, where that needs saying.
        silent_s: Seconds since it was last heard of; 0 while it is connected.
        restarting: Whether its process is to be started anew.
        devices: What Cycles really renders on there; empty when that was not tried.
        clock_ahead_s: How far its clock was ahead of the manager's when it last told.
        session: The job that it works for before all others, if any.
    """

    id: str
    name: str
    state: str
    reason: str = ""
    connected: bool = False
    restarting: bool = False
    pool: str = ""
    tags: tuple[str, ...] = ()
    host: str = ""
    system: str = ""
    cores: int = 0
    memory_bytes: int = 0
    gpus: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    slots: tuple[Any, ...] = ()
    agent_version: str = ""
    clock_ahead_s: float = 0.0
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    silent_s: float = 0.0
    work: tuple[SlotWork, ...] = ()
    quarantines: tuple[Quarantine, ...] = ()
    session: WorkerSession | None = None


class GpuFacts(msgspec.Struct, frozen=True):
    """One GPU. `works` says whether it rendered a test picture; None: that was not tried."""

    name: str = ""
    backend: str = ""
    memory_bytes: int = 0
    works: bool | None = None


class MachineFacts(msgspec.Struct, frozen=True):
    """What a worker's machine is, as it said last. Sizes in bytes.

    Attributes:
        devices: What Cycles really rendered a test picture on.
        load: Share of all cores that is busy, 0.0 to 1.0.
        resting: Why the worker asks for no work of its own accord.
    """

    host: str = ""
    system: str = ""
    mac: str = ""
    ip: str = ""
    cpu: str = ""
    cores: int = 0
    memory_bytes: int = 0
    memory_free_bytes: int = 0
    disk_free_bytes: int = 0
    gpus: tuple[GpuFacts, ...] = ()
    devices: tuple[str, ...] = ()
    load: float | None = None
    temperature_c: float | None = None
    resting: str = ""


class WorkerHistory(msgspec.Struct, frozen=True):
    """What a worker has done for the jobs that the manager still has.

    Attributes:
        done: Units whose result is its, which took it `seconds`.
        failed: Attempts of it that went wrong.
        lost: Units it held when it vanished.
    """

    done: int = 0
    seconds: float = 0.0
    failed: int = 0
    lost: int = 0
    last_done_at: datetime | None = None


class WorkerDetails(WorkerView, frozen=True):
    """A worker with its machine's facts and its history.

    Attributes:
        answered: Whether it answered just now when it was asked how it is; None when it was not
            asked.
    """

    facts: MachineFacts = MachineFacts()
    history: WorkerHistory = WorkerHistory()
    answered: bool | None = None


class WorkerPage(msgspec.Struct, frozen=True):
    """Some workers, by name. `next` is the cursor of the following page."""

    workers: tuple[WorkerView, ...]
    next: str | None = None


class Steered(msgspec.Struct, frozen=True):
    """What became of one worker that was told something.

    Attributes:
        outcome: `done`, `unchanged` (it was so already, or more) or `refused`.
        message: The same for people, without the worker's name.
    """

    id: str
    name: str
    outcome: str
    message: str


class SteeredList(msgspec.Struct, frozen=True):
    """What became of each worker."""

    workers: tuple[Steered, ...]


class InvitationView(msgspec.Struct, frozen=True):
    """A join token that was made just now.

    Attributes:
        token: For `framefarm worker URL --join TOKEN`.
        urls: Where other machines reach the manager, the likeliest first.
    """

    token: str
    pool: str
    uses: int
    expires_at: datetime
    urls: tuple[str, ...] = ()


class RevokedView(msgspec.Struct, frozen=True):
    """A worker that was revoked; `new` when it was not so before."""

    id: str
    name: str
    new: bool


class PoolView(msgspec.Struct, frozen=True):
    """A pool: who is in it, how much of it works, and how many of its slots may.

    Attributes:
        connected: Workers of it that are here now; the `slots` are theirs.
        busy: Slots with a lease.
        max_slots: That may work at a time; None for all.
        max_slots_per_user: The same, for the jobs of one owner.
        max_slots_per_job: The same, for one job.
    """

    name: str
    workers: int = 0
    connected: int = 0
    slots: int = 0
    busy: int = 0
    max_slots: int | None = None
    max_slots_per_user: int | None = None
    max_slots_per_job: int | None = None


class PoolList(msgspec.Struct, frozen=True):
    """All pools, the most trusted first."""

    pools: tuple[PoolView, ...]


class LeaseView(msgspec.Struct, frozen=True):
    """Some units of a job that a worker's slot is at.

    Attributes:
        units: What is left of them; frames, where `kind` is `render`.
        tail: Whether another worker is at the same.
        expires_at: When it ends unless the worker is heard of before.
    """

    id: str
    job: int
    kind: str
    units: str
    worker: str
    worker_id: str
    pool: str
    slot: str
    attempt: int
    tail: bool
    leased_at: str
    expires_at: str


class LeasePage(msgspec.Struct, frozen=True):
    """Some leases. `next` is the cursor of the following page."""

    leases: tuple[LeaseView, ...]
    next: str | None = None
