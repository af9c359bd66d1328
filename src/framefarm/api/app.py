"""The manager's HTTP application."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from framefarm import __version__
from framefarm.api import (
    admission,
    blobs,
    downloads,
    jobs,
    problems,
    render_tasks,
    results,
    uploads,
    workers,
)
from framefarm.api.body_limit import BodyLimit
from framefarm.api.doorkeeper import Doorkeeper
from framefarm.api.guard import RoleGuard
from framefarm.api.keys import KeyRing
from framefarm.api.reach import Reach
from framefarm.api.worker_socket import WorkerSocket
from framefarm.farm.service import Farm
from framefarm.protocol.limits import PROTOCOL_VERSION

CONNECT = "/api/workers/connect"
"""Where workers connect to."""


@dataclass(frozen=True)
class Health:
    """That the manager answers, and what it speaks.

    Attributes:
        farm: Tells this farm from all others, for ever.
        epoch: Changes with each start.
    """

    version: str
    farm: str
    epoch: str
    protocol: int


class Application:
    """The API, and beside it the connections of workers.

    Those do not pass the API's dozen layers, which have nothing to do for them: they cost a worker
    that connects a sixth of what it costs the manager, and each connection some kilobytes.

    Args:
        api: Answers everything else.
        workers: Talks to one worker.
    """

    def __init__(self, api: FastAPI, workers: ASGIApp) -> None:
        self.api = api
        self._workers = workers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request, or a connection, on."""
        worker = scope["type"] == "websocket" and scope["path"] == CONNECT
        await (self._workers if worker else self.api)(scope, receive, send)


def create_app(farm: Farm, reach: Reach) -> Application:
    """Make the application of one farm, which the caller starts and stops.

    Args:
        farm: The farm.
        reach: Where it answers.
    """
    keys = KeyRing(farm)
    app = FastAPI(
        title="FrameFarm",
        version=__version__,
        # FastAPI's pages of the API run whatever a server of others sends just then, and here they
        # would run it with everything that a local caller may do.
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    problems.install(app)
    app.add_middleware(BodyLimit, uploads=render_tasks.UPLOADS)
    app.add_middleware(RoleGuard, keys=keys)

    @app.get("/api/health", tags=["manager"])
    async def health() -> Health:
        """Whether the manager answers."""
        return Health(__version__, farm.farm_id, farm.epoch, PROTOCOL_VERSION)

    app.router.routes.append(results.result_route(farm, keys))
    app.include_router(blobs.routes(farm))
    app.include_router(uploads.routes(farm.uploads))
    app.include_router(jobs.routes(farm))
    app.include_router(jobs.steering_routes(farm))
    app.include_router(downloads.download_routes(farm))
    app.include_router(render_tasks.routes(farm))
    app.include_router(admission.routes(farm, keys, reach))
    app.include_router(workers.routes(farm))
    return Application(app, RoleGuard(_worker_door(farm, keys), keys))


def _worker_door(farm: Farm, keys: KeyRing) -> ASGIApp:
    doorkeeper = Doorkeeper(farm, keys)

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        await WorkerSocket(farm, WebSocket(scope, receive, send), doorkeeper).serve()

    return door
