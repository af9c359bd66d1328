"""Putting units of a job back to work: those that failed, some frames, or everything.

What is made anew begins from nothing. Its result goes, with its files' rows; whatever is still on
its way from an earlier lease of it can be delivered no more (`gone`); its next attempt has a higher
number than any it had; and later units that were made of it are made anew as well. All other units
stay where they are, also while the job runs.

Of a large job that is done in pieces, each a write of its own and each whole: it is what the same
command for the piece's units alone would have done. What is left is remembered
(`framefarm.farm.redo_wishes`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from framefarm.core.errors import FrameFarmError
from framefarm.core.piece_size import PieceSize
from framefarm.core.spans import Span, Spans
from framefarm.core.states import JobState
from framefarm.db import database_now
from framefarm.db import tables as t
from framefarm.farm.attempts import next_attempt
from framefarm.farm.catalog import Catalog, JobFacts, StageFacts
from framefarm.farm.news import News
from framefarm.farm.redo_wishes import (
    RedoWish,
    last_fault,
    next_piece,
    note_left,
    note_wish,
    wish_of,
)
from framefarm.farm.reviving import Revival, reopen, revive
from framefarm.farm.settling import end_what_is_done, make_pending, refresh_claimable
from framefarm.farm.steering import job_state
from framefarm.farm.taking_back import among, take_back

_FIRST_ROWS = PieceSize().rows
"""Results and faults in the first write, about: others wait meanwhile."""

_LIVE = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)


class NothingToRetryError(FrameFarmError):
    """No unit of the job failed or was cancelled."""

    code = "nothing_to_retry"

    def __init__(self, job_id: int, state: JobState) -> None:
        super().__init__(
            f"Nothing of job {job_id} failed, it is {state}. To make frames anew that are done, "
            "name them with --frames, or use --all."
        )


class NoSuchFramesError(FrameFarmError):
    """The job has none of the frames named."""

    code = "no_such_frames"

    def __init__(self, job_id: int, named: Spans, has: Spans) -> None:
        super().__init__(f"Job {job_id} has none of the frames {named}; it has {has}.")


def retry(
    connection: Connection,
    catalog: Catalog,
    job_id: int,
    *,
    frames: Spans | None = None,
    everything: bool = False,
    revival: Revival | None = None,
    most: int = _FIRST_ROWS,
) -> News:
    """Put units back to work; what is done otherwise stays done.

    Of many units this does the first piece; `redo_some` does the others.

    Args:
        frames: Units of the first stage to make anew, whatever became of them.
        everything: Make all units anew. Without either: those that failed or were cancelled.
        revival: What was read of a cancelled job before, so that it need not be read here.
        most: Results and faults in one write, about.

    Raises:
        NoSuchJobError: There is no such job.
        NothingToRetryError: Nothing failed, and nothing is named.
        NoSuchFramesError: It has none of the frames.
    """
    state = job_state(connection, job_id)
    job = catalog.job(connection, job_id)
    wishes = _wishes(connection, job, frames, everything=everything)
    if state is not JobState.CANCELLED and not wishes:
        raise NothingToRetryError(job_id, state)
    if state not in _LIVE:
        revive(connection, catalog, job, state, revival)
    for wish in wishes:
        note_wish(connection, wish)
    news = News(jobs={job_id}, work=True)
    _redo_piece(connection, job, most, news)
    return news


def _wishes(
    connection: Connection, job: JobFacts, frames: Spans | None, *, everything: bool
) -> list[RedoWish]:
    """What is to be made anew. What is made of that follows from it."""
    if everything:
        return [RedoWish(stage.id, 0, stage.units) for stage in _roots(job)]
    if frames is None:
        upto = last_fault(connection)
        ids = [stage.id for stage in job.stages]
        failed = select(t.stages.c.id).where(t.stages.c.id.in_(ids), t.stages.c.failed > 0)
        some = set(connection.execute(failed).scalars())
        return [RedoWish(one.id, upto, one.units) for one in job.stages if one.id in some]
    first = job.stages[0]
    named = first.units.intersection(frames)
    if not named:
        raise NoSuchFramesError(job.id, frames, first.units)
    return [RedoWish(first.id, 0, named)]


def _roots(job: JobFacts) -> list[StageFacts]:
    return [stage for stage in job.stages if job.plan.stages[stage.position].needs is None]


# --- in pieces ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Redone:
    """One piece was done.

    Attributes:
        figures_of: A stage whose highest figures have to be looked for before the wish is
            fulfilled; see `framefarm.farm.figures`.
    """

    news: News
    figures_of: RedoWish | None = None


def redo_some(connection: Connection, catalog: Catalog, most: int) -> Redone | None:
    """Do the next piece of what is to be made anew; None when all is done.

    Args:
        most: Results and faults in it, about.
    """
    wish = wish_of(connection)
    if wish is None:
        return None
    stage = catalog.stage(connection, wish.stage_id)
    assert stage is not None  # the wish would have gone with it
    news = News(jobs={stage.job_id}, work=True)
    if not wish.units:
        return Redone(news, wish)
    job = catalog.job(connection, stage.job_id)
    state = job_state(connection, job.id)
    if state not in _LIVE:  # what was taken back before is done already
        revive(connection, catalog, job, state, None)
    _redo_piece(connection, job, most, news)
    return Redone(news)


def _redo_piece(connection: Connection, job: JobFacts, most: int, news: News) -> None:
    ids = [stage.id for stage in job.stages]
    wish = wish_of(connection, ids)
    if wish is not None and wish.units:
        piece, left = next_piece(connection, wish, most)
        lowered = _make_anew(connection, job, wish, piece, news)
        note_left(connection, wish, left, lowered=wish.stage_id in lowered)
        # Of what was made of them as well.
        for stage_id in lowered - {wish.stage_id}:
            note_wish(connection, RedoWish(stage_id, 0, Spans(), lowered=True))
    refresh_claimable(connection, ids)
    end_what_is_done(connection, ids, now=database_now(connection), news=news)


# --- making units anew --------------------------------------------------------------------------


def _make_anew(
    connection: Connection, job: JobFacts, wish: RedoWish, units: Spans, news: News
) -> set[int]:
    """Take units of one stage back, and those that were made of them.

    Returns:
        The stages whose highest figures have to be looked for.
    """
    removed: dict[int, Spans] = {}
    lowered = set()
    for stage in job.stages:
        attempt = next_attempt(connection, stage.id)
        here = update(t.stages).where(t.stages.c.id == stage.id)
        connection.execute(here.values(first_attempt=attempt))
        # How many inputs each unit that is taken back has lost.
        losses = _losses(job, stage, removed)
        chosen = units if stage.id == wish.stage_id else Spans.from_units(losses)
        if chosen:
            taken = take_back(connection, stage.id, chosen, news)
            removed[stage.id] = taken.done
            if taken.lowered:
                lowered.add(stage.id)
            _note_inputs(connection, stage, losses, taken.anywhere)
        reopen(connection, stage.id)
        if chosen and stage.id == wish.stage_id:
            _put_in_line(connection, stage.id, chosen, attempt)
    return lowered


def _losses(
    job: JobFacts, stage: StageFacts, removed: Mapping[int, Spans]
) -> dict[int, tuple[int, int]]:
    """Units made of results that are gone: how many inputs each has lost, and how many it needs."""
    lost = Counter(
        dependent
        for earlier in job.stages[: stage.position]
        for unit in removed.get(earlier.id, Spans())
        for dependent in job.dependents(earlier, unit)
        if dependent.stage_index == stage.position
    )
    return {one.unit: (count, one.inputs) for one, count in lost.items()}


def _note_inputs(
    connection: Connection,
    stage: StageFacts,
    losses: Mapping[int, tuple[int, int]],
    were_complete: Spans,
) -> None:
    """Note how many inputs units have left; none of them has all any more.

    Args:
        were_complete: Those that had all of their inputs before.
    """
    have: dict[int, int] = {}
    for these in among(t.inputs.c.unit, Spans.from_units(losses)):
        here = (t.inputs.c.stage_id == stage.id) & these
        rows = connection.execute(select(t.inputs.c.unit, t.inputs.c.have).where(here))
        have.update((row.unit, row.have) for row in rows)
        connection.execute(delete(t.inputs).where(here))
    left = {
        unit: (need if unit in were_complete else have.get(unit, 0)) - lost
        for unit, (lost, need) in losses.items()
    }
    some = [
        {"stage_id": stage.id, "unit": unit, "have": count} for unit, count in left.items() if count
    ]
    if some:
        connection.execute(insert(t.inputs), some)


def _put_in_line(connection: Connection, stage_id: int, units: Spans, attempt: int) -> None:
    """Make units pending, behind all others; with what came there just before them in one run."""
    spans, position = units.spans, None
    last = connection.execute(
        select(t.spans)
        .where(t.spans.c.stage_id == stage_id)
        .order_by(t.spans.c.position.desc(), t.spans.c.id.desc())
        .limit(1)
    ).one_or_none()
    if last is not None and last.attempt == attempt and last.last < units.first:
        before = Span(last.first, last.last, last.step)
        joined = Spans([before, *spans]).spans
        if len(joined) <= len(spans):
            connection.execute(delete(t.spans).where(t.spans.c.id == last.id))
            fewer = {"pending": t.stages.c.pending - len(before)}
            connection.execute(update(t.stages).where(t.stages.c.id == stage_id).values(**fewer))
            spans, position = joined, last.position
    runs = [(span.first, span.last, span.step) for span in spans]
    make_pending(connection, stage_id, runs, attempt=attempt, position=position)
