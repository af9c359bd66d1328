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
        self,
        *,
        jobs: Sequence[int] = (),
        workers: Sequence[str] = (),
        kinds: Sequence[str] = (),
        project: str | None = None,
        sequence: str | None = None,
        shot: str | None = None,
    ) -> Stream[Happening]:
        """Follow the whole farm from now on, over broken connections, without an end.

        What happened while the connection was broken comes after it; what is lost is said.

        Args:
            jobs: Only of these.
            workers: Only of these, by name or id, and of the units that they make.
            kinds: Only these: `job`, `unit`, `worker`, `session`, `shot`.
            project, sequence, shot: Only of jobs and shots there, by their names.

        Raises:
            FarmUnreachableError: The manager was away for longer than `patience_s`.
            FarmAnswerError: There is no such worker, or no right to this.
        """
        place = {"project": project, "sequence": sequence, "shot": shot}
        given = {name: value for name, value in place.items() if value is not None}
        asked = urlencode({"job": jobs, "worker": workers, "kind": kinds, **given}, doseq=True)
        return Stream(f"/api/events?{asked}", decode_happening, goes_on=True)
