"""The calls about sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from framefarm.client.asking import Ask, Pages, call, change, get, listed, make, pages, tell
from framefarm.client.session_views import SessionPage, SessionView

_PAGE = 200


class SessionCalls:
    """The part of `Farm` that is about sessions: the workers that jobs ask for."""

    @listed
    def sessions(
        self, *, job: int | None = None, ended: bool | None = None, limit: int | None = None
    ) -> Pages[SessionView]:
        """Sessions, newest first.

        Args:
            job: Only that of this job.
            ended: Only those that have ended, or that have not.
            limit: So many at most.
        """
        asked: dict[str, Any] = {"job": job, "ended": None if ended is None else str(ended).lower()}
        return pages(
            "/api/sessions",
            SessionPage,
            lambda page: page.sessions,
            most=_PAGE,
            limit=limit,
            **asked,
        )

    @call
    def session(self, session: int) -> Ask[SessionView]:
        """One session.

        Raises:
            FarmAnswerError: There is none of that number.
        """
        return get(_path(session), SessionView)

    @call
    def ask_for_workers(self, job: int, workers: int, *, wait: bool = False) -> Ask[SessionView]:
        """Ask for workers for a job: begin a session.

        Args:
            job: Its number.
            workers: How many.
            wait: Give out nothing of the job before it has all of them.

        Returns:
            The session, with the workers that it has at once.

        Raises:
            FarmAnswerError: There is no such job, it has ended, or it has a session.
        """
        body = {"job": job, "workers": workers, "wait": wait}
        return make("/api/sessions", SessionView, msgspec.json.encode(body))

    @call
    def ask_for_more_workers(self, session: int, workers: int) -> Ask[SessionView]:
        """Let a session have more workers, also while its job runs.

        Raises:
            FarmAnswerError: There is no such session, or it has ended.
        """
        return _post(f"{_path(session)}/more", workers=workers)

    @call
    def release_workers(
        self, session: int, workers: Sequence[str] | None = None
    ) -> Ask[SessionView]:
        """Let workers of a session go once they have ended what they are at.

        Args:
            session: Its number.
            workers: Names or ids; None means all, which ends the session.

        Raises:
            FarmAnswerError: There is no such session, it has ended, or one is not in it.
        """
        return _post(f"{_path(session)}/release", **_some(workers))

    @call
    def prefetch(self, session: int, workers: Sequence[str] | None = None) -> Ask[SessionView]:
        """Send a job's files to workers of its session now, ahead of their first frame.

        Args:
            session: Its number.
            workers: Names or ids; None means all, and those that join later.

        Raises:
            FarmAnswerError: There is no such session, it has ended, or one is not in it.
        """
        return _post(f"{_path(session)}/prefetch", **_some(workers))

    @call
    def delete_session(self, session: int) -> Ask[None]:
        """End a session, and forget it.

        Raises:
            FarmAnswerError: There is none of that number.
        """
        return tell(_path(session), method="DELETE")


def _path(session: int) -> str:
    return f"/api/sessions/{session}"


def _some(workers: Sequence[str] | None) -> dict[str, Any]:
    return {"all": True} if workers is None else {"workers": workers}


def _post(path: str, **body: Any) -> Ask[SessionView]:
    return change(path, SessionView, msgspec.json.encode(body))
