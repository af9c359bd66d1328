"""Workers that knock at the same time are let in together, each as if it had come alone."""

from __future__ import annotations

from typing import Any

from framefarm.core.errors import FrameFarmError
from framefarm.core.requirements import Pool
from framefarm.db import tables as t
from framefarm.farm.joining import Door, invite
from framefarm.farm.knocks import Admission, Knock
from framefarm.farm.revoking import revoke
from framefarm.protocol.messages import Hello, MachineFacts
from tests.integration.farm.bench import Bench

AWAY = Door(local=False)


def said(name: str = "box", boot: str = "boot", **changes: Any) -> Hello:
    facts = {"protocol": 2, "boot_id": boot, "name": name, "agent_version": "0"}
    return Hello(**{**facts, "facts": MachineFacts("box"), "slots": (), **changes})


def again(worker: Admission, boot: str = "boot", **changes: Any) -> Knock:
    shown = {"worker_id": worker.worker_id, "key": worker.key, **changes}
    return Knock(said(worker.name, boot, **shown), AWAY)


def all_in(bench: Bench, *knocks: Knock) -> list[Admission]:
    answers = bench.knocks(knocks)
    assert all(isinstance(answer, Admission) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Admission)]


def codes(answers: list[Admission | FrameFarmError]) -> list[str]:
    return ["in" if isinstance(answer, Admission) else answer.code for answer in answers]


def asked(bench: Bench, *knocks: Knock) -> int:
    """Statements that letting them in took."""
    statements = bench.count_statements()
    all_in(bench, *knocks)
    return statements.count


def test_a_thousand_come_back_with_as_many_statements_as_one(bench: Bench):
    workers = all_in(bench, *(Knock(said(f"box{n}")) for n in range(1_000)))
    for_one = asked(bench, again(workers[0]))

    assert asked(bench, *(again(worker) for worker in workers)) == for_one


def test_a_thousand_new_ones_are_added_with_as_many_statements_as_one(bench: Bench):
    for_one = asked(bench, Knock(said("first")))

    assert asked(bench, *(Knock(said(f"box{n}")) for n in range(1_000))) == for_one
    assert len(bench.rows(t.workers)) == 1_001


def test_those_of_one_name_that_come_together_get_names_of_their_own(bench: Bench):
    all_in(bench, Knock(said("box")), Knock(said("box-3")))

    names = [one.name for one in all_in(bench, *(Knock(said("box")) for _ in range(4)))]

    assert names == ["box-2", "box-4", "box-5", "box-6"]
    assert sorted(row.name for row in bench.rows(t.workers)) == [
        "box",
        "box-2",
        "box-3",
        "box-4",
        "box-5",
        "box-6",
    ]


def test_who_is_turned_away_keeps_nobody_out_that_came_at_the_same_time(bench: Bench):
    known, revoked = all_in(bench, Knock(said("known")), Knock(said("revoked")))
    bench.do(revoke, bench.catalog, revoked.worker_id)

    answers = bench.knocks(
        [
            again(known, key="wrong"),
            again(revoked),
            Knock(said("stranger"), AWAY),
            Knock(said("guesser", join_token="no-token-at-all"), AWAY),
            Knock(said("hasty", join_token="x"), Door(local=False, wait_s=5.0)),
            Knock(said("new")),
        ]
    )

    expected = ["worker_key", "revoked", "join_token", "join_token", "busy", "in"]
    assert codes(answers) == expected
    assert sorted(row.name for row in bench.rows(t.workers)) == ["known", "new", "revoked"]


def test_a_token_for_two_lets_in_two_of_three_that_come_together(bench: Bench):
    made = bench.do(invite, pool=Pool.FRIENDS, uses=2, lifetime_s=60.0)
    knocks = [Knock(said("box", f"boot{n}", join_token=made.secret), AWAY) for n in range(3)]

    assert codes(bench.knocks(knocks)) == ["in", "in", "join_token"]
    assert [row.pool for row in bench.rows(t.workers)] == ["friends"] * 2


def test_a_process_that_knocks_twice_with_one_token_is_one_worker(bench: Bench):
    made = bench.do(invite, pool=Pool.OWN, uses=1, lifetime_s=60.0)
    knock = Knock(said(join_token=made.secret), AWAY)

    first, second = all_in(bench, knock, knock)

    assert first.worker_id == second.worker_id
    assert len(bench.rows(t.workers)) == 1


def test_l8_of_two_processes_of_one_worker_that_come_together_the_later_one_counts(bench: Bench):
    [worker] = all_in(bench, Knock(said()))
    bench.trial("1-4")
    lease = bench.take(worker.worker_id)

    older, newer = all_in(
        bench, again(worker, holding=(lease.lease_id,)), again(worker, "other boot")
    )

    assert [one.id for one in older.held] == [lease.lease_id]
    assert newer.held == ()
    assert bench.rows(t.workers)[0].boot_id == "other boot"
    assert [row.state for row in bench.rows(t.leases)] == ["ended"]


def test_each_goes_on_with_what_it_holds_and_hears_what_is_not_its_own(bench: Bench):
    one, two, three = all_in(bench, *(Knock(said(f"box{n}")) for n in range(3)))
    bench.trial("1-9")
    kept, lost, unheard = (bench.take(each.worker_id) for each in (one, two, three))

    back = all_in(
        bench,
        again(one, holding=(kept.lease_id,)),
        again(two, "new boot", holding=()),
        again(three, holding=(kept.lease_id, "never")),
    )

    assert [[lease.id for lease in each.held] for each in back] == [[kept.lease_id], [], []]
    assert [each.dropped for each in back] == [(), (), tuple(sorted([kept.lease_id, "never"]))]
    ended = {row.id for row in bench.rows(t.leases) if row.state == "ended"}
    assert ended == {lost.lease_id, unheard.lease_id}
    assert [each.news.work for each in back] == [False, True, True]
    bench.check()
