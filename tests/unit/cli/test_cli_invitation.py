"""What is shown to who lets another machine in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from framefarm.cli.display.invitation import first_admin, invitation, log_in_line
from framefarm.protocol.join_token import read_pin

NOW = datetime(2026, 3, 1, 22, 30, tzinfo=timezone(timedelta(hours=1)))


def shown(**changes: Any) -> list[str]:
    facts = {
        "urls": ["http://192.168.1.20:7070"],
        "pool": "own",
        "uses": 1,
        "expires_at": datetime(2026, 3, 1, 22, 30, tzinfo=UTC),
        "now": NOW,
        **changes,
    }
    return invitation("k7mq-2xw9-p4rt-8n3h", **facts).splitlines()


def test_the_line_to_type_stands_alone():
    lines = shown()

    assert lines == [
        "On the other machine, type:",
        "",
        "  framefarm worker http://192.168.1.20:7070 --join k7mq-2xw9-p4rt-8n3h",
        "",
        "Good for one worker, until 23:30.",
    ]
    assert max(map(len, lines)) <= 80


def test_other_addresses_pool_and_another_day_are_told():
    told = shown(
        urls=["http://a", "http://b", "http://c"],
        pool="friends",
        uses=5,
        expires_at=datetime(2026, 3, 2, 21, 0, tzinfo=UTC),
    )

    assert told[-4:] == [
        "Good for 5 workers of pool friends, until 22:00 on 2 March 2026.",
        "If that address is not reached from there, put in its place:",
        "  http://b",
        "  http://c",
    ]


def test_a_manager_for_its_own_machine_says_how_others_could_reach_it():
    told = shown(urls=[])

    assert told[0] == "Join token: k7mq-2xw9-p4rt-8n3h"
    assert "framefarm serve --lan" in told[-1]


def test_first_admin_is_told_what_to_type_in_80_columns():
    told = first_admin(
        f"k7mq-2xw9-p4rt-8n3h.{'x' * 43}",
        url="https://192.168.100.200:7070",
        expires_at=NOW + timedelta(hours=24),
        now=NOW,
        command="framefarm",
    ).splitlines()

    assert "  https://192.168.100.200:7070/first-admin" in told
    assert "  framefarm login https://192.168.100.200:7070 --first" in told
    assert all(len(line) <= 80 for line in told)


def test_line_to_log_in_with_names_a_certificate_that_nobody_vouches_for():
    plain = log_in_line(["http://10.0.0.9:7070"], None)
    pinned = log_in_line(["https://10.0.0.9:7070"], "ab" * 32)

    assert plain == "framefarm login http://10.0.0.9:7070"
    assert pinned.splitlines()[0] == "framefarm login https://10.0.0.9:7070 \\"
    assert read_pin(pinned.split()[-1]) == "ab" * 32
