"""Jobs and events that never happened."""

from __future__ import annotations

from typing import Any

from framefarm.client.events import JobEvent, ProgressEvent, UnitEvent
from framefarm.client.views import Estimate, JobView, SlowestUnit, Stage

MIB = 1 << 20


def job(done: int = 0, total: int = 48, **values: Any) -> JobView:
    """A render job of 48 frames with a movie."""
    stages = (
        Stage(1, "render", "ready", total=total, done=done, running=1),
        Stage(2, "movie", "waiting", total=1),
        Stage(3, "join", "waiting", total=1),
    )
    settings = {
        "scene": "Scene",
        "engine": "CYCLES",
        "width": 640,
        "height": 360,
        "blender": "5.0",
    }
    return JobView(
        **{"id": 7, "state": "running", "stages": stages, "settings": settings, **values}
    )


def running(done: int, **values: Any) -> JobEvent:
    """The job in full swing."""
    return JobEvent(job(done, frames_per_minute=12.3, estimate=Estimate(250, 300, 350), **values))


def progress(unit: int, done: int, total: int = 128, **values: Any) -> ProgressEvent:
    """A frame in work."""
    kept = {"worker": "w1", "slot": "cpu", "phase": "render", **values}
    return ProgressEvent("render", unit, done=done, total=total, **kept)


def finished(unit: int, **values: Any) -> UnitEvent:
    """A frame that is done."""
    kept = {"seconds": 4.8, "peak_memory_bytes": 412 * MIB, **values}
    return UnitEvent("render", unit, "done", **kept)


def ended(**values: Any) -> JobView:
    """The job when all is done."""
    stages = (
        Stage(1, "render", "done", total=48, done=48),
        Stage(2, "movie", "done", total=1, done=1),
        Stage(3, "join", "done", total=1, done=1),
    )
    return job(
        **{
            "state": "done",
            "stages": stages,
            "render_seconds": 96.0,
            "slowest": SlowestUnit(17, 3.4),
            "peak_memory_bytes": 412 * MIB,
            **values,
        }
    )
