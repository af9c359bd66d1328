"""All that is known of one job, as a page of text. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime

from framefarm.cli.display import words
from framefarm.cli.display import worker_words as say
from framefarm.cli.display.held_words import going_on, is_held
from framefarm.cli.display.sheets import Fact, facts_page, when
from framefarm.cli.job_facts import Failure, FileCount, JobFacts
from framefarm.cli.tables import table, text_width
from framefarm.client.views import JobView

SHOWN_FAILURES = 10


def job_sheet(facts: JobFacts, *, width: int | None = None, now: datetime | None = None) -> str:
    """The page, without a line feed at its end.

    Args:
        facts: Of the job.
        width: Columns of the page; the terminal's by default.
        now: For how long it has been running; the present by default.
    """
    width = width or text_width()
    job = facts.job
    parts = [
        facts_page(_now(facts), width),
        facts_page(_times(job, now or datetime.now(UTC)), width),
        facts_page(_asked(job), width),
        _stages(job, width),
        _work(facts, width),
        _failures(facts, width),
        facts_page(_files(facts), width),
    ]
    return "\n\n".join([_title(job), *(part for part in parts if part)])


def _title(job: JobView) -> str:
    version = f", version {job.version}" if job.version else ""
    return f"job {job.id}  {job.name}" + (f"  ({job.place}{version})" if job.place else "")


def _word(job: JobView) -> str:
    return "unit" if job.kind == "trial" else "frame"


def _now(facts: JobFacts) -> Iterator[Fact]:
    job, stage = facts.job, facts.job.main_stage
    yield "state", job.state
    if stage is not None:
        counts = [f"{stage.done:,} of {words.plural(stage.total, _word(job))} done"]
        counts += [f"{stage.running:,} in work"] if stage.running else []
        counts += [f"{stage.failed:,} failed"] if stage.failed else []
        yield "", ", ".join(counts)
    if job.estimate is not None and not job.finished:
        yield "", words.time_left(job.estimate.low_s, job.estimate.high_s)
    yield "reason", job.message or ""
    yield "", going_on(job) if is_held(job) else ""
    yield "warning", facts.waits
    yield from (("warning", warning) for warning in job.warnings)


def _times(job: JobView, now: datetime) -> Iterator[Fact]:
    if job.created_at is not None:
        yield "submitted", when(job.created_at) + (f" by {job.owner}" if job.owner else "")
    if job.started_at is None:
        return
    took = words.duration(((job.finished_at or now) - job.started_at).total_seconds())
    yield "started", when(job.started_at) + ("" if job.finished_at else f", {took} ago")
    if job.finished_at is not None:
        yield "ended", f"{when(job.finished_at)}, after {took}"
    yield "speed", _speed(job)


def _speed(job: JobView) -> str:
    stage, word = job.main_stage, _word(job)
    if stage is None or not stage.done or not job.render_seconds:
        return ""
    told = [f"{words.duration(job.render_seconds / stage.done)} a {word} on average"]
    if job.slowest is not None:
        told.append(f"at most {words.duration(job.slowest.seconds)} ({word} {job.slowest.unit})")
    if job.frames_per_minute is not None and not job.finished:
        told.append(f"{job.frames_per_minute:.1f} a minute just now")
    if job.peak_memory_bytes:
        told.append(f"{words.memory(job.peak_memory_bytes)} at most")
    return ", ".join(told)


def _asked(job: JobView) -> Iterator[Fact]:
    asked = job.settings
    size = f"{asked['width']}x{asked['height']}" if asked.get("width") else ""
    samples = words.plural(asked["samples"], "sample") if asked.get("samples") else ""
    blender = f"Blender {asked['blender']}" if asked.get("blender") else ""
    yield "file", str(asked.get("blend") or "")
    yield "scene", _listed(asked.get("scene"), asked.get("camera"))
    yield _word(job) + "s", str(asked.get("frames") or asked.get("units") or "")
    yield "render", _listed(asked.get("engine"), samples, size, asked.get("file_format"), blender)
    yield "movie", str(asked.get("movie") or "")
    yield "priority", str(job.priority)
    yield "deadline", _deadline(job)
    yield "workers", _requires(job)
    yield "session", _session(job)


def _deadline(job: JobView) -> str:
    if job.deadline is None:
        return ""
    at = f"{job.deadline.astimezone():%Y-%m-%d %H:%M}"
    return f"{at}, late: it goes before others of its priority" if job.late else at


def _session(job: JobView) -> str:
    session = job.session
    if session is None:
        return ""
    waits = ", waits until it has all" if session.waiting else ""
    asked = words.plural(session.wanted, "worker")
    return f"has {session.workers:,} of the {asked} it asked for{waits}"


def _listed(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part)


def _requires(job: JobView) -> str:
    asked = job.requires
    memory = asked.min_memory_bytes
    return _listed(
        f"pool {asked.pool}",
        f"tagged {' and '.join(asked.tags)}" if asked.tags else "",
        f"with {words.memory(memory)} or more" if memory else "",
        "with a GPU" if asked.gpu else "",
        f"at most {words.plural(job.max_workers, 'slot')} at a time" if job.max_workers else "",
    )


def _stages(job: JobView, width: int) -> str:
    rows = [
        (stage.kind, stage.state, *_counts(stage.done, stage.running, stage.failed, stage.total))
        for stage in job.stages
    ]
    heads = ("STAGE", "STATE", "DONE", "IN WORK", "FAILED", "OF")
    return table(heads, rows, flexible=0, right=(2, 3, 4, 5), width=width) if rows else ""


def _counts(*counts: int) -> tuple[str, ...]:
    """Numbers for a table; nothing says more than many zeros."""
    return tuple(f"{count:,}" if count else "" for count in counts)


def _work(facts: JobFacts, width: int) -> str:
    if not facts.work:
        return ""
    rows = [(one.worker, one.work.slot, one.work.kind, say.at(one.work)) for one in facts.work]
    return table(("WORKER", "SLOT", "MAKES", "AT"), rows, flexible=0, width=width)


def _failures(facts: JobFacts, width: int) -> str:
    if not facts.failures:
        return ""
    lines = [_failure(one, width) for one in facts.failures[:SHOWN_FAILURES]]
    failed = sum(stage.failed for stage in facts.job.stages)
    if failed > len(lines):
        lines.append(f"  and {failed - len(lines):,} more")
    job = facts.job.id
    lines.append(f"  what Blender said: framefarm logs {job}   again: framefarm retry {job}")
    return "\n".join(["failed", *lines])


def _failure(failure: Failure, width: int) -> str:
    unit = failure.unit
    noun = {"render": "frame", "trial": "unit"}.get(failure.kind, failure.kind)
    where = f" on {unit.worker}" if unit.worker else ""
    text = f"{noun} {unit.unit}{where}: {unit.message or 'no reason was given'}"
    return textwrap.fill(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="      ",
        break_on_hyphens=False,
    )


def _files(facts: JobFacts) -> Iterator[Fact]:
    for index, one in enumerate(facts.files):
        yield "files" if index == 0 else "", _counted(one)
    if facts.more_files:
        yield "", "and more"
    if facts.files and facts.job.outputs_dir:
        yield "in", words.place(facts.job.outputs_dir)


def _counted(files: FileCount) -> str:
    told = f"{words.plural(files.count, files.role)}, {words.size(files.size_bytes)}"
    if files.count == 1:
        return f"{told}: {files.first}"
    return f"{told}: {files.first} to {files.last}"
