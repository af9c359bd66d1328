"""What people may ask, by their role; and whose things are whose.

What is not listed here is for admins only, so a new route cannot be open by accident.
"""

from __future__ import annotations

import re
from functools import partial

from sqlalchemy import Connection, select

from framefarm.api.bodies import clamped
from framefarm.core.accounts import Scope, UserRole
from framefarm.core.errors import FrameFarmError
from framefarm.db import tables as t
from framefarm.farm.accounts import Identity
from framefarm.farm.lease_pages import NoSuchLeaseError, find_lease
from framefarm.farm.ownership import check_own
from framefarm.farm.projects import project_view, sequence_view
from framefarm.farm.render_tasks import NoSuchTaskError
from framefarm.farm.service import Farm
from framefarm.farm.sessions import NoSuchSessionError
from framefarm.farm.shots import find_shot
from framefarm.farm.steering import NoSuchJobError

_OWN_ACCOUNT = re.compile(r"/api/(me|notifications)(/.*)?|/password")
_JOBS = re.compile(r"/api/jobs")
_JOB = re.compile(r"/api/jobs/([^/]+)(/.*)?")
_RUN_TASK = re.compile(r"/api/render-tasks/run_task/?")
_TASK = re.compile(r"/api/render-tasks/([^/]+)/(?:progress|download)")
_BLOBS = re.compile(r"/api/blobs")
_BLOB = re.compile(r"/api/blobs/([^/]+)")
_UPLOADS = re.compile(r"/api/uploads(/chunks)?")
_WORKERS = re.compile(r"/api/workers(/[^/]+)?")
_LEASES = re.compile(r"/api/leases")
_LEASE = re.compile(r"/api/leases/([^/\0]+)")
_SESSIONS = re.compile(r"/api/sessions")
_SESSION = re.compile(r"/api/sessions/([^/]+)(/.*)?")
_POOLS = re.compile(r"/api/pools(/[^/]+)?")
_EVENTS = re.compile(r"/api/events")
_SHOTS = re.compile(r"/api/shots")
_PROJECTS = re.compile(r"/api/projects")
_PROJECT = re.compile(r"/api/projects/([^/]+)")
_SEQUENCES = re.compile(r"/api/sequences")
_SEQUENCE = re.compile(r"/api/sequences/([^/]+)")
_MANY = re.compile(r"/api/(jobs/steer|shots/update)")
"""About things that are named in the body; which are the own ones is seen to where it is read."""

_SHOT = re.compile(r"/api/shots/([^/]+)(/.*)?")
_OPEN = re.compile(r"/|/api/(docs|health|openapi\.json)")

_PLACES = (_PROJECTS, _PROJECT, _SEQUENCES, _SEQUENCE, _SHOTS, _SHOT)
_VIEWER = (
    *(_JOBS, _JOB, _LEASES, _LEASE, _TASK, _BLOBS, _BLOB, _WORKERS, _POOLS, _SESSIONS, _SESSION),
    *(_EVENTS, *_PLACES, _OPEN),
)
_ARTIST = {
    _JOBS: {"GET", "POST"},
    _JOB: {"GET", "POST", "DELETE"},
    _RUN_TASK: {"POST"},
    _TASK: {"GET"},
    _LEASES: {"GET"},
    _LEASE: {"GET", "DELETE"},
    _BLOBS: {"GET"},
    _BLOB: {"GET", "PUT", "DELETE"},
    _UPLOADS: {"POST", "PUT"},
    _SESSIONS: {"GET", "POST"},
    _SESSION: {"GET", "POST", "DELETE"},
    _POOLS: {"GET"},
    _EVENTS: {"GET"},
    _PROJECTS: {"GET", "POST"},
    _PROJECT: {"GET", "PATCH", "DELETE"},
    _SEQUENCES: {"GET", "POST"},
    _SEQUENCE: {"GET", "PATCH", "DELETE"},
    _SHOTS: {"GET", "POST"},
    _SHOT: {"GET", "POST", "PATCH", "DELETE"},
    _OPEN: {"GET"},
}


class NotAllowedError(FrameFarmError):
    """A person's role, or a token's scope, does not go so far."""

    code = "not_allowed"


async def check_access(farm: Farm, who: Identity, method: str, path: str) -> None:
    """Make sure that a person may make a request.

    Args:
        method: GET for HEAD as well.

    Raises:
        NotAllowedError: The role or the token does not allow it.
        FrameFarmError: It is about something of somebody else's; said as if it were not there.
    """
    if method != "GET" and not _in_scope(who.scope, method, path):
        raise NotAllowedError(
            f"This token may only {_MAY[who.scope]}; make one with the scope full."
        )
    if who.role is UserRole.ADMIN or _OWN_ACCOUNT.fullmatch(path):
        return
    if not _may(who.role, method, path):
        raise NotAllowedError(f"{who.name} is {_A[who.role]} here, which does not go so far.")
    if who.role is UserRole.ARTIST and not _MANY.fullmatch(path):
        await _check_own(farm, who, method, path)


_MAY = {Scope.READ: "read", Scope.SUBMIT: "read and hand in jobs"}
_HANDING_IN = (_RUN_TASK, _BLOB, _UPLOADS)


def _in_scope(scope: Scope, method: str, path: str) -> bool:
    if scope is Scope.SUBMIT:
        return (method == "POST" and _JOBS.fullmatch(path) is not None) or (
            method != "DELETE" and any(allowed.fullmatch(path) for allowed in _HANDING_IN)
        )
    return scope is Scope.FULL


_A = {UserRole.ARTIST: "an artist", UserRole.VIEWER: "a viewer"}


def _may(role: UserRole, method: str, path: str) -> bool:
    if role is UserRole.VIEWER:
        return method == "GET" and any(allowed.fullmatch(path) for allowed in _VIEWER)
    return any(
        allowed.fullmatch(path) and method in methods for allowed, methods in _ARTIST.items()
    )


async def _check_own(farm: Farm, who: Identity, method: str, path: str) -> None:
    if found := _JOB.fullmatch(path):
        await _check_job(farm, who, found[1])
    elif found := _SESSION.fullmatch(path):
        await _check_session(farm, who, found[1])
    elif found := _LEASE.fullmatch(path):
        await _check_lease(farm, who, found[1])
    elif found := _TASK.fullmatch(path):
        owner = await farm.read(partial(_owner_of_task, task_key=found[1]))
        if owner not in {None, who.name}:
            raise NoSuchTaskError("No render task has this key, or its job was deleted.")
    elif found := _PROJECT.fullmatch(path):
        project_id = _number(found[1], "project")
        await farm.read(partial(project_view, project_id=project_id, seen_by=who.name))
    elif found := _SEQUENCE.fullmatch(path):
        sequence_id = _number(found[1], "sequence")
        await farm.read(partial(sequence_view, sequence_id=sequence_id, seen_by=who.name))
    elif found := _SHOT.fullmatch(path):
        shot_id = _number(found[1], "shot")
        await farm.read(partial(find_shot, shot_id=shot_id, seen_by=who.name))
    elif (found := _BLOB.fullmatch(path)) and method == "GET":
        await check_own(farm, who, found[1])


async def _check_job(farm: Farm, who: Identity, text: str) -> None:
    job_id = _number(text, "job")
    owner = await farm.read(partial(_owner_of_job, job_id=job_id))
    if owner not in {None, who.name}:
        raise NoSuchJobError(job_id)


async def _check_session(farm: Farm, who: Identity, text: str) -> None:
    session_id = _number(text, "session")
    owner = await farm.read(partial(_owner_of_session, session_id=session_id))
    if owner not in {None, who.name}:
        raise NoSuchSessionError(session_id)


async def _check_lease(farm: Farm, who: Identity, lease_id: str) -> None:
    row = await farm.read(partial(find_lease, lease_id=lease_id))
    if row.owner != who.name:
        raise NoSuchLeaseError(lease_id)


def _number(text: str, what: str) -> int:
    # Exactly one way to write a number: what is compared here must be what the route reads.
    if not (text.isascii() and text.isdigit()):
        raise NotAllowedError(f"A {what}'s number is written in digits.")
    return clamped(int(text[:20]))


def _owner_of_job(connection: Connection, job_id: int) -> str | None:
    found: str | None = connection.execute(
        select(t.jobs.c.owner).where(t.jobs.c.id == job_id)
    ).scalar_one_or_none()
    return found


def _owner_of_session(connection: Connection, session_id: int) -> str | None:
    found: str | None = connection.execute(
        select(t.jobs.c.owner)
        .join(t.sessions, t.sessions.c.job_id == t.jobs.c.id)
        .where(t.sessions.c.id == session_id)
    ).scalar_one_or_none()
    return found


def _owner_of_task(connection: Connection, task_key: str) -> str | None:
    found: str | None = connection.execute(
        select(t.jobs.c.owner).where(t.jobs.c.task_key == task_key)
    ).scalar_one_or_none()
    return found


def check_own_job(connection: Connection, who: Identity | None, job_id: int) -> None:
    """Make sure that a job named in a request's body is one that the caller may steer.

    Args:
        who: Who asks; None on the manager's own machine.

    Raises:
        NoSuchJobError: It is somebody else's; said as if it were not there.
    """
    if who is None or who.role is UserRole.ADMIN:
        return
    if _owner_of_job(connection, job_id) not in {None, who.name}:
        raise NoSuchJobError(job_id)


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
