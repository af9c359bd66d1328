"""What is known of a job while it runs, put together from its events. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from framefarm.client.events import EndEvent, Event, JobEvent, ProgressEvent, UnitEvent
from framefarm.client.views import JobView

MAIN_KINDS = ("render", "trial")
MOVIE_KINDS = ("movie", "join")


@dataclass(slots=True)
class Board:
    """The state that all displays show.

    Attributes:
        job: As the manager told last; None before it did.
        work: What each slot has in hand, by worker and slot.
        since: When each unit in work was first heard of, by kind and unit.
        last: The frame finished last.
        finished: Frames done so far: the manager's count, and those told since.
        ended: Whether everything is delivered.
    """

    job: JobView | None = None
    work: dict[tuple[str, str], ProgressEvent] = field(default_factory=dict)
    since: dict[tuple[str, int], float] = field(default_factory=dict)
    last: UnitEvent | None = None
    finished: int = 0
    ended: bool = False

    def apply(self, event: Event, now: float) -> None:
        """Take in an event. `now` is in seconds on any clock that only goes forward."""
        if isinstance(event, JobEvent):
            self._job(event.job)
        elif isinstance(event, ProgressEvent):
            self.work[event.worker, event.slot] = event
            self.since.setdefault((event.kind, event.unit), now)
        elif isinstance(event, UnitEvent):
            self._unit(event)
        elif isinstance(event, EndEvent):
            self.ended = True
            self.work.clear()
            self.since.clear()

    @property
    def total(self) -> int:
        """Frames of the job; 0 before they are known."""
        stage = self.job.main_stage if self.job else None
        return stage.total if stage else 0

    @property
    def share(self) -> float:
        """How much is done, 0 to 1; a frame in work counts by its samples."""
        if not self.total:
            return 0.0
        parts = sum(share_of(work) for work in self.work.values() if work.kind in MAIN_KINDS)
        return min(1.0, (self.finished + parts) / self.total)

    @property
    def unit_word(self) -> str:
        """What the job's main units are called."""
        return "unit" if self.job is not None and self.job.kind == "trial" else "frame"

    def in_work(self) -> list[ProgressEvent]:
        """What the slots have in hand, rendering first, then by worker and slot."""
        order = sorted(self.work.items(), key=lambda item: (item[1].kind in MOVIE_KINDS, item[0]))
        return [work for _, work in order]

    def _job(self, job: JobView) -> None:
        self.job = job
        stage = job.main_stage
        # The manager's count rules; units told one by one only bridge the time to its next view.
        self.finished = stage.done if stage else 0

    def _unit(self, event: UnitEvent) -> None:
        self.work = {
            place: work
            for place, work in self.work.items()
            if (work.kind, work.unit) != (event.kind, event.unit)
        }
        self.since.pop((event.kind, event.unit), None)
        if event.kind in MAIN_KINDS and event.state == "done":
            self.last = event
            self.finished += 1
            if self.total:
                self.finished = min(self.finished, self.total)


def share_of(work: ProgressEvent) -> float:
    """How much of a unit in work is done, 0 to 1."""
    return min(1.0, work.done / work.total) if work.total > 0 else 0.0
