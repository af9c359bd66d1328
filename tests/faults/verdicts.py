"""What one injected fault did to a farm, judged after its job has ended."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

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
        victim: The worker that died of it, if one did.
        known_at: When its death was known to the manager; None when only silence told.
        served_at: When the manager answered again, if it was the one to die.
        faults: How many faults this was; each may cost one render.
        may_expire: Whether some worker could not renew for a whole lease.
    """

    at: float
    hurt: tuple[int, ...] = ()
    victim: str | None = None
    known_at: float | None = None
    served_at: float | None = None
    faults: int = 1
    may_expire: bool = False
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
        recovery_s: From the death, or from when it was known, until the unit was in work again.
        known: Whether it was measured from when it was known.
        serving_s: How long the manager did not answer.
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
    serving_s: float | None = None
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
    known = injection.known_at is not None
    return Verdict(
        units=found["units"],
        lost=found["units"] - len(found["results"]),
        twice=max(0, found["counted"] - len(set(found["results"]))),
        again=max(0, len(begun) - found["units"]),
        allowed=injection.faults,
        expired=0 if injection.may_expire else found["expired"],
        recovery_s=_recovery_s(farm, job, injection, found["finished"]),
        known=known,
        serving_s=injection.served_at and injection.served_at - injection.at,
        state=state,
        note=injection.note,
        broken=found["broken"],
    )


def _look(connection: Connection, farm: Farm, job: int) -> dict[str, Any]:
    [stage] = connection.execute(select(t.stages).where(t.stages.c.job_id == job)).all()
    of_stage = t.results.c.stage_id == stage.id
    results = connection.execute(select(t.results).where(of_stage)).all()
    expired = connection.execute(
        select(func.count())
        .select_from(t.faults)
        .where(
            t.faults.c.stage_id == stage.id,
            t.faults.c.reason == "lost",
            t.faults.c.message.contains("expired"),
        )
    ).scalar_one()
    tails = connection.execute(select(t.leases.c.id).where(t.leases.c.tail)).scalars()
    return {
        "units": stage.total,
        "counted": stage.done,
        "results": [row.unit for row in results],
        "finished": {row.unit: row.finished_at for row in results},
        "expired": expired,
        "tails": set(tails),
        "broken": [
            *check_invariants(connection, _blobs(farm), hashes=True),
            *_wrong_pictures(connection, stage, job),
        ],
    }


def _blobs(farm: Farm) -> BlobFolder:
    blobs = BlobFolder.__new__(BlobFolder)  # the constructor is the manager's: it makes folders
    blobs.root = farm.data / "blobs"
    return blobs


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


def _recovery_s(
    farm: Farm, job: int, injection: Injection, finished: dict[int, float]
) -> float | None:
    """Until the last of the hurt units was in work again, or its result was there."""
    since = injection.at
    times = []
    for unit in injection.hurt:
        again = [one.at for one in farm.record.lines(job, since=since) if one.unit == unit]
        times.append(min([*again, *([finished[unit]] if unit in finished else [])], default=None))
    if not times or None in times:
        return None
    zero = injection.known_at or injection.at
    return max(0.0, max(at for at in times if at is not None) - zero)
