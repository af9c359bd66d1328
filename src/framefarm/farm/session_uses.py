"""What use the jobs of sessions have for workers just now, and how much is left of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from framefarm.core.requirements import requirements_of
from framefarm.core.states import JobState, StageState
from framefarm.db import Prepared
from framefarm.db import tables as t
from framefarm.farm.carving import Source
from framefarm.farm.claim_requests import ClaimRequest
from framefarm.farm.limits import Room
from framefarm.farm.roster import Link, Slot

_UNKNOWN_S = 30.0
"""What a unit is taken to need before any of its kind is done: as long as a lease should take."""

_RUNNING = {JobState.QUEUED, JobState.RUNNING}


class Uses:
    """Answers who has use for whom, at one moment. It takes nothing.

    Args:
        connection: Open transaction.
        links: The connected workers, by id.
        request: What a slot would ask for.
        sessions: Rows of `sessions`, each with its job's `state` and `at_limit`.
    """

    def __init__(
        self,
        connection: Connection,
        links: Mapping[str, Link],
        request: Callable[[Link, Slot], ClaimRequest],
        sessions: Sequence[Row[Any]],
    ) -> None:
        self._connection = connection
        self._links = links
        self._request = request
        self._sessions = {one.id: one for one in sessions}
        self._jobs = sorted(one.job_id for one in sessions)
        self._stages: defaultdict[int, list[Source]] = defaultdict(list)
        for row in _STAGES.rows(connection, self._jobs) if self._jobs else ():
            asked = requirements_of(row.queue).of_anybody
            self._stages[row.job_id].append(Source(connection, row, asked))
        self._room = Room(connection)
        self._requests: dict[str, list[ClaimRequest]] = {}
        self._kinds: dict[str, Hashable] = {}
        self._works: dict[tuple[int, Hashable], bool] = {}
        faulty = _FAULTY.rows(connection, self._jobs) if self._jobs else ()
        self._faulty = {row.worker_id for row in faulty}

    def kind(self, worker_id: str) -> Hashable:
        """Something that workers share for whom any session has use or for whom none has.

        One that failed at something is kept off it, and so is like no other (L9).
        """
        found = self._kinds.get(worker_id)
        if found is None:
            found = self._kinds[worker_id] = self._kind(worker_id)
        return found

    def _kind(self, worker_id: str) -> Hashable:
        link = self._links.get(worker_id)
        if link is None or not _takes_work(link):
            return None
        if worker_id in self._faulty:
            return worker_id
        return frozenset(slot.ability.of_nobody for slot in link.slots.values()), link.barred

    def works(self, session_id: int, worker_id: str) -> bool:
        """Whether a session's job has a unit for a worker that may be leased now.

        It may not while the job is paused, held or at its limit, while its owner has as many slots
        as may be, nor to a worker that asks for no work. Waiting for the session itself counts as
        nothing: that is to end by this.
        """
        what = session_id, self.kind(worker_id)
        found = self._works.get(what)
        if found is None:
            found = self._works[what] = self._works_now(session_id, worker_id)
        return found

    def _works_now(self, session_id: int, worker_id: str) -> bool:
        session = self._sessions[session_id]
        if session.at_limit:
            return False
        running = session.state in _RUNNING
        return any(
            self._has_for(source, worker_id)
            for source in self._stages[session.job_id]
            if (running or source.stage.on_trial) and _is_settled(source.stage)
        )

    def _has_for(self, source: Source, worker_id: str) -> bool:
        """Whether a slot of a worker may have units of a stage whose owner may have more."""
        return any(
            source.has_for(request)
            for request in self._requests_of(worker_id)
            if not self._room.full_for(source.asked.owner, request.ability.pool)
        )

    def suits(self, session_id: int, worker_id: str) -> bool:
        """Whether a session's job may have a unit for a worker some time."""
        job_id = self._sessions[session_id].job_id
        return any(
            request.ability.suits(source.asked) and source.what not in request.barred
            for source in self._stages[job_id]
            if source.stage.state != StageState.DONE and _is_settled(source.stage)
            for request in self._requests_of(worker_id)
        )

    def remaining_s(self, job_id: int) -> float:
        """How long one worker alone would need for what is left of a job."""
        return sum(_left_s(source.stage) for source in self._stages[job_id])

    def holders(self) -> set[tuple[int, str]]:
        """Jobs and workers that have something of them in work."""
        return {tuple(row) for row in _HOLDERS.rows(self._connection, self._jobs)}

    def _requests_of(self, worker_id: str) -> list[ClaimRequest]:
        """What the slots of a worker would ask for; of one that takes no work, nothing."""
        found = self._requests.get(worker_id)
        if found is None:
            link = self._links.get(worker_id)
            found = self._requests[worker_id] = list(self._asking(link) if link else ())
        return found

    def _asking(self, link: Link) -> Iterator[ClaimRequest]:
        if _takes_work(link):
            for slot in link.slots.values():
                yield self._request(link, slot)


def _takes_work(link: Link) -> bool:
    return link.enabled and not link.facts.resting


def _is_settled(stage: Any) -> bool:
    return not stage.wanted_blender or bool(stage.blender)


def _left_s(stage: Any) -> float:
    left = stage.total - stage.done - stage.failed - stage.cancelled
    return float(left * (stage.seconds / stage.done if stage.done else _UNKNOWN_S))


_STAGES = Prepared(
    select(
        t.stages.c.id,
        t.stages.c.job_id,
        t.stages.c.state,
        t.stages.c.queue,
        t.stages.c.wanted_blender,
        t.stages.c.blender,
        t.stages.c.on_trial,
        t.stages.c.largest_lease,
        t.stages.c.total,
        t.stages.c.pending,
        t.stages.c.done,
        t.stages.c.failed,
        t.stages.c.cancelled,
        t.stages.c.seconds,
    )
    .where(t.stages.c.job_id.in_(bindparam("jobs", expanding=True)))
    .order_by(t.stages.c.job_id, t.stages.c.position),
    listed="jobs",
)
_FAULTY = Prepared(
    select(t.faults.c.worker_id)
    .join(t.stages, t.stages.c.id == t.faults.c.stage_id)
    .where(t.stages.c.job_id.in_(bindparam("jobs", expanding=True)), ~t.faults.c.forgiven)
    .distinct(),
    listed="jobs",
)
_HOLDERS = Prepared(
    select(t.stages.c.job_id, t.leases.c.worker_id)
    .join(t.leases, t.leases.c.stage_id == t.stages.c.id)
    .where(t.stages.c.job_id.in_(bindparam("jobs", expanding=True)), t.leases.c.state == "active"),
    listed="jobs",
)
