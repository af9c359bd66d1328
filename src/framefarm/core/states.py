"""What may become what: one table for each lifecycle.

The database repeats the expected state in each update, so a table and a guarded update
together decide every move.

States and events are plain lower-case words (`StrEnum`), the same in the database, the API
and the user interface. `docs/explanation/states.md` is made from these tables by
`python -m scripts.generate_docs`.
"""

from __future__ import annotations

from enum import StrEnum

from framefarm.core.lifecycle import IllegalMoveError, Lifecycle, advance

__all__ = [
    "JOB",
    "LEASE",
    "LIFECYCLES",
    "STAGE",
    "UNIT",
    "WORKER",
    "IllegalMoveError",
    "JobEvent",
    "JobState",
    "LeaseEvent",
    "LeaseState",
    "StageEvent",
    "StageState",
    "UnitEvent",
    "UnitState",
    "WorkerEvent",
    "WorkerState",
    "advance",
]


class JobState(StrEnum):
    """Where a job stands.

    `queued`: nothing of it is being worked on yet. `running`: its units are leased and finished.
    `paused`: no new leases; those that exist go on, unless they were taken back at once. `done`:
    every unit has its result.
    `failed`: units failed for good and nothing else is left to do. `cancelled`: a person ended
    it; its results stay.
    """

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED_JOBS = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
"""States in which nothing more happens to a job by itself."""


class JobEvent(StrEnum):
    """What happens to a job.

    `start`: its first unit was leased. `finish` and `fail`: see
    `framefarm.core.outcome.job_outcome`. `retry`: a person wants the failed or cancelled units
    done after all, or some that are done made anew.
    """

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"


JOB: Lifecycle[JobState, JobEvent] = Lifecycle(
    "job",
    JobState.QUEUED,
    {
        (JobState.QUEUED, JobEvent.START): JobState.RUNNING,
        (JobState.QUEUED, JobEvent.PAUSE): JobState.PAUSED,
        # After a retry, the late success of an earlier attempt can end a job nobody took up yet.
        (JobState.QUEUED, JobEvent.FINISH): JobState.DONE,
        (JobState.QUEUED, JobEvent.FAIL): JobState.FAILED,
        (JobState.QUEUED, JobEvent.CANCEL): JobState.CANCELLED,
        (JobState.RUNNING, JobEvent.PAUSE): JobState.PAUSED,
        (JobState.RUNNING, JobEvent.FINISH): JobState.DONE,
        (JobState.RUNNING, JobEvent.FAIL): JobState.FAILED,
        (JobState.RUNNING, JobEvent.CANCEL): JobState.CANCELLED,
        (JobState.PAUSED, JobEvent.RESUME): JobState.QUEUED,
        # Pausing stops new leases; what is being worked on may still end the job.
        (JobState.PAUSED, JobEvent.FINISH): JobState.DONE,
        (JobState.PAUSED, JobEvent.FAIL): JobState.FAILED,
        (JobState.PAUSED, JobEvent.CANCEL): JobState.CANCELLED,
        (JobState.FAILED, JobEvent.RETRY): JobState.QUEUED,
        # A success counts whenever it comes (rule L4), also for the last failed unit.
        (JobState.FAILED, JobEvent.FINISH): JobState.DONE,
        (JobState.FAILED, JobEvent.CANCEL): JobState.CANCELLED,
        (JobState.CANCELLED, JobEvent.RETRY): JobState.QUEUED,
        # Frames are to be made anew although they are done.
        (JobState.DONE, JobEvent.RETRY): JobState.QUEUED,
    },
    frozenset({JobEvent.PAUSE, JobEvent.RESUME, JobEvent.CANCEL, JobEvent.RETRY}),
)


class StageState(StrEnum):
    """Where a stage of a job stands.

    `waiting`: none of its units has all its inputs yet. `ready`: units of it can be leased.
    """

    WAITING = "waiting"
    READY = "ready"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StageEvent(StrEnum):
    """What happens to a stage. `unlock`: the inputs of one of its units are complete."""

    UNLOCK = "unlock"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"


STAGE: Lifecycle[StageState, StageEvent] = Lifecycle(
    "stage",
    StageState.WAITING,
    {
        (StageState.WAITING, StageEvent.UNLOCK): StageState.READY,
        # A unit it needs has failed for good, so it can never start.
        (StageState.WAITING, StageEvent.FAIL): StageState.FAILED,
        (StageState.WAITING, StageEvent.CANCEL): StageState.CANCELLED,
        (StageState.READY, StageEvent.FINISH): StageState.DONE,
        (StageState.READY, StageEvent.FAIL): StageState.FAILED,
        (StageState.READY, StageEvent.CANCEL): StageState.CANCELLED,
        (StageState.FAILED, StageEvent.FINISH): StageState.DONE,
        (StageState.FAILED, StageEvent.CANCEL): StageState.CANCELLED,
        (StageState.FAILED, StageEvent.RETRY): StageState.WAITING,
        (StageState.CANCELLED, StageEvent.RETRY): StageState.WAITING,
        (StageState.DONE, StageEvent.RETRY): StageState.WAITING,
    },
)


class WorkerState(StrEnum):
    """Where a worker stands.

    `offline`: it is not connected. `idle` and `busy`: without and with leases. `draining`: ends
    what it has and gets no more. `disabled`: a person took it out. `lost`: silent for longer than a
    lease lasts, its units are free again. `quarantined`: it failed units which others finish (rule
    L9).

    What people decided (`draining`, `disabled`) stays while the worker is away. The database says
    `idle` of a worker that is busy, and of one whose connection has only just broken: leases and
    connections tell those apart at any moment, and nothing has to be written when they change.
    """

    OFFLINE = "offline"
    IDLE = "idle"
    BUSY = "busy"
    DRAINING = "draining"
    DISABLED = "disabled"
    LOST = "lost"
    QUARANTINED = "quarantined"


class WorkerEvent(StrEnum):
    """What happens to a worker.

    `connect`: it greeted the manager. `restart`: it greeted with a new boot id, so whatever it
    held is gone. `take` and `rest`: it got its first lease, gave back its last. `leave`: it said
    goodbye. `lose`: it was silent for longer than a lease lasts. `pardon`: its quarantine
    ended, by a person or by the success of its trial. A worker enabled or pardoned while connected
    is `offline` for a moment, until the manager applies `connect`.
    """

    CONNECT = "connect"
    RESTART = "restart"
    TAKE = "take"
    REST = "rest"
    DRAIN = "drain"
    DISABLE = "disable"
    ENABLE = "enable"
    LEAVE = "leave"
    LOSE = "lose"
    QUARANTINE = "quarantine"
    PARDON = "pardon"


def _worker_moves() -> dict[tuple[WorkerState, WorkerEvent], WorkerState]:
    state, event = WorkerState, WorkerEvent
    moves = {
        (state.OFFLINE, event.CONNECT): state.IDLE,
        (state.IDLE, event.CONNECT): state.IDLE,
        # A dropped connection is no death (rule L8): it returns to what it was doing.
        (state.BUSY, event.CONNECT): state.BUSY,
        (state.LOST, event.CONNECT): state.IDLE,
        (state.IDLE, event.TAKE): state.BUSY,
        (state.BUSY, event.TAKE): state.BUSY,
        (state.BUSY, event.REST): state.IDLE,
        (state.DRAINING, event.ENABLE): state.OFFLINE,
        (state.DISABLED, event.ENABLE): state.OFFLINE,
        (state.QUARANTINED, event.PARDON): state.OFFLINE,
        # In quarantine it still works at what it is not barred from.
        (state.QUARANTINED, event.DRAIN): state.DRAINING,
    }
    for here in (state.IDLE, state.BUSY):
        moves[here, event.LEAVE] = state.OFFLINE
        moves[here, event.LOSE] = state.LOST
    for able in (state.OFFLINE, state.IDLE, state.BUSY, state.LOST):
        moves[able, event.RESTART] = state.IDLE
        moves[able, event.DRAIN] = state.DRAINING
        # To ask for what is so already does no harm.
        moves[able, event.ENABLE] = able
    moves[state.DRAINING, event.DRAIN] = state.DRAINING
    for present in (state.IDLE, state.BUSY, state.DRAINING):
        moves[present, event.QUARANTINE] = state.QUARANTINED
    # Someone will want to find it as they left it, also after its machine was restarted.
    for barred in (state.DRAINING, state.DISABLED, state.QUARANTINED):
        for change in (event.CONNECT, event.RESTART, event.REST, event.LEAVE, event.LOSE):
            moves[barred, change] = barred
    for held in state:
        moves[held, event.DISABLE] = state.DISABLED
    return moves


WORKER: Lifecycle[WorkerState, WorkerEvent] = Lifecycle(
    "worker",
    WorkerState.OFFLINE,
    _worker_moves(),
    frozenset({WorkerEvent.DRAIN, WorkerEvent.DISABLE, WorkerEvent.ENABLE}),
)


class UnitState(StrEnum):
    """Where a unit stands.

    `pending`: could be leased now. `leased`: promised to a worker. `done`: it has its result, until
    a person wants it made anew. `failed`: given up. Units whose inputs are not complete yet have no
    state.
    """

    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class UnitEvent(StrEnum):
    """What happens to a unit.

    `release`: its lease ended without a result, for any reason. `retry`: a person wants it made, or
    made anew.
    """

    LEASE = "lease"
    RELEASE = "release"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"


UNIT: Lifecycle[UnitState, UnitEvent] = Lifecycle(
    "unit",
    UnitState.PENDING,
    {
        (UnitState.PENDING, UnitEvent.LEASE): UnitState.LEASED,
        # The late success of a lease that has ended (rule L4).
        (UnitState.PENDING, UnitEvent.FINISH): UnitState.DONE,
        (UnitState.PENDING, UnitEvent.FAIL): UnitState.FAILED,
        (UnitState.PENDING, UnitEvent.CANCEL): UnitState.CANCELLED,
        # The last units may be leased a second time (rule L11).
        (UnitState.LEASED, UnitEvent.LEASE): UnitState.LEASED,
        (UnitState.LEASED, UnitEvent.RELEASE): UnitState.PENDING,
        (UnitState.LEASED, UnitEvent.FINISH): UnitState.DONE,
        (UnitState.LEASED, UnitEvent.FAIL): UnitState.FAILED,
        (UnitState.LEASED, UnitEvent.CANCEL): UnitState.CANCELLED,
        (UnitState.FAILED, UnitEvent.FINISH): UnitState.DONE,
        (UnitState.FAILED, UnitEvent.RETRY): UnitState.PENDING,
        (UnitState.CANCELLED, UnitEvent.RETRY): UnitState.PENDING,
        (UnitState.LEASED, UnitEvent.RETRY): UnitState.PENDING,
        (UnitState.DONE, UnitEvent.RETRY): UnitState.PENDING,
    },
)


class LeaseState(StrEnum):
    """Where a lease stands. Only an active lease gives its holder a say."""

    ACTIVE = "active"
    FINISHED = "finished"
    RELEASED = "released"
    FAILED = "failed"
    EXPIRED = "expired"
    REVOKED = "revoked"


class LeaseEvent(StrEnum):
    """What happens to a lease.

    `finish`: its last unit has a result. `release`: the worker gave back what it had not done.
    `fail`: the worker could not do a unit. `expire`: nobody renewed it. `revoke`: the manager
    took it back.
    """

    RENEW = "renew"
    FINISH = "finish"
    RELEASE = "release"
    FAIL = "fail"
    EXPIRE = "expire"
    REVOKE = "revoke"


LEASE: Lifecycle[LeaseState, LeaseEvent] = Lifecycle(
    "lease",
    LeaseState.ACTIVE,
    {
        (LeaseState.ACTIVE, LeaseEvent.RENEW): LeaseState.ACTIVE,
        (LeaseState.ACTIVE, LeaseEvent.FINISH): LeaseState.FINISHED,
        (LeaseState.ACTIVE, LeaseEvent.RELEASE): LeaseState.RELEASED,
        (LeaseState.ACTIVE, LeaseEvent.FAIL): LeaseState.FAILED,
        (LeaseState.ACTIVE, LeaseEvent.EXPIRE): LeaseState.EXPIRED,
        (LeaseState.ACTIVE, LeaseEvent.REVOKE): LeaseState.REVOKED,
    },
)


LIFECYCLES = (JOB, STAGE, UNIT, LEASE, WORKER)
"""All tables, in the order the documentation shows them."""
