"""What all calls share: asking the manager, and reading what it answers."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from framefarm.client.errors import UnreadableAnswerError
from framefarm.client.reading import read_json
from framefarm.client.refusals import refusal
from framefarm.client.transport import Answer, Transport
from framefarm.core.plain_text import plain

_T = TypeVar("_T")

OK = frozenset({200, 201, 204, 206})


class Calls:
    """A part of `Farm`.

    Args:
        transport: Reaches the manager.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def url(self) -> str:
        """The manager's address, without a slash at its end."""
        return self._transport.url

    def _get(self, path: str, kind: type[_T]) -> _T:
        return self._decode(self._checked(self._transport.request("GET", path)), kind)

    def _change(self, path: str, kind: type[_T], body: bytes = b"", *, method: str = "POST") -> _T:
        headers = {"Content-Type": "application/json"} if body else {}
        answer = self._transport.request(method, path, body=body, headers=headers)
        return self._decode(self._checked(answer), kind)

    def _tell(self, path: str, body: bytes = b"", *, method: str = "POST") -> None:
        headers = {"Content-Type": "application/json"} if body else {}
        self._checked(self._transport.request(method, path, body=body, headers=headers))

    def _remove(self, path: str) -> None:
        self._checked(self._transport.request("DELETE", path))

    def _text(self, path: str) -> str:
        answer = self._checked(self._transport.request("GET", path))
        return plain(answer.content.decode(errors="replace"))

    def _checked(self, answer: Answer) -> Answer:
        if answer.status not in OK:
            raise refusal(answer.status, answer.content)
        return answer

    def _decode(self, answer: Answer, kind: type[_T]) -> _T:
        try:
            return read_json(answer.content, kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise UnreadableAnswerError(self.url, error) from error
