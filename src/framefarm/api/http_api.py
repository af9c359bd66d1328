"""The manager's HTTP API: all routes of it, on FastAPI."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

from framefarm import __version__
from framefarm.api import (
    admission,
    blobs,
    docs_page,
    downloads,
    error_answers,
    events,
    frames,
    jobs,
    leases,
    many_jobs,
    notifications,
    openapi,
    passwords,
    pools,
    projects,
    render_tasks,
    results,
    sessions,
    shot_files,
    shot_notes,
    shots,
    signing_in,
    stages,
    uploads,
    users,
    workers,
)
from framefarm.api.body_limit import BodyLimit
from framefarm.api.guard import RoleGuard
from framefarm.api.heads import get_and_head
from framefarm.api.keys import KeyRing
from framefarm.api.pages.routes import page_routes
from framefarm.api.password_door import PasswordDoor
from framefarm.api.people import TokenRing
from framefarm.api.queries import check_query
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


def make_api(farm: Farm, keys: KeyRing, people: TokenRing, reach: Reach) -> FastAPI:
    """Make the API of one farm.

    Args:
        farm: The farm.
        keys: Knows workers by their keys.
        people: Knows people by their tokens.
        reach: Where it answers.
    """
    api = FastAPI(
        title="FrameFarm",
        version=__version__,
        # FastAPI's pages of the API run whatever a server of others sends just then, and here they
        # would run it with everything that a local caller may do.
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        dependencies=[Depends(check_query)],
    )
    error_answers.install(api)
    openapi.install(api)
    api.add_middleware(BodyLimit, uploads=render_tasks.UPLOADS)
    api.add_middleware(RoleGuard, keys=keys, people=people, farm=farm)

    @get_and_head(api.router, "/api/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        """This API, to read."""
        return HTMLResponse(docs_page.page(api.openapi()), headers=docs_page.HEADERS)

    @api.get("/api/health", tags=["manager"])
    async def health() -> Health:
        """Whether the manager answers."""
        return Health(__version__, farm.farm_id, farm.epoch, PROTOCOL_VERSION)

    api.router.routes.append(results.result_route(farm, keys))
    api.include_router(blobs.routes(farm))
    api.include_router(blobs.own_routes(farm))
    api.include_router(uploads.routes(farm.uploads))
    api.include_router(jobs.routes(farm))
    api.include_router(jobs.steering_routes(farm))
    api.include_router(many_jobs.routes(farm))
    api.include_router(stages.routes(farm))
    api.include_router(frames.routes(farm))
    api.include_router(leases.routes(farm))
    api.include_router(downloads.download_routes(farm))
    api.include_router(projects.project_routes(farm))
    api.include_router(projects.sequence_routes(farm))
    api.include_router(shots.routes(farm))
    api.include_router(shots.editing_routes(farm))
    api.include_router(shot_files.routes(farm))
    api.include_router(shot_notes.routes(farm))
    api.include_router(render_tasks.routes(farm))
    api.include_router(events.routes(farm))
    api.include_router(admission.routes(farm, keys, reach))
    api.include_router(workers.routes(farm))
    api.include_router(sessions.routes(farm))
    api.include_router(pools.routes(farm))
    api.include_router(notifications.told_routes(farm))
    api.include_router(notifications.routes(farm))
    door = PasswordDoor(farm)
    api.include_router(users.user_routes(farm, people, door))
    api.include_router(users.own_routes(farm, people))
    api.include_router(signing_in.login_routes(farm, people, door))
    api.include_router(signing_in.first_admin_routes(farm, door))
    base = reach.url_for_people(farm.settings.public_url)
    api.include_router(page_routes(farm, people, door, base))
    if farm.settings.openid is not None:
        from framefarm.api.openid.routes import openid_routes  # noqa: PLC0415  few farms have one

        api.include_router(openid_routes(farm, people, farm.settings.openid, reach))
    api.include_router(passwords.own_password_routes(farm, people, door))
    api.include_router(passwords.password_routes(farm, people, door))
    return api
