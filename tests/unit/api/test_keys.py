"""Keys that are none cost the manager next to nothing."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from framefarm.api import keys as module
from framefarm.api.keys import KeyRing, TooManyKeysError, UnknownKeyError
from framefarm.farm.registry import RevokedError, hash_key
from framefarm.farm.service import Farm


class Workers:
    """Stands in for the farm: knows workers by key, and counts looks into its database."""

    def __init__(self, known: dict[str, str | type[Exception]], monkeypatch: Any) -> None:
        self.known = {hash_key(key): found for key, found in known.items()}
        self.reads = self.at_once = self.most_at_once = 0
        monkeypatch.setattr(module, "_look_up", self._look_up)

    def _look_up(self, _: object, hashed: str) -> str:
        found = self.known.get(hashed, UnknownKeyError)
        if isinstance(found, str):
            return found
        raise found() if found is RevokedError else found("no")

    async def read(self, work: Any) -> Any:
        self.reads += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return work(None)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def ring(workers: Workers, clock: Clock | None = None) -> KeyRing:
    return KeyRing(cast("Farm", workers), clock or Clock())


async def test_l14_a_wrong_key_is_looked_up_once(monkeypatch: pytest.MonkeyPatch):
    workers = Workers({}, monkeypatch)
    keys = ring(workers)

    for _ in range(100):
        with pytest.raises(UnknownKeyError):
            await keys.worker_of("guess", "10.0.0.5")

    assert workers.reads == 1


async def test_l14_of_many_wrong_keys_from_one_address_few_are_looked_up(
    monkeypatch: pytest.MonkeyPatch,
):
    workers, clock = Workers({"good": "ants"}, monkeypatch), Clock()
    keys = ring(workers, clock)

    async def guess(number: int) -> type[Exception]:
        try:
            await keys.worker_of(f"guess {number}", "10.0.0.5")
        except (UnknownKeyError, TooManyKeysError) as error:
            return type(error)
        raise AssertionError

    answers = await asyncio.gather(*(guess(number) for number in range(500)))

    assert workers.reads <= 20 + 4
    assert workers.most_at_once <= 4
    assert answers.count(TooManyKeysError) >= 500 - 24
    # Elsewhere, and on this machine, nobody waits; nor here after a while.
    assert await keys.worker_of("good", "10.0.0.6") == "ants"
    with pytest.raises(UnknownKeyError):
        await keys.worker_of("local guess")
    clock.now += 61
    assert await guess(501) is UnknownKeyError


async def test_a_worker_that_was_welcomed_does_not_wait_for_its_neighbours_guesses(
    monkeypatch: pytest.MonkeyPatch,
):
    workers = Workers({"good": "ants", "other": "bees"}, monkeypatch)
    keys = ring(workers)
    keys.learn("good", "ants")
    for number in range(30):
        with pytest.raises((UnknownKeyError, TooManyKeysError)):
            await keys.worker_of(f"guess {number}", "10.0.0.5")
    reads = workers.reads

    assert await keys.worker_of("good", "10.0.0.5") == "ants"
    assert workers.reads == reads
    with pytest.raises(TooManyKeysError):
        await keys.worker_of("other", "10.0.0.5")


async def test_l14_refused_keys_are_forgotten_one_by_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_REFUSED_REMEMBERED", 3)
    workers = Workers({"old": RevokedError}, monkeypatch)
    keys = ring(workers)

    with pytest.raises(RevokedError):
        await keys.worker_of("old")
    for number in range(3):
        with pytest.raises(UnknownKeyError):
            await keys.worker_of(f"guess {number}")

    assert len(keys._refused) == 3
    with pytest.raises(RevokedError):
        await keys.worker_of("old")
    assert workers.reads == 5


async def test_the_key_that_a_worker_had_before_counts_no_more(monkeypatch: pytest.MonkeyPatch):
    keys = ring(Workers({"first": "ants"}, monkeypatch))
    assert await keys.worker_of("first") == "ants"

    keys.learn("second", "ants", new=True)

    assert await keys.worker_of("second") == "ants"
    assert hash_key("first") not in keys._known
