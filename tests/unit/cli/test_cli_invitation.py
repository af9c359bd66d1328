"""What is shown to who lets another machine in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from framefarm.cli.display.invitation import invitation

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
