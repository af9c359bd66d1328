"""What a manager does by itself, again and again: each duty runs for ever.

A duty outlives a bad round: what went wrong is logged, and the next round tries again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection

from framefarm.core.errors import FrameFarmError
from framefarm.core.grace import GraceLimits, Watch
from framefarm.core.piece_size import PieceSize
from framefarm.db import Handler
from framefarm.farm.answers import forget_old_answers
from framefarm.farm.catalog import Catalog
from framefarm.farm.deadlines import apply, judge
from framefarm.farm.deleting import remove_leftovers
from framefarm.farm.expiry import Round, expiry_round
from framefarm.farm.figures import Figures, count_up, read_figures
from framefarm.farm.holding import try_held
from framefarm.farm.invariants import check_invariants
from framefarm.farm.logins import forget_ended_logins
from framefarm.farm.notify_finding import forget_old
from framefarm.farm.oversized import give_up_oversized
from framefarm.farm.redo_wishes import RedoWish, end_wish
from framefarm.farm.redoing import Redone, redo_some
from framefarm.farm.stalls import Stall, find_stalls, pardon_silence, take_back
from framefarm.farm.upkeep import forget_ended_leases, remove_unneeded, unneeded

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

_log = structlog.get_logger(__name__)

_GIVE_UP_EVERY_S = 30.0
_DEADLINES_EVERY_S = 10.0
_TRY_EVERY_S = 2.0
_TIDY_EVERY_S = 600.0
_WATCH_EVERY_S = 60.0
_BLOBS_AT_A_TIME = 100
"""Removed in one transaction: others wait meanwhile."""


def duties_of(farm: Farm) -> dict[str, Coroutine[Any, Any, None]]:
    """The duties of a farm, by name, to be run as tasks."""
    found = {
        "expire_leases": expire_leases(farm),
        "take_back_stalls": take_back_stalls(farm),
        "give_up_oversized": give_up(farm),
        "keep_deadlines": keep_deadlines(farm),
        "try_held": try_again(farm),
        "tidy": tidy(farm),
        "clear_away": clear_away(farm),
        "make_anew": make_anew(farm),
    }
    if farm.settings.watch_invariants:
        found["watch_invariants"] = watch_invariants(farm)
    return found


async def guarded(duty: str, work: Awaitable[object]) -> None:
    """Run one round of a duty; an error is logged and the next round tries again."""
    try:
        await work
    except Exception:  # noqa: BLE001  a duty must outlive one bad round
        _log.exception("duty_failed", duty=duty)


# --- leases -------------------------------------------------------------------------------------


async def expire_leases(farm: Farm) -> None:
    """End leases whose time is over, unless nobody could have renewed them (L1, L7)."""
    every_s = min(1.0, farm.settings.lease_s / 10)
    watch = Watch(GraceLimits.of_lease(farm.settings.lease_s, every_s))
    # After renewals and results of the same group: what came in time counts.
    handler: Handler[Watch, Round] = Handler(
        lambda connection, items: [_expire(farm, connection, watch) for watch in items], rank=60
    )
    while True:
        watch = await _expiry_round(farm, handler, watch)
        await asyncio.sleep(every_s)


async def _expiry_round(farm: Farm, handler: Handler[Watch, Round], watch: Watch) -> Watch:
    held = watch.hold(time.monotonic(), farm.come_by_s)
    if held is not None:
        return held
    try:
        done = await farm.writer.submit(handler, watch)
        if done.disturbance is not None:
            _log.info("leases_begin_anew", because=done.disturbance)
            # Claims may have failed as well: their slots wait, and nobody would ask for them again.
            farm.dispatcher.work_appeared()
        await farm.spread(done.news)
        if farm.workers.any_barred:
            await farm.workers.refresh_bars()
    except FrameFarmError as error:
        _log.warning("expiry_failed", error=str(error))
        return watch.after_failure()
    except Exception:  # noqa: BLE001  a duty must outlive one bad round
        _log.exception("duty_failed", duty="expire_leases")
        return watch.after_failure()
    return done.watch


def _expire(farm: Farm, connection: Connection, watch: Watch) -> Round:
    return expiry_round(
        connection,
        farm.catalog,
        watch,
        farm.settings.lives,
        monotonic_s=time.monotonic(),
        outages=farm.writer.outages,
    )


async def take_back_stalls(farm: Farm) -> None:
    """Take back what shows no progress though its worker is there (L10)."""
    every_s = min(5.0, farm.settings.lease_s / 3)
    while True:
        began = time.monotonic()
        await asyncio.sleep(every_s)
        late_s = time.monotonic() - began - every_s
        if late_s > every_s:
            # Stopped by a signal, it has heard nobody.
            pardon_silence(farm.roster, late_s)
        for stall in list(find_stalls(farm.roster)):
            await guarded("take_back_stalls", _take_back(farm, stall))


async def _take_back(farm: Farm, stall: Stall) -> None:
    work = partial(take_back, catalog=farm.catalog, stall=stall, blame=farm.results.blame)
    await farm.change(work)
    # Only now: where the database was not to be had, the next round must find it again.
    _forget_work(farm, stall)


async def give_up(farm: Farm) -> None:
    """Fail units that wait for memory which no worker has any more (L9)."""
    while True:
        await asyncio.sleep(_GIVE_UP_EVERY_S)
        work = partial(give_up_oversized, catalog=farm.catalog, blame=farm.results.blame)
        await guarded("give_up_oversized", farm.change(work))


async def keep_deadlines(farm: Farm) -> None:
    """Raise jobs that would miss their deadline, put back those that are in time again."""
    while True:
        await asyncio.sleep(_DEADLINES_EVERY_S)
        await guarded("keep_deadlines", look_at_deadlines(farm))


async def look_at_deadlines(farm: Farm) -> None:
    """Do it once."""
    verdicts = await farm.read(lambda connection: judge(connection, farm.views.time_left))
    if verdicts:
        step = farm.settings.deadline_raise
        await farm.change(lambda connection: apply(connection, verdicts, step))


async def try_again(farm: Farm) -> None:
    """Try jobs again that are held, each when it is its time (L9)."""
    while True:
        await asyncio.sleep(_TRY_EVERY_S)
        await guarded("try_held", farm.change(partial(try_held)))


def _forget_work(farm: Farm, stall: Stall) -> None:
    link = farm.roster.get(stall.worker_id)
    for slot in link.slots.values() if link is not None else ():
        if slot.work is not None and slot.work.lease_id == stall.lease_id:
            slot.work = None


# --- room ---------------------------------------------------------------------------------------


async def tidy(farm: Farm) -> None:
    """Forget leases and remove blobs that nothing needs any more."""
    while True:
        await asyncio.sleep(_TIDY_EVERY_S)
        await guarded("forget_leases", farm.writer.write(forget_ended_leases))
        await guarded("forget_answers", farm.writer.write(forget_old_answers))
        await guarded("collect_blobs", collect_blobs(farm))
        await guarded("tidy_uploads", farm.uploads.tidy())
        await guarded("forget_notifications", farm.writer.write(forget_old))
        forget = partial(forget_ended_logins, limits=farm.settings.logins)
        await guarded("forget_logins", farm.writer.write(forget))


async def clear_away(farm: Farm) -> None:
    """Remove what deleted jobs leave, also those that were deleted before a crash."""
    while True:
        await guarded("clear_away", remove_all_leftovers(farm))
        await farm.deleted.wait()
        farm.deleted.clear()


async def remove_all_leftovers(farm: Farm) -> None:
    """Remove what deleted jobs have left, in writes that hold nobody up for long."""
    await farm.writer.write_in_turns(remove_leftovers)


async def make_anew(farm: Farm) -> None:
    """Take back what is to be made anew, also what was asked for before a crash."""
    while True:
        await guarded("make_anew", redo_all(farm))
        farm.nothing_to_redo.set()
        await farm.redoing.wait()
        farm.redoing.clear()


async def redo_all(farm: Farm) -> None:
    """Take back all that is to be made anew, in writes that hold nobody up for long."""
    size = PieceSize()
    while await _redo_some(farm, size):
        pass


async def _redo_some(farm: Farm, size: PieceSize) -> bool:
    """Do a piece, and leave as much time to others; whether more may be left."""
    began = time.monotonic()
    done = await farm.writer.write(partial(_redo_piece, catalog=farm.catalog, size=size))
    if done is None:
        return False
    await farm.spread(done.news)
    wish = done.figures_of
    if wish is not None:
        figures = await farm.read(lambda connection: read_figures(connection, wish.stage_id))
        await farm.writer.write(lambda connection: _count_up(connection, wish, figures))
    await asyncio.sleep(time.monotonic() - began)
    return True


def _redo_piece(connection: Connection, catalog: Catalog, size: PieceSize) -> Redone | None:
    began = time.monotonic()
    done = redo_some(connection, catalog, size.rows)
    size.note(time.monotonic() - began)
    return done


def _count_up(connection: Connection, wish: RedoWish, figures: Figures) -> None:
    if count_up(connection, figures):
        end_wish(connection, wish)


async def collect_blobs(farm: Farm) -> int:
    """Remove blobs that no job needs and nobody touched lately; returns how many."""
    before = time.time() - farm.settings.keep_blobs_s
    old = await asyncio.to_thread(lambda: list(farm.blobs.untouched_since(before)))
    candidates = await farm.read(lambda connection: unneeded(connection, old))
    removed = 0
    for start in range(0, len(candidates), _BLOBS_AT_A_TIME):
        some = candidates[start : start + _BLOBS_AT_A_TIME]
        work = partial(remove_unneeded, blobs=farm.blobs, hashes=some, untouched_since=before)
        removed += await farm.writer.write(work)
    if removed:
        _log.info("blobs_removed", count=removed)
    return removed


# --- soak ---------------------------------------------------------------------------------------


async def watch_invariants(farm: Farm) -> None:
    """Check once a minute that all invariants hold; for long trials."""
    while True:
        await asyncio.sleep(_WATCH_EVERY_S)
        await guarded("watch_invariants", report_faults(farm))


async def report_faults(farm: Farm) -> list[str]:
    """Check the invariants and log what does not hold; returns it."""
    found = await farm.read(lambda connection: check_invariants(connection, farm.blobs))
    for fault in found:
        _log.error("invariant_broken", what=fault)
    return found
