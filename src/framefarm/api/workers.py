"""`/api/workers`: who works here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path
from sqlalchemy import Connection, select
from starlette.websockets import WebSocket

from framefarm.api.doorkeeper import Doorkeeper
from framefarm.api.worker_socket import WorkerSocket
from framefarm.db import tables as t
from framefarm.farm.roster import Link
from framefarm.farm.service import Farm
from framefarm.farm.views import iso
from framefarm.farm.worker_names import find_worker
from framefarm.farm.worker_states import shown_state

WorkerName = Annotated[
    str, Path(max_length=200, description="Its id, its name, or how its id begins.")
]


@dataclass(frozen=True)
class WorkView:
    """What a slot works on."""

    slot: str
    job: int
    kind: str
    units: str


@dataclass(frozen=True)
class WorkerView:
    """A worker."""

    id: str
    name: str
    state: str
    host: str
    system: str
    cores: int
    memory_bytes: int
    slots: list[dict[str, Any]]
    agent_version: str
    last_seen_at: str
    work: list[WorkView]


@dataclass(frozen=True)
class WorkerList:
    """All workers, by name."""

    workers: list[WorkerView]


def routes(farm: Farm) -> APIRouter:
    """The routes of workers."""
    doorkeeper = Doorkeeper(farm)
    router = APIRouter(prefix="/api/workers", tags=["workers"])

    @router.get("")
    async def workers() -> WorkerList:
        """All workers that ever joined."""
        links = {link.worker_id: link for link in farm.roster}
        return await farm.read(lambda connection: _all(connection, links))

    @router.get("/{worker}")
    async def worker(worker: WorkerName) -> WorkerView:
        """One worker, by its id or name."""
        row = await farm.read(lambda c: find_worker(c, worker))
        return _view(row, farm.roster.get(row.id))

    @router.websocket("/connect")
    async def connect(socket: WebSocket) -> None:
        await WorkerSocket(farm, socket, doorkeeper).serve()

    return router


def _all(connection: Connection, links: dict[str, Link]) -> WorkerList:
    rows = connection.execute(select(t.workers).order_by(t.workers.c.name, t.workers.c.id))
    return WorkerList([_view(row, links.get(row.id)) for row in rows])


def _view(row: Any, link: Link | None) -> WorkerView:
    work = [
        WorkView(name, slot.work.job_id, slot.work.kind, slot.work.units)
        for name, slot in (link.slots.items() if link else ())
        if slot.work is not None
    ]
    return WorkerView(
        id=row.id,
        name=row.name,
        state="revoked"
        if row.revoked_at is not None
        else shown_state(row.state, connected=link is not None, working=bool(work)),
        host=row.facts.get("host", ""),
        system=row.facts.get("system", ""),
        cores=row.facts.get("cores", 0),
        memory_bytes=row.facts.get("memory_bytes", 0),
        slots=row.slots,
        agent_version=row.agent_version,
        last_seen_at=iso(row.last_seen_at) or "",
        work=work,
    )
