"""What the worker does after each answer to an offered result. Pure.

| answer                       | reaction                                                         |
|------------------------------|------------------------------------------------------------------|
| 200 accepted                 | take it out of the outbox, keep its files in the cache           |
| 200 accepted_late            | the same                                                         |
| 409 already_done             | another attempt was first: take it out of the outbox             |
| 410 gone                     | job or stage is gone: take it out of the outbox                  |
| 401, 403                     | say hello again on a new connection, then offer it again         |
| 422 hash_differs,            | the line has changed a byte: offer it again, three times in all  |
|     bad_manifest; 400        |                                                                  |
| 404, 411, 413, 415, 422      | never to be taken: out of the outbox, report `failed` (error)    |
| 429, 503                     | wait as long as Retry-After says, offer it again                 |
| 507                          | the manager's disk is full: offer it again every half minute     |
| any other, or none           | keep it, offer it again with full jitter up to 30 s (L13)        |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import msgspec

from framefarm.agent.backoff import MAX_DELAY_S, at_least, full_jitter, retry_after_s
from framefarm.agent.events import Answer

if TYPE_CHECKING:
    from framefarm.agent.backoff import Die

_ANSWERS: frozenset[str] = frozenset(get_args(Answer))
_SETTLED = frozenset({200, 409, 410})
_NEVER = frozenset({400, 404, 411, 413, 415, 422})
_WHO_ARE_YOU = frozenset({401, 403})
_BUSY = frozenset({429, 503})
_FULL = 507

_DAMAGED = frozenset({"hash_differs", "bad_manifest", "bad_request", "cut_short"})
"""What the manager says when a byte was changed in a file, in the first line, or in the head."""

DAMAGED_OFFERS = 3
"""What arrives damaged as often is damaged here, on this worker's disk."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The result is off the worker's hands."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Refused:
    """The result will never be taken; `message` says why."""

    message: str


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Offer it again.

    Attributes:
        delay_s: When.
        reason: For the log.
        greet: Say hello again before.
    """

    delay_s: float
    reason: str
    greet: bool = False


Reaction = Settled | Refused | TryAgain


class _Body(msgspec.Struct, frozen=True):
    answer: str = ""
    code: str = ""
    detail: str = ""
    title: str = ""


def reaction(
    status: int, body: bytes, retry_after: str | None, *, attempt: int, die: Die
) -> Reaction:
    """Decide what follows from an answer.

    Args:
        status: HTTP status.
        body: Of the answer.
        retry_after: That header, if there is one.
        attempt: How often this result was offered now, counted from 1.
        die: Random number from 0 up to 1.
    """
    said = _read(body)
    # `gone` comes as a problem, which has a code where the others have an answer.
    answer = said.answer or said.code
    if status in _SETTLED and answer in _ANSWERS:
        return Settled(answer)  # type: ignore[arg-type]  # checked by the line above
    if _is_final(status, said, attempt):
        return Refused(said.detail or said.title or f"the manager refused it with HTTP {status}")
    reason = said.detail or f"HTTP {status}"
    if status in _WHO_ARE_YOU:
        return TryAgain(full_jitter(attempt, die, first_s=1.0), reason, greet=True)
    if status in _BUSY:
        return TryAgain(_wait_s(retry_after, attempt, die), reason)
    if status == _FULL:
        return TryAgain(at_least(MAX_DELAY_S, die), reason)
    return TryAgain(full_jitter(attempt, die), reason)


def _is_final(status: int, said: _Body, attempt: int) -> bool:
    if said.code in _DAMAGED and attempt < DAMAGED_OFFERS:
        return False
    # 404 from the manager has a problem body; without one a proxy stands in between.
    return status in _NEVER and (bool(said.detail) or status != 404)  # noqa: PLR2004


def _wait_s(retry_after: str | None, attempt: int, die: Die) -> float:
    asked_s = retry_after_s(retry_after)
    return full_jitter(attempt, die) if asked_s is None else at_least(asked_s, die)


def _read(body: bytes) -> _Body:
    try:
        return msgspec.json.decode(body, type=_Body)
    except msgspec.DecodeError:
        return _Body()
