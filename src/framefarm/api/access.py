"""What people may ask, by their role; and whose things are whose.

What is not listed here is for admins only, so a new route cannot be open by accident.
"""

from __future__ import annotations

import re
from functools import partial

from sqlalchemy import Connection, exists, or_, select

from framefarm.api.bodies import clamped
from framefarm.core.accounts import Scope, UserRole
from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t
from framefarm.farm.accounts import Identity
from framefarm.farm.render_tasks import NoSuchTaskError
from framefarm.farm.service import Farm
from framefarm.farm.steering import NoSuchJobError
from framefarm.storage import BlobMissingError

_READS = frozenset({"GET", "HEAD"})
_OWN_ACCOUNT = re.compile(r"/api/me(/.*)?")
_JOBS = re.compile(r"/api/jobs")
_JOB = re.compile(r"/api/jobs/([^/]+)(/.*)?")
_RUN_TASK = re.compile(r"/api/render-tasks/run_task/?")
_TASK = re.compile(r"/api/render-tasks/([^/]+)/(?:progress|download)")
_BLOB = re.compile(r"/api/blobs/([^/]+)")
_UPLOADS = re.compile(r"/api/uploads(/chunks)?")
_WORKERS = re.compile(r"/api/workers(/[^/]+)?")
_EVENTS = re.compile(r"/api/events")
_OPEN = re.compile(r"/|/api/(health|openapi\.json)")

_VIEWER = (_JOBS, _JOB, _TASK, _BLOB, _WORKERS, _EVENTS, _OPEN)
_ARTIST = {
    _JOBS: {"GET", "POST"},
    _JOB: {"GET", "POST", "DELETE"},
    _RUN_TASK: {"POST"},
    _TASK: {"GET"},
    _BLOB: {"GET", "HEAD", "PUT"},
    _UPLOADS: {"POST", "PUT"},
    _EVENTS: {"GET"},
    _OPEN: {"GET", "HEAD"},
}


class NotAllowedError(FrameFarmError):
    """A person's role, or a token's scope, does not go so far."""

    code = "not_allowed"


async def check_access(farm: Farm, who: Identity, method: str, path: str) -> None:
    """Make sure that a person may make a request.

    Raises:
        NotAllowedError: The role or the token does not allow it.
        FrameFarmError: It is about something of somebody else's; said as if it were not there.
    """
    if who.scope is Scope.READ and method not in _READS:
        raise NotAllowedError("This token may only read; make one with the scope full.")
    if who.role is UserRole.ADMIN or _OWN_ACCOUNT.fullmatch(path):
        return
    if not _may(who.role, method, path):
        raise NotAllowedError(f"{who.name} is {_A[who.role]} here, which does not go so far.")
    if who.role is UserRole.ARTIST:
        await _check_own(farm, who, method, path)


_A = {UserRole.ARTIST: "an artist", UserRole.VIEWER: "a viewer"}


def _may(role: UserRole, method: str, path: str) -> bool:
    if role is UserRole.VIEWER:
        return method in _READS and any(allowed.fullmatch(path) for allowed in _VIEWER)
    return any(
        allowed.fullmatch(path) and method in methods for allowed, methods in _ARTIST.items()
    )


async def _check_own(farm: Farm, who: Identity, method: str, path: str) -> None:
    if found := _JOB.fullmatch(path):
        await _check_job(farm, who, found[1])
    elif found := _TASK.fullmatch(path):
        owner = await farm.read(partial(_owner_of_task, task_key=found[1]))
        if owner not in {None, who.name}:
            raise NoSuchTaskError("No render task has this key, or its job was deleted.")
    elif (found := _BLOB.fullmatch(path)) and method == "GET":
        own = await farm.read(partial(_is_in_own_job, sha256=found[1], owner=who.name))
        if not own:
            raise BlobMissingError(f"None of your jobs has a file with the hash {found[1][:64]}.")


async def _check_job(farm: Farm, who: Identity, text: str) -> None:
    # Exactly one way to write a number: what is compared here must be what the route reads.
    if not (text.isascii() and text.isdigit()):
        raise NotAllowedError("A job's number is written in digits.")
    job_id = clamped(int(text[:20]))
    owner = await farm.read(partial(_owner_of_job, job_id=job_id))
    if owner not in {None, who.name}:
        raise NoSuchJobError(job_id)


def _owner_of_job(connection: Connection, job_id: int) -> str | None:
    found: str | None = connection.execute(
        select(t.jobs.c.owner).where(t.jobs.c.id == job_id)
    ).scalar_one_or_none()
    return found


def _owner_of_task(connection: Connection, task_key: str) -> str | None:
    found: str | None = connection.execute(
        select(t.jobs.c.owner).where(t.jobs.c.task_key == task_key)
    ).scalar_one_or_none()
    return found


def _is_in_own_job(connection: Connection, sha256: str, owner: str) -> bool:
    """Whether a blob is a result, the .blend or a file of it, of a person's own job."""
    result = exists().where(
        t.files.c.sha256 == sha256,
        t.files.c.stage_id == t.stages.c.id,
        t.stages.c.job_id == t.jobs.c.id,
        t.jobs.c.owner == owner,
    )
    blend = exists().where(
        t.stages.c.blend_sha256 == sha256,
        t.stages.c.job_id == t.jobs.c.id,
        t.jobs.c.owner == owner,
    )
    of_tree = exists().where(
        t.trees.c.sha256 == sha256,
        t.stages.c.blend_sha256 == t.trees.c.tree_sha256,
        t.stages.c.job_id == t.jobs.c.id,
        t.jobs.c.owner == owner,
    )
    return bool(connection.execute(select(or_(result, blend, of_tree))).scalar_one())


def owner_for(who: Identity | None, asked: str) -> str:
    """Whose a new job is.

    Args:
        who: Who hands it in; None on the manager's own machine.
        asked: What the request says, if anything.

    Raises:
        NotAllowedError: It says somebody else, who only an admin may speak for.
    """
    if who is None:
        return asked
    if who.role is UserRole.ADMIN:
        return asked or who.name
    if asked not in {"", who.name}:
        raise NotAllowedError(f"{who.name} cannot hand in a job for {asked!r}.")
    return who.name
