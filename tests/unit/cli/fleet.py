"""Workers to show."""

from __future__ import annotations

from typing import Any

from framefarm.client.worker_views import SlotWork, WorkerView

GIB = 1 << 30


def worker(name: str = "ants", state: str = "idle", **facts: Any) -> WorkerView:
    """A worker, connected unless it is offline or lost."""
    return WorkerView(
        **{
            "id": f"{name:0<32}",
            "name": name,
            "state": state,
            "connected": state not in {"offline", "lost"},
            "pool": "own",
            "cores": 16,
            "memory_bytes": 64 * GIB,
            **facts,
        }
    )


def work(units: str = "57-60", unit: int | None = 57, done: int = 41, **facts: Any) -> SlotWork:
    """What a slot does."""
    known = {"slot": "cpu", "job": 12, "kind": "render", "name": "shot_010", "total": 100}
    return SlotWork(**{**known, "units": units, "unit": unit, "done": done, **facts})


def fleet() -> list[WorkerView]:
    """A studio's machines, of every sort."""
    return [
        worker("node10", "busy", work=(work(),), gpus=("RTX 4090", "RTX 4090"), devices=("OPTIX",)),
        worker("node2", "busy", work=(work("61-64", 61, 3), work("65", None)), cores=32),
        worker("laptop", "offline", silent_s=3 * 3600 + 5, memory_bytes=int(7.8 * GIB), cores=8),
        worker("oven", "disabled", reason="its fan is noisy"),
        worker("attic", "lost", silent_s=125),
        worker("kitchen", "draining"),
        worker("lent-by-kim", "draining", pool="friends", connected=False, silent_s=50),
        worker("w" * 60, "quarantined", reason="it broke 3 units that others finished"),
    ]
