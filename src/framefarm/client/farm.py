"""`Farm`: everything a manager can be asked, as typed methods."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from framefarm.client.blob_calls import BlobCalls
from framefarm.client.event_calls import EventCalls
from framefarm.client.job_calls import JobCalls
from framefarm.client.login_calls import LoginCalls
from framefarm.client.notify_calls import NotifyCalls
from framefarm.client.transport import Transport
from framefarm.client.user_calls import UserCalls
from framefarm.client.views import Health
from framefarm.client.worker_calls import WorkerCalls


class Farm(JobCalls, EventCalls, BlobCalls, WorkerCalls, UserCalls, NotifyCalls, LoginCalls):
    """A manager, as its clients see it. May be used from several threads at once.

    Args:
        url: The manager's address, for example `http://127.0.0.1:7070`.
        timeout_s: How long one step of a request may take.
        patience_s: How long `events` waits for a manager that went away.
        certificate: In PEM form, the only one that an https manager is believed by; empty for those
            that the system trusts.
        token: Whose asks, `ff_...`; empty for nobody in particular, on the manager's own machine.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 30.0,
        patience_s: float = 60.0,
        certificate: str = "",
        token: str = "",
    ) -> None:
        reached = Transport(url, timeout_s=timeout_s, certificate=certificate, token=token)
        super().__init__(reached, patience_s=patience_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the calling thread's connection."""
        self._transport.close()

    def health(self) -> Health:
        """Find out whether a manager is there.

        Raises:
            FarmUnreachableError: It is not.
            UnreadableAnswerError: Something else is.
        """
        return self._get("/api/health", Health)
