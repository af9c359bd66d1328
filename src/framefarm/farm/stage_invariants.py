"""What must hold of a job and its stages: each unit is in one place, and what counts is right."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from sqlalchemy import Row

from framefarm.core.requirements import Pool, Requirements
from framefarm.core.spans import Span, Spans
from framefarm.core.states import JobState, StageState

_LIVE = {JobState.QUEUED, JobState.RUNNING, JobState.PAUSED}
_LEASING = {JobState.QUEUED, JobState.RUNNING}
_SHOWN = 5


@dataclass
class StageUnits:
    """A stage with everything the database says of its units."""

    row: Row[Any]
    units: Spans
    pending: dict[int, list[Spans]] = field(default_factory=lambda: defaultdict(list))
    leased: dict[int, list[Spans]] = field(default_factory=lambda: defaultdict(list))
    tails: dict[int, list[Spans]] = field(default_factory=lambda: defaultdict(list))
    ended: dict[int, list[Spans]] = field(default_factory=lambda: defaultdict(list))
    faulty: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    failed: list[int] = field(default_factory=list)
    done: Spans = field(default_factory=Spans)
    seconds: float = 0.0
    have: dict[int, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"job {self.row.job_id}, stage {self.row.id} ({self.row.kind})"


def job_faults(job: Row[Any], stages: list[StageUnits], session: Row[Any] | None) -> Iterator[str]:
    """What does not hold of a job; its stages come in their order.

    Args:
        session: The one that it has, if that has not ended.
    """
    for stage in stages:
        needs = stage.row.needs_position
        ready = _ready(stage, stages[needs]) if needs is not None else None
        for fault in chain(
            _place_faults(job, stage, ready),
            _counter_faults(job, stage, session),
            _attempt_faults(stage),
            _tail_faults(stage),
            _queue_faults(job, stage, session),
            _input_faults(job, stage, ready),
        ):
            yield f"{stage}: {fault}"
    at_work = any(stage.row.pending or stage.row.leased for stage in stages)
    all_done = all(stage.row.state == StageState.DONE for stage in stages)
    if all_done != (job.state == JobState.DONE):
        yield f"job {job.id} is {job.state}, its stages all done: {all_done}"
    if job.state in _LIVE and not at_work:
        yield f"job {job.id} is {job.state}, but nothing of it is pending or leased"
    if job.state not in _LIVE and at_work:
        yield f"job {job.id} is {job.state}, but units of it are pending or leased"


@dataclass(frozen=True)
class _Ready:
    """Inputs of a stage's units: how many are there, and how many each needs."""

    have: Mapping[int, int]
    need: Mapping[int, int]
    complete: Spans


def _ready(stage: StageUnits, earlier: StageUnits) -> _Ready:
    group = stage.row.needs_group or max(1, len(earlier.units))
    last = (len(earlier.units) - 1) // group
    short = len(earlier.units) - last * group
    number = _numbering(earlier.units)
    there = Counter(number(unit) // group for unit in earlier.done)
    all_need = {number: short if number == last else group for number in there}
    unit_of = {number: stage.units.at(number) for number in there}
    if stage.row.needs_group is None:
        # Each unit needs all of the earlier stage.
        here = there.get(0, 0)
        need = dict.fromkeys(stage.units, len(earlier.units))
        complete = stage.units if here == len(earlier.units) else Spans()
        return _Ready(dict.fromkeys(stage.units, here), need, complete)
    return _Ready(
        {unit_of[number]: count for number, count in there.items()},
        {unit_of[number]: need for number, need in all_need.items()},
        Spans.from_units(unit_of[n] for n, count in there.items() if count == all_need[n]),
    )


def _numbering(units: Spans) -> Any:
    """A function that gives a unit's index fast: O(log spans)."""
    spans = units.spans
    firsts = [span.first for span in spans]
    before = [0]
    for span in spans:
        before.append(before[-1] + len(span))

    def number(unit: int) -> int:
        at = bisect_right(firsts, unit) - 1
        return before[at] + (unit - firsts[at]) // spans[at].step

    return number


def _place_faults(job: Row[Any], stage: StageUnits, ready: _Ready | None) -> Iterator[str]:
    """Every unit is in exactly one place."""
    places = list(_places(stage))
    for unit, one, two in _shared(places):
        yield f"unit {unit} is {one}, and {two} too"
    units = [Spans([span]) for _, span in places]
    if foreign := [held for held in units if held.intersection(stage.units) != held]:
        yield f"{_some(foreign[0])} are not units of it"
    rest = len(stage.units) - sum(map(len, units))
    if job.state == JobState.CANCELLED:
        if stage.row.cancelled != rest:
            yield f"cancelled is {stage.row.cancelled}, but {rest} units are nowhere else"
    elif ready is None:
        if rest:
            yield f"{rest} units are nowhere"
    else:
        taken = _union(units)
        if lost := ready.complete - taken:
            yield f"{_some(lost)} could be worked on and are nowhere"
        if early := taken - ready.complete:
            yield f"{_some(early)} are worked on before their inputs are there"


def _places(stage: StageUnits) -> Iterator[tuple[str, Span]]:
    """Where units are, in spans."""
    for name, sets in (
        ("pending", _flat(stage.pending)),
        ("leased", _flat(stage.leased)),
        ("leased", _alone(stage)),
        ("done", [stage.done]),
    ):
        yield from ((name, span) for units in sets for span in units.spans)
    yield from (("failed", Span(unit, unit)) for unit in stage.failed)


def _alone(stage: StageUnits) -> list[Spans]:
    """Units that only a tail lease holds: the first lease of them has ended since (L11)."""
    tails, first = _flat(stage.tails), _union(_flat(stage.leased))
    return [left for units in tails if (left := units - first)]


def _shared(places: list[tuple[str, Span]]) -> Iterator[tuple[int, str, str]]:
    """Units that are in two places.

    Only spans whose ends overlap are compared, and nothing is joined: what passes of `spread` that
    were half worked off have in common is nothing, while joined they are a span for each unit.
    """
    under_way: list[tuple[str, Span]] = []
    for name, span in sorted(places, key=lambda place: place[1].first):
        under_way = [(other, held) for other, held in under_way if held.last >= span.first]
        for other, held in under_way:
            if common := Spans([held]) & Spans([span]):
                yield common.first, other, name
        under_way.append((name, span))


def _counter_faults(job: Row[Any], stage: StageUnits, session: Row[Any] | None) -> Iterator[str]:
    row = stage.row
    counted = {
        "total": len(stage.units),
        "pending": sum(map(len, _flat(stage.pending))),
        "leased": sum(map(len, [*_flat(stage.leased), *_alone(stage)])),
        "done": len(stage.done),
        "failed": len(stage.failed),
    }
    for name, count in counted.items():
        if row._mapping[name] != count:  # noqa: SLF001  SQLAlchemy's public name for it
            yield f"{name} is {row._mapping[name]}, counted {count}"  # noqa: SLF001
    if row.cancelled and job.state != JobState.CANCELLED:
        yield f"cancelled is {row.cancelled} in a job that is {job.state}"
    settled = not row.wanted_blender or bool(row.blender)
    leasing = job.state in _LEASING or row.on_trial
    awaited = session is not None and session.waiting
    claimable = leasing and not (job.at_limit or awaited) and settled and row.pending > 0
    if row.claimable != claimable:
        yield f"claimable is {row.claimable}, should be {claimable}"
    held = job.state == JobState.PAUSED and job.message and job.holds
    if row.on_trial and not (held and job.try_at is None):
        yield f"it is on trial, but its job is {job.state}, held {job.holds} times"
    if (row.state == StageState.DONE) != (row.done == row.total):
        yield f"state is {row.state} with {row.done} of {row.total} done"
    if row.state == StageState.WAITING and row.pending + row.leased:
        yield "it waits, but units of it are pending or leased"
    if abs(row.seconds - stage.seconds) > 1e-6 * max(1.0, stage.seconds):
        yield f"seconds is {row.seconds}, counted {stage.seconds}"


def _attempt_faults(stage: StageUnits) -> Iterator[str]:
    """A unit's next or present attempt is higher than any it has behind it."""
    behind: dict[int, list[Spans]] = defaultdict(list)
    for attempt, ended in stage.ended.items():
        behind[attempt] += ended
    for attempt, faulty in stage.faulty.items():
        behind[attempt].append(Spans.from_units(faulty))
    for name, places in (("pending", stage.pending), ("leased", stage.leased)):
        for attempt, sets in places.items():
            tried = _union(chain.from_iterable(v for k, v in behind.items() if k >= attempt))
            for units in sets:
                if again := units & tried:
                    yield f"{_some(again)} are {name} as attempt {attempt}, which they have had"


def _tail_faults(stage: StageUnits) -> Iterator[str]:
    """A unit is lent twice at most, the second time alone (L11)."""
    seen: set[int] = set()
    for units in _flat(stage.tails):
        if len(units) != 1:
            yield f"a tail lease holds {_some(units)}"
        if again := seen.intersection(units):
            yield f"unit {min(again)} is lent as the last one twice"
        seen.update(units)


def _queue_faults(job: Row[Any], stage: StageUnits, session: Row[Any] | None) -> Iterator[str]:
    """A stage waits where those look who may have it: in the queue of what its job asks for."""
    asked = Requirements(
        kind=stage.row.kind,
        blender=stage.row.blender,
        pool=Pool(job.pool),
        tags=tuple(sorted(set(job.tags))),
        min_memory_bytes=job.min_memory_bytes,
        gpu=job.gpu,
        owner=job.owner,
        job=job.id if session is not None else 0,
    )
    if stage.row.queue != asked.queue:
        yield f"its queue is {stage.row.queue}, but it asks for {asked.queue}"


def _input_faults(job: Row[Any], stage: StageUnits, ready: _Ready | None) -> Iterator[str]:
    some = {
        unit: have
        for unit, have in (ready.have if ready else {}).items()
        if ready and 0 < have < ready.need[unit]
    }
    # A cancelled job's are counted anew when it is put back to work.
    if job.state != JobState.CANCELLED and stage.have != some:
        yield f"inputs there are {_first(stage.have)}, counted {_first(some)}"


def _flat(by_attempt: Mapping[int, list[Spans]]) -> list[Spans]:
    return list(chain.from_iterable(by_attempt.values()))


def _union(sets: Iterable[Spans]) -> Spans:
    return Spans(chain.from_iterable(units.spans for units in sets))


def _some(units: Spans) -> str:
    shown = ",".join(str(span.first) for span in units.spans[:_SHOWN])
    return f"{len(units)} unit(s) from {shown}"


def _first(values: Mapping[int, int]) -> dict[int, int]:
    return dict(sorted(values.items())[:_SHOWN])
