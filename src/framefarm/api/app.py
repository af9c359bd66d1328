"""What a manager answers: the connections of workers, and beside them the API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from framefarm.api.doorkeeper import Doorkeeper
from framefarm.api.guard import RoleGuard
from framefarm.api.keys import KeyRing
from framefarm.api.people import TokenRing
from framefarm.api.reach import Reach
from framefarm.api.worker_socket import WorkerSocket
from framefarm.farm.service import Farm
from framefarm.protocol.discovery import CONNECT_PATH

if TYPE_CHECKING:
    from fastapi import FastAPI


class Application:
    """The connections of workers, and beside them the API.

    Those do not pass the API's dozen layers, which have nothing to do for them: they cost a worker
    that connects a sixth of what it costs the manager, and each connection some kilobytes.

    Nor do they wait for it. Loading FastAPI and making the routes takes a third of a manager's
    start, and after a restart it is the workers that wait; so the API is made once they can come.
    Requests wait until it is there.

    Args:
        farm: The farm, which the caller starts and stops.
        reach: Where it answers.

    Attributes:
        api: Answers everything but workers; None until it is made.
    """

    def __init__(self, farm: Farm, reach: Reach) -> None:
        self.api: FastAPI | None = None
        self._farm = farm
        self._reach = reach
        self._keys = KeyRing(farm)
        self._people = TokenRing(farm)
        self._workers = RoleGuard(_worker_door(farm, self._keys), self._keys, self._people, farm)
        self._made = asyncio.Event()

    def make_api(self) -> FastAPI:
        """Make the API, which takes about half a second."""
        from framefarm.api.http_api import make_api  # noqa: PLC0415  see above

        return make_api(self._farm, self._keys, self._people, self._reach)

    async def open_api(self) -> None:
        """Make the API beside whatever else there is to do, and let requests in."""
        self.api = await asyncio.to_thread(self.make_api)
        self._made.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request, or a connection, on."""
        if scope["type"] == "websocket" and scope["path"] == CONNECT_PATH:
            await self._workers(scope, receive, send)
            return
        if self.api is None:
            await self._made.wait()
        assert self.api is not None
        await self.api(scope, receive, send)


def create_app(farm: Farm, reach: Reach) -> Application:
    """Make a whole application at once.

    Args:
        farm: The farm, which the caller starts and stops.
        reach: Where it answers.
    """
    app = Application(farm, reach)
    app.api = app.make_api()
    return app


def _worker_door(farm: Farm, keys: KeyRing) -> ASGIApp:
    doorkeeper = Doorkeeper(farm, keys)

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        await WorkerSocket(farm, WebSocket(scope, receive, send), doorkeeper).serve()

    return door
