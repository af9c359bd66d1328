"""Sending a job's files to the workers of its session ahead of their first lease."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection, select, update

from framefarm.db import tables as t
from framefarm.farm.roster import Link
from framefarm.protocol.messages import Prefetch, SceneFile

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_log = structlog.get_logger(__name__)
_TOO_OLD = "its FrameFarm is too old to fetch files ahead; it fetches them with its first frame"


class Prefetching:
    """Tells workers to fetch files. Used from the manager's event loop only.

    Args:
        farm: Whose workers.
    """

    def __init__(self, farm: Farm) -> None:
        self._farm = farm

    async def send(self, workers: Collection[str], *, again: bool = False) -> None:
        """Let workers of sessions fetch what their jobs render.

        Args:
            workers: Their ids; who is not connected, or in no session, is left out.
            again: Also those that were told so over the same connection.
        """
        by_job: defaultdict[int, list[Link]] = defaultdict(list)
        for worker_id in sorted(workers):
            link = self._farm.roster.get(worker_id)
            if link is not None and link.job and (again or link.job not in link.prefetched):
                by_job[link.job].append(link)
        for job_id, links in by_job.items():
            await self._send(job_id, links)

    async def _send(self, job_id: int, links: list[Link]) -> None:
        order = await self._farm.read(partial(prefetch_order, job_id=job_id))
        if order is None:
            # It needs none, so they have them all.
            ids = [link.worker_id for link in links]
            await self._farm.writer.write(partial(note_files, job_id=job_id, workers=ids))
            return
        for link in links:
            link.prefetched.add(job_id)
            if not link.takes_prefetch:
                self._farm.sessions.tell_of_worker("no_files", link.worker_id, reason=_TOO_OLD)
                continue
            link.may_fetch.add([order.scene.sha256], time.monotonic())
            await link.send([order])

    async def answered(self, link: Link, job_id: int, *, ok: bool, reason: str) -> None:
        """A worker has a job's files now, or cannot have them."""
        if not ok:
            _log.warning("files_not_fetched_ahead", worker=link.name, job=job_id, reason=reason)
            if link.job == job_id:
                self._farm.sessions.tell_of_worker("no_files", link.worker_id, reason=reason)
            return
        ids = [link.worker_id]
        for worker_id in await self._farm.writer.write(
            partial(note_files, job_id=job_id, workers=ids)
        ):
            self._farm.sessions.tell_of_worker("files", worker_id)


def prefetch_order(connection: Connection, job_id: int) -> Prefetch | None:
    """What its workers are told to fetch for a job; None for one that needs no files."""
    stage = connection.execute(
        select(t.stages.c.blend_sha256, t.stages.c.settings)
        .where(t.stages.c.job_id == job_id, t.stages.c.blend_sha256 != "")
        .order_by(t.stages.c.position)
        .limit(1)
    ).one_or_none()
    if stage is None:
        return None
    task = stage.settings
    size_bytes, place = task.get("blend_size_bytes", 0), task.get("source_path", "")
    scene = SceneFile(stage.blend_sha256, size_bytes, place, bool(task.get("in_tree")))
    return Prefetch(job_id, scene)


def note_files(connection: Connection, job_id: int, workers: Collection[str]) -> list[str]:
    """Note that workers of a job's session hold its files.

    Returns:
        Those that are in it, and of whom that was not known.
    """
    m = t.session_workers.c
    its = select(t.sessions.c.id).where(
        t.sessions.c.job_id == job_id, t.sessions.c.ended_at.is_(None)
    )
    noted = connection.execute(
        update(t.session_workers)
        .where(m.worker_id.in_(sorted(workers)), m.session_id.in_(its), ~m.has_files)
        .values(has_files=True)
        .returning(m.worker_id)
    )
    return sorted(noted.scalars())
