"""What people are told, who may be told it, and in which words. Pure."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from framefarm.core.accounts import UserRole
from framefarm.core.plain_text import plain

MOST_LINES = 25
"""Of a message; the others are counted."""

EVERY_S = 60.0
"""A target gets a message so often at most; what comes meanwhile is gathered."""

FLAPS_S = 600.0
"""What happens to one worker again so soon is not told again."""

GIVE_UP_S = 86_400.0
"""For so long it is tried to tell something."""

_FIRST_RETRY_S = 30.0
_LONGEST_RETRY_S = 3_600.0
_LONGEST_TITLE = 150
_LONGEST_LINE = 600


class Event(StrEnum):
    """What can happen that people are told of."""

    JOB_DONE = "job_done"
    JOB_FAILED = "job_failed"
    WORKER_LOST = "worker_lost"
    WORKER_QUARANTINED = "worker_quarantined"
    DISK_LOW = "disk_low"
    TEST = "test"


JOB_EVENTS = frozenset({Event.JOB_DONE, Event.JOB_FAILED})
_SEEING = JOB_EVENTS | {Event.WORKER_LOST, Event.WORKER_QUARANTINED}

MAY_HEAR: Mapping[UserRole, frozenset[Event]] = {
    UserRole.ARTIST: JOB_EVENTS,
    UserRole.VIEWER: _SEEING,
    UserRole.ADMIN: _SEEING | {Event.DISK_LOW},
}
"""What people may choose: they hear of what they may see."""

SEES_ALL_JOBS = frozenset({UserRole.VIEWER, UserRole.ADMIN})


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened.

    Attributes:
        event: What.
        facts: Of a job `job`, `name`, `owner`, `done`, `total`, `seconds` and `message`; of a
            worker `worker`, `id` and `reason`; of the disk `free_bytes` and `low_bytes`.
        happened_at: Seconds since 1970 UTC.
    """

    event: Event
    facts: Mapping[str, Any]
    happened_at: float


@dataclass(frozen=True, slots=True)
class Words:
    """A message: one line, and what is below it."""

    title: str
    body: str


def compose(notices: Sequence[Notice]) -> Words:
    """One message for everything there is to tell; what came first is told first."""
    if len(notices) == 1:
        [notice] = notices
        return Words(_cut(_title(notice), _LONGEST_TITLE), "\n".join(_details(notice)))
    counts = Counter(notice.event for notice in notices)
    title = ", ".join(_counted(event, count) for event, count in counts.items())
    lines = [_cut(_in_one_line(notice), _LONGEST_LINE) for notice in notices[:MOST_LINES]]
    if len(notices) > MOST_LINES:
        lines.append(f"and {len(notices) - MOST_LINES} more")
    return Words(_cut(title, _LONGEST_TITLE), "\n".join(lines))


def retry_after_s(tries: int, rng: random.Random, asked_s: float = 0.0) -> float:
    """How long to wait before the next attempt.

    Args:
        tries: How many went wrong by now.
        rng: Half of the time is left to chance, so that targets do not come back together.
        asked_s: What the other side asked for.
    """
    full_s = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2.0 ** min(tries - 1, 20))
    return max(full_s * rng.uniform(0.5, 1.0), min(asked_s, _LONGEST_RETRY_S))


# --- words --------------------------------------------------------------------------------------


def _counted(event: Event, count: int) -> str:
    one = count == 1
    match event:
        case Event.JOB_DONE:
            return "1 job is done" if one else f"{count} jobs are done"
        case Event.JOB_FAILED:
            return "1 job failed" if one else f"{count} jobs failed"
        case Event.WORKER_LOST:
            return "1 worker is lost" if one else f"{count} workers are lost"
        case Event.WORKER_QUARANTINED:
            return "1 worker is quarantined" if one else f"{count} workers are quarantined"
        case Event.DISK_LOW:
            return "the disk is low"
        case Event.TEST:
            return "a test"


def _title(notice: Notice) -> str:
    facts = notice.facts
    match notice.event:
        case Event.JOB_DONE:
            return f"{_job(facts)} is done"
        case Event.JOB_FAILED:
            return f"{_job(facts)} failed"
        case Event.WORKER_LOST:
            return f"worker {_text(facts['worker'])} is lost"
        case Event.WORKER_QUARANTINED:
            return f"worker {_text(facts['worker'])} is quarantined"
        case Event.DISK_LOW:
            return f"the farm's disk is low: {_gigabytes(facts['free_bytes'])} free"
        case Event.TEST:
            return "FrameFarm can reach you here"


def _details(notice: Notice) -> list[str]:
    facts = notice.facts
    match notice.event:
        case Event.JOB_DONE | Event.JOB_FAILED:
            command = "fetch" if notice.event is Event.JOB_DONE else "logs"
            lines = [_text(facts.get("message", "")), _made(facts), _owner(facts)]
            return [line for line in lines if line] + [f"framefarm {command} {facts['job']}"]
        case Event.WORKER_LOST | Event.WORKER_QUARANTINED:
            reason = _text(facts.get("reason", ""))
            name = _text(facts["worker"])
            return [*([reason] if reason else []), f"framefarm workers show {name}"]
        case Event.DISK_LOW:
            low = _gigabytes(facts["low_bytes"])
            return [f"Below {low} nothing more is taken in, and frames wait on workers."]
        case Event.TEST:
            return ["This is what was asked for by `framefarm notify test`."]


def _in_one_line(notice: Notice) -> str:
    reason = _text(notice.facts.get("message") or notice.facts.get("reason") or "")
    return f"{_title(notice)}: {reason}" if reason else _title(notice)


def _job(facts: Mapping[str, Any]) -> str:
    return (
        f"job {facts['job']} ({_text(facts['name'])})" if facts["name"] else f"job {facts['job']}"
    )


def _owner(facts: Mapping[str, Any]) -> str:
    return f"Owner: {_text(facts['owner'])}" if facts.get("owner") else ""


def _made(facts: Mapping[str, Any]) -> str:
    made = f"{facts['done']} of {facts['total']} units"
    seconds = facts.get("seconds")
    return made if seconds is None else f"{made}, {_duration(seconds)} from the first to the last"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = whole // 3_600, whole % 3_600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _gigabytes(size_bytes: float) -> str:
    return f"{size_bytes / 1e9:.1f} GB"


def _text(said: object) -> str:
    """What somebody else named, in one line and without characters that do something."""
    return " ".join(plain(str(said)).split())


def _cut(line: str, most: int) -> str:
    return line if len(line) <= most else f"{line[: most - 1]}…"
