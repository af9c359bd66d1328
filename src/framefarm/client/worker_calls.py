"""The calls about workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from framefarm.client.asking import Ask, Pages, call, change, get, listed, make, pages, tell
from framefarm.client.worker_views import (
    InvitationView,
    LeasePage,
    LeaseView,
    PoolList,
    PoolView,
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


class WorkerCalls:
    """The part of `Farm` that is about workers."""

    @listed
    def workers(self, where: WorkerFilter | None = None) -> Pages[WorkerView]:
        """The workers the manager knows, by name; only those that match where given."""
        asked = where.given if where else {}
        return pages("/api/workers", WorkerPage, lambda page: page.workers, most=_PAGE, **asked)

    @call
    def worker(self, worker: str, *, live: bool = False) -> Ask[WorkerDetails]:
        """One worker, by its name or id.

        Args:
            live: Ask it how it is; that takes up to 2 s. `answered` says whether it did.

        Raises:
            FarmAnswerError: There is none of that name, or several.
        """
        return get(f"{_path(worker)}{'?live=true' if live else ''}", WorkerDetails)

    @call
    def steer_workers(
        self,
        action: str,
        workers: Sequence[str] | WorkerFilter | None,
        *,
        now: bool = False,
        reason: str = "",
        tags: Sequence[str] = (),
    ) -> Ask[tuple[Steered, ...]]:
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
        return change("/api/workers/steer", SteeredList, msgspec.json.encode(body)).then(
            lambda found: found.workers
        )

    @call
    def rename_worker(self, worker: str, name: str) -> Ask[WorkerView]:
        """Give a worker a name, which counts above the one it says itself.

        Raises:
            FarmAnswerError: There is no such worker, or the name is none, or another's.
        """
        asked = msgspec.json.encode({"name": name})
        return change(f"{_path(worker)}/rename", WorkerView, asked)

    @listed
    def leases(
        self,
        *,
        job: int | None = None,
        worker: str | None = None,
        pool: str | None = None,
        owner: str | None = None,
    ) -> Pages[LeaseView]:
        """Who is at what, the oldest lease first; those that match everything given."""
        asked: dict[str, Any] = {"job": job, "worker": worker, "pool": pool, "owner": owner}
        return pages("/api/leases", LeasePage, lambda page: page.leases, most=500, **asked)

    @call
    def lease(self, lease: str) -> Ask[LeaseView]:
        """One lease in force, by its id.

        Raises:
            FarmAnswerError: There is none with that id; it may have ended.
        """
        return get(f"/api/leases/{quote(lease, safe='')}", LeaseView)

    @call
    def release_lease(self, lease: str) -> Ask[None]:
        """Take a lease back: its worker stops, and its units are given out again, unblamed.

        Raises:
            FarmAnswerError: There is none with that id, or it has ended.
        """
        return tell(f"/api/leases/{quote(lease, safe='')}", method="DELETE")

    @call
    def pools(self) -> Ask[tuple[PoolView, ...]]:
        """All pools, the most trusted first."""
        return get("/api/pools", PoolList).then(lambda found: found.pools)

    @call
    def limit_pool(self, pool: str, limits: dict[str, int | None]) -> Ask[PoolView]:
        """Change how many slots of a pool may work at a time; what works now goes on.

        Args:
            limits: `max_slots`, `max_slots_per_user` and `max_slots_per_job`, those that change;
                None is no limit.

        Raises:
            FarmAnswerError: There is no such pool, or it was refused.
        """
        path = f"/api/pools/{quote(pool, safe='')}"
        return change(path, PoolView, msgspec.json.encode(limits), method="PATCH")

    @call
    def invite(
        self, *, pool: str = "own", uses: int = 1, hours: float = 1.0
    ) -> Ask[InvitationView]:
        """Make a join token for new workers; it is told here and never again.

        Raises:
            FarmAnswerError: It was refused; `detail` says why.
        """
        asked = msgspec.json.encode({"pool": pool, "uses": uses, "hours": hours})
        return make("/api/workers/invites", InvitationView, asked)

    @call
    def revoke(self, worker: str) -> Ask[RevokedView]:
        """Refuse a worker's key from now on, and free what it works on.

        Raises:
            FarmAnswerError: There is none of that name, or several.
        """
        return change(f"{_path(worker)}/revoke", RevokedView)


def _path(worker: str) -> str:
    return f"/api/workers/{quote(worker, safe='')}"
