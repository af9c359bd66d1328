"""The calls that follow what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from framefarm.client import events as job_events
from framefarm.client.calls import OK, Calls
from framefarm.client.errors import FarmUnreachableError, UnreadableAnswerError
from framefarm.client.happenings import Happening, decode_happening
from framefarm.client.refusals import refusal
from framefarm.client.transport import Transport

_T = TypeVar("_T")
_CHUNK = 1 << 20
_EVENT_SILENCE_S = 60.0


class EventCalls(Calls):
    """The part of `Farm` that follows what happens.

    Args:
        transport: Reaches the manager.
        patience_s: How long a manager that went away is waited for.
    """

    def __init__(self, transport: Transport, *, patience_s: float = 60.0) -> None:
        super().__init__(transport)
        self._patience_s = patience_s

    def events(self, job: int) -> Iterator[job_events.Event]:
        """Follow a job until its end, over broken connections; first comes the job as it is.

        Raises:
            FarmUnreachableError: The manager was away for longer than `patience_s`.
            FarmAnswerError: There is no such job.
        """
        return job_events.keep_following(lambda: self._stream_job(job), patience_s=self._patience_s)

    def happenings(
        self, *, jobs: Sequence[int] = (), workers: Sequence[str] = (), kinds: Sequence[str] = ()
    ) -> Iterator[Happening]:
        """Follow the whole farm from now on, over broken connections, without an end.

        What happened while the connection was broken comes after it; what is lost is said.

        Args:
            jobs: Only of these.
            workers: Only of these, by name or id, and of the units that they make.
            kinds: Only these: `job`, `unit`, `worker`.

        Raises:
            FarmUnreachableError: The manager was away for longer than `patience_s`.
            FarmAnswerError: There is no such worker, or no right to this.
        """
        asked = urlencode({"job": jobs, "worker": workers, "kind": kinds}, doseq=True)
        place = [""]
        return job_events.keep_following(
            lambda: self._stream_farm(f"/api/events?{asked}", place), patience_s=self._patience_s
        )

    def _stream_job(self, job: int) -> Iterator[job_events.Event]:
        for event in self._stream(f"/api/jobs/{job}/events"):
            found = self._read_event(event, job_events.decode_event)
            if found is not None:
                yield found

    def _stream_farm(self, path: str, place: list[str]) -> Iterator[Happening]:
        """The farm's events after `place[0]`, which goes along."""
        for event in self._stream(path, after=place[0]):
            found = self._read_event(event, decode_happening)
            place[0] = event.id or place[0]
            if found is not None:
                yield found

    def _read_event(
        self, event: job_events.StreamedEvent, decode: Callable[[job_events.StreamedEvent], _T]
    ) -> _T:
        try:
            return decode(event)
        except msgspec.DecodeError as error:
            raise UnreadableAnswerError(self.url, error) from error

    def _stream(self, path: str, *, after: str = "") -> Iterator[job_events.StreamedEvent]:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
        with self._transport.open(
            "GET", path, headers=headers, timeout_s=_EVENT_SILENCE_S
        ) as response:
            if response.status not in OK:
                raise refusal(response.status, response.read(_CHUNK))
            lines = iter(lambda: response.readline(job_events.MAX_LINE_BYTES), b"")
            yield from job_events.read_event_lines(lines)
        raise FarmUnreachableError(self.url, "the stream of events broke off")
