"""Jobs with a movie, of which some is done."""

from __future__ import annotations

from framefarm.protocol.messages import UnitFacts
from tests.integration.farm.bench import Bench


def worked(bench: Bench, kind: str, seconds: float) -> None:
    """Let the next unit of a kind be done in so many seconds."""
    lease = bench.take(kinds=frozenset({kind}))
    assert bench.finish(lease, facts=UnitFacts(seconds, 0)) == "accepted"


def usual_film(bench: Bench) -> None:
    """An earlier film, whose segments took 600 s each and the joining 900 s."""
    bench.film("1-2", segment=2)
    for kind, seconds in (("render", 1.0), ("render", 1.0), ("movie", 600.0), ("join", 900.0)):
        worked(bench, kind, seconds)
