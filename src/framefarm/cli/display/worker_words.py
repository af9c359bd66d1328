"""A worker's facts as people read them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from framefarm.cli.display import words
from framefarm.client.worker_views import SlotWork, WorkerView
from framefarm.core.elapsed import ago

_AWAY = ("offline", "lost")


def state(worker: WorkerView) -> str:
    """`busy`, `offline 3 h`, `drained`, `disabled, away`."""
    if worker.state in _AWAY:
        return f"{worker.state} {ago(worker.silent_s)}"
    name = _name(worker)
    return name if worker.connected or worker.state == "revoked" else f"{name}, away"


def _name(worker: WorkerView) -> str:
    return "drained" if worker.state == "draining" and not worker.work else worker.state


def gib(size_bytes: int) -> str:
    """`7.8`, `64`: GiB, with a decimal only where it tells something; empty when unknown."""
    value = size_bytes / (1 << 30)
    if not size_bytes:
        return ""
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"  # noqa: PLR2004  see above


def graphics(worker: WorkerView) -> str:
    """What it renders on besides its processor: `OPTIX`, `2 CUDA`; `?` of GPUs not tried yet."""
    if not worker.gpus:
        return ""
    works = [device for device in worker.devices if device != "CPU"]
    name = works[0] if works else "?"
    return name if len(worker.gpus) == 1 else f"{len(worker.gpus)} {name}"


def session(worker: WorkerView) -> str:
    """`job 12`, for which it works before all others."""
    return f"job {worker.session.job}" if worker.session is not None else ""


def doing(worker: WorkerView) -> str:
    """What it works on, and why it is in its state."""
    why = ["to be restarted"] if worker.restarting else []
    return "; ".join(part for part in (doing_of(worker.work), *why, worker.reason) if part)


def doing_of(work: Sequence[SlotWork]) -> str:
    """`job 12 frames 57 41 %, 61 3 % (shot_010)`: what some leases are about, job by job."""
    jobs = dict.fromkeys(_job(one) for one in work)
    return "; ".join(_work(job, [one for one in work if _job(one) == job]) for job in jobs)


_Job = tuple[int, str, str]


def _job(work: SlotWork) -> _Job:
    return work.job, work.kind, work.name


def _work(job: _Job, work: Sequence[SlotWork]) -> str:
    number, kind, name = job
    noun = {"render": "frame", "trial": "unit"}.get(kind, kind)
    units = ", ".join(at(one) for one in work)
    plural = "s" if noun in {"frame", "unit"} and not re.fullmatch(r"-?\d+( \d+ %)?", units) else ""
    return f"job {number} {noun}{plural} {units}" + (f" ({name})" if name else "")


def at(work: SlotWork) -> str:
    """`57 41 %` of the unit in work; `57-60` of a lease of which nothing was heard yet."""
    if work.unit is None:
        return work.units
    return f"{work.unit} {100 * work.done // work.total} %" if work.total else str(work.unit)


def natural(name: str) -> list[tuple[int, int | str]]:
    """A key that sorts `node2` before `node10`."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


_ORDER = (
    "busy",
    "idle",
    "draining",
    "drained",
    "disabled",
    "quarantined",
    "lost",
    "offline",
    "revoked",
)


def counted(workers: Sequence[WorkerView]) -> str:
    """`40 workers: 28 busy, 11 idle, 1 lost; connected: 412 cores, 1,640 GiB, 12 GPUs`."""
    states = Counter(_name(worker) for worker in workers)
    told = ", ".join(f"{states[state]:,} {state}" for state in _ORDER if states[state])
    here = [worker for worker in workers if worker.connected]
    cores = words.plural(sum(worker.cores for worker in here), "core")
    memory_gib = sum(worker.memory_bytes for worker in here) / (1 << 30)
    gpus = sum(len(worker.gpus) for worker in here)
    has = [cores, f"{memory_gib:,.0f} GiB", *([words.plural(gpus, "GPU")] if gpus else [])]
    power = f"; connected: {', '.join(has)}" if here else ""
    return f"{words.plural(len(workers), 'worker')}: {told}{power}"
