"""All that is known of one job, asked of its manager."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec

from framefarm.cli.standstill import standstill
from framefarm.client.farm import Farm
from framefarm.client.views import FileView, JobView, UnitView
from framefarm.client.worker_views import SlotWork

MOST_FAILURES = 200
MOST_FILES = 5_000
"""Ten pages. Who wants to know of each file of a larger job fetches them."""


class Working(msgspec.Struct, frozen=True):
    """What one slot has in hand of the job."""

    worker: str
    work: SlotWork


class Failure(msgspec.Struct, frozen=True):
    """A unit of a stage that failed for good."""

    kind: str
    unit: UnitView


class FileCount(msgspec.Struct, frozen=True):
    """The job's files, by what they are: `frame`, `movie`, ...

    Attributes:
        first, last: Names of two of them, in the order of their units.
    """

    role: str
    count: int
    size_bytes: int
    first: str
    last: str


class JobFacts(msgspec.Struct, frozen=True):
    """All that is known of one job.

    Attributes:
        failures: The first 200 units that failed for good.
        files: Its files, counted; of a large job only the first 5,000, and then `more_files`.
        waits: Why nothing of it is in work and nothing will be, as things are; else empty.
    """

    job: JobView
    work: tuple[Working, ...]
    failures: tuple[Failure, ...]
    files: tuple[FileCount, ...]
    more_files: bool
    waits: str


def facts_of(farm: Farm, job_id: int) -> JobFacts:
    """Ask for all of it.

    Raises:
        FarmAnswerError: There is no such job.
    """
    job = farm.job(job_id)
    files = list(islice(farm.files(job_id), MOST_FILES + 1))
    return JobFacts(
        job=job,
        work=() if job.finished else tuple(_work(farm, job_id)),
        failures=tuple(islice(_failures(farm, job), MOST_FAILURES)),
        files=tuple(counted(files[:MOST_FILES])),
        more_files=len(files) > MOST_FILES,
        waits=standstill(farm, job),
    )


def _work(farm: Farm, job_id: int) -> Iterator[Working]:
    for worker in farm.workers():
        yield from (Working(worker.name, one) for one in worker.work if one.job == job_id)


def _failures(farm: Farm, job: JobView) -> Iterator[Failure]:
    for stage in job.stages:
        if stage.failed:
            units = farm.units(job.id, kind=stage.kind, state="failed", limit=MOST_FAILURES)
            yield from (Failure(stage.kind, unit) for unit in units)


def counted(files: list[FileView]) -> Iterator[FileCount]:
    """Files by their role, in the order in which each role comes first."""
    roles: dict[str, list[FileView]] = {}
    for file in files:
        roles.setdefault(file.role, []).append(file)
    for role, some in roles.items():
        size = sum(file.size_bytes for file in some)
        yield FileCount(role, len(some), size, some[0].name, some[-1].name)
