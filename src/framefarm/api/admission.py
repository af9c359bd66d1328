"""Inviting workers and revoking them: `/api/workers/invites`, `/api/workers/{worker}/revoke`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from framefarm.api.keys import KeyRing
from framefarm.api.once import asked_once
from framefarm.api.reach import Reach
from framefarm.api.workers import WorkerName, check_worker
from framefarm.core.requirements import Pool
from framefarm.farm.joining import Invitation
from framefarm.farm.roster import Link
from framefarm.farm.service import Farm
from framefarm.farm.views import iso
from framefarm.farm.worker_names import find_worker
from framefarm.protocol.join_token import JoinToken
from framefarm.protocol.messages import Bye

_log = structlog.get_logger(__name__)

_GOODBYE_S = 2.0
"""How long a worker may take to read its goodbye; it is out in any case."""

_REVOKED = (
    "This worker was revoked by whoever runs the manager: its key counts no more. "
    "Results it has not handed in stay on its disk."
)


class Invited(BaseModel):
    """Whom to invite.

    Attributes:
        pool: How far the new workers are trusted.
        uses: How many may join.
        hours: For how long.
    """

    model_config = ConfigDict(extra="forbid")

    pool: Pool = Pool.OWN
    uses: int = Field(default=1, ge=1, le=10_000)
    hours: float = Field(default=1.0, gt=0, le=24 * 366)


@dataclass(frozen=True)
class InvitationView:
    """An invitation. Its token is told here and never again.

    Attributes:
        urls: Where other machines reach the manager, the likeliest first; empty when it answers
            its own machine only.
    """

    token: str
    pool: str
    uses: int
    expires_at: str
    urls: list[str]


@dataclass(frozen=True)
class RevokedView:
    """A worker that was revoked.

    Attributes:
        new: Whether it was not revoked before.
    """

    id: str
    name: str
    new: bool


def invitation_view(made: Invitation, reach: Reach) -> InvitationView:
    """An invitation as people are shown it."""
    token = JoinToken(made.secret, reach.fingerprint)
    expires_at = iso(made.expires_at) or ""
    return InvitationView(token.text, made.pool, made.uses, expires_at, reach.urls())


def routes(farm: Farm, keys: KeyRing, reach: Reach) -> APIRouter:
    """The routes that change who may work here."""
    router = APIRouter(prefix="/api/workers", tags=["workers"])

    @router.post("/invites", status_code=201)
    async def invite(asked: Invited, request: Request) -> InvitationView:
        """Make a join token."""
        once = await asked_once(request, farm)
        made = await farm.workers.invite(
            pool=asked.pool,
            uses=asked.uses,
            lifetime_s=asked.hours * 3600,
            also=lambda c, made: once.keep(c, invitation_view(made, reach)),
        )
        _log.info("workers_invited", pool=made.pool, uses=made.uses)
        return invitation_view(made, reach)

    @router.post("/{worker}/revoke")
    async def revoke(worker: WorkerName, request: Request) -> RevokedView:
        """Refuse a worker's key from now on, and free what it works on."""
        row = await farm.read(lambda connection: find_worker(connection, worker))
        check = partial(check_worker, request=request, ids=[row.id])
        new = await farm.workers.revoke(row.id, check)
        keys.forget(row.id)
        link = farm.roster.get(row.id)
        if link is not None:
            farm.roster.remove(link)
            # What it asked for at the very same moment it may have been given.
            await farm.workers.free(row.id, reason="its worker was revoked")
            await _dismiss(link)
        _log.info("worker_revoked", worker=row.name, id=row.id)
        return RevokedView(row.id, row.name, new)

    return router


async def _dismiss(link: Link) -> None:
    try:
        await asyncio.wait_for(link.dismiss(Bye(_REVOKED, code="revoked")), _GOODBYE_S)
    except TimeoutError:
        _log.warning("goodbye_not_read", worker=link.name)
