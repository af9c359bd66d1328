"""What one injected fault did to a farm, judged after its job has ended."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from framefarm.db import tables as t
from framefarm.farm.invariants import check_invariants
from framefarm.storage import BlobFolder
from tests.faults.farm import Farm
from tests.faults.renderer import picture, seed_of


@dataclass
class Injection:
    """A fault that was made.

    Attributes:
        at: When, seconds since 1970.
        hurt: Units that were in work where it struck; recovery is measured by them.
        silent: The worker that it kept from renewing its leases for long, if any; no others may
            expire.
        known: Whether the manager was to hear of the death: the process or its successor tells.
        served_at: When the manager answered again, if it was the one to die.
        costs: How many renders it may cost at most.
    """

    at: float
    hurt: tuple[int, ...] = ()
    silent: str | None = None
    known: bool = False
    served_at: float | None = None
    costs: int = 1
    note: str = ""


@dataclass
class Verdict:
    """What became of it.

    Attributes:
        lost: Units without a result in the end.
        twice: Units that count twice.
        again: Renders begun beyond one for each unit and beyond those of the tail (L11).
        allowed: Most renders that the faults may cost.
        expired: Leases that ended though their workers could renew them.
        recovery_s: From the death until what was in work there was in work again.
        known: Whether the manager was told of the death.
        by_tail: Whether a second lease (L11) was quicker than the end of the first one.
        serving_s: How long the manager did not answer.
        delivered_s: From its return until all that was rendered meanwhile was handed in.
        broken: Invariants that do not hold, and pictures that are not their unit's.
    """

    units: int
    lost: int
    twice: int
    again: int
    allowed: int
    expired: int
    recovery_s: float | None = None
    known: bool = False
    by_tail: bool = False
    serving_s: float | None = None
    delivered_s: float | None = None
    state: str = "done"
    note: str = ""
    broken: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """What should not be; none when all is well."""
        said = [*self.broken]
        if self.state != "done":
            said.append(f"the job ended as {self.state}")
        if self.lost:
            said.append(f"{self.lost} units were lost")
        if self.twice:
            said.append(f"{self.twice} units count twice")
        if self.again > self.allowed:
            said.append(f"{self.again} units were rendered again, {self.allowed} allowed")
        if self.expired:
            said.append(f"{self.expired} leases expired falsely")
        return said


def judge(farm: Farm, job: int, injection: Injection, state: str) -> Verdict:
    """Look at a job that has ended."""
    found = farm.read(lambda connection: _look(connection, farm, job))
    begun = [one for one in farm.record.lines(job) if one.lease not in found["tails"]]
    recovery = _recovery(farm, job, injection, found)
    return Verdict(
        units=found["units"],
        lost=found["units"] - len(found["results"]),
        twice=max(0, found["counted"] - len(set(found["results"]))),
        again=max(0, len(begun) - found["units"]),
        allowed=injection.costs,
        expired=sum(name != injection.silent for name in found["expired"]),
        recovery_s=recovery[0] if recovery else None,
        known=injection.known,
        by_tail=bool(recovery and recovery[1]),
        serving_s=injection.served_at and injection.served_at - injection.at,
        delivered_s=_delivered(farm, job, injection.served_at, found["finished"]),
        state=state,
        note=injection.note,
        broken=found["broken"],
    )


def _look(connection: Connection, farm: Farm, job: int) -> dict[str, Any]:
    [stage] = connection.execute(select(t.stages).where(t.stages.c.job_id == job)).all()
    of_stage = t.results.c.stage_id == stage.id
    results = connection.execute(select(t.results).where(of_stage)).all()
    expired = connection.execute(
        select(t.workers.c.name)
        .join(t.faults, t.faults.c.worker_id == t.workers.c.id)
        .where(
            t.faults.c.stage_id == stage.id,
            t.faults.c.reason == "lost",
            t.faults.c.message.contains("expired"),
        )
    ).scalars()
    return {
        "units": stage.total,
        "counted": stage.done,
        "results": [row.unit for row in results],
        "finished": {row.unit: row.finished_at for row in results},
        "expired": list(expired),
        "tails": set(connection.exec_driver_sql("SELECT id FROM seen_tails").scalars()),
        "broken": [*broken_invariants(connection, farm), *_wrong_pictures(connection, stage, job)],
    }


def broken_invariants(connection: Connection, farm: Farm) -> list[str]:
    """What is wrong with a farm's database and files; every blob is read and hashed."""
    blobs = BlobFolder.__new__(BlobFolder)  # the constructor is the manager's: it makes folders
    blobs.root = farm.data / "blobs"
    return check_invariants(connection, blobs, hashes=True)


def _wrong_pictures(connection: Connection, stage: Any, job: int) -> list[str]:
    """A unit's file is the picture of exactly that unit."""
    size = max(1, int(stage.settings.get("image_bytes", 0)))
    rows = connection.execute(
        select(t.files.c.unit, t.files.c.sha256).where(t.files.c.stage_id == stage.id)
    ).all()
    return [
        f"unit {row.unit} has a picture that is not its own"
        for row in rows
        if row.sha256 != hashlib.sha256(picture(seed_of(job, row.unit), size)).hexdigest()
    ]


def _recovery(
    farm: Farm, job: int, injection: Injection, found: dict[str, Any]
) -> tuple[float, bool] | None:
    """Seconds until the last of the hurt units was in work again, or its result was there.

    Returns:
        The seconds, and whether it was a lease of the tail that took it up; None when nothing was
        hurt.
    """
    begun = farm.record.lines(job, since=injection.at)
    times: list[tuple[float, bool]] = []
    for unit in injection.hurt:
        again = [(one.at, one.lease in found["tails"]) for one in begun if one.unit == unit]
        # By the database's clock, which some faults set back.
        if (done_at := found["finished"].get(unit, 0.0)) >= injection.at:
            again.append((done_at, False))
        if again:
            times.append(min(again))
    if not times:
        return None
    at, by_tail = max(times)
    return max(0.0, at - injection.at), by_tail


def _delivered(
    farm: Farm, job: int, served_at: float | None, finished: Mapping[int, float]
) -> float | None:
    """Seconds from the manager's return until the last result made before it was there."""
    if served_at is None:
        return None
    made = {one.unit for one in farm.record.lines(job, "end") if one.at < served_at}
    waited = [finished[unit] - served_at for unit in made & finished.keys()]
    return max((seconds for seconds in waited if seconds > 0), default=None)
