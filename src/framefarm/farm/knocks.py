"""What a worker says that wants in, and what it is answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from framefarm.core.requirements import Pool
from framefarm.core.states import WorkerState
from framefarm.farm.joining import LOCAL, Door
from framefarm.farm.news import News
from framefarm.protocol.messages import Hello


@dataclass(frozen=True, slots=True)
class Knock:
    """A worker that wants in: what it says, and where it comes from."""

    hello: Hello
    door: Door = LOCAL


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that a worker goes on with."""

    id: str
    slot: str
    stage_id: int
    job_id: int
    kind: str
    units: str


@dataclass(frozen=True)
class Admission:
    """The answer to a hello.

    Attributes:
        state: Where it stands now that it is connected.
        name: What people call it here.
        pool, tags: As the manager knows it.
        restart: Whether this process was asked to start anew while it was away.
        held: Leases it goes on with.
        key: Its secret, for a worker that was added just now.
        dropped: Leases it still works on that are not its own any more.
        news: What became of the leases it does not hold any more.
    """

    worker_id: str
    state: WorkerState
    name: str
    pool: Pool = Pool.OWN
    tags: tuple[str, ...] = ()
    restart: bool = False
    held: tuple[HeldLease, ...] = ()
    key: str | None = None
    dropped: tuple[str, ...] = ()
    news: News = field(default_factory=News)

    @property
    def enabled(self) -> bool:
        """Whether no person took it out. One in quarantine gets what it is not barred from."""
        return self.state is not WorkerState.DISABLED

    @property
    def may_claim(self) -> bool:
        """Whether it gets leases."""
        return self.enabled and self.state is not WorkerState.DRAINING
