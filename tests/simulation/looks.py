"""The moments at which promises are looked at: each commit, every five seconds, and the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from framefarm.farm.claims import claim_many
from framefarm.farm.invariants import check_invariants
from framefarm.farm.news import News

from .audit import Audit
from .farmwork import AWAY
from .lean import check_stages
from .pools import PoolLooks
from .quotas import QuotaLooks
from .reserved import Reserved
from .turns import Turns

if TYPE_CHECKING:
    from .manager import SimulatedFarm
    from .shortcuts import SimulatedDispatcher
    from .world import World

LEASE_S = 30.0
SLACK_S = 5.0
LOOK_EVERY_S = 5.0
KNOWN_DEATH_S = 3.0
STRIKES = 1
"""A slot is looked at every five seconds; it may wait for the moment of one look."""
FULL_CHECK_EVERY = 100
ALIKE = 10


class Looks:
    """Looks at everything, and says what is wrong.

    Args:
        world: What it looks at.
    """

    def __init__(self, world: World) -> None:
        now = world.timeline.time
        self._world = world
        self._database = world.database
        self._audit = Audit(
            world.database,
            world.manager.blobs,
            world.machines,
            now,
            lambda: world.disturbed_at,
            world.manager.settings.stall_s,
        )
        self._pools = PoolLooks(world.database)
        self._quotas = QuotaLooks(world.database)
        self._turns = Turns(world.database, now, world.link_of, self._full_for)
        self._reserved = Reserved(world.database, now, world.link_of, self._full_for)
        self._waiting: dict[tuple[int, int], int] = {}
        self.commits = 0

    # --- at a commit

    def of_commit(self) -> None:
        """Look at what was committed just now."""
        self.commits += 1
        changes = self._database.changes()
        if not changes.stages:
            return
        self._world.ledger.commit(changes.notes)
        for look in (
            self._audit.of_commit(changes.notes),
            self._turns.of_commit(changes),
            self._pools.of_commit(changes.notes),
            self._quotas.of_commit(changes.notes),
            self._reserved.of_commit(changes.notes),
            check_stages(self._database, changes.stages),
        ):
            for fault in look:
                self._world.fail(fault)
        if self.commits % FULL_CHECK_EVERY == 0:
            self.at_all()

    def at_all(self) -> None:
        """Hold the whole database against the invariants."""
        with self._database.engine.connect().execution_options(reading=True) as connection:
            for fault in check_invariants(connection):
                self._world.fail(fault)

    def of_news(self, news: News) -> None:
        """No lease may expire before renewals have been possible for its whole life (L7)."""
        world = self._world
        for lost in news.lost:
            world.trace("manager", "takes lease %s away: %s", lost.lease_id[:6], lost.reason)
            quiet_s = world.timeline.time() - world.disturbed_at
            if "expired" in lost.reason and quiet_s < LEASE_S:
                world.fail(
                    f"L7: lease {lost.lease_id[:6]} expired {quiet_s:.1f} s after renewals had not "
                    "been possible"
                )

    # --- now and then

    def of_now(self) -> None:
        """Look at this moment."""
        world = self._world
        world.ledger.see(world.machines)
        for fault in self._audit.of_now():
            world.fail(fault)
        if not world.manager.awake or not self._database.usable:
            return
        active = dict(self._database.ask(_ACTIVE))
        limit_s = LEASE_S + SLACK_S + LOOK_EVERY_S
        for lease in world.ledger.overdue(set(active), limit_s, world.disturbed_at):
            world.fail(f"lease {lease[:6]} has been without a holder for too long")
        for machine in world.machines:
            for lease in world.ledger.outlived(machine, KNOWN_DEATH_S):
                world.fail(f"L8: {machine.name} has begun anew, but lease {lease[:6]} is in force")
            for lease in world.ledger.never_arrived(machine, KNOWN_DEATH_S, world.disturbed_at):
                world.fail(
                    f"L8: lease {lease[:6]}, which never reached {machine.name}, is in force"
                )
        self._look_at_renewals(active)
        self._look_for_idle_slots()

    def _look_at_renewals(self, active: dict[str, float]) -> None:
        """A lease begins its life anew only when its holder was heard (L2), or with all others."""
        world, now = self._world, self._world.timeline.time()
        if now - world.disturbed_at < LEASE_S + SLACK_S:
            return
        heard_at = {machine.worker_id: machine.cable.heard_at for machine in world.machines}
        for name, ends_at in active.items():
            lease = world.ledger.leases[name]
            renewed_at = now + ends_at - self._database.clock() - LEASE_S
            known_at = max(heard_at.get(lease.holder, 0.0), lease.given_at)
            if renewed_at > known_at + SLACK_S:
                world.fail(
                    f"L2: lease {name[:6]} was renewed {renewed_at - known_at:.0f} s after its "
                    "holder had last been heard"
                )

    def _look_for_idle_slots(self) -> None:
        """A slot that waits while work that suits it is pending has been forgotten."""
        farm = self._world.manager.farm
        before, self._waiting = self._waiting, {}
        if farm is None:
            return
        dispatcher = cast("SimulatedDispatcher", farm.dispatcher)
        claimable = self._database.ask(_WAITING_KINDS)
        kinds = {kind for (kind,) in claimable}
        for link, slot in farm.roster.waiting():
            if not link.enabled:
                continue
            suits = not kinds.isdisjoint(slot.ability.kinds)
            if suits and self._would_be_served(farm, link, slot):
                forgotten = "waits while work waits for it"
            elif not self._limits_slots() and dispatcher.idles(link, slot):
                forgotten = "idles, though it could help out with the last units (L11)"
            else:
                continue
            # One that had a lease in the meantime has not waited from one look to the next.
            at = (id(slot), dispatcher.lent[id(slot)])
            strikes = self._waiting[at] = before.get(at, 0) + 1
            if strikes > STRIKES:
                self._world.fail(f"slot {slot.offer.slot} of {link.name} {forgotten}")

    def _limits_slots(self) -> bool:
        return any(self._pools.limits()) or self._quotas.limits_slots()

    def _full_for(self, stage: int) -> bool:
        """Whether limits let no more slots work for a stage."""
        return self._pools.full_for(stage) or self._quotas.full_for(stage)

    def _would_be_served(self, farm: SimulatedFarm, link: Any, slot: Any) -> bool:
        with self._database.engine.connect() as connection, connection.begin() as transaction:
            [lease] = claim_many(connection, [farm.dispatcher.request_of(link, slot)])
            transaction.rollback()
        return lease is not None

    # --- at the end

    def of_end(self) -> None:
        """Look at what has become of everything."""
        self.at_all()
        self._look_at_failed_units()
        self._world.ledger.close()
        for fault in self._world.post.of_end():
            self._world.fail(fault)

    def _look_at_failed_units(self) -> None:
        """A unit fails only if something was wrong with it, or with workers that tried it (L9).

        Nor for what passes, once as many had failed alike as their job is held for. Of fewer one
        may be tried three times before: when a person has cancelled the job and put it back.
        """
        ledger = self._world.ledger
        for fault, stage, unit, message in self._database.ask(_FAILED):
            if not ledger.wrongs[stage, unit] and not ledger.damaged:
                self._world.fail(f"L9: unit {unit} of stage {stage} failed for nothing: {message}")
            [(alike,)] = self._database.ask(_ALIKE, stage, message, fault)
            if message == AWAY and alike >= ALIKE:
                self._world.fail(f"L9: unit {unit} of stage {stage} was given up for what passes")


_WAITING_KINDS = """
SELECT DISTINCT s.kind FROM stages s JOIN jobs j ON j.id = s.job_id
WHERE s.claimable OR (j.at_limit AND s.pending > 0)"""
"""A job at its limit may go on by now, which is for a claim to find out."""
_ACTIVE = "SELECT id, expires_at FROM leases WHERE state = 'active'"
_FAILED = "SELECT id, stage_id, unit, message FROM faults WHERE final AND NOT forgiven"
_ALIKE = """
SELECT count(DISTINCT unit) FROM faults
WHERE stage_id = ? AND message = ? AND id <= ? AND NOT forgiven"""
