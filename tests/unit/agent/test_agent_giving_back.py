"""Units taken away, times of rest, a full disk, and ends that begin anew."""

from __future__ import annotations

import pytest

from framefarm.agent import events as ev
from framefarm.agent import instructions as do
from framefarm.agent.state import held_leases
from framefarm.protocol import messages as msg
from tests.unit.agent.states import Play, lease, picture, task, welcome

NIGHT = ev.RestChanged("outside its hours")


def readies(play: Play) -> list[str]:
    return [report.slot for report in play.sent if isinstance(report, msg.Ready)]


class TestRevokeOfUnits:
    def test_units_not_begun_are_left_out_and_the_rest_goes_on(self):
        play = Play.working("1-5")

        assert play.tell(msg.Revoke("L1", units="2,4-5")) == []

        assert [play.render().unit, play.render().unit] == [1, 3]
        assert readies(play) == ["cpu"]

    def test_unit_in_work_is_stopped_and_the_rest_goes_on_after_it(self):
        play = Play.working("1-3")
        work = play.work

        assert play.tell(msg.Revoke("L1", units="1-2")) == [do.AbortUnit("cpu")]
        play.tell(ev.UnitRendered(work, picture()))

        assert not play.found(do.Keep)
        assert play.started == [3]
        assert held_leases(play.state) == ("L1",)

    def test_all_units_taken_away_end_the_lease(self):
        play = Play.working("1-3")
        work = play.work

        play.tell(msg.Revoke("L1", units="1-3"))
        play.tell(ev.UnitAborted(work))

        assert held_leases(play.state) == ()
        assert readies(play) == ["cpu"]

    def test_units_of_another_lease_are_none_of_this_one(self):
        play = Play.working("1-3")

        assert play.tell(msg.Revoke("L2", units="1-3")) == []

        assert play.render().unit == 1
        assert play.started == [2]

    def test_lease_that_came_while_the_unit_was_being_stopped_is_not_mixed_up_with_it(self):
        play = Play.working("1")
        work = play.work
        play.tell(msg.Revoke("L1", units="1"), lease("L2", "1-2"))

        play.tell(ev.UnitAborted(work))

        assert play.started == [1]
        assert play.work.lease == "L2"

    def test_result_of_a_unit_taken_away_is_offered_but_no_more_renewed(self):
        play = Play.working("1")
        owed = play.keep(play.render())

        play.tell(msg.Revoke("L1", units="1"))

        assert owed.entry in play.state.owed
        assert held_leases(play.state) == ()

    def test_failure_of_a_unit_taken_away_is_not_said_again(self):
        play = Play.working("1-3")
        play.fail()

        play.tell(msg.Revoke("L1", units="1"), ev.Disconnected(), ev.Connected(), welcome())

        assert not any(isinstance(report, msg.Failed) for report in play.sent)

    def test_units_that_cannot_be_read_lead_to_a_new_connection(self):
        play = Play.working("1-3")

        (told,) = play.tell(msg.Revoke("L1", units="5-"))

        assert isinstance(told, do.Reconnect)
        assert play.work.unit == 1


class TestResting:
    def test_unit_in_work_is_ended_and_no_other_is_begun(self):
        play = Play.working("1-3")

        play.tell(NIGHT)
        assert not play.found(do.AbortUnit)
        work = play.render()

        assert play.found(do.Keep) == [do.Keep(work, picture(1))]
        assert not play.started
        assert not readies(play)

    def test_rest_of_the_lease_is_given_back_once_what_was_made_is_delivered(self):
        play = Play.working("1-3")
        play.tell(NIGHT)
        assert msg.Released("L1") not in play.sent
        owed = play.keep(play.render())
        assert msg.Released("L1") not in play.sent

        play.tell(ev.OfferAnswered(owed.entry, "accepted"))

        assert msg.Released("L1") in play.sent

    def test_lease_that_is_finished_with_its_unit_is_not_given_back(self):
        play = Play.working("1")
        play.tell(NIGHT)

        owed = play.keep(play.render())
        play.tell(ev.OfferAnswered(owed.entry, "accepted"))

        assert msg.Released("L1") not in play.sent

    def test_lease_given_back_while_disconnected_is_not_held_any_more(self):
        play = Play.working("1-3")
        work = play.work
        play.tell(ev.Disconnected(), NIGHT, ev.UnitFailed(work, "crashed", "x"))

        play.tell(ev.Connected())

        assert play.todo == [do.Greet((), "outside its hours")]

    def test_it_says_so_and_says_when_it_is_over(self):
        play = Play.connected()

        play.tell(NIGHT)
        assert play.todo == [
            do.Send(msg.LogLine("info", "asks for no work: outside its hours")),
            do.SendFacts("outside its hours"),
        ]
        play.tell(ev.RestChanged(""))

        assert play.todo == [
            do.Send(msg.LogLine("info", "asks for work again")),
            do.SendFacts(),
        ]

    def test_a_ready_said_before_stays_in_force_and_its_lease_is_given_back(self):
        play = Play.connected()
        play.tell(NIGHT, task(), lease())

        play.tell(ev.RestChanged(""))

        assert readies(play) == ["cpu"]

    def test_the_same_reason_twice_is_said_once(self):
        play = Play.connected()
        play.tell(NIGHT)

        assert play.tell(NIGHT) == []

    def test_lease_that_comes_meanwhile_is_given_back_at_once(self):
        play = Play.connected()
        play.tell(NIGHT, task())

        play.tell(lease())

        assert play.sent == [msg.Released("L1")]

    def test_revoked_lease_is_not_given_back_as_well(self):
        play = Play.working("1-3")
        work = play.work
        play.tell(NIGHT, msg.Revoke("L1"))

        play.tell(ev.UnitAborted(work))

        assert play.todo == [do.Discard(work)]


class TestFullDisk:
    """L6, L14: a full disk on the worker's side loses nothing and asks for nothing new."""

    def test_lease_in_work_is_not_gone_on_with(self):
        play = Play.working("1-3")

        play.tell(ev.DiskChanged(low=True))
        play.render()

        assert not play.started

    def test_unit_that_failed_for_want_of_room_is_given_back_and_blamed_on_nobody(self):
        play = Play.working("1-3")
        work = play.work

        play.tell(ev.UnitFailed(work, "refused", "no space left on device", no_room=True))

        assert not any(isinstance(report, msg.Failed) for report in play.sent)
        assert msg.Released("L1") in play.sent
        assert do.Discard(work) in play.todo
        assert not readies(play)

    def test_last_unit_of_a_lease_is_given_back_as_well(self):
        play = Play.working("1")

        play.tell(ev.UnitFailed(play.work, "error", "x", no_room=True))

        assert msg.Released("L1") in play.sent

    def test_what_is_in_the_outbox_is_still_offered(self):
        play = Play.working("1")
        owed = play.keep(play.render())

        play.tell(ev.DiskChanged(low=True), ev.Disconnected(), ev.Connected(), welcome())

        assert do.Offer(owed.entry) in play.todo


class TestWelcome:
    def test_draining_worker_goes_on_with_what_it_holds_and_asks_for_nothing(self):
        play = Play.working("1-2")
        play.tell(ev.Disconnected(), ev.Connected(), welcome(draining=True))

        play.render()
        assert play.started == [2]
        play.render()

        assert not readies(play)

    def test_disabled_worker_gives_back_what_it_holds(self):
        play = Play.working("1-2")
        play.tell(ev.Disconnected(), ev.Connected())

        play.tell(welcome(enabled=False))

        assert msg.Released("L1") in play.sent
        assert play.found(do.AbortUnit) == [do.AbortUnit("cpu")]


class TestRestart:
    def test_after_the_leases_in_work_and_their_results(self):
        play = Play.working("1-2")
        assert play.tell(msg.Restart()) == []
        first = play.render()
        assert play.started == [2]
        play.keep(first)
        owed = play.keep(play.render())
        play.tell(ev.OfferAnswered("1-1", "accepted"))
        assert not play.found(do.Quit)

        play.tell(ev.OfferAnswered(owed.entry, "accepted"))

        assert play.todo[-1] == do.Quit(again=True)

    def test_results_that_cannot_be_delivered_now_are_left_to_the_next_process(self):
        play = Play.working("1")
        play.tell(msg.Restart())
        owed = play.keep(play.render())

        play.tell(ev.OfferDeferred(owed.entry))

        assert play.todo[-1] == do.Quit(again=True)
        assert owed.entry in play.state.owed

    def test_at_once_gives_back_first(self):
        play = Play.working("1-2")
        work = play.work

        play.tell(msg.Restart(at_once=True))
        assert play.todo == [do.Send(msg.Released("L1")), do.AbortUnit("cpu")]
        play.tell(ev.UnitAborted(work))

        assert play.todo[-1] == do.Quit(again=True)

    def test_stop_outweighs_it(self):
        play = Play.working("1-2")
        work = play.work
        play.tell(msg.Restart(), ev.StopAsked())

        play.tell(ev.UnitAborted(work))

        assert play.todo[-1] == do.Quit()

    def test_idle_worker_restarts_at_once(self):
        assert Play.connected().tell(msg.Restart()) == [do.Quit(again=True)]


@pytest.mark.parametrize(("said", "kept"), [(None, None), (12.5, 12.5)])
def test_lease_says_how_long_its_units_may_show_no_progress(said: float | None, kept: float | None):
    play = Play.connected()

    play.tell(task(), msg.Lease("L1", 1, "cpu", "1", 1, 30.0, stall_s=said))

    assert play.work.stall_s == kept


def test_failure_carries_the_memory_it_took_and_was_allowed():
    play = Play.working("1")

    play.tell(ev.UnitFailed(play.work, "out_of_memory", "x", peak_memory_bytes=9, memory_bytes=8))

    (failed,) = (report for report in play.sent if isinstance(report, msg.Failed))
    assert (failed.peak_memory_bytes, failed.memory_bytes) == (9, 8)


class TestManagerAwayWhileFilesAreFetched:
    def missing(self, play: Play) -> ev.UnitFailed:
        return ev.UnitFailed(play.work, "input_missing", "could not be fetched: ConnectError")

    def test_nobody_is_to_blame_and_the_lease_is_given_back(self):
        play = Play.working("1-3")
        play.tell(ev.Disconnected())

        play.tell(self.missing(play))

        assert held_leases(play.state) == ()
        assert not play.state.failures
        assert play.started == []
        play.tell(ev.Connected())
        assert play.found(do.Greet)[0].holding == ()

    def test_what_was_made_of_it_is_still_delivered(self):
        play = Play.working("1-3")
        owed = play.keep(play.render())
        play.tell(ev.Disconnected())

        play.tell(self.missing(play))
        play.tell(ev.Connected(), welcome())

        assert play.found(do.Offer) == [do.Offer(owed.entry)]
        play.tell(ev.OfferAnswered(owed.entry, "accepted"))
        assert play.sent[0] == msg.Released("L1")

    def test_a_file_that_is_missing_while_the_manager_is_there_is_a_failure(self):
        play = Play.working("1-3")

        play.tell(self.missing(play))

        assert [report.reason for report in play.sent if isinstance(report, msg.Failed)] == [
            "input_missing"
        ]
        assert play.started == [2]
