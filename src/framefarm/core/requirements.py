"""What a stage asks of a worker, what a slot can do, and whether the one suits the other. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import msgspec

from framefarm.core.sizes import told_size


class Pool(StrEnum):
    """How far a worker is trusted, the most trusted first.

    `own`: the owner's machines. `friends`: lent by people the owner knows. `public`: by strangers.
    """

    OWN = "own"
    FRIENDS = "friends"
    PUBLIC = "public"


_TRUST = tuple(Pool)

_ON_DEVICES = frozenset({"render", "trial"})
"""Kinds of work of slots with a device. A trial goes where a render that asks the same would."""


def trusted_enough(worker: Pool | str, asked: Pool | str) -> bool:
    """Whether a worker's pool is as trusted as the least trusted one that a job allows."""
    return _TRUST.index(Pool(worker)) <= _TRUST.index(Pool(asked))


class Requirements(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a stage asks of the slot that works on it.

    Attributes:
        kind: Of stage.
        blender: `major.minor` it is rendered with; empty when it needs none.
        pool: The least trusted pool whose workers may have it.
        tags: All of these the worker must carry; ascending.
        min_memory_bytes: Least memory of the slot.
        gpu: Whether it must render on a GPU.
        owner: Whose job it is; asks nothing of the slot, but owners share the farm (L12).
        job: The job whose session a worker must be in to have it; 0 where anybody may.
    """

    kind: str
    blender: str = ""
    pool: Pool = Pool.OWN
    tags: tuple[str, ...] = ()
    min_memory_bytes: int = 0
    gpu: bool = False
    owner: str = ""
    job: int = 0

    @property
    def queue(self) -> str:
        """A text that two stages share exactly when any slot may stand either of them."""
        return msgspec.json.encode(self).decode()

    @property
    def of_anybody(self) -> Requirements:
        """The same, whoever is in the session of the job: what a worker must be able to do."""
        return msgspec.structs.replace(self, job=0) if self.job else self


@lru_cache(maxsize=10_000)
def requirements_of(queue: str) -> Requirements:
    """Read back what `Requirements.queue` made."""
    return msgspec.json.decode(queue, type=Requirements)


@dataclass(frozen=True, slots=True)
class Ability:
    """What a slot can do.

    Attributes:
        kinds: Stage kinds it runs.
        blenders: Versions (`major.minor`) it can render with.
        pool: How far its worker is trusted.
        tags: What its worker carries.
        memory_bytes: What a unit may take here; 0 when unknown, which suits every job.
        gpu: Whether it renders on a GPU.
        job: The job in whose session its worker is; 0 for none.
    """

    kinds: frozenset[str]
    blenders: frozenset[str] = frozenset()
    pool: Pool = Pool.OWN
    tags: frozenset[str] = frozenset()
    memory_bytes: int = 0
    gpu: bool = False
    job: int = 0

    @property
    def of_nobody(self) -> Ability:
        """The same of a worker that is in no session."""
        return replace(self, job=0) if self.job else self

    def suits(self, asked: Requirements) -> bool:
        """Whether the slot may work on a stage; `unmet` says why not."""
        return not unmet(asked, self)


@lru_cache(maxsize=50_000)
def unmet(asked: Requirements, ability: Ability) -> tuple[str, ...]:
    """Everything in which a slot falls short of a stage, as people read it; empty when it suits.

    Each text says what is missing and what would change it.
    """
    found = []
    if asked.kind not in ability.kinds:
        found.append(f"it does no {asked.kind} work; start the worker with a slot that does")
    elif asked.blender and asked.blender not in ability.blenders:
        found.append(_no_blender(asked.blender, ability.blenders))
    if not trusted_enough(ability.pool, asked.pool):
        found.append(
            f"it is in pool {ability.pool}, the job allows {asked.pool}; "
            f"submit the job with --pool {ability.pool}"
        )
    if lacking := sorted(set(asked.tags) - ability.tags):
        missing = ",".join(lacking)
        found.append(f"it lacks the tag {missing}; `framefarm workers tag {missing} NAME` gives it")
    if asked.min_memory_bytes and 0 < ability.memory_bytes < asked.min_memory_bytes:
        found.append(
            f"it has {told_size(ability.memory_bytes)} of memory for a unit, "
            f"the job asks for {told_size(asked.min_memory_bytes)}"
        )
    # Movies are encoded by processors, whatever renders their frames.
    if asked.gpu and asked.kind in _ON_DEVICES and not ability.gpu:
        found.append("it renders on the processor, the job asks for a GPU; use --slots gpu:0")
    if asked.job and asked.job != ability.job:
        found.append(f"it is not in the session of job {asked.job}; ask that for one more")
    return tuple(found)


def _no_blender(wanted: str, have: frozenset[str]) -> str:
    there = ", ".join(sorted(have)) or "none"
    return (
        f"it has no Blender {wanted} (it has {there}); "
        f"`framefarm blender install {wanted}` on that machine adds it"
    )
