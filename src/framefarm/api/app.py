"""The manager's HTTP application."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI

from framefarm import __version__
from framefarm.api import blobs, jobs, problems, results, workers
from framefarm.api.body_limit import BodyLimit
from framefarm.api.guard import LocalGuard
from framefarm.api.keys import KeyRing
from framefarm.farm.service import Farm
from framefarm.protocol.limits import PROTOCOL_VERSION


@dataclass(frozen=True)
class Health:
    """That the manager answers, and what it speaks."""

    version: str
    epoch: str
    protocol: int


def create_app(farm: Farm) -> FastAPI:
    """Make the application of one farm, which the caller starts and stops."""
    app = FastAPI(
        title="FrameFarm",
        version=__version__,
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    problems.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(LocalGuard)

    @app.get("/api/health", tags=["manager"])
    async def health() -> Health:
        """Whether the manager answers."""
        return Health(__version__, farm.epoch, PROTOCOL_VERSION)

    app.router.routes.append(results.result_route(farm, KeyRing(farm)))
    app.include_router(blobs.routes(farm))
    app.include_router(jobs.routes(farm))
    app.include_router(workers.routes(farm))
    return app
