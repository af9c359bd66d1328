"""The calls about being told elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from framefarm.client.asking import Ask, Pages, call, change, get, listed, make, pages, tell
from framefarm.client.notify_views import (
    MadeTarget,
    NotificationPage,
    NotificationView,
    TargetPage,
    TargetView,
    Tested,
)

_TARGETS = "/api/notifications/targets"
_PAGE = 200


class NotifyCalls:
    """The part of `Farm` that is about what one is told, and where."""

    @call
    def notify_targets(self) -> Ask[tuple[TargetView, ...]]:
        """Where one is told."""
        return get(_TARGETS, TargetPage).then(lambda found: found.targets)

    @call
    def add_notify_target(
        self,
        name: str,
        *,
        address: str | None = None,
        email: str = "",
        tells: Sequence[str] = ("job_done", "job_failed", "job_held"),
        all_jobs: bool = False,
    ) -> Ask[MadeTarget]:
        """Be told somewhere of what happens from now on.

        Args:
            address: Of a service or a web hook; None for mail by the farm's own server.
            email: Where mail goes, on the manager's own machine; else the account's address.
            tells: `job_done`, `job_failed`, `job_held`, `worker_lost`, `worker_quarantined`,
                `disk_low`, `quota_near`, `quota_refused`.
            all_jobs: Of everybody's jobs, for who may see them.

        Raises:
            FarmAnswerError: It is refused; `detail` says why.
        """
        body = {"name": name, "address": address, "email": email, "all_jobs": all_jobs}
        asked = msgspec.json.encode(body | {"tells": list(tells)})
        return make(_TARGETS, MadeTarget, asked)

    @call
    def change_notify_target(
        self,
        target: int,
        *,
        name: str | None = None,
        address: str | None = None,
        tells: Sequence[str] | None = None,
        all_jobs: bool | None = None,
    ) -> Ask[TargetView]:
        """Change a target; None leaves it as it is.

        Raises:
            FarmAnswerError: There is no such target, or it cannot be so.
        """
        asked = {"name": name, "address": address, "all_jobs": all_jobs}
        body = {key: value for key, value in asked.items() if value is not None}
        more = {} if tells is None else {"tells": list(tells)}
        encoded = msgspec.json.encode(body | more)
        return change(f"{_TARGETS}/{target}", TargetView, encoded, method="PATCH")

    @call
    def remove_notify_target(self, target: int) -> Ask[None]:
        """Be told there no more.

        Raises:
            FarmAnswerError: There is no such target.
        """
        return tell(f"{_TARGETS}/{target}", method="DELETE")

    @call
    def test_notify_target(self, target: int) -> Ask[Tested]:
        """Send a test message now, which may take half a minute.

        Raises:
            FarmAnswerError: There is no such target, or it had a message a moment ago.
        """
        return change(f"{_TARGETS}/{target}/test", Tested)

    @listed
    def notifications(
        self, *, state: str | None = None, limit: int | None = None
    ) -> Pages[NotificationView]:
        """What one was told, newest first; only what is in a state where given."""
        return pages(
            "/api/notifications",
            NotificationPage,
            lambda page: page.notifications,
            most=_PAGE,
            limit=limit,
            state=state,
        )
