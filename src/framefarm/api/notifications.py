"""`/api/notifications`: what people are told elsewhere, and where; each has only the own ones."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from framefarm.api.bodies import Number
from framefarm.api.edits import check_unchanged, tagged, target_tag
from framefarm.api.guard import caller_of
from framefarm.api.once import asked_once
from framefarm.core.notices import Event
from framefarm.farm import notify_targets as targets
from framefarm.farm.notify_history import NotificationList, history
from framefarm.farm.notify_targets import Listener, TargetView
from framefarm.farm.service import Farm
from framefarm.notify.addresses import LONGEST

State = Literal["waiting", "sending", "sent", "given_up", "unclear", "muted"]
Told = Literal[
    "job_done",
    "job_failed",
    "job_held",
    "worker_lost",
    "worker_quarantined",
    "disk_low",
    "quota_near",
    "quota_refused",
]
TargetName = Annotated[str, Field(min_length=1, max_length=80)]
AddressText = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Tells = Annotated[list[Told], Field(min_length=1, max_length=len(Event))]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewTarget(_Body):
    """A target to be.

    Attributes:
        address: Of a service (`slack://...`) or a web hook (`https://...`); without one mail is
            sent by the farm's own server.
        email: Where mail goes, on the manager's own machine; else to the account's own address.
        tells: Of what.
        all_jobs: Of everybody's jobs, for who may see them.
    """

    name: TargetName
    address: AddressText | None = None
    email: Annotated[str, Field(max_length=254)] = ""
    tells: Tells = ["job_done", "job_failed", "job_held"]
    all_jobs: bool = False


class TargetChange(_Body):
    """What is to be different; what is left out stays."""

    name: TargetName | None = None
    address: AddressText | None = None
    tells: Tells | None = None
    all_jobs: bool | None = None


class MadeTarget(BaseModel):
    """A target; the secret of a web hook is told here and never again."""

    target: TargetView
    secret: str | None


class TargetList(BaseModel):
    """All targets of one's own."""

    targets: list[TargetView]


class Tested(BaseModel):
    """Whether a test message got there, and why not."""

    sent: bool
    reason: str


def told_routes(farm: Farm) -> APIRouter:
    """The route of what one was told."""
    router = APIRouter(prefix="/api/notifications", tags=["notifications"])

    @router.get("")
    async def told(
        request: Request,
        state: State | None = None,
        target: Number | None = None,
        cursor: Number | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> NotificationList:
        """What one was told, newest first; for 30 days."""
        work = partial(history, listener=_listener(request), state=state, target=target)
        return await farm.read(lambda c: work(c, before=cursor, limit=limit))

    return router


def routes(farm: Farm) -> APIRouter:  # noqa: C901  one short function for each route
    """The routes of targets."""
    router = APIRouter(prefix="/api/notifications", tags=["notifications"])

    @router.get("/targets")
    async def listed(request: Request) -> TargetList:
        """Where one is told."""
        listener = _listener(request)
        return TargetList(targets=await farm.read(lambda c: targets.targets(c, listener)))

    @router.post("/targets", status_code=201)
    async def add(request: Request, asked: NewTarget) -> MadeTarget:
        """Be told somewhere of what happens from now on."""
        once = await asked_once(request, farm)
        listener, tells = _listener(request), _events(asked.tells)
        targets.check_choice(listener, tells, all_jobs=asked.all_jobs)
        values: dict[str, Any] = {"tells": tells, "all_jobs": asked.all_jobs, "name": asked.name}

        def also(connection: Connection, made: TargetView, secret: str | None) -> None:
            once.keep(connection, MadeTarget(target=made, secret=secret))

        made, secret = await farm.notifying.add(
            listener, asked.address, asked.email, also=also, **values
        )
        return MadeTarget(target=made, secret=secret)

    @router.get("/targets/{target}")
    async def one(request: Request, target: Number, response: Response) -> TargetView:
        """One target. The `ETag` is for `If-Match` where it is changed."""
        listener = _listener(request)
        found = await farm.read(lambda c: targets.target(c, listener, target))
        return tagged(response, found, target_tag)

    @router.patch("/targets/{target}")
    async def change(
        request: Request, target: Number, asked: TargetChange, response: Response
    ) -> TargetView:
        """Change a target; one that failed is tried again at another address."""
        listener = _listener(request)
        values = asked.model_dump(exclude_none=True, exclude={"address"})
        if asked.tells is not None:
            values["tells"] = _events(asked.tells)
        targets.check_choice(listener, values.get("tells", []), all_jobs=bool(asked.all_jobs))

        def check(now: TargetView) -> None:
            check_unchanged(request, target_tag(now))

        changed = await farm.notifying.change(
            listener, target, asked.address, check=check, **values
        )
        return tagged(response, changed, target_tag)

    @router.delete("/targets/{target}", status_code=204)
    async def remove(request: Request, target: Number) -> None:
        """Be told there no more, at once."""
        listener = _listener(request)

        def work(connection: Connection) -> None:
            check_unchanged(request, target_tag(targets.target(connection, listener, target)))
            targets.remove_target(connection, listener, target)

        await farm.writer.write(work)

    @router.post("/targets/{target}/test")
    async def test(request: Request, target: Number) -> Tested:
        """Send a test message now; a target that failed is tried again if it gets there."""
        outcome = await farm.notifying.test(_listener(request), target)
        return Tested(sent=outcome.ok, reason=outcome.reason)

    return router


def _listener(request: Request) -> Listener:
    return Listener.of(caller_of(request.scope).person)


def _events(told: list[Told]) -> list[Event]:
    chosen = {Event(name) for name in told}
    return [event for event in Event if event in chosen]
