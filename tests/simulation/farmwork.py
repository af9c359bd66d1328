"""What the jobs of a simulation are like: how long units take, and which never come out well."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import msgspec

from framefarm.core.plans import JobPlan, plan_render, plan_trial
from framefarm.core.spans import Spans
from framefarm.farm.new_jobs import PlannedJob, PlannedStage, Wishes

ORDERS = ("sequential", "spread")
SECONDS = (0.3, 3.0, 12.0, 25.0, 50.0, 200.0)
"""What units take: less than a message's way, and up to many times a lease's life."""


@dataclass
class Nature:
    """The truth about a job, which only the simulation knows.

    Attributes:
        seconds: What a unit takes about.
        has_files: Whether its results have files.
        bad: Units of the first stage that fail wherever they are tried.
        refused: Units that Blender refuses; no other try can help.
        killers: Units that kill the worker's process.
        hanging: Units that hang the first time.
        away_until: Until then every unit fails everywhere: a share or a licence server is away.
    """

    seconds: float = 10.0
    has_files: bool = True
    bad: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    killers: frozenset[int] = frozenset()
    hanging: set[int] = field(default_factory=set)
    away_until: float = 0.0

    @property
    def hopeless(self) -> frozenset[int]:
        """Units that can never be done."""
        return self.bad | self.refused | self.killers


MOVIE = "movie.mp4"
"""What the movie of every film is called."""


class _Settings(msgspec.Struct):
    """A task's settings here: only what tells jobs apart."""

    nature: int


def nature_of(settings: msgspec.Raw) -> int:
    """The number of a job's nature, from the task that a worker was told."""
    return msgspec.json.decode(settings, type=_Settings).nature


def draw_nature(rng: random.Random, *, trouble: bool) -> Nature:
    """A job's nature; with trouble, some of its units are bad."""
    nature = Nature(seconds=rng.choice(SECONDS), has_files=rng.random() < 0.7)
    if not trouble:
        return nature
    some = frozenset(rng.sample(range(1, 7), 2))
    kind = rng.random()
    if kind < 0.35:
        nature.bad = some
    elif kind < 0.45:
        nature.refused = some
    elif kind < 0.65:
        nature.killers = frozenset(sorted(some)[:1])
    else:
        nature.hanging = set(some)
    return nature


LIMITS = (None, None, 2, None, 1)
"""How many slots a job may have at a time, by the number of its nature."""

NO_POOL_LIMITS = {"max_slots": None, "max_slots_per_user": None, "max_slots_per_job": None}
POOL_LIMITS: tuple[dict[str, int | None] | None, ...] = (
    None,
    {"max_slots": 2},
    {"max_slots_per_user": 1},
    NO_POOL_LIMITS,
    {"max_slots_per_job": 1},
    {"max_slots": 3, "max_slots_per_user": 2},
    NO_POOL_LIMITS,
)
"""What people make of the limits of the pool, by the priority that they give a job meanwhile."""

OWNERS = ("ann", "ann", "bob")

LONG = Nature(seconds=3.0)
LONG_UNITS = 60
"""Units enough that a worker that was barred is tried again before they end, and a job of which all
fails is held (L9)."""

AWAY = "cannot open /mnt/share/set.blend"
"""What is said of units while what they need is away."""


def draw_job(rng: random.Random, nature: int, facts: Nature, *, long: bool = False) -> PlannedJob:
    """A trial, or a film with segments and a movie of them."""
    # Of slow units few, so that a seed ends within the hour.
    units = LONG_UNITS if long else rng.randint(1, min(24, int(1_200 / facts.seconds)))
    order = rng.choice(ORDERS)
    film = facts.has_files and not long and rng.random() < 0.5
    if film:
        frames = Spans.of(1, units)
        plan = plan_render(frames, order=order, movie=True, segment_frames=rng.choice((2, 5)))
    else:
        plan = plan_trial(Spans.of(1, units), order=order)
    priority = rng.choice((10, 50, 50, 90))
    limit, owner = LIMITS[nature % len(LIMITS)], OWNERS[nature % len(OWNERS)]
    wishes = Wishes(owner=owner)
    return plan_of(plan, nature, priority=priority, film=film, max_workers=limit, wishes=wishes)


def plan_of(plan: JobPlan, nature: int, *, priority: int, film: bool, **more: Any) -> PlannedJob:
    """A job ready to be stored."""
    stages = tuple(
        PlannedStage(
            plan=stage,
            settings={"nature": nature, "name": MOVIE},
            largest_lease=1 if film and stage.needs is not None else 1_000,
            wanted_blender="5.0" if film and stage.needs is None else "",
            blend_sha256=f"{nature:064x}" if film and stage.needs is None else "",
        )
        for stage in plan.stages
    )
    return PlannedJob(
        name=f"job {nature}",
        kind=plan.stages[0].kind,
        stages=stages,
        settings={},
        priority=priority,
        **more,
    )
