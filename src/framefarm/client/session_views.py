"""What the manager tells about sessions. Times are aware UTC."""

from __future__ import annotations

from datetime import datetime

import msgspec


class SessionWorker(msgspec.Struct, frozen=True):
    """A worker of a session.

    Attributes:
        working: Whether it works on the session's job just now.
        has_files: Whether it has said that it holds the job's files.
    """

    id: str
    name: str = ""
    state: str = ""
    joined_at: datetime | None = None
    working: bool = False
    has_files: bool = False


class SessionView(msgspec.Struct, frozen=True):
    """The workers that a job asked for, and those it has.

    Attributes:
        status: `waiting` (nothing of the job is given out before it has all), `working` or `ended`.
        message: The same for people.
        workers: The ids of those it has.
        notice: `SUFFICIENT` or `NOT_SUFFICIENT`: whether those are as many as it wants.
        wanted: How many it asked for in all.
        prefetch: Whether who joins gets the job's files at once.
        members: Those it has, with what is known of each.
    """

    id: int
    job: int
    status: str
    message: str = ""
    workers: tuple[str, ...] = ()
    notice: str = ""
    wanted: int = 0
    owner: str = ""
    prefetch: bool = False
    members: tuple[SessionWorker, ...] = ()
    created_at: datetime | None = None
    ended_at: datetime | None = None


class SessionPage(msgspec.Struct, frozen=True):
    """Some sessions, newest first. `next` is the cursor of the following page."""

    sessions: tuple[SessionView, ...]
    next: int | None = None
