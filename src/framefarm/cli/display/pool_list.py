"""Pools as a table."""

from __future__ import annotations

from collections.abc import Sequence

from framefarm.cli.tables import table, text_width
from framefarm.client.worker_views import PoolView

_HEADS = ("POOL", "WORKERS", "HERE", "SLOTS", "BUSY", "AT MOST", "PER USER", "PER JOB")


def pool_lines(pools: Sequence[PoolView]) -> str:
    """A line for each pool: who is in it, what works, and how much may."""
    rows = [_row(pool) for pool in pools]
    right = range(1, len(_HEADS))
    return table(list(_HEADS), rows, flexible=0, right=list(right), width=text_width())


def _row(pool: PoolView) -> list[str]:
    limits = (pool.max_slots, pool.max_slots_per_user, pool.max_slots_per_job)
    counts = (pool.workers, pool.connected, pool.slots, pool.busy)
    told = ["-" if most is None else f"{most:,}" for most in limits]
    return [pool.name, *(f"{count:,}" for count in counts), *told]
