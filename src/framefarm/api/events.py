"""`/api/events`: what happens on the whole farm, as server-sent events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection, select

from framefarm.api.bodies import NO_ZERO, Number, clamped
from framefarm.api.guard import caller_of
from framefarm.api.server_sent import QUIET_S, STILL_HERE, server_sent, streamed
from framefarm.core.accounts import UserRole
from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t
from framefarm.farm.event_log import Happening, Where
from framefarm.farm.service import Farm
from framefarm.farm.shot_telling import seen_among
from framefarm.farm.worker_names import find_worker

_AT_A_TIME = 500
_AT_MOST = 100
_PLACE = re.compile(r"([0-9a-f]{16})\.([0-9]{1,18})")
_LOST = "Some of what happened since is no longer known; read what you follow anew."


class NoSuchStreamError(FrameFarmError):
    """A live source is to be followed that this farm does not have; so far none can."""

    code = "no_such_stream"

    def __init__(self, wanted: str) -> None:
        super().__init__(
            f"There is no stream {wanted!r}: this farm receives none. Jobs are followed with `job`."
        )


class EventPlaceError(FrameFarmError):
    """A stream is to go on after an event that no manager has told."""

    code = "bad_event_id"


@dataclass(frozen=True)
class Place:
    """Where in the production an event belongs; all that is given must be so."""

    project: str | None = None
    sequence: str | None = None
    shot: str | None = None
    shot_id: int | None = None

    @property
    def given(self) -> bool:
        """Whether anything is asked for."""
        return self != _ANYWHERE

    def holds(self, where: Where) -> bool:
        """Whether something belongs here."""
        return all(
            wanted is None or wanted == its
            for wanted, its in zip(astuple(self), where, strict=True)
        )


_ANYWHERE = Place()


class _Job(NamedTuple):
    owner: str
    where: Where


@dataclass
class _Filter:
    """Which events one follower gets.

    Attributes:
        kinds, jobs, worker_ids: Only these; all when empty.
        place: Only of what belongs there.
        owner: Only this person's jobs and shots, and nothing of workers; None for everything.
        known: Of jobs, as far as looked up, whose they are and where they belong.
        shots: Those that this person sees, of those looked up last.
    """

    kinds: frozenset[str]
    jobs: frozenset[int]
    worker_ids: frozenset[str]
    place: Place
    owner: str | None = None
    known: dict[int, _Job] = field(default_factory=dict)
    shots: set[int] = field(default_factory=set)

    def asked(self, event: Happening) -> bool:
        """Whether the follower asked for it, whatever it belongs to."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and (not self.jobs or event.job_id in self.jobs)
            and (not self.worker_ids or event.worker_id in self.worker_ids)
        )

    def there(self, event: Happening) -> bool:
        """Whether it belongs where the follower looks."""
        if not self.place.given:
            return True
        job = self.known.get(event.job_id or 0)
        where = event.where or (job.where if job is not None else None)
        return where is not None and self.place.holds(where)

    def allowed(self, event: Happening) -> bool:
        """Whether the follower may hear it."""
        if self.owner is None:
            return True
        if event.job_id is None:
            # One that was deleted is nobody's any more but its maker's.
            of_shot = event.shot_id is not None
            return of_shot and (event.shot_id in self.shots or event.facts["owner"] == self.owner)
        # What is told of a job says whose it is, also once it is deleted.
        job = self.known.get(event.job_id)
        owner = event.facts.get("owner", job.owner if job is not None else None)
        return bool(owner == self.owner)

    def learn(self, events: Iterable[Happening]) -> None:
        """Remember what is told of jobs: one may be deleted before its units are looked at."""
        for event in events if self.looks_up else ():
            owner = event.facts.get("owner")
            if event.job_id is not None and event.where is not None and owner is not None:
                self.known[event.job_id] = _Job(owner, event.where)

    def unknown(self, events: Iterable[Happening]) -> list[int]:
        """Jobs of which it has to be looked up whose they are, or where they belong."""
        if not self.looks_up:
            return []
        asked = {event.job_id for event in events if event.job_id is not None}
        return sorted(asked - self.known.keys())

    @property
    def looks_up(self) -> bool:
        """Whether anything is to be known of a job besides what its events say."""
        return self.owner is not None or self.place.given


Jobs = Annotated[list[int], Query(alias="job", max_length=_AT_MOST)]
Workers = Annotated[
    list[Annotated[str, Query(max_length=200)]], Query(alias="worker", max_length=_AT_MOST)
]
Text = Annotated[str, Query(max_length=200, pattern=NO_ZERO)]
Streams = Annotated[list[Text], Query(alias="stream", max_length=_AT_MOST)]
Kinds = Annotated[
    list[Literal["job", "unit", "worker", "session", "shot"]], Query(alias="kind", max_length=5)
]


async def wanted_place(
    *,
    project: Text | None = None,
    sequence: Text | None = None,
    shot: Text | None = None,
    shot_id: Number | None = None,
) -> Place:
    """The part of the production that a query asks for."""
    return Place(project, sequence, shot, shot_id)


def routes(farm: Farm) -> APIRouter:
    """The route of the farm's events."""
    router = APIRouter(prefix="/api", tags=["events"])

    @router.get("/events")
    async def events(
        request: Request,
        place: Annotated[Place, Depends(wanted_place)],
        *,
        jobs: Jobs = [],  # noqa: B006  FastAPI copies defaults
        workers: Workers = [],  # noqa: B006
        kinds: Kinds = [],  # noqa: B006
        streams: Streams = [],  # noqa: B006
        last_event_id: Annotated[str, Header(max_length=60)] = "",
    ) -> StreamingResponse:
        """Follow the farm: `job`, `unit`, `worker`, `session` and `shot` events from now on.

        With `Last-Event-ID` those after that one. The first event, `begin`, names the place. `gap`
        says that some events are lost: the manager was started anew, or the follower was away for
        too long. `project`, `sequence`, `shot` and `shot_id` let through what is about jobs and
        shots there, `stream` what is about live sources. An artist hears of own jobs, and of shots
        with such. The stream ends when the manager stops.
        """
        if streams:
            raise NoSuchStreamError(streams[0])
        person = caller_of(request.scope).person
        artist = person is not None and person.role is UserRole.ARTIST
        wanted = _Filter(
            frozenset(kinds),
            frozenset(map(clamped, jobs)),
            frozenset([await farm.read(partial(_worker_id, wanted=name)) for name in workers]),
            place,
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
    wanted.learn(events)
    asked = [event for event in events if wanted.asked(event)]
    if unknown := wanted.unknown(asked):
        wanted.known.update(await farm.read(partial(_known, job_ids=unknown)))
    asked = [event for event in asked if wanted.there(event)]
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


def _known(connection: Connection, job_ids: Sequence[int]) -> dict[int, _Job]:
    j = t.jobs.c
    columns = (j.id, j.owner, j.project, j.sequence, j.shot, j.shot_id)
    rows = connection.execute(select(*columns).where(j.id.in_(job_ids)))
    return {
        row.id: _Job(row.owner, Where(row.project, row.sequence, row.shot, row.shot_id))
        for row in rows
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _event(farm: Farm, kind: str, facts: dict[str, Any], number: int) -> bytes:
    return server_sent(kind, facts, f"{farm.epoch}.{number}")
