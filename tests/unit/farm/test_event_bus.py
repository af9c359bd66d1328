"""Followers hear what happens to their job."""

from __future__ import annotations

from framefarm.farm.events import EventBus


def heard(subscription) -> list[tuple[str, dict]]:
    found = []
    while not subscription.events.empty():
        event = subscription.events.get_nowait()
        found.append((event.kind, event.facts))
    return found


def test_a_follower_hears_of_its_own_job_only():
    bus = EventBus()
    with bus.follow(1) as one, bus.follow(2) as two:
        bus.publish(1, "unit", {"unit": 5})

        assert heard(one) == [("unit", {"unit": 5})]
        assert heard(two) == []


def test_a_job_without_followers_is_not_followed():
    bus = EventBus()
    with bus.follow(1):
        with bus.follow(1):
            assert bus.followed(1)
        assert bus.followed(1)
    assert not bus.followed(1)
    bus.publish(1, "unit", {})


def test_l14_a_slow_follower_loses_the_oldest_events():
    bus = EventBus()
    with bus.follow(1) as slow:
        for number in range(2_500):
            bus.publish(1, "unit", {"unit": number})

        units = [facts["unit"] for _, facts in heard(slow)]

    assert units == list(range(500, 2_500))
