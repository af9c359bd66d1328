"""The Python client: submit jobs to a manager, follow them and fetch what they made.

from framefarm.client import Farm

with Farm("http://127.0.0.1:7070") as farm:
    job = farm.render("shot.blend", frames="1-250")
    for frame in farm.fetch(job.id, "frames", follow=True):
        print(frame.path)

`AsyncFarm` has the same methods, to be awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framefarm.client.blob_calls import hash_file
from framefarm.client.errors import (
    BadFarmUrlError,
    ClientError,
    DamagedDownloadError,
    FarmAnswerError,
    FarmUnreachableError,
    MissingLinksError,
    UnreadableAnswerError,
    UnsafeFileNameError,
)
from framefarm.client.events import EndEvent, Event, JobEvent, ProgressEvent, UnitEvent
from framefarm.client.farm import Farm
from framefarm.client.happenings import (
    BeginHappening,
    GapHappening,
    Happening,
    JobHappening,
    SessionHappening,
    ShotHappening,
    UnitHappening,
    WorkerHappening,
)
from framefarm.client.job_calls import JobFilter
from framefarm.client.session_views import SessionView, SessionWorker
from framefarm.client.shot_calls import ShotFilter
from framefarm.client.shot_views import ShotView
from framefarm.client.submissions import BlendRef, RenderRequest, Submission, TrialRequest
from framefarm.client.views import (
    Estimate,
    FileView,
    Health,
    JobView,
    SlowestUnit,
    Stage,
    UnitView,
)
from framefarm.client.worker_calls import WorkerFilter
from framefarm.client.worker_views import Steered, WorkerView

if TYPE_CHECKING:
    from framefarm.client.async_farm import AsyncFarm
    from framefarm.client.fetching import FetchedFile
    from framefarm.client.rendering import RenderOptions

__all__ = [
    "AsyncFarm",
    "BadFarmUrlError",
    "BeginHappening",
    "BlendRef",
    "ClientError",
    "DamagedDownloadError",
    "EndEvent",
    "Estimate",
    "Event",
    "Farm",
    "FarmAnswerError",
    "FarmUnreachableError",
    "FetchedFile",
    "FileView",
    "GapHappening",
    "Happening",
    "Health",
    "JobEvent",
    "JobFilter",
    "JobHappening",
    "JobView",
    "MissingLinksError",
    "ProgressEvent",
    "RenderOptions",
    "RenderRequest",
    "SessionHappening",
    "SessionView",
    "SessionWorker",
    "ShotFilter",
    "ShotHappening",
    "ShotView",
    "SlowestUnit",
    "Stage",
    "Steered",
    "Submission",
    "TrialRequest",
    "UnitEvent",
    "UnitHappening",
    "UnitView",
    "UnreadableAnswerError",
    "UnsafeFileNameError",
    "WorkerFilter",
    "WorkerHappening",
    "WorkerView",
    "hash_file",
]

_LATER = {
    "AsyncFarm": "async_farm",
    "FetchedFile": "fetching",
    "RenderOptions": "rendering",
}
"""Not loaded before it is asked for: httpx alone takes a quarter of a second."""


def __getattr__(name: str) -> Any:
    """What takes long to load."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  few need it

    return getattr(import_module(f"framefarm.client.{_LATER[name]}"), name)
