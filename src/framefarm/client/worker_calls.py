"""The calls about workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from framefarm.client.calls import Calls
from framefarm.client.worker_views import (
    InvitationView,
    RevokedView,
    Steered,
    SteeredList,
    WorkerDetails,
    WorkerPage,
    WorkerView,
)

_PAGE = 500


@dataclass(frozen=True)
class WorkerFilter:
    """Which workers are meant: those that match everything given.

    Attributes:
        state: One of these states, as shown; those that were revoked only when asked for.
        tag: All of these tags.
        host, name: Patterns, `*` for any characters and `?` for one, regardless of case.
    """

    state: Sequence[str] = ()
    tag: Sequence[str] = ()
    pool: str = ""
    host: str = ""
    name: str = ""

    @property
    def given(self) -> dict[str, Any]:
        """What is set."""
        return {key: value for key, value in asdict(self).items() if value}


class WorkerCalls(Calls):
    """The part of `Farm` that is about workers."""

    def workers(self, where: WorkerFilter | None = None) -> Iterator[WorkerView]:
        """The workers the manager knows, by name; only those that match where given."""
        asked = where.given if where else {}
        cursor: str | None = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            query = urlencode({**asked, "limit": _PAGE, **more}, doseq=True)
            page = self._get(f"/api/workers?{query}", WorkerPage)
            yield from page.workers
            if page.next is None or not page.workers:
                return
            cursor = page.next

    def worker(self, worker: str, *, live: bool = False) -> WorkerDetails:
        """One worker, by its name or id.

        Args:
            live: Ask it how it is; that takes up to 2 s. `answered` says whether it did.

        Raises:
            FarmAnswerError: There is none of that name, or several.
        """
        return self._get(f"{_path(worker)}{'?live=true' if live else ''}", WorkerDetails)

    def steer_workers(
        self,
        action: str,
        workers: Sequence[str] | WorkerFilter | None,
        *,
        now: bool = False,
        reason: str = "",
        tags: Sequence[str] = (),
    ) -> tuple[Steered, ...]:
        """Tell workers what to do.

        Args:
            action: `enable`, `disable`, `drain`, `restart`, `tag` or `untag`.
            workers: Names or ids, or a filter; None means all.
            now: Of `disable` and `restart`: give back what is in work; else it is ended first.
            reason: Of `disable` and `drain`, for people.
            tags: Of `tag` and `untag`.

        Returns:
            What became of each.

        Raises:
            FarmAnswerError: A name is none's or several's, or nobody matches. Nothing was done.
        """
        body: dict[str, Any] = {"action": action, "now": now, "reason": reason, "tags": tags}
        if workers is None:
            body["all"] = True
        elif isinstance(workers, WorkerFilter):
            body["where"] = workers.given
        else:
            body["workers"] = workers
        return self._change("/api/workers/steer", SteeredList, msgspec.json.encode(body)).workers

    def rename_worker(self, worker: str, name: str) -> WorkerView:
        """Give a worker a name, which counts above the one it says itself.

        Raises:
            FarmAnswerError: There is no such worker, or the name is none, or another's.
        """
        asked = msgspec.json.encode({"name": name})
        return self._change(f"{_path(worker)}/rename", WorkerView, asked)

    def invite(self, *, pool: str = "own", uses: int = 1, hours: float = 1.0) -> InvitationView:
        """Make a join token for new workers; it is told here and never again.

        Raises:
            FarmAnswerError: It was refused; `detail` says why.
        """
        asked = msgspec.json.encode({"pool": pool, "uses": uses, "hours": hours})
        return self._change("/api/workers/invites", InvitationView, asked)

    def revoke(self, worker: str) -> RevokedView:
        """Refuse a worker's key from now on, and free what it works on.

        Raises:
            FarmAnswerError: There is none of that name, or several.
        """
        return self._change(f"{_path(worker)}/revoke", RevokedView)


def _path(worker: str) -> str:
    return f"/api/workers/{quote(worker, safe='')}"
