"""What a write changed, told to those who wait for it after the write is durable."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class UnitNews:
    """A unit's lot changed: `done`, `retry` (it failed and is tried again) or `failed`."""

    job_id: int
    stage_id: int
    kind: str
    unit: int
    state: str
    worker_id: str
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    message: str = ""


@dataclass(frozen=True)
class LostLease:
    """A worker is to stop what is left of a lease, or only some units of it.

    Attributes:
        units: Span text; empty means all.
    """

    lease_id: str
    worker_id: str
    reason: str
    units: str = ""


@dataclass
class News:
    """All that a group of writes changed.

    Attributes:
        jobs: Jobs whose state or counters changed.
        work: Whether units became pending.
        units: Units that were settled.
        lost: Leases to revoke.
        barred: Workers whose quarantines changed.
        workers: Workers that people should see anew.
        shots: Shots that were made.
    """

    jobs: set[int] = field(default_factory=set)
    work: bool = False
    units: list[UnitNews] = field(default_factory=list)
    lost: list[LostLease] = field(default_factory=list)
    barred: set[str] = field(default_factory=set)
    workers: set[str] = field(default_factory=set)
    shots: set[int] = field(default_factory=set)

    def add(self, other: News) -> None:
        """Take in what another write changed."""
        self.jobs |= other.jobs
        self.work |= other.work
        self.units += other.units
        self.lost += other.lost
        self.barred |= other.barred
        self.workers |= other.workers
        self.shots |= other.shots
