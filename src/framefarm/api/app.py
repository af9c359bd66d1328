"""The manager's HTTP application."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI

from framefarm import __version__
from framefarm.api import admission, blobs, jobs, problems, results, workers
from framefarm.api.body_limit import BodyLimit
from framefarm.api.guard import RoleGuard
from framefarm.api.keys import KeyRing
from framefarm.api.reach import Reach
from framefarm.farm.service import Farm
from framefarm.protocol.limits import PROTOCOL_VERSION


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


def create_app(farm: Farm, reach: Reach) -> FastAPI:
    """Make the application of one farm, which the caller starts and stops.

    Args:
        farm: The farm.
        reach: Where it answers.
    """
    keys = KeyRing(farm)
    app = FastAPI(
        title="FrameFarm",
        version=__version__,
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    problems.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(RoleGuard, keys=keys)

    @app.get("/api/health", tags=["manager"])
    async def health() -> Health:
        """Whether the manager answers."""
        return Health(__version__, farm.farm_id, farm.epoch, PROTOCOL_VERSION)

    app.router.routes.append(results.result_route(farm, keys))
    app.include_router(blobs.routes(farm))
    app.include_router(jobs.routes(farm))
    app.include_router(jobs.steering_routes(farm))
    app.include_router(admission.routes(farm, keys, reach))
    app.include_router(workers.routes(farm, keys))
    return app
