"""The calls that follow what happens."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from framefarm.client.asking import Stream, followed
from framefarm.client.events import Event, decode_event
from framefarm.client.happenings import Happening, decode_happening


class EventCalls:
    """The part of `Farm` that follows what happens."""

    @followed
    def events(self, job: int) -> Stream[Event]:
        """Follow a job until its end, over broken connections; first comes the job as it is.

        Raises:
            FarmUnreachableError: The manager was away for longer than `patience_s`.
            FarmAnswerError: There is no such job.
        """
        return Stream(f"/api/jobs/{job}/events", decode_event)

    @followed
    def happenings(
        self, *, jobs: Sequence[int] = (), workers: Sequence[str] = (), kinds: Sequence[str] = ()
    ) -> Stream[Happening]:
        """Follow the whole farm from now on, over broken connections, without an end.

        What happened while the connection was broken comes after it; what is lost is said.

        Args:
            jobs: Only of these.
            workers: Only of these, by name or id, and of the units that they make.
            kinds: Only these: `job`, `unit`, `worker`, `session`, `shot`.

        Raises:
            FarmUnreachableError: The manager was away for longer than `patience_s`.
            FarmAnswerError: There is no such worker, or no right to this.
        """
        asked = urlencode({"job": jobs, "worker": workers, "kind": kinds}, doseq=True)
        return Stream(f"/api/events?{asked}", decode_happening, goes_on=True)
