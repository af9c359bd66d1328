"""The bodies of requests about workers, and what they mean to the farm."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from framefarm.api.bodies import Tag
from framefarm.core.requirements import Pool
from framefarm.farm.worker_pages import WorkerFilter
from framefarm.farm.worker_selection import Selection
from framefarm.farm.worker_steering import WorkerAction, WorkerChange

WorkerStates = Literal[
    "offline", "idle", "busy", "draining", "disabled", "lost", "quarantined", "revoked"
]
_Text = Annotated[str, StringConstraints(max_length=200)]
_STRICT = ConfigDict(extra="forbid")
_NOW = {WorkerAction.DISABLE, WorkerAction.RESTART}
_REASONED = {WorkerAction.DISABLE, WorkerAction.DRAIN}
_TAGGING = {WorkerAction.TAG, WorkerAction.UNTAG}


class Where(BaseModel):
    """Which workers are meant: those that match everything given."""

    model_config = _STRICT

    state: Annotated[list[WorkerStates], Field(max_length=20)] = []
    tag: Annotated[list[Tag], Field(max_length=50)] = []
    pool: Pool | None = None
    host: _Text = ""
    name: _Text = ""

    def filter(self) -> WorkerFilter:
        """The same as the farm knows it."""
        return WorkerFilter(
            frozenset(self.state), frozenset(self.tag), self.pool or "", self.host, self.name
        )


class SteerWorkers(BaseModel):
    """What to do with which workers.

    Attributes:
        workers: Names or ids.
        where: Instead of names: those that match.
        all: Instead of names: every worker there is.
        now: Of `disable` and `restart`: give back what is in work.
        reason: Of `disable` and `drain`, for people.
        tags: Of `tag` and `untag`.
    """

    model_config = _STRICT

    action: WorkerAction
    workers: Annotated[list[_Text], Field(max_length=1_000)] = []
    where: Where | None = None
    all: bool = False
    now: bool = False
    reason: Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)] = ""
    tags: Annotated[list[Tag], Field(max_length=50)] = []

    @model_validator(mode="after")
    def _makes_sense(self) -> SteerWorkers:
        if [bool(self.workers), self.where is not None, self.all].count(True) != 1:
            raise ValueError("say which workers: by `workers`, by `where`, or `all` of them")
        if self.now and self.action not in _NOW:
            raise ValueError(f"`now` has no sense with {self.action}")
        if self.reason and self.action not in _REASONED:
            raise ValueError(f"`reason` has no sense with {self.action}")
        if bool(self.tags) != (self.action in _TAGGING):
            raise ValueError("`tags` belong to `tag` and `untag`, and to nothing else")
        return self

    def selection(self) -> Selection:
        """Who is meant."""
        return Selection(tuple(self.workers), self.where.filter() if self.where else None)

    def change(self) -> WorkerChange:
        """What is to become of them."""
        return WorkerChange(self.action, self.now, self.reason, frozenset(self.tags))


class NewName(BaseModel):
    """A worker's new name."""

    model_config = _STRICT

    name: Annotated[str, StringConstraints(max_length=1_000)]
