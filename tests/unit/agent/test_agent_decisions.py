"""What an agent does next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from framefarm.agent import events as ev
from framefarm.agent import instructions as do
from framefarm.agent.lease_rules import MAX_TASKS
from framefarm.agent.result_rules import MAX_FAILURES
from framefarm.agent.state import held_leases
from framefarm.protocol import messages as msg
from tests.unit.agent.states import Play, lease, left_behind, picture, task, welcome


def readies(play: Play) -> list[str]:
    return [report.slot for report in play.sent if isinstance(report, msg.Ready)]


class TestConnecting:
    def test_connected_says_hello_and_asks_for_nothing_before_the_welcome(self):
        play = Play.of("cpu")

        play.tell(ev.Connected())

        assert play.todo == [do.Greet(())]

    def test_welcome_asks_for_every_free_slot_after_settling(self):
        play = Play.of("cpu", "media")
        play.tell(ev.Connected())

        play.tell(welcome(key="k", stall_s=7.0))

        assert play.todo[0] == do.Settle("w1", "k", 30.0, 7.0)
        assert readies(play) == ["cpu", "media"]

    def test_ready_is_said_once(self):
        play = Play.connected()

        play.tell(msg.Query())

        assert play.todo == [do.SendFacts()]

    def test_disabled_worker_asks_for_nothing_until_enabled(self):
        play = Play.of()
        play.tell(ev.Connected(), welcome(enabled=False))
        assert not readies(play)

        play.tell(msg.Enable())

        assert readies(play) == ["cpu"]

    def test_reconnect_greets_with_the_lease_in_work_and_goes_on_with_it(self):
        play = Play.working()
        first = play.work
        play.tell(ev.Disconnected())
        assert not play.found(do.AbortUnit)

        play.tell(ev.Connected())
        assert play.todo == [do.Greet(("L1",))]
        play.tell(welcome())

        assert play.work is first
        assert not readies(play)

    def test_lease_goes_on_while_the_connection_is_gone(self):
        play = Play.working("1-2")
        play.tell(ev.Disconnected())

        play.render()

        assert play.started == [2]

    def test_tasks_end_with_their_connection(self):
        play = Play.connected()
        play.tell(task())
        play.tell(ev.Disconnected(), ev.Connected(), welcome())

        play.tell(lease())

        assert play.found(do.Reconnect)
        assert not play.started

    def test_bye_with_a_time_comes_again_and_without_gives_up(self):
        play = Play.connected()

        assert play.tell(msg.Bye("full", 5.0)) == [do.AwaitReturn(5.0)]
        assert play.tell(msg.Bye("too old")) == [do.GiveUp("too old")]

    def test_refused_key_leads_to_a_new_connection(self):
        assert Play.connected().tell(ev.KeyRefused()) == [
            do.Reconnect("the manager does not accept the key any more")
        ]

    def test_more_tasks_than_are_kept_lead_to_a_new_connection(self):
        play = Play.connected()
        play.tell(*(task(n) for n in range(MAX_TASKS)))
        assert not play.todo

        assert isinstance(play.tell(task(MAX_TASKS))[0], do.Reconnect)
        assert play.tell(task(5)) == []


class TestLeases:
    def test_lease_starts_its_first_unit(self):
        play = Play.connected()

        play.tell(task(), lease(units="5-9"))

        (start,) = play.found(do.StartUnit)
        assert (start.work.unit, start.work.lease, start.work.kind) == (5, "L1", "render")

    def test_units_are_worked_in_the_order_of_the_text(self):
        play = Play.connected()
        play.tell(task(), lease(units="9,1-3x2,7"))

        order = [play.render().unit for _ in range(4)]

        assert order == [9, 1, 3, 7]

    def test_unit_gets_its_own_inputs_only(self):
        files = tuple(msg.InputFile(unit, f"{unit}.png", "0" * 64, 1) for unit in (0, 1, 0))
        play = Play.connected()
        order = msg.Lease("L1", 1, "cpu", "0-1", 1, 30.0, files)

        play.tell(task(), order)

        assert play.work.inputs == (files[0], files[2])

    def test_last_unit_rendered_asks_at_once_without_waiting_for_the_upload(self):
        play = Play.working("1")

        work = play.render()

        assert play.found(do.Keep) == [do.Keep(work, picture(1))]
        assert readies(play) == ["cpu"]

    def test_ready_names_the_warm_file(self):
        play = Play.working("1")

        play.tell(ev.UnitRendered(play.work, picture(), warm="abc"))

        assert msg.Ready("cpu", "abc") in play.sent

    def test_lease_for_a_busy_slot_is_given_back(self):
        play = Play.working()

        play.tell(lease("L2"))

        assert play.sent == [msg.Released("L2")]
        assert play.work.lease == "L1"

    def test_lease_for_an_unknown_slot_is_given_back(self):
        play = Play.connected()

        play.tell(task(), lease(slot="gpu"))

        assert play.sent == [msg.Released("L1")]

    @pytest.mark.parametrize("units", ["", "x", "1-", "3-1"])
    def test_lease_with_unreadable_units_leads_to_a_new_connection(self, units: str):
        play = Play.connected()

        play.tell(task(), lease(units=units))

        assert isinstance(play.todo[-1], do.Reconnect)
        assert play.state.slots["cpu"].lease is None

    def test_revoke_stops_the_unit_and_drops_what_comes_of_it(self):
        play = Play.working()
        work = play.work

        play.tell(msg.Revoke("L1"))
        assert play.todo == [do.AbortUnit("cpu")]
        play.tell(ev.UnitRendered(work, picture()))

        assert play.found(do.Discard) == [do.Discard(work)]
        assert not play.found(do.Keep)
        assert readies(play) == ["cpu"]

    def test_revoke_of_another_lease_changes_nothing(self):
        play = Play.working()

        assert play.tell(msg.Revoke("L9")) == []
        assert play.work.lease == "L1"

    def test_slot_is_not_asked_for_before_its_aborted_unit_ended(self):
        play = Play.working()
        work = play.work

        play.tell(msg.Revoke("L1"))
        assert not readies(play)
        play.tell(ev.UnitAborted(work))

        assert readies(play) == ["cpu"]

    def test_lease_that_comes_during_an_abort_starts_after_it(self):
        play = Play.working()
        work = play.work
        play.tell(msg.Revoke("L1"))

        play.tell(lease("L2", "7"))
        assert not play.started
        play.tell(ev.UnitAborted(work))

        assert play.started == [7]

    def test_lease_that_came_during_an_abort_can_be_revoked_too(self):
        play = Play.working()
        work = play.work
        play.tell(msg.Revoke("L1"), lease("L2", "7"), msg.Revoke("L2"))

        play.tell(ev.UnitAborted(work))

        assert not play.started
        assert readies(play) == ["cpu"]

    def test_late_event_of_a_unit_no_longer_in_work_changes_nothing(self):
        play = Play.working("1-2")
        old = play.render()

        play.tell(ev.UnitFailed(old, "crashed", "late"))

        assert play.sent == []
        assert play.work.unit == 2

    def test_disable_gives_back_and_stops(self):
        play = Play.working()

        play.tell(msg.Disable())

        assert play.todo == [do.Send(msg.Released("L1")), do.AbortUnit("cpu")]

    def test_drain_finishes_the_lease_and_takes_no_other(self):
        play = Play.working("1-2")

        play.tell(msg.Drain())
        play.render()
        assert play.started == [2]
        play.render()

        assert not readies(play)

    def test_enable_after_drain_asks_again(self):
        play = Play.connected()
        play.tell(msg.Drain())

        play.tell(msg.Enable())

        assert readies(play) == ["cpu"]


class TestBackPressure:
    def test_slot_waits_while_too_many_results_are_being_stored(self):
        play = Play.working("1-9", max_keeping=2)
        first = play.render()
        assert play.started == [2]
        play.render()
        assert not play.started

        play.keep(first)

        assert play.started == [3]

    def test_no_lease_is_asked_for_while_too_much_is_owed(self):
        play = Play.working("1", max_owed=1)
        work = play.work
        play.tell(ev.UnitFailed(work, "error", "x"), task(), lease("L2", "2"))
        owed = play.keep(play.render())
        play.tell(lease("L3", "3"))
        play.render()
        assert not readies(play)

        play.tell(ev.OfferAnswered(owed.entry, "accepted"))

        assert readies(play) == ["cpu"]

    def test_full_disk_takes_no_lease_and_asks_again_when_there_is_room(self):
        play = Play.connected()

        play.tell(ev.DiskChanged(low=True), task(), lease())
        assert msg.Released("L1") in play.sent
        assert not play.started
        play.tell(ev.DiskChanged(low=False))

        assert readies(play) == ["cpu"]


class TestResults:
    def test_kept_result_is_offered(self):
        play = Play.working("1")

        owed = play.keep(play.render())

        assert play.todo == [do.Offer(owed.entry)]

    def test_result_without_files_goes_over_the_connection(self):
        play = Play.working("1")

        play.keep(play.render(), has_files=False)

        assert play.sent == [msg.Finished("L1", 1, 1, 1, seal="seal of L1")]

    def test_result_without_files_waits_for_the_next_welcome(self):
        play = Play.working("1")
        play.tell(ev.Disconnected())
        play.keep(play.render(), has_files=False)
        assert not play.sent

        play.tell(ev.Connected(), welcome())

        assert msg.Finished("L1", 1, 1, 1, seal="seal of L1") in play.sent

    @pytest.mark.parametrize("answer", ["accepted", "accepted_late"])
    def test_accepted_result_leaves_the_outbox_for_the_cache(self, answer: ev.Answer):
        play = Play.working("1")
        owed = play.keep(play.render())

        assert play.tell(ev.OfferAnswered(owed.entry, answer)) == [
            do.DropEntry(owed.entry, useful=True)
        ]
        assert not play.state.owed

    @pytest.mark.parametrize("answer", ["already_done", "gone"])
    def test_unwanted_result_leaves_the_outbox(self, answer: ev.Answer):
        play = Play.working("1")
        owed = play.keep(play.render())

        assert play.tell(ev.OfferAnswered(owed.entry, answer)) == [
            do.DropEntry(owed.entry, useful=False)
        ]

    def test_answer_for_an_unknown_entry_changes_nothing(self):
        play = Play.connected()
        before = play.state

        assert play.tell(ev.OfferAnswered("x", "gone"), ev.OfferRefused("x", "y")) == []
        assert play.state == before

    def test_refused_result_is_reported_as_failed(self):
        play = Play.working("1")
        owed = play.keep(play.render())

        play.tell(ev.OfferRefused(owed.entry, "wrong size"))

        (failed,) = play.sent
        assert isinstance(failed, msg.Failed)
        assert (failed.unit, failed.reason, failed.message) == (1, "error", "wrong size")
        assert do.DropEntry(owed.entry, useful=False) in play.todo

    @pytest.mark.parametrize("answer", ["accepted", "already_done", "gone"])
    def test_settled_result_without_files_is_dropped(self, answer: str):
        play = Play.working("1")
        owed = play.keep(play.render(), has_files=False)

        play.tell(msg.Settled("L1", 1, answer))

        assert play.todo == [do.DropEntry(owed.entry, useful=False)]

    def test_settled_of_a_result_with_files_leaves_it_in_the_outbox(self):
        play = Play.working("1")
        owed = play.keep(play.render())

        assert play.tell(msg.Settled("L1", 1, "stale")) == []
        assert owed.entry in play.state.owed

    @pytest.mark.parametrize("epoch", ["e1", "e2"])
    def test_every_welcome_offers_everything_owed_again(self, epoch: str):
        play = Play.working("1")
        owed = play.keep(play.render())
        play.tell(ev.Disconnected(), ev.Connected())

        play.tell(welcome(epoch))

        assert do.Offer(owed.entry) in play.todo
        assert play.state.epoch == epoch

    def test_what_an_earlier_process_left_is_offered_before_any_lease_is_asked_for(self):
        play = Play.of(owed=[left_behind()])
        play.tell(ev.Connected(), welcome())
        assert do.Offer("old") in play.todo
        assert not readies(play)

        play.tell(ev.OfferAnswered("old", "accepted"))

        assert readies(play) == ["cpu"]

    def test_what_cannot_be_delivered_now_holds_nothing_up(self):
        play = Play.of(owed=[left_behind()])
        play.tell(ev.Connected(), welcome())

        play.tell(ev.OfferDeferred("old"))

        assert readies(play) == ["cpu"]
        assert "old" in play.state.owed

    def test_unit_that_could_not_be_stored_is_reported_as_failed(self):
        play = Play.working("1")
        work = play.render()

        play.tell(ev.ResultLost(work, "disk full"))

        assert isinstance(play.sent[0], msg.Failed)
        assert held_leases(play.state) == ()


class TestHeldLeases:
    def test_lease_is_renewed_until_its_last_result_is_answered(self):
        play = Play.working("1")
        assert held_leases(play.state) == ("L1",)
        work = play.render()
        assert held_leases(play.state) == ("L1",)
        owed = play.keep(work)
        assert held_leases(play.state) == ("L1",)

        play.tell(ev.OfferAnswered(owed.entry, "accepted"))

        assert held_leases(play.state) == ()

    def test_revoked_lease_is_not_renewed_for_its_results(self):
        play = Play.working("1-2")
        play.keep(play.render())

        play.tell(msg.Revoke("L1"))

        assert held_leases(play.state) == ()
        assert play.state.owed

    def test_lease_of_an_earlier_process_is_not_renewed(self):
        assert held_leases(Play.connected(owed=[left_behind()]).state) == ()


class TestFailures:
    def test_failure_is_reported_and_the_next_unit_begins(self):
        play = Play.working("1-2")

        work = play.fail()

        assert do.Discard(work) in play.todo
        (failed,) = play.sent
        assert isinstance(failed, msg.Failed)
        assert failed.reason == "crashed"
        assert play.started == [2]

    def test_failure_is_said_again_after_a_reconnect_until_settled(self):
        play = Play.working("1-2")
        play.fail()
        play.tell(ev.Disconnected(), ev.Connected(), welcome())
        assert [type(report) for report in play.sent] == [msg.Failed]

        play.tell(msg.Settled("L1", 1, "noted"))
        play.tell(ev.Disconnected(), ev.Connected(), welcome())

        assert play.sent == []

    def test_failure_while_disconnected_is_said_later(self):
        play = Play.working("1-2")
        play.tell(ev.Disconnected())
        play.fail()
        assert not play.sent

        play.tell(ev.Connected(), welcome())

        assert any(isinstance(report, msg.Failed) for report in play.sent)

    def test_stale_failure_of_a_revoked_lease_is_not_said_again(self):
        play = Play.working("1-2")
        play.fail()

        play.tell(msg.Revoke("L1"), ev.Disconnected(), ev.Connected(), welcome())

        assert not any(isinstance(report, msg.Failed) for report in play.sent)

    @pytest.mark.parametrize("has_files", [True, False])
    def test_l6_what_was_made_for_another_farm_is_offered_only_there(self, has_files):
        theirs = replace(left_behind(), has_files=has_files, farm="f1")
        play = Play.of(owed=[theirs], max_owed=1)

        play.tell(ev.Connected("f2"), welcome())
        assert not play.found(do.Offer)
        assert not any(isinstance(report, msg.Finished) for report in play.sent)
        # Nor does it keep the worker from working here, or from ending.
        assert any(isinstance(report, msg.Ready) for report in play.sent)
        assert play.state.owed == {"old": replace(theirs, renewing=False)}

        play.tell(ev.Disconnected(), ev.Connected("f1"), welcome())
        told = [report for report in play.sent if isinstance(report, msg.Finished)]
        assert len(play.found(do.Offer) if has_files else told) == 1

    def test_l6_a_drained_worker_ends_though_it_owes_another_farm_something(self):
        play = Play.of(owed=[replace(left_behind(), farm="f1")])
        play.tell(ev.Connected("f2"), welcome())

        play.tell(ev.DrainAsked())

        assert play.found(do.Quit)

    def test_failures_kept_are_bounded(self):
        play = Play.working(f"1-{MAX_FAILURES + 5}")
        for _ in range(MAX_FAILURES + 3):
            play.fail()

        assert len(play.state.failures) == MAX_FAILURES
        assert ("L1", 3) not in play.state.failures
        assert ("L1", MAX_FAILURES + 3) in play.state.failures

    def test_report_is_cut_to_what_the_protocol_takes(self):
        play = Play.working("1")

        play.tell(ev.UnitFailed(play.work, "error", "m" * 10_000, "a" + "z" * 100_000))

        failed = play.sent[0]
        assert isinstance(failed, msg.Failed)
        assert len(failed.message) == 4_000
        assert failed.log_tail == "z" * 16_000


class TestEnding:
    def test_stop_gives_back_stops_and_then_quits(self):
        play = Play.working()
        work = play.work

        play.tell(ev.StopAsked())
        assert play.todo == [do.Send(msg.Released("L1")), do.AbortUnit("cpu")]
        play.tell(ev.UnitAborted(work))

        assert play.todo == [do.Discard(work), do.Quit()]

    def test_stop_of_an_idle_agent_quits_at_once_and_only_once(self):
        play = Play.connected()

        assert play.tell(ev.StopAsked()) == [do.Quit()]
        assert play.tell(ev.StopAsked()) == []

    def test_stop_without_a_connection_says_nothing(self):
        play = Play.working()
        play.tell(ev.Disconnected())

        assert play.tell(ev.StopAsked()) == [do.AbortUnit("cpu")]

    def test_stop_waits_for_results_on_their_way_but_not_for_deferred_ones(self):
        play = Play.working("1")
        work = play.render()
        play.tell(ev.StopAsked())
        assert do.Quit() not in play.todo
        owed = play.keep(work)
        assert do.Quit() not in play.todo

        play.tell(ev.OfferDeferred(owed.entry))

        assert do.Quit() in play.todo
        assert owed.entry in play.state.owed

    def test_lease_during_a_stop_is_given_back(self):
        play = Play.working()
        play.tell(ev.StopAsked())

        play.tell(lease("L2"))

        assert play.sent == [msg.Released("L2")]

    def test_drain_asked_here_ends_after_the_lease_and_its_results(self):
        play = Play.working("1-2")
        play.tell(ev.DrainAsked())
        first = play.render()
        assert play.started == [2]
        second = play.render()
        assert not readies(play)
        play.keep(first)
        play.keep(second)
        play.tell(ev.OfferAnswered("1-1", "accepted"))
        assert do.Quit() not in play.todo

        play.tell(ev.OfferAnswered("1-2", "accepted"))

        assert play.todo[-1] == do.Quit()
