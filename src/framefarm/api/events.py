"""`/api/events`: what happens on the whole farm, as server-sent events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection, select

from framefarm.api.bodies import clamped
from framefarm.api.guard import caller_of
from framefarm.api.server_sent import QUIET_S, STILL_HERE, server_sent, streamed
from framefarm.core.accounts import UserRole
from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t
from framefarm.farm.event_log import Happening
from framefarm.farm.service import Farm
from framefarm.farm.shot_telling import seen_among
from framefarm.farm.worker_names import find_worker

_AT_A_TIME = 500
_AT_MOST = 100
_PLACE = re.compile(r"([0-9a-f]{16})\.([0-9]{1,18})")
_LOST = "Some of what happened since is no longer known; read what you follow anew."


class EventPlaceError(FrameFarmError):
    """A stream is to go on after an event that no manager has told."""

    code = "bad_event_id"


@dataclass
class _Filter:
    """Which events one follower gets.

    Attributes:
        kinds, jobs, worker_ids: Only these; all when empty.
        owner: Only this person's jobs and shots, and nothing of workers; None for everything.
        owners: Whose jobs are, as far as looked up.
        shots: Those that this person sees, of those looked up last.
    """

    kinds: frozenset[str]
    jobs: frozenset[int]
    worker_ids: frozenset[str]
    owner: str | None = None
    owners: dict[int, str] = field(default_factory=dict)
    shots: set[int] = field(default_factory=set)

    def asked(self, event: Happening) -> bool:
        """Whether the follower asked for it."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and (not self.jobs or event.job_id in self.jobs)
            and (not self.worker_ids or event.worker_id in self.worker_ids)
        )

    def allowed(self, event: Happening) -> bool:
        """Whether the follower may hear it."""
        if self.owner is None:
            return True
        if event.job_id is None:
            # One that was deleted is nobody's any more but its maker's.
            of_shot = event.shot_id is not None
            return of_shot and (event.shot_id in self.shots or event.facts["owner"] == self.owner)
        # What is told of a job says whose it is, also once it is deleted.
        owner = event.facts.get("owner", self.owners.get(event.job_id))
        return bool(owner == self.owner)

    def unknown(self, events: Iterable[Happening]) -> list[int]:
        """Jobs of which it has to be looked up whose they are."""
        if self.owner is None:
            return []
        asked = {e.job_id for e in events if e.job_id is not None and "owner" not in e.facts}
        return sorted(asked - self.owners.keys())


Jobs = Annotated[list[int], Query(alias="job", max_length=_AT_MOST)]
Workers = Annotated[
    list[Annotated[str, Query(max_length=200)]], Query(alias="worker", max_length=_AT_MOST)
]
Kinds = Annotated[
    list[Literal["job", "unit", "worker", "session", "shot"]], Query(alias="kind", max_length=5)
]


def routes(farm: Farm) -> APIRouter:
    """The route of the farm's events."""
    router = APIRouter(prefix="/api", tags=["events"])

    @router.get("/events")
    async def events(
        request: Request,
        jobs: Jobs = [],  # noqa: B006  FastAPI copies defaults
        workers: Workers = [],  # noqa: B006
        kinds: Kinds = [],  # noqa: B006
        last_event_id: Annotated[str, Header(max_length=60)] = "",
    ) -> StreamingResponse:
        """Follow the farm: `job`, `unit`, `worker`, `session` and `shot` events from now on.

        With `Last-Event-ID` those after that one. The first event, `begin`, names the place. `gap`
        says that some events are lost: the manager was started anew, or the follower was away for
        too long. An artist hears of own jobs, and of shots with such. The stream ends when the
        manager stops.
        """
        person = caller_of(request.scope).person
        artist = person is not None and person.role is UserRole.ARTIST
        wanted = _Filter(
            frozenset(kinds),
            frozenset(map(clamped, jobs)),
            frozenset([await farm.read(partial(_worker_id, wanted=name)) for name in workers]),
            person.name if person is not None and artist else None,
        )
        return streamed(_follow(farm, request, wanted, _place(farm, last_event_id)))

    return router


def _worker_id(connection: Connection, wanted: str) -> str:
    return str(find_worker(connection, wanted).id)


def _place(farm: Farm, last_event_id: str) -> int | None:
    """The number to go on after; None for one of another run of the manager.

    Raises:
        EventPlaceError: It is no id of an event.
    """
    if not last_event_id:
        return farm.telling.log.last
    found = _PLACE.fullmatch(last_event_id)
    if found is None:
        raise EventPlaceError(f"Last-Event-ID: {last_event_id!r} is no id that a manager gave.")
    return int(found[2]) if found[1] == farm.epoch else None


async def _follow(
    farm: Farm, request: Request, wanted: _Filter, place: int | None
) -> AsyncIterator[bytes]:
    log = farm.telling.log
    with log.listen() as listener:
        yield _event(farm, "begin", {}, log.last if place is None else place)
        while not await request.is_disconnected():
            listener.clear()
            new = None if place is None else log.after(place)
            if new is None:
                place = log.last
                yield _event(farm, "gap", {"message": _LOST}, place)
            elif new:
                # A part at a time, also for those who fell far behind: each is sent before the
                # next is made.
                part = new[:_AT_A_TIME]
                place = part[-1].number
                listener.set()
                if told := await _told(farm, wanted, part):
                    yield told
            elif log.closed:
                return
            if not await _heard(listener):
                yield STILL_HERE


async def _heard(listener: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(listener.wait(), QUIET_S)
    except TimeoutError:
        return False
    return True


async def _told(farm: Farm, wanted: _Filter, events: Sequence[Happening]) -> bytes:
    asked = [event for event in events if wanted.asked(event)]
    if unknown := wanted.unknown(asked):
        wanted.owners.update(await farm.read(partial(_owners, job_ids=unknown)))
    shots = {event.shot_id for event in asked if event.shot_id is not None}
    if shots and wanted.owner is not None:
        # Each time anew: what a person sees of shots changes with the person's jobs.
        read = partial(seen_among, shot_ids=shots, artist=wanted.owner)
        wanted.shots = await farm.read(read)
    return b"".join(
        _event(farm, event.kind, {"at": _iso(event.at), **event.facts}, event.number)
        for event in asked
        if wanted.allowed(event)
    )


def _owners(connection: Connection, job_ids: Sequence[int]) -> dict[int, str]:
    j = t.jobs.c
    rows = connection.execute(select(j.id, j.owner).where(j.id.in_(job_ids)))
    return {row.id: row.owner for row in rows}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _event(farm: Farm, kind: str, facts: dict[str, Any], number: int) -> bytes:
    return server_sent(kind, facts, f"{farm.epoch}.{number}")
