"""Making calls at once, over connections to one manager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from framefarm.client import events as job_events
from framefarm.client.asking import OK, Ask, Stream, Synchronous, read_answer
from framefarm.client.errors import FarmUnreachableError
from framefarm.client.refusals import refusal
from framefarm.client.transport import Transport

_T = TypeVar("_T")
_CHUNK = 1 << 20
EVENT_SILENCE_S = 60.0
"""The manager says something every 15 s; after so long nobody is there."""


class Connected(Synchronous):
    """Makes calls over one transport.

    Args:
        transport: Reaches the manager.
        patience_s: How long a manager that went away is waited for while its events are followed.
    """

    def __init__(self, transport: Transport, *, patience_s: float) -> None:
        self._transport = transport
        self._patience_s = patience_s

    @property
    def url(self) -> str:
        """The manager's address, without a slash at its end."""
        return self._transport.url

    def _ask(self, ask: Ask[_T]) -> _T:
        answer = self._transport.request(ask.method, ask.path, body=ask.body, headers=ask.headers)
        return read_answer(self.url, ask, answer)

    def _follow(self, stream: Stream[_T]) -> Iterator[_T]:
        return job_events.keep_following(lambda: self._read(stream), patience_s=self._patience_s)

    def _read(self, stream: Stream[_T]) -> Iterator[_T]:
        with self._transport.open(
            "GET", stream.path, headers=stream.headers, timeout_s=EVENT_SILENCE_S
        ) as response:
            if response.status not in OK:
                raise refusal(response.status, response.read(_CHUNK))
            lines = iter(lambda: response.readline(job_events.MAX_LINE_BYTES), b"")
            for event in job_events.read_event_lines(lines):
                found = stream.take(self.url, event)
                if found is not None:
                    yield found
        raise FarmUnreachableError(self.url, "the stream of events broke off")
