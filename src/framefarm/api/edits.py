"""Edits that count only while a thing is as the editor saw it: `ETag` and `If-Match` (RFC 9110).

A tag stands for what can be edited. How far a job is, or when a token was last used, changes all
the time, and is no reason to refuse an edit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import astuple
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from framefarm.core.errors import FrameFarmError
from framefarm.farm.accounts import UserView
from framefarm.farm.notify_targets import TargetView
from framefarm.farm.pools import PoolView
from framefarm.farm.projects import ProjectView, SequenceView
from framefarm.farm.session_views import SessionView
from framefarm.farm.shot_notes import NoteView
from framefarm.farm.shots import ShotView
from framefarm.farm.views import JobView

_ANY = "*"
_DECIDED = {"disabled", "draining", "revoked"}
"""States of workers into which people put them."""

_View = TypeVar("_View")


class ChangedError(FrameFarmError):
    """A thing is not any more as its editor saw it."""

    code = "changed"

    def __init__(self, now: str) -> None:
        super().__init__(f"It was changed since you read it, and is {now} now; read it again.")


class ManyMatchedError(FrameFarmError):
    """`If-Match` came with a request about several things, of which each has a tag of its own."""

    code = "if_match"

    def __init__(self) -> None:
        super().__init__("If-Match says how one thing was; name that one only, or leave it out.")


def job_tag(job: JobView) -> str:
    """Stands for a job's state, priority, limit and whatever else of it was decided by people."""
    steered = [job.id, job.state, job.priority, job.max_workers, job.deadline]
    stages = [[stage.kind, stage.priority] for stage in job.stages]
    return _tag([*steered, *stages, job.owner, job.name, job.project, job.shot])


def user_tag(user: UserView) -> str:
    """Stands for a person's role, address, quotas, and whether the account is disabled."""
    quota = list(astuple(user.quota))
    return _tag([user.name, user.created_at, user.role, user.email, user.disabled, quota])


def place_tag(view: ProjectView | SequenceView | ShotView) -> str:
    """Stands for what people said of a project, a sequence or a shot."""
    frames = view.frames if isinstance(view, ShotView) else None
    said = [view.status, view.priority, view.description, frames]
    return _tag([type(view).__name__, view.id, view.created_at, *said])


def note_tag(note: NoteView) -> str:
    """Stands for what a note says."""
    return _tag([note.id, note.created_at, note.text])


def pool_tag(pool: PoolView) -> str:
    """Stands for a pool's limits."""
    limits = [pool.max_slots, pool.max_slots_per_user, pool.max_slots_per_job]
    return _tag([pool.name, *limits])


def target_tag(target: TargetView) -> str:
    """Stands for a target's name, address and choice, not for what was told there."""
    chosen = [target.name, target.kind, target.address, target.tells, target.all_jobs]
    return _tag([target.id, target.created_at, *chosen])


def worker_tag(worker: Any) -> str:
    """Stands for a worker's name, pool, tags, and whether it was told to get no more work.

    Args:
        worker: Its view, or its row.
    """
    state = "revoked" if getattr(worker, "revoked_at", None) is not None else worker.state
    decided = state if state in _DECIDED else ""
    return _tag([worker.id, worker.name, worker.pool, sorted(worker.tags), decided])


def session_tag(session: SessionView) -> str:
    """Stands for how many workers a job has asked for, and whether that is over."""
    return _tag([session.id, session.wanted, session.prefetch, session.ended_at])


def tagged(response: Response, view: _View, tag_of: Callable[[_View], str]) -> _View:
    """An answer's view of a thing, with the `ETag` by which the thing is changed."""
    response.headers["ETag"] = tag_of(view)
    return view


def says_how_it_was(request: Request) -> bool:
    """Whether a request is to count only while a thing is as it says."""
    return request.headers.get("if-match", _ANY).strip() != _ANY


def check_unchanged(request: Request, tag: str) -> None:
    """Make sure that a thing is as the request says that it is, if it says so.

    Raises:
        ChangedError: It is not.
    """
    if not says_how_it_was(request):
        return
    wanted = request.headers["if-match"]
    if tag not in {one.strip() for one in wanted.split(",")}:
        raise ChangedError(tag)


def _tag(parts: list[Any]) -> str:
    return f'"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]}"'
