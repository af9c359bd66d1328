"""Join tokens, keys that are revoked, and names: what the database lets through."""

from __future__ import annotations

from typing import Any

import pytest

from framefarm.core.requirements import Pool
from framefarm.db import set_clock
from framefarm.db import tables as t
from framefarm.farm.joining import (
    Door,
    Invitation,
    JoinTokenError,
    TooManyGuessesError,
    invite,
)
from framefarm.farm.knocks import Admission
from framefarm.farm.registry import RevokedError, WorkerKeyError
from framefarm.farm.revoking import revoke
from framefarm.farm.worker_names import find_worker
from framefarm.farm.worker_steering import WorkerAction, WorkerChange, steer_many
from framefarm.protocol.messages import Hello, MachineFacts
from tests.integration.farm.bench import Bench

AWAY = Door(local=False)
BOOTS = iter(f"boot-{number}" for number in range(10_000))


def invitation(bench: Bench, **changes: Any) -> Invitation:
    asked = {"pool": Pool.OWN, "uses": 1, "lifetime_s": 3600.0, **changes}
    return bench.do(invite, **asked)


def knock(bench: Bench, door: Door = AWAY, **changes: Any) -> Admission:
    said = {"protocol": 2, "boot_id": next(BOOTS), "name": "box", "agent_version": "0"}
    hello = Hello(**{**said, "facts": MachineFacts("box"), "slots": (), **changes})
    return bench.knock(hello, door)


# --- tokens -------------------------------------------------------------------------------------


def test_a_worker_from_elsewhere_without_a_token_is_told_what_to_do(bench: Bench):
    with pytest.raises(JoinTokenError, match=r"--join TOKEN.*workers invite") as refused:
        knock(bench)

    assert refused.value.code == "join_token"
    assert not refused.value.guessed
    assert bench.rows(t.workers) == []


def test_a_worker_of_the_managers_own_machine_needs_no_token(bench: Bench):
    assert knock(bench, Door()).pool is Pool.OWN


def test_a_token_lets_in_as_many_as_it_is_for_and_not_one_more(bench: Bench):
    token = invitation(bench, uses=3, pool=Pool.FRIENDS).secret
    let_in = [knock(bench, join_token=token) for _ in range(3)]

    with pytest.raises(JoinTokenError, match="used up") as refused:
        knock(bench, join_token=token)

    assert not refused.value.guessed
    assert {one.pool for one in let_in} == {Pool.FRIENDS}
    assert [row.pool for row in bench.rows(t.workers)] == ["friends"] * 3
    assert len({one.worker_id for one in let_in}) == len({one.key for one in let_in}) == 3


def test_a_token_is_read_as_people_type_it(bench: Bench):
    token = invitation(bench).secret

    assert knock(bench, join_token=f" {token.upper().replace('-', ' ')} ").key


def test_a_token_ends_by_the_databases_clock(bench: Bench):
    now = 1_000.0
    set_clock(bench.engine, lambda _: now)
    made = invitation(bench, lifetime_s=3600.0, uses=2)
    assert made.expires_at == 4_600.0

    now = 4_599.9
    knock(bench, join_token=made.secret)
    now = 4_600.0
    with pytest.raises(JoinTokenError, match="has expired"):
        knock(bench, join_token=made.secret)
    assert bench.rows(t.join_tokens)[0].uses_left == 1


def test_a_token_that_ended_long_ago_is_forgotten_when_the_next_is_made(bench: Bench):
    now = 1_000.0
    set_clock(bench.engine, lambda _: now)
    invitation(bench)
    now += 8 * 24 * 3600

    kept = invitation(bench)

    assert [row.expires_at for row in bench.rows(t.join_tokens)] == [kept.expires_at]


@pytest.mark.parametrize("token", ["", "k7mq-2xw9-p4rt-8n3h", "DROP TABLE", "\x00" * 16, "é" * 500])
def test_a_token_nobody_made_counts_as_a_guess(bench: Bench, token: str):
    with pytest.raises(JoinTokenError) as refused:
        knock(bench, join_token=token)

    assert refused.value.guessed
    assert bench.rows(t.workers) == []


def test_a_token_is_not_looked_at_while_its_sender_has_to_wait(bench: Bench):
    token = invitation(bench).secret

    with pytest.raises(TooManyGuessesError, match="in 42 s"):
        knock(bench, Door(local=False, wait_s=42.0), join_token=token)

    assert bench.rows(t.join_tokens)[0].uses_left == 1


def test_a_worker_known_by_its_key_needs_no_token_and_need_not_wait(bench: Bench):
    first = knock(bench, join_token=invitation(bench).secret)

    back = knock(bench, Door(local=False, wait_s=42.0), worker_id=first.worker_id, key=first.key)

    assert (back.worker_id, back.key) == (first.worker_id, None)


def test_only_hashes_of_tokens_and_keys_are_stored(bench: Bench):
    made = invitation(bench)
    key = knock(bench, join_token=made.secret).key or ""
    bench.close()

    stored = b"".join(path.read_bytes() for path in bench.path.parent.glob("farm.db*"))
    assert b"box" in stored
    for secret in (made.secret, made.secret.replace("-", ""), key):
        assert secret.encode() not in stored


def test_a_process_whose_welcome_was_lost_is_let_in_again_by_the_same_token(bench: Bench):
    token = invitation(bench).secret
    lost = knock(bench, join_token=token, boot_id="one")

    again = knock(bench, join_token=token, boot_id="one")

    assert again.worker_id == lost.worker_id
    assert again.key not in {None, lost.key}
    assert [row.name for row in bench.rows(t.workers)] == ["box"]
    with pytest.raises(WorkerKeyError):
        knock(bench, worker_id=lost.worker_id, key=lost.key)
    with pytest.raises(JoinTokenError, match="used up"):
        knock(bench, join_token=token, boot_id="two")


@pytest.mark.parametrize("action", [WorkerAction.DISABLE, WorkerAction.DRAIN])
def test_a_worker_that_was_taken_out_does_not_let_itself_in_by_its_old_token(
    bench: Bench, action: WorkerAction
):
    token = invitation(bench).secret
    joined = knock(bench, join_token=token, boot_id="one")
    bench.do(
        steer_many,
        bench.catalog,
        [joined.worker_id],
        WorkerChange(action),
        connected=lambda _: False,
    )

    with pytest.raises(JoinTokenError, match="used up"):
        knock(bench, join_token=token, boot_id="one")

    assert not knock(bench, worker_id=joined.worker_id, key=joined.key, boot_id="one").may_claim


# --- keys ---------------------------------------------------------------------------------------


def test_l8_a_revoked_workers_leases_are_free_at_once_and_nobody_is_blamed(bench: Bench):
    bench.trial("1-4")
    worker = knock(bench, Door())
    lease = bench.take(worker.worker_id)

    news = bench.do(revoke, bench.catalog, worker.worker_id)

    assert news is not None
    assert [(lost.lease_id, lost.reason) for lost in news.lost] == [
        (lease.lease_id, "its worker was revoked")
    ]
    assert bench.take("other").units == lease.units
    assert bench.rows(t.faults) == []
    assert bench.rows(t.workers)[0].revoked_at > 0


def test_a_second_revoke_changes_nothing(bench: Bench):
    worker = knock(bench, Door())
    bench.do(revoke, bench.catalog, worker.worker_id)
    before = bench.rows(t.workers)

    assert bench.do(revoke, bench.catalog, worker.worker_id) is None
    assert bench.do(revoke, bench.catalog, "nobody") is None
    assert bench.rows(t.workers) == before


def test_a_revoked_worker_is_told_so_also_on_the_managers_own_machine(bench: Bench):
    worker = knock(bench, Door())
    bench.do(revoke, bench.catalog, worker.worker_id)

    for door in (Door(), AWAY):
        with pytest.raises(RevokedError, match=r"was revoked.*--join TOKEN"):
            knock(bench, door, worker_id=worker.worker_id, key=worker.key)
    with pytest.raises(WorkerKeyError):
        knock(bench, worker_id=worker.worker_id, key="a guess")


def test_a_revoked_machine_joins_as_a_new_worker_with_a_new_token(bench: Bench):
    old = knock(bench, Door())
    bench.do(revoke, bench.catalog, old.worker_id)
    token = invitation(bench).secret

    new = knock(bench, worker_id=old.worker_id, key=old.key, join_token=token)

    assert new.worker_id != old.worker_id
    found = bench.do(find_worker, "box")
    assert found.id == new.worker_id
    assert bench.do(find_worker, old.worker_id).id == old.worker_id


# --- names --------------------------------------------------------------------------------------


def test_machines_of_one_name_get_names_of_their_own(bench: Bench):
    for _ in range(3):
        knock(bench, Door())
    knock(bench, Door(), name="box-kitchen")
    knock(bench, Door())

    assert [row.name for row in bench.rows(t.workers)] == [
        "box",
        "box-2",
        "box-3",
        "box-kitchen",
        "box-4",
    ]


def test_a_worker_keeps_its_name_when_it_comes_back(bench: Bench):
    knock(bench, Door())
    second = knock(bench, Door())

    knock(bench, worker_id=second.worker_id, key=second.key, name="box")

    assert [row.name for row in bench.rows(t.workers)] == ["box", "box-2"]


def test_many_machines_of_one_name_are_told_apart(bench: Bench):
    for _ in range(45):
        knock(bench, Door())

    names = [row.name for row in bench.rows(t.workers)]
    assert len(set(names)) == 45
    assert all(name == "box" or name.startswith("box-") for name in names)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("", "worker"),
        (" \x1b[31m\n\x00", "[31m"),
        ("a/b", "ab"),
        ("x" * 999, "x" * 180),
        ("Büro-Rechner 2", "Büro-Rechner 2"),
    ],
)
def test_a_name_cannot_play_tricks(bench: Bench, said: str, shown: str):
    knock(bench, Door(), name=said)

    assert [row.name for row in bench.rows(t.workers)] == [shown]
