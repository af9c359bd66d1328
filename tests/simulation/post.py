"""Telling people: what the farm sends to somebody outside, who counts what arrives.

The duty that finds and sends is the real one. The process that sends dies with its manager, at any
step; what it noted before lies on a disk, which outlives both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

from framefarm.farm import notify_sending, notifying
from framefarm.farm.notify_finding import Disk
from framefarm.farm.notify_letters import letter_payload
from framefarm.farm.notify_sending import Parcel
from framefarm.farm.notifying import Notifying
from framefarm.notify.addresses import Address
from framefarm.notify.letters import Letter
from framefarm.notify.outcomes import TOLD, Outcome

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

    from .world import World

TELLING = 0.3
"""Of the seeds, those in which somebody wants to be told."""

FAILS = 0.2
LONGEST_STEP_S = 2.0
TELLS = ["job_done", "job_failed", "worker_lost", "worker_quarantined", "quota_refused"]
ASKS_AGAIN_S = 5.0


class Post:
    """Who is told, and the disk of the process that tells.

    Draws from a source of its own: in seeds in which nobody is told all else is as it was.

    Args:
        world: Where.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.rng = random.Random(f"notices of {world.seed}")
        self.tells = self.rng.random() < TELLING
        self.fails = FAILS
        self.notes: dict[Path, list[str]] = {}
        self._arrived: Counter[str] = Counter()

    async def live(self) -> None:
        """Ask to be told, until that is noted."""
        body = {"name": "hook", "address": "https://studio.example/hook", "all_jobs": True}
        while self.tells and not self._world.database.ask(_TARGETS):
            self._world.people.ask("POST", "/api/notifications/targets", **body, tells=TELLS)
            await asyncio.sleep(ASKS_AGAIN_S)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Inside, managers send by this post."""
        with (
            mock.patch.object(notifying, "Courier", _Couriers(self)),
            mock.patch.object(notifying, "Journal", _Journals(self)),
            mock.patch.object(notify_sending, "random", self),
        ):
            yield

    def Random(self) -> random.Random:  # noqa: N802  in the place of the module of that name
        """Luck of the seed's own."""
        return self.rng

    def arrives(self, letter: Letter) -> None:
        """A letter is there; nothing in it may have been told before."""
        for event in json.loads(letter.payload)["events"]:
            what = json.dumps(event, sort_keys=True)
            self._arrived[what] += 1
            if self._arrived[what] > 1:
                self._world.fail(f"notices: told twice: {what}")

    # --- at the end

    def owed(self) -> list[str]:
        """What is still to be told, where time went on as it should.

        A clock that steps back by a day may have a message wait for as long.
        """
        if not self.tells or self._world.clock.stepped:
            return []
        waiting = self._world.database.ask(_OWED)
        unnoted = self._world.database.ask(_UNTOLD)
        return [f"{event} of {subject}" for event, subject in (*waiting, *unnoted)]

    def of_end(self) -> Iterator[str]:
        """What is noted as sent, and never came."""
        if not self.tells:
            return
        [(sent,)] = self._world.database.ask(
            "SELECT count(*) FROM notifications WHERE state = 'sent'"
        )
        if sent > self._arrived.total():
            yield f"notices: {sent} are noted as sent, and {self._arrived.total()} came"


class PostedNotifying(Notifying):
    """The real duty, less what it takes of the machine.

    Args:
        farm: Whose news.
        post: Where they go.
    """

    def __init__(self, farm: Farm, post: Post) -> None:
        super().__init__(farm)
        self._letters = _Letters()  # type: ignore[assignment]
        self._rng = post.rng

    def _disk(self) -> Disk:
        return Disk(free_bytes=1 << 40, low_bytes=0)


class _Letters:
    """Letters whose addresses are nobody's secret."""

    def columns(self, address: Address, secret: str) -> dict[str, Any]:
        return {"kind": address.kind, "sealed": f"{address.text} {secret}", "shown": address.shown}

    def write(self, parcel: Parcel) -> Letter:
        payload = letter_payload(parcel)
        return Letter(parcel.letter, parcel.kind, parcel.sealed, "", "", payload=payload)


class _Couriers:
    """In the place of the class."""

    def __init__(self, post: Post) -> None:
        self._post = post

    async def start(self) -> _Courier:
        await asyncio.sleep(self._post.rng.uniform(0.0, LONGEST_STEP_S))
        return _Courier(self._post)


class _Courier:
    """The process that sends: a part of its manager's, with which it dies between any two steps."""

    alive = True

    def __init__(self, post: Post) -> None:
        self._post = post

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is left of it."""

    async def send(self, letter: Letter, journal: Path) -> Outcome:
        notes, rng = _Journal(self._post, journal), self._post.rng
        await self._step()
        notes.begin(letter.id)
        await self._step()
        outcome = TOLD
        if rng.random() < self._post.fails:
            outcome = Outcome(ok=False, reason="it could not be reached")
        else:
            self._post.arrives(letter)
        await self._step()
        notes.end(letter.id, outcome)
        await self._step()
        return outcome

    async def _step(self) -> None:
        await asyncio.sleep(self._post.rng.uniform(0.0, LONGEST_STEP_S))


class _Journals:
    """In the place of the class."""

    def __init__(self, post: Post) -> None:
        self._post = post

    def new(self, folder: Path) -> _Journal:
        return _Journal(self._post, folder / f"journal.{self._post.rng.getrandbits(64)}")

    def left(self, _: Path) -> list[_Journal]:
        return [_Journal(self._post, path) for path in sorted(self._post.notes)]


class _Journal:
    """A file of the disk that outlives managers."""

    def __init__(self, post: Post, path: Path) -> None:
        self.path = path
        self._notes = post.notes

    def begin(self, letter: str) -> None:
        self._notes.setdefault(self.path, []).append(json.dumps([letter, None]))

    def end(self, letter: str, outcome: Outcome) -> None:
        self._notes.setdefault(self.path, []).append(json.dumps([letter, outcome.reason]))

    def read(self) -> Mapping[str, Outcome | None]:
        found: dict[str, Outcome | None] = {}
        for line in self._notes.get(self.path, ()):
            letter, reason = json.loads(line)
            found[letter] = None if reason is None else Outcome(ok=not reason, reason=reason)
        return found

    def clear(self) -> None:
        self._notes.pop(self.path, None)


_TARGETS = "SELECT 1 FROM notify_targets"
_OWED = "SELECT event, subject FROM notifications WHERE state IN ('waiting', 'sending')"
_UNTOLD = """
SELECT 'job_' || j.state, 'job:' || j.id
FROM jobs j JOIN notify_targets n ON j.finished_at >= n.since_at
WHERE j.state IN ('done', 'failed') AND NOT EXISTS (
  SELECT 1 FROM notifications x WHERE x.subject = 'job:' || j.id AND x.event = 'job_' || j.state
  AND x.happened_at = j.finished_at AND x.state IN ('sent', 'unclear'))"""
