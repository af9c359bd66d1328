"""The lease rules, each broken on purpose: proof that the simulation can fail.

`python -m tests.simulation --mutate L9.no_quarantine` runs seeds until one finds it, `--mutate all`
does so for each. None of this is part of FrameFarm.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any, cast
from unittest import mock

import msgspec
from sqlalchemy import bindparam, literal_column, update

from framefarm.agent import connection, decisions, slots, uploads
from framefarm.agent import instructions as do
from framefarm.agent.answers import Refused, reaction
from framefarm.agent.events import DiskChanged
from framefarm.agent.state import AgentState
from framefarm.core import blame, sessions
from framefarm.core.grace import Disturbance, Watch
from framefarm.core.requirements import Ability
from framefarm.db import Many, Prepared
from framefarm.db import tables as t
from framefarm.farm import (
    admissions,
    carving,
    charging,
    claims,
    dispatch,
    duties,
    failures,
    finishes,
    holding,
    limits,
    live_jobs,
    live_workers,
    losses,
    notify_finding,
    notify_sending,
    quarantine,
    queues,
    registry,
    requeue,
    roster,
    session_rounds,
    stalls,
    tails,
)
from framefarm.farm.late_finishes import take_from_pending
from framefarm.farm.news import News
from framefarm.farm.pool_limits import PoolRoom
from framefarm.protocol.messages import Heartbeat, Welcome

from .blobs import IncomingBlob
from .clock import START_S

Break = Callable[[], Any]
"""Makes a context manager inside of which a rule is broken."""


def swap(target: Any, name: str, broken: Any) -> Break:
    """Have something else in the place of a part."""
    return lambda: mock.patch.object(target, name, broken)


def _nothing(*_: object, **__: object) -> None:
    """Do nothing."""


# --- leases: L1 to L3


_RENEW_ANY = Many(
    update(t.leases)
    .where(t.leases.c.id == bindparam("lease"), t.leases.c.state == literal_column("'active'"))
    .values(expires_at=bindparam("until")),
    "lease",
    "until",
)


def _renew_any(open_: Any, rows: Any) -> int:
    # As if the statement did not say whose lease it is.
    return _RENEW_ANY.run(open_, [(lease, until) for lease, _, until in rows])


async def _beat_seldom(self: Any) -> None:
    await self._paced.wait()
    while True:
        await asyncio.sleep((self._beat_every_s or 1.0) * 6.0)
        self.send(Heartbeat(self._held()))


# --- what counts: L4 to L6


def _take_stale(open_: Any, failure: Any, _real: Any = failures._take_off_lease) -> int | None:
    found = _real(open_, failure)
    if found is None and take_from_pending(open_, failure.stage_id, failure.unit):
        return cast("int", failure.attempt) + 1
    return cast("int | None", found)


def _welcome_without_offers(
    state: Any, order: Any, _real: Any = decisions._welcome
) -> tuple[Any, list[Any]]:
    state, todo = _real(state, order)
    return state, [one for one in todo if not isinstance(one, do.Offer)]


def _begin_without_outbox(slots: Any, *, _real: Any = AgentState.of, **what: Any) -> AgentState:
    return cast("AgentState", _real(slots, **{**what, "owed": ()}))


# --- grace: L7


def _blind(*to: Disturbance) -> Break:
    real = Watch.disturbance

    def disturbance(self: Watch, now: Any) -> Disturbance | None:
        found = real(self, now)
        return None if found in to else found

    return swap(Watch, "disturbance", disturbance)


# --- blame: L9


def _with_limits(function: Any, **limits: Any) -> Any:
    def judge(faults: Any, known: Any, *more: Any) -> Any:
        return function(faults, dataclasses.replace(known, **limits), *more)

    return judge


def _count_deaths(faults: Any, limits: Any, _real: Any = blame._after_deaths) -> Any:
    # As if each death were that of another worker.
    each = [dataclasses.replace(f, worker_id=f"{f.worker_id} {n}") for n, f in enumerate(faults)]
    return _real(each, limits)


def _alone(errors: Any, limits: Any, _: Any, _real: Any = blame._after_errors) -> Any:
    return _real(errors, limits, lambda *_: False)


def _trust(claim: Any, **held_against: frozenset[Any]) -> Any:
    def trusting(first: Any, request: Any, *more: Any) -> Any:
        return claim(first, msgspec.structs.replace(request, **held_against), *more)

    return trusting


_NONE: frozenset[Any] = frozenset()


# --- order and the tail: L11, L12


def _last_first_anyones(self: Any, _: str, _real: Any = tails._EndingStage.last_first) -> Any:
    return _real(self, "")


def _add_forgetfully(stage: Any, row: Any, watch: Any, _real: Any = tails._add) -> None:
    _real(stage, row, watch)
    stage.twice.clear()


def _worst_first(self: Any, *of: Any, _real: Any = queues.Offer.preferred, **what: Any) -> Any:
    return iter(reversed(list(_real(self, *of, **what))))


_LAST_SPANS = Prepared(
    cast("Any", carving._NEXT_SPANS)
    ._statement.order_by(None)
    .order_by(t.spans.c.position.desc(), t.spans.c.id.desc())
)


# --- sessions


def _as_if_in_none(
    self: Any, ability: Any, _real: Any = queues.Offer.preferred, **what: Any
) -> Any:
    return _real(self, ability.of_nobody, **what)


def _others_first(self: Any, ability: Any, _real: Any = queues.Offer.preferred, **what: Any) -> Any:
    yield from _real(self, ability.of_nobody, **what)
    yield from _real(self, ability, **what)


def _suits_in_any(self: Any, asked: Any, _real: Any = Ability.suits) -> Any:
    return _real(self, asked.of_anybody)


def _as_if_all_were_busy(
    asking: Any, free: Any, _: Any, _real: Any = sessions.assign, **u: Any
) -> Any:
    return _real(asking, free, {}, **u)


# --- notices


def _none_was_begun(
    connection: Any, farm_id: str, _real: Any = notify_sending.recover, **_: object
) -> None:
    # As if there were no journal of what was being sent.
    _real(connection, farm_id, noted={})


# --- bounds: L14


def _full_for_ever(status: int, *of: Any, _real: Any = reaction, **what: Any) -> Any:
    return Refused("full") if status == 507 else _real(status, *of, **what)


MUTATIONS: dict[str, Break] = {
    "L1.managers_clock": swap(claims, "database_now", lambda _: START_S + time.monotonic()),
    "L2.renews_others": swap(registry, "renew_leases", _renew_any),
    "L3.renews_nothing": swap(registry, "renew_leases", lambda _, rows: len(rows)),
    "L3.beats_seldom": swap(connection.Connection, "_beat", _beat_seldom),
    "L4.stale_failure_counts": swap(failures, "_take_off_lease", _take_stale),
    "L4.late_success_refused": swap(finishes, "reclaim", lambda *_: False),
    "L5.bytes_unchecked": swap(IncomingBlob, "check", _nothing),
    "L6.not_offered_again": lambda: mock.patch.dict(
        decisions.RULES, {Welcome: _welcome_without_offers}
    ),
    "L6.outbox_lost": swap(AgentState, "of", _begin_without_outbox),
    "L7.no_grace_at_start": _blind(Disturbance.START),
    "L7.no_grace_after_outage": _blind(Disturbance.OUTAGE),
    "L7.no_grace_after_clock_step": _blind(Disturbance.CLOCK),
    "L7.no_grace_after_stop": _blind(Disturbance.STOPPED),
    "L8.restart_frees_nothing": swap(admissions, "free_worker", lambda *_, **__: News()),
    "L8.unknown_stay_lent": swap(admissions._Group, "_free_unknown", lambda *_: News()),
    "L9.one_loss_fails": swap(losses, "judge_losses", _with_limits(blame.judge_losses, losses=1)),
    "L9.one_error_fails": swap(failures, "judge", _with_limits(blame.judge, workers=1)),
    "L9.deaths_not_workers": swap(blame, "_after_deaths", _count_deaths),
    "L9.given_up_early": swap(blame, "_after_errors", _alone),
    "L9.same_worker_again": swap(carving.Source, "_keeps_off", lambda *_: False),
    "L9.no_quarantine": swap(quarantine.Charges, "charge_others", _nothing),
    "L9.quarantined_get_work": swap(live_workers, "bars", lambda _: {}),
    "L9.quarantined_get_tails": swap(
        tails, "_claim", _trust(tails._claim, barred=_NONE, probation=_NONE)
    ),
    "L9.trials_of_many": swap(
        carving.Source, "carve", _trust(carving.Source.carve, probation=_NONE)
    ),
    "L9.trial_ends_nothing": swap(charging, "end_by_success", _nothing),
    "L9.held_for_ever": swap(holding, "_try_again", _nothing),
    "L10.worker_ends_nothing": swap(slots.Slot, "upkeep", lambda _: asyncio.sleep(0)),
    "L10.manager_ends_nothing": swap(duties, "find_stalls", lambda _: iter(())),
    "L10.twice_as_patient": swap(
        dispatch, "stall_limit_s", lambda *of: 3.0 * stalls.stall_limit_s(*of)
    ),
    "L11.never_twice": swap(dispatch, "lease_tails", lambda _, asking: [None for _ in asking]),
    "L11.own_units": swap(tails._EndingStage, "last_first", _last_first_anyones),
    "L11.thrice": swap(tails, "_add", _add_forgetfully),
    "L11.loser_goes_on": swap(finishes, "take_from_leases", _nothing),
    "L12.worst_first": swap(queues.Offer, "preferred", _worst_first),
    "L12.last_span_first": swap(carving, "_NEXT_SPANS", _LAST_SPANS),
    "L12.pool_overfull": swap(PoolRoom, "full", lambda *_: False),
    "L12.pool_overfull_for_one": swap(PoolRoom, "full_for_owner", lambda *_: False),
    "L12.pool_overfull_for_a_job": swap(PoolRoom, "full_for_job", lambda *_: False),
    "L12.pool_wakes_nobody": swap(limits.Limited, "concerned", lambda *_: False),
    "L13.no_rest": swap(roster, "rest_s", lambda *_, **__: 0.0),
    "L13.hurried_connections": swap(connection, "full_jitter", lambda *_, **__: 0.0),
    "L13.long_pauses": swap(connection, "full_jitter", lambda *_, **__: 300.0),
    "L13.hurried_offers": swap(uploads, "full_jitter", lambda *_, **__: 0.0),
    "L14.full_is_final": swap(uploads, "reaction", _full_for_ever),
    "L14.renders_onto_full_disk": lambda: mock.patch.dict(
        decisions.RULES, {DiskChanged: lambda state, _: (state, [])}
    ),
    "sessions.own_job_unseen": swap(queues.Offer, "preferred", _as_if_in_none),
    "sessions.others_first": swap(queues.Offer, "preferred", _others_first),
    "sessions.tails_for_anybody": swap(Ability, "suits", _suits_in_any),
    "sessions.nobody_makes_room": swap(session_rounds, "assign", _as_if_all_were_busy),
    "quotas.slots_overfull": swap(limits.Room, "quota_full", lambda *_: False),
    "quotas.jobs_unchecked": swap(live_jobs, "check_quota", _nothing),
    "quotas.old_jobs_unchecked": swap(live_jobs, "check_again", _nothing),
    "notices.sent_again": swap(notify_sending, "recover", _none_was_begun),
    "notices.never_settled": swap(notify_sending, "recover", _nothing),
    "notices.looks_ahead": swap(notify_finding, "_since", lambda _, __, now: now),
    "units_vanish": swap(requeue, "make_pending", _nothing),
    "work_wakes_nobody": swap(dispatch.Dispatcher, "work_appeared", _nothing),
}


@contextlib.contextmanager
def broken(name: str) -> Iterator[None]:
    """Inside, a rule is broken."""
    with MUTATIONS[name]():
        yield
