"""What people are told, who may be told it, and in which words. Pure."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from framefarm.core.accounts import UserRole
from framefarm.core.plain_text import plain
from framefarm.core.sizes import told_size

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
    JOB_HELD = "job_held"
    WORKER_LOST = "worker_lost"
    WORKER_QUARANTINED = "worker_quarantined"
    DISK_LOW = "disk_low"
    QUOTA_NEAR = "quota_near"
    QUOTA_REFUSED = "quota_refused"
    TEST = "test"


JOB_EVENTS = frozenset({Event.JOB_DONE, Event.JOB_FAILED, Event.JOB_HELD})
QUOTA_EVENTS = frozenset({Event.QUOTA_NEAR, Event.QUOTA_REFUSED})
_OWN = JOB_EVENTS | QUOTA_EVENTS
_SEEING = _OWN | {Event.WORKER_LOST, Event.WORKER_QUARANTINED}

MAY_HEAR: Mapping[UserRole, frozenset[Event]] = {
    UserRole.ARTIST: _OWN,
    UserRole.VIEWER: _SEEING,
    UserRole.ADMIN: _SEEING | {Event.DISK_LOW},
}
"""What people may choose: they hear of what they may see."""

SEES_ALL_JOBS = frozenset({UserRole.VIEWER, UserRole.ADMIN})


def hears_of_all(event: Event, role: UserRole) -> bool:
    """Whether somebody may hear of an event of others: of their jobs, or what they may have."""
    if event in QUOTA_EVENTS:
        return role is UserRole.ADMIN
    return event not in JOB_EVENTS or role in SEES_ALL_JOBS


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened.

    Attributes:
        event: What.
        facts: Of a job `job`, `name`, `owner`, `done`, `total`, `seconds` and `message`; of a
            worker `worker`, `id` and `reason`; of the disk `free_bytes` and `low_bytes`; of a
            quota `user`, and `used_bytes` and `most_bytes` or `message`.
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


_COUNTED: Mapping[Event, tuple[str, str]] = {
    Event.JOB_DONE: ("job is done", "jobs are done"),
    Event.JOB_FAILED: ("job failed", "jobs failed"),
    Event.JOB_HELD: ("job is held", "jobs are held"),
    Event.WORKER_LOST: ("worker is lost", "workers are lost"),
    Event.WORKER_QUARANTINED: ("worker is quarantined", "workers are quarantined"),
    Event.QUOTA_NEAR: ("quota is nearly used up", "quotas are nearly used up"),
    Event.QUOTA_REFUSED: ("thing was refused", "things were refused"),
}
_UNCOUNTED = {Event.DISK_LOW: "the disk is low", Event.TEST: "a test"}


def _counted(event: Event, count: int) -> str:
    if event in _UNCOUNTED:
        return _UNCOUNTED[event]
    return f"{count} {_COUNTED[event][count != 1]}"


def _title(notice: Notice) -> str:
    return _TITLES[notice.event](notice.facts)


def _worker(facts: Mapping[str, Any]) -> str:
    return f"worker {_text(facts['worker'])}"


def _near(facts: Mapping[str, Any]) -> str:
    used, most = told_size(facts["used_bytes"]), told_size(facts["most_bytes"])
    return f"the files of {_text(facts['user'])} take {used} of {most}"


_TITLES: Mapping[Event, Callable[[Mapping[str, Any]], str]] = {
    Event.JOB_DONE: lambda facts: f"{_job(facts)} is done",
    Event.JOB_FAILED: lambda facts: f"{_job(facts)} failed",
    Event.JOB_HELD: lambda facts: f"{_job(facts)} is held",
    Event.WORKER_LOST: lambda facts: f"{_worker(facts)} is lost",
    Event.WORKER_QUARANTINED: lambda facts: f"{_worker(facts)} is quarantined",
    Event.DISK_LOW: lambda facts: f"the farm's disk is low: {_gigabytes(facts['free_bytes'])} free",
    Event.QUOTA_NEAR: _near,
    Event.QUOTA_REFUSED: lambda facts: f"something of {_text(facts['user'])} was refused",
    Event.TEST: lambda _: "FrameFarm can reach you here",
}


_WAITS = "It is tried again now and then, with one unit."
_LOOK_WITH = {Event.JOB_DONE: "fetch", Event.JOB_FAILED: "logs", Event.JOB_HELD: "why"}


def _details(notice: Notice) -> list[str]:
    facts = notice.facts
    match notice.event:
        case Event.JOB_DONE | Event.JOB_FAILED | Event.JOB_HELD:
            what = _WAITS if notice.event is Event.JOB_HELD else _made(facts)
            lines = [_text(facts.get("message", "")), what, _owner(facts)]
            command = f"framefarm {_LOOK_WITH[notice.event]} {facts['job']}"
            return [*filter(None, lines), command]
        case Event.WORKER_LOST | Event.WORKER_QUARANTINED:
            reason = _text(facts.get("reason", ""))
            name = _text(facts["worker"])
            return [*([reason] if reason else []), f"framefarm workers show {name}"]
        case Event.DISK_LOW:
            low = _gigabytes(facts["low_bytes"])
            return [f"Below {low} nothing more is taken in, and frames wait on workers."]
        case Event.QUOTA_NEAR:
            return [
                "When they take all of it nothing is uploaded, and no job begins.",
                f"framefarm delete JOB, or an admin: framefarm users quota {_text(facts['user'])}",
            ]
        case Event.QUOTA_REFUSED:
            return [_text(facts["message"])]
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
