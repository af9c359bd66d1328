"""`/api/workers`: who works here, and telling them what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import Connection, Row

from framefarm.api.edits import (
    ManyMatchedError,
    check_unchanged,
    says_how_it_was,
    tagged,
    worker_tag,
)
from framefarm.api.worker_bodies import NewName, SteerWorkers, WorkerStates
from framefarm.core.requirements import Pool
from framefarm.farm.service import Farm
from framefarm.farm.worker_details import WorkerDetails, worker_details
from framefarm.farm.worker_names import find_worker
from framefarm.farm.worker_pages import Sort, WorkerFilter, WorkerPage, worker_page
from framefarm.farm.worker_selection import select_workers
from framefarm.farm.worker_steering import Steered
from framefarm.farm.worker_views import WorkerView, view_workers

Text = Annotated[str, Query(max_length=200)]
WorkerName = Annotated[
    str, Path(max_length=200, description="Its id, its name, or how its id begins.")
]


@dataclass(frozen=True)
class SteeredList:
    """What became of each worker."""

    workers: list[Steered]


async def wanted(
    state: Annotated[list[WorkerStates] | None, Query(max_length=20)] = None,
    tag: Annotated[list[Text] | None, Query(max_length=50)] = None,
    pool: Pool | None = None,
    host: Text = "",
    name: Text = "",
) -> WorkerFilter:
    """The filter that a query asks for."""
    return WorkerFilter(frozenset(state or ()), frozenset(tag or ()), pool or "", host, name)


def routes(farm: Farm) -> APIRouter:
    """The routes of workers."""
    router = APIRouter(prefix="/api/workers", tags=["workers"])

    @router.get("")
    async def workers(
        wanted: Annotated[WorkerFilter, Depends(wanted)],
        sort: Sort = "name",
        cursor: Annotated[str, Query(max_length=1_000)] = "",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 500,
    ) -> WorkerPage:
        """Workers that match everything asked for, by name unless sorted."""
        links = farm.roster.get
        return await farm.read(
            lambda c: worker_page(c, links, wanted, sort=sort, cursor=cursor, limit=limit)
        )

    @router.post("/steer")
    async def steer(body: SteerWorkers, request: Request) -> SteeredList:
        """Enable, disable, drain, restart, tag or untag workers: some, those of a filter or all.

        `If-Match` is for one of them.
        """
        ids = await farm.read(lambda c: select_workers(c, farm.roster.get, body.selection()))
        check = partial(check_worker, request=request, ids=ids)
        return SteeredList(await farm.orders.steer(ids, body.change(), check=check))

    @router.get("/{worker}")
    async def worker(
        worker: WorkerName, response: Response, *, live: bool = False
    ) -> WorkerDetails:
        """All that is known of a worker; `live` asks it how it is, for up to 2 s.

        The `ETag` is for `If-Match` where it is renamed, steered or revoked.
        """
        found = await farm.read(lambda c: find_worker(c, worker))
        link = farm.roster.get(found.id) if live else None
        answered = await farm.live.ask(link) if link else None
        links = farm.roster.get
        view = await farm.read(lambda c: worker_details(c, found.id, links, answered=answered))
        return tagged(response, view, worker_tag)

    @router.post("/{worker}/rename")
    async def rename(
        worker: WorkerName, body: NewName, request: Request, response: Response
    ) -> WorkerView:
        """Give a worker a name, which counts above the one it says itself."""

        def check(row: Row[Any]) -> None:
            check_unchanged(request, worker_tag(row))

        worker_id = await farm.orders.rename(worker, body.name, check=check)
        view = await farm.read(lambda c: _one(c, farm, worker_id))
        return tagged(response, view, worker_tag)

    return router


def check_worker(connection: Connection, request: Request, ids: Sequence[str]) -> None:
    """Make sure that a worker is as a request says that it is, if it says so.

    Raises:
        ManyMatchedError: The request is about several.
        ChangedError: It is not.
    """
    if not says_how_it_was(request):
        return
    if len(ids) != 1:
        raise ManyMatchedError
    check_unchanged(request, worker_tag(find_worker(connection, ids[0])))


def _one(connection: Connection, farm: Farm, worker: str) -> WorkerView:
    [view] = view_workers(connection, [find_worker(connection, worker)], farm.roster.get)
    return view
