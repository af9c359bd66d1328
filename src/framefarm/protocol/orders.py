"""The orders: what the manager tells a worker."""

from __future__ import annotations

import msgspec

from framefarm.protocol.facts import InputFile, Message, SceneFile


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


class Prefetch(Message, frozen=True, tag="prefetch"):
    """Fetch a job's files ahead, so that its first lease begins at once.

    Only for workers that name it in `takes` of `hello`.

    Attributes:
        job: Id of the job.
        scene: What it renders.
    """

    job: int
    scene: SceneFile


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


Order = (
    Welcome
    | Task
    | Lease
    | Prefetch
    | Settled
    | Revoke
    | Drain
    | Enable
    | Disable
    | Restart
    | Query
    | Bye
)
