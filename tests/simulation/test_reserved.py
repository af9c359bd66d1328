"""What the simulation takes to be wrong with leases of workers that are in sessions."""

from __future__ import annotations

from typing import Any, cast

from tests.simulation import reserved
from tests.simulation.database import Database, Note
from tests.simulation.reserved import Reserved


class _Farm:
    """A worker in the session of job 4, of which units wait; stage 10 is of job 6, anybody's."""

    def __init__(self) -> None:
        self.now = self.joined_at = 0.0
        looks = cast("Database", self)
        self.reserved = Reserved(looks, lambda: self.now, lambda _: None, lambda _: False)

    def ask(self, query: str, *_: Any) -> list[Any]:
        answers: dict[str, list[Any]] = {
            reserved._MEMBERS: [("w", 4, self.joined_at)],
            reserved._STAGE: [(6, "render", 0)],
            reserved._WAITING: [(1, "render")],
        }
        return answers.get(query, [])

    def lends_others(self) -> list[str]:
        return list(self.reserved.of_commit([Note("leased", 10, "lease 1", "w", 1)]))


def test_a_worker_of_a_session_may_not_get_others_units():
    farm = _Farm()
    list(farm.reserved.of_commit([]))

    farm.now = 100.0

    assert farm.lends_others()


def test_one_that_left_unseen_and_comes_again_may_get_what_it_had_asked_for():
    farm = _Farm()
    list(farm.reserved.of_commit([]))

    farm.now = farm.joined_at = 100.0
    assert not farm.lends_others()

    farm.now = 110.0
    assert farm.lends_others()
