"""Sessions as people read them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from framefarm.cli.tables import table, text_width
from framefarm.client.session_views import SessionView, SessionWorker


def session_lines(sessions: Sequence[SessionView], *, width: int | None = None) -> str:
    """A line for each session, without a line feed at the end.

    Args:
        sessions: At least one.
        width: Columns of the page; the terminal's by default.
    """
    heads = ["JOB", "STATUS", "HAS", "WORKERS"]
    rows = [[str(one.job), one.status, _counted(one), _names(one)] for one in sessions]
    return table(heads, rows, flexible=3, right=[0], width=width)


def session_sheet(session: SessionView, *, width: int | None = None) -> str:
    """One session with its workers."""
    head = "\n".join(textwrap.wrap(session.message, width or text_width()))
    if not session.members:
        return head
    rows = [[one.name or one.id, one.state, _doing(one)] for one in session.members]
    return f"{head}\n\n{table(['WORKER', 'STATE', 'DOING'], rows, flexible=0, width=width)}"


def _counted(session: SessionView) -> str:
    if session.status == "ended":
        return ""
    return f"{len(session.workers):,} of {session.wanted:,}"


def _names(session: SessionView) -> str:
    if session.status == "ended":
        return session.message
    return ", ".join(one.name or one.id for one in session.members)


def _doing(worker: SessionWorker) -> str:
    if worker.working:
        return "works on it"
    return "has its files" if worker.has_files else ""
