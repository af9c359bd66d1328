"""What is told of a job once nothing more happens. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from framefarm.client.views import FileView, JobView, UnitView

MAX_FAILURES_TOLD = 10


@dataclass(frozen=True, slots=True)
class Summary:
    """A finished job in figures.

    Attributes:
        job: As it ended.
        wall_s: From the command's start to its end.
        output: The folder with the files; empty when they stayed on the manager.
        rendered: Frames finished during this command; the others were there before.
        failures: The first few units that failed.
        movie: The movie's file, None without one.
        log_hint: Where the whole story of the failures is; empty without any.
    """

    job: JobView
    wall_s: float
    output: str
    rendered: int
    failures: tuple[UnitView, ...] = ()
    movie: FileView | None = None
    log_hint: str = ""

    @property
    def done(self) -> int:
        """Frames done in all."""
        stage = self.job.main_stage
        return stage.done if stage else 0

    @property
    def total(self) -> int:
        """Frames of the job."""
        stage = self.job.main_stage
        return stage.total if stage else 0

    @property
    def failed(self) -> int:
        """Units of all stages that failed."""
        return sum(stage.failed for stage in self.job.stages)

    @property
    def per_minute(self) -> float | None:
        """Frames finished per minute by this command; None when it finished none."""
        return 60 * self.rendered / self.wall_s if self.rendered and self.wall_s > 0 else None

    @property
    def mean_s(self) -> float | None:
        """Seconds of a frame on average."""
        return self.job.render_seconds / self.done if self.done else None


def as_it_went(summary: Summary) -> Summary:
    """The same of a job that had ended before this command began: its own time, and all it made."""
    job = summary.job
    if job.started_at is None or job.finished_at is None:
        return summary
    wall_s = (job.finished_at - job.started_at).total_seconds()
    return replace(summary, wall_s=wall_s, rendered=summary.done)


def failure_lines(summary: Summary) -> list[str]:
    """Which units failed and why, the first ten."""
    kind = "unit" if summary.job.kind == "trial" else "frame"
    lines = [
        f"{kind} {unit.unit}{_where(unit)}: "
        f"{' '.join((unit.message or 'no reason was given').split())}"
        for unit in summary.failures[:MAX_FAILURES_TOLD]
    ]
    if summary.failed > len(lines) and lines:
        lines.append(f"and {summary.failed - len(lines):,} more")
    if summary.log_hint:
        lines.append(f"the whole story: {summary.log_hint}")
    return lines


def _where(unit: UnitView) -> str:
    """On which worker it was tried last."""
    return f" on {unit.worker}" if unit.worker else ""
