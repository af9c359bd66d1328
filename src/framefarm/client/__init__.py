"""The Python client: submit jobs to a manager, follow them and fetch what they made.

from framefarm.client import Farm

with Farm("http://127.0.0.1:7070") as farm:
    for job in farm.jobs(limit=10):
        print(job.id, job.state, job.name)
"""

from framefarm.client.blob_calls import hash_file
from framefarm.client.errors import (
    BadFarmUrlError,
    ClientError,
    DamagedDownloadError,
    FarmAnswerError,
    FarmUnreachableError,
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
    UnitHappening,
    WorkerHappening,
)
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

__all__ = [
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
    "FileView",
    "GapHappening",
    "Happening",
    "Health",
    "JobEvent",
    "JobHappening",
    "JobView",
    "ProgressEvent",
    "RenderRequest",
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
