"""Which workers a person means."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from framefarm.core.errors import FrameFarmError
from framefarm.farm.worker_names import find_worker
from framefarm.farm.worker_pages import WorkerFilter, matching_workers
from framefarm.farm.worker_views import Links


class NoWorkerMatchesError(FrameFarmError):
    """A filter that no worker passes."""

    code = "no_such_worker"


@dataclass(frozen=True)
class Selection:
    """Workers by name, else by filter, else all.

    Attributes:
        names: See `find_worker`.
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
        found = [find_worker(connection, name).id for name in selection.names]
        return list(dict.fromkeys(found))
    where = selection.where or WorkerFilter()
    ids = [view.id for view in matching_workers(connection, links, where)]
    if not ids:
        raise NoWorkerMatchesError(
            "No worker matches that; `framefarm workers` lists those there are."
        )
    return ids
