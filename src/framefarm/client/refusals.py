"""What a manager says when it refuses a request: `application/problem+json`, RFC 9457."""

from __future__ import annotations

import msgspec

from framefarm.client.errors import FarmAnswerError
from framefarm.client.reading import read_json


class _Problem(msgspec.Struct):
    detail: str = ""
    code: str = ""
    title: str = ""


def refusal(status: int, content: bytes) -> FarmAnswerError:
    """Make the error of an answer that is none of success, whoever wrote it."""
    try:
        problem = read_json(content, _Problem)
    except msgspec.DecodeError:
        problem = _Problem()
    text = problem.detail or problem.title or f"The manager answered with HTTP status {status}."
    return FarmAnswerError(status, problem.code or f"http_{status}", text)
