"""Whatever happens in whatever order: what must always hold of an agent."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framefarm.agent import events as ev
from framefarm.agent import instructions as do
from framefarm.agent.decisions import decide
from framefarm.agent.state import AgentState, Link, why_resting
from framefarm.agent.work import UnitWork
from framefarm.protocol import messages as msg
from tests.unit.agent.states import lease, left_behind, owed_of, picture, task, welcome

SLOTS = ("cpu", "media")


@dataclass
class World:
    """A manager, slots and an uploader that answer what the agent asks of them, at any time."""

    state: AgentState
    running: dict[str, UnitWork] = field(default_factory=dict)
    aborting: set[str] = field(default_factory=set)
    keeping: list[UnitWork] = field(default_factory=list)
    outbox: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    leases: int = 0
    kept: set[tuple[str, int]] = field(default_factory=set)
    released: set[str] = field(default_factory=set)
    ended_again: bool = False

    def tell(self, event: ev.Event) -> None:
        self.state, todo = decide(self.state, event)
        for instruction in todo:
            self.obey(instruction)
        self.check()

    def obey(self, instruction: do.Instruction) -> None:
        match instruction:
            case do.StartUnit(work):
                assert work.slot not in self.running, "two units in one slot"
                self.running[work.slot] = work
            case do.AbortUnit(slot):
                assert slot in self.running, "abort of an idle slot"
                assert slot not in self.aborting, "aborted twice"
                self.aborting.add(slot)
            case do.Keep(work):
                self.keeping.append(work)
            case do.DropEntry(entry):
                self.outbox.remove(entry)
            case do.Quit(again):
                self.ended_again = again
            case do.Send(msg.Released(lease=lease)):
                assert self.state.link is Link.UP
                assert lease not in self.released, "given back twice"
                self.released.add(lease)
            case do.Send(msg.Ready(slot=slot)):
                assert not why_resting(self.state)
                assert self.state.link is Link.UP
                assert slot not in self.running, "a busy slot asked for work"
                self.asked.add(slot)

    def check(self) -> None:
        state = self.state
        assert set(state.owed) == self.outbox
        assert len(state.keeping) == len(self.keeping) <= state.max_keeping
        working = {slot.name: slot.working for slot in state.slots.values() if slot.working}
        assert working == self.running
        for slot in state.slots.values():
            assert not slot.aborting or slot.working
            assert slot.working or slot.lease is None or slot.lease.rest
            if why_resting(state):
                assert slot.lease is None or not slot.lease.rest, "more would be begun"

    def free(self, slot: str) -> UnitWork | None:
        self.aborting.discard(slot)
        return self.running.pop(slot, None)

    def happen(self, what: str, slot: str) -> None:
        event = getattr(self, f"_{what}")(slot)
        if event is not None:
            self.tell(event)

    def _connected(self, _: str) -> ev.Event | None:
        return ev.Connected() if self.state.link is Link.DOWN else None

    def _welcome(self, _: str) -> ev.Event | None:
        return welcome() if self.state.link is Link.GREETING else None

    def _disconnected(self, _: str) -> ev.Event:
        self.asked.clear()
        return ev.Disconnected()

    def _lease(self, slot: str) -> ev.Event | None:
        if self.state.link is not Link.UP:
            return None
        self.tell(task())
        self.leases += 1
        self.asked.discard(slot)
        return lease(f"L{self.leases}", "1-3", slot)

    def _revoke(self, slot: str) -> ev.Event:
        work = self.running.get(slot)
        return msg.Revoke(work.lease if work else "L1")

    def _rendered(self, slot: str) -> ev.Event | None:
        work = self.free(slot)
        return ev.UnitRendered(work, picture()) if work else None

    def _failed(self, slot: str) -> ev.Event | None:
        work = self.free(slot)
        return ev.UnitFailed(work, "error", "x") if work else None

    def _aborted(self, slot: str) -> ev.Event | None:
        work = self.free(slot) if slot in self.aborting else None
        return ev.UnitAborted(work) if work else None

    def _kept(self, slot: str) -> ev.Event | None:
        if not self.keeping:
            return None
        work = self.keeping.pop()
        assert (work.lease, work.unit) not in self.kept, "a unit finished twice under one lease"
        self.kept.add((work.lease, work.unit))
        entry = f"{work.lease}-{work.unit}"
        self.outbox.add(entry)
        owed = owed_of(work, has_files=slot == "cpu")
        return ev.ResultKept(ev.Owed(entry, *(getattr(owed, n) for n in _NAMES)))

    def _lost(self, _: str) -> ev.Event | None:
        return ev.ResultLost(self.keeping.pop(), "full") if self.keeping else None

    def _answered(self, _: str) -> ev.Event:
        return ev.OfferAnswered(min(self.outbox, default="none"), "accepted")

    def _refused(self, _: str) -> ev.Event:
        return ev.OfferRefused(min(self.outbox, default="none"), "no")

    def _deferred(self, _: str) -> ev.Event:
        return ev.OfferDeferred(min(self.outbox, default="none"))

    def _settled(self, _: str) -> ev.Event | None:
        for item in self.state.owed.values():
            return msg.Settled(item.lease, item.unit, "accepted")
        return None

    def _settled_failure(self, _: str) -> ev.Event | None:
        for lease_id, unit in self.state.failures:
            return msg.Settled(lease_id, unit, "noted")
        return None

    def _full(self, slot: str) -> ev.Event:
        return ev.DiskChanged(low=slot == "cpu")

    def _enabled(self, slot: str) -> ev.Event:
        return msg.Enable() if slot == "cpu" else msg.Disable()

    def _drain(self, _: str) -> ev.Event:
        return msg.Drain()

    def _rest(self, slot: str) -> ev.Event:
        return ev.RestChanged("it is night" if slot == "cpu" else "")

    def _revoke_units(self, slot: str) -> ev.Event:
        work = self.running.get(slot)
        return msg.Revoke(work.lease if work else "L1", units="2-3" if slot == "cpu" else "1")

    def _no_room(self, slot: str) -> ev.Event | None:
        work = self.free(slot)
        return ev.UnitFailed(work, "error", "x", no_room=True) if work else None


_NAMES = ("lease", "stage", "unit", "attempt", "has_files")
HAPPENINGS = tuple(
    name[1:] for name in vars(World) if name.startswith("_") and not name.startswith("__")
)

stories = st.lists(st.tuples(st.sampled_from(HAPPENINGS), st.sampled_from(SLOTS)), max_size=60)


def new_world() -> World:
    world = World(AgentState.of(SLOTS, max_keeping=2, owed=[left_behind()]))
    world.outbox.add("old")
    return world


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories)
def test_agent_and_its_parts_always_agree(story: list[tuple[str, str]]):
    world = new_world()

    for what, slot in story:
        world.happen(what, slot)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories)
def test_after_any_story_the_agent_asks_for_work_again(story: list[tuple[str, str]]):
    world = new_world()
    for what, slot in story:
        world.happen(what, slot)

    world.tell(ev.DiskChanged(low=False))
    world.tell(ev.RestChanged(""))
    world.happen("connected", "cpu")
    if world.state.link is Link.GREETING:
        world.tell(welcome())
    world.tell(msg.Enable())
    for _ in range(20):
        for what in ("rendered", "kept", "answered", "settled"):
            for slot in SLOTS:
                world.happen(what, slot)

    assert world.asked == set(SLOTS)
    assert not world.running
    assert not world.outbox
    assert not world.state.returning


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories)
def test_after_any_story_a_stop_ends_it(story: list[tuple[str, str]]):
    world = new_world()
    for what, slot in story:
        world.happen(what, slot)

    world.tell(ev.StopAsked())
    for what in ("aborted", "kept", "kept", "deferred"):
        for slot in SLOTS:
            world.happen(what, slot)
    while world.state.owed.keys() - world.state.deferred:
        world.tell(ev.OfferDeferred(min(world.state.owed.keys() - world.state.deferred)))

    assert world.state.over
    assert not world.running


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories, st.booleans())
def test_after_any_story_a_restart_ends_it_to_begin_anew(
    story: list[tuple[str, str]],
    at_once: bool,  # noqa: FBT001  hypothesis gives it
):
    world = new_world()
    for what, slot in story:
        world.happen(what, slot)

    world.happen("connected", "cpu")
    world.happen("welcome", "cpu")
    world.tell(msg.Restart(at_once=at_once))
    for _ in range(20):
        for what in ("aborted", "rendered", "kept", "answered", "settled", "settled_failure"):
            for slot in SLOTS:
                world.happen(what, slot)

    assert world.state.over
    assert world.ended_again
    assert not world.running
