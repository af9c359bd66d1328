"""What happens on the farm, in lines."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import singledispatch

import msgspec

from framefarm.cli.display import words
from framefarm.client.happenings import (
    KINDS,
    BeginHappening,
    GapHappening,
    Happening,
    JobHappening,
    SessionHappening,
    ShotHappening,
    UnitHappening,
    WorkerHappening,
)

_NAMES = {kind: name for name, kind in KINDS.items()}


def object_of(happening: Happening) -> str:
    """One as a line of JSON; `event` says which kind it is."""
    facts = msgspec.to_builtins(happening)
    return msgspec.json.encode({"event": _NAMES[type(happening)], **facts}).decode()


def line_of(happening: Happening) -> str:
    """One as people read it, with the local time."""
    at = f"{getattr(happening, 'at', datetime.now(UTC)).astimezone():%H:%M:%S}"
    return f"{at}  {_words(happening)}"


@singledispatch
def _words(happening: Happening) -> str:
    raise NotImplementedError(type(happening))


@_words.register
def _(job: JobHappening) -> str:
    count = f", {job.done:,} of {job.total:,}" if job.total else ""
    failed = f", {job.failed:,} failed" if job.failed else ""
    told = f" ({job.message})" if job.message else ""
    return f"job {job.job} {job.name}: {job.state}{count}{failed}{told}".replace(" :", ":")


@_words.register
def _(unit: UnitHappening) -> str:
    took = f" in {words.duration(unit.seconds)}" if unit.state == "done" else ""
    by = f" by {unit.worker}" if unit.worker else ""
    told = f": {unit.message}" if unit.message else ""
    state = _STATES.get(unit.state, unit.state)
    return f"job {unit.job} {unit.kind} {unit.unit}: {state}{took}{by}{told}"


@_words.register
def _(worker: WorkerHappening) -> str:
    why = f" ({worker.reason})" if worker.reason else ""
    return f"worker {worker.worker}: {worker.state}{why}"


@_words.register
def _(session: SessionHappening) -> str:
    if session.what == "frame":
        what = f"finished {session.kind} {session.unit}"
    else:
        what = _IN_SESSION.get(session.what, session.what)
    who = session.worker or ", ".join(session.workers)
    why = f" ({session.reason})" if session.reason else ""
    return f"session of job {session.job}: {who} {what}{why}".replace(":  ", ": ")


@_words.register
def _(shot: ShotHappening) -> str:
    if shot.what == "version_done":
        return f"shot {shot.path}: version {shot.version} is done (job {shot.job})"
    status = f", {shot.status.replace('_', ' ')}" if shot.what != "deleted" else ""
    return f"shot {shot.path}: {shot.what}{status}"


@_words.register
def _(_: BeginHappening) -> str:
    return "following; Ctrl-C ends it"


@_words.register
def _(gap: GapHappening) -> str:
    return f"gap: {gap.message}"


_IN_SESSION = {
    "released": "is released",
    "files": "has its files",
    "no_files": "could not be sent its files",
    "started": "works on it",
    "share": "has nothing left to do",
    "complete": "are done with it",
}
_STATES = {"retry": "failed, is tried again"}
