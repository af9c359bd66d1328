"""`POST /api/jobs/steer`: the same for many jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from framefarm.api.bodies import NO_ZERO, Number, Priority
from framefarm.api.shot_edits import viewer_of
from framefarm.core.states import JobState
from framefarm.farm.job_pages import JobFilter
from framefarm.farm.job_selection import MOST_AT_ONCE, select_jobs
from framefarm.farm.many_jobs import JobAction, JobChange, SteeredJob, steer_many
from framefarm.farm.service import Farm

_Text = Annotated[str, Field(max_length=200, pattern=NO_ZERO)]
_STRICT = ConfigDict(extra="forbid")


class WhereJobs(BaseModel):
    """Which jobs are meant: those that match everything given; `name` is a part of theirs."""

    model_config = _STRICT

    state: Annotated[list[JobState], Field(max_length=len(JobState))] = []
    owner: _Text | None = None
    project: _Text | None = None
    sequence: _Text | None = None
    shot: _Text | None = None
    shot_id: Number | None = None
    kind: Literal["render", "trial"] | None = None
    name: Annotated[_Text, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.state and all(value is None for value in self._others().values()):
            raise ValueError(
                "say which jobs: by state, owner, project, sequence, shot, shot_id, kind or name"
            )
        return self

    def filter(self) -> JobFilter:
        """The same as the farm knows it."""
        return JobFilter(states=tuple(self.state), **self._others())

    def _others(self) -> dict[str, Any]:
        return self.model_dump(exclude={"state"})


class SteerJobs(BaseModel):
    """What to do with which jobs.

    Attributes:
        jobs: Their numbers.
        where: Instead of numbers: those that match. Where it names no state, `retry` is for jobs
            of which something failed or was cancelled, `delete` for all, and all else for those
            that have not ended.
        now: Of `pause`: also take back what is in work.
        priority: Of `priority`.
        outputs: Of `delete`: with their files in the outputs folder.
    """

    model_config = _STRICT

    action: JobAction
    jobs: Annotated[list[Number], Field(max_length=MOST_AT_ONCE)] = []
    where: WhereJobs | None = None
    now: bool = False
    priority: Priority | None = None
    outputs: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if bool(self.jobs) == (self.where is not None):
            raise ValueError("say which jobs: either by `jobs`, their numbers, or by `where`")
        if (self.priority is not None) != (self.action is JobAction.PRIORITY):
            raise ValueError("`priority` belongs to the action priority, and to nothing else")
        if self.now and self.action is not JobAction.PAUSE:
            raise ValueError(f"`now` has no sense with {self.action}")
        if self.outputs and self.action is not JobAction.DELETE:
            raise ValueError(f"`outputs` has no sense with {self.action}")
        return self

    def change(self) -> JobChange:
        """What is to become of them."""
        return JobChange(self.action, self.now, self.priority or 0, self.outputs)


@dataclass(frozen=True)
class SteeredJobs:
    """What became of each job."""

    jobs: list[SteeredJob]


def routes(farm: Farm) -> APIRouter:
    """The route for many jobs."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])

    @router.post("/steer")
    async def steer(body: SteerJobs, request: Request) -> SteeredJobs:
        """Cancel, pause, resume, retry, delete jobs or change their priority: some, or a filter's.

        An artist steers own ones. The answer says what became of each; what one of them refuses
        holds up no other.
        """
        wanted = body.where.filter() if body.where is not None else body.jobs
        owner = viewer_of(request)
        jobs = await farm.read(lambda c: select_jobs(c, wanted, body.action, owner=owner))
        return SteeredJobs(await steer_many(farm, jobs, body.change()))

    return router
