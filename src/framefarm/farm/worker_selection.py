"""Which workers a person means."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from framefarm.core.errors import FrameFarmError
from framefarm.farm.worker_names import NoSuchWorkerError, find_worker
from framefarm.farm.worker_pages import WorkerFilter, matching_workers
from framefarm.farm.worker_views import Links

_WILD = frozenset("*?[")


class NoWorkerMatchesError(FrameFarmError):
    """A filter that no worker passes."""

    code = "no_such_worker"


@dataclass(frozen=True)
class Selection:
    """Workers by name, else by filter, else all.

    Attributes:
        names: See `find_worker`; or patterns with `*` and `?`, which stand for all workers whose
            name is like that.
        where: None means all, if there are no names.
    """

    names: tuple[str, ...] = ()
    where: WorkerFilter | None = None


def select_workers(connection: Connection, links: Links, selection: Selection) -> list[str]:
    """Ids of the workers that are meant: in the order of the names, else by name; none twice.

    Raises:
        NoSuchWorkerError: A name is nobody's. Nobody else is selected either.
        AmbiguousWorkerError: Several have a name.
        NoWorkerMatchesError: The filter lets nobody through.
    """
    if selection.names:
        found = [_named(connection, links, name) for name in selection.names]
        return list(dict.fromkeys(worker_id for ids in found for worker_id in ids))
    return _matching(connection, links, selection.where or WorkerFilter())


def _named(connection: Connection, links: Links, name: str) -> list[str]:
    try:
        return [find_worker(connection, name).id]
    except NoSuchWorkerError:
        if not _WILD & set(name):
            raise
    return _matching(connection, links, WorkerFilter(name=name))


def _matching(connection: Connection, links: Links, where: WorkerFilter) -> list[str]:
    ids = [view.id for view in matching_workers(connection, links, where)]
    if not ids:
        what = f"is called like {where.name!r}" if where.name else "matches that"
        raise NoWorkerMatchesError(f"No worker {what}; `framefarm workers` lists those there are.")
    return ids
