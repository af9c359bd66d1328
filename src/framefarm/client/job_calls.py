"""The calls about jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from framefarm.client.asking import (
    Ask,
    Pages,
    call,
    change,
    get,
    listed,
    make,
    pages,
    tell,
    text,
)
from framefarm.client.submissions import Submission
from framefarm.client.views import (
    FilePage,
    FileView,
    FramePage,
    FrameView,
    JobPage,
    JobView,
    Stage,
    StageList,
    SteeredJob,
    SteeredJobs,
    UnitPage,
    UnitView,
    Why,
)


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are meant: those that match everything given.

    Attributes:
        state: One of these states.
        name: Part of the name.
    """

    state: Sequence[str] = ()
    owner: str = ""
    project: str = ""
    sequence: str = ""
    shot: str = ""
    shot_id: int | None = None
    kind: str = ""
    name: str = ""

    @property
    def given(self) -> dict[str, Any]:
        """What is set."""
        return {key: value for key, value in asdict(self).items() if value}


class JobCalls:
    """The part of `Farm` that is about jobs."""

    # --- asking ---

    @listed
    def jobs(
        self,
        where: JobFilter | None = None,
        *,
        state: str | None = None,
        limit: int | None = None,
    ) -> Pages[JobView]:
        """Jobs, newest first; all of them unless limited.

        Args:
            where: Only those that match.
            state: Only those in this state; the same as in `where`.
            limit: How many at most.
        """
        asked = {**({"state": state} if state else {}), **(where.given if where else {})}
        return pages("/api/jobs", JobPage, lambda page: page.jobs, most=200, limit=limit, **asked)

    @call
    def job(self, job: int) -> Ask[JobView]:
        """One job.

        Raises:
            FarmAnswerError: There is none of that number.
        """
        return get(f"/api/jobs/{job}", JobView)

    @call
    def why(self, job: int) -> Ask[Why]:
        """Why a job is not running, or not on more workers.

        Raises:
            FarmAnswerError: There is none of that number.
        """
        return get(f"/api/jobs/{job}/why", Why)

    @call
    def stages(self, job: int) -> Ask[tuple[Stage, ...]]:
        """The stages of a job in their order, with where their units are and when they end.

        Raises:
            FarmAnswerError: There is no such job.
        """
        return get(f"/api/jobs/{job}/stages", StageList).then(lambda found: found.stages)

    @call
    def stage(self, job: int, kind: str) -> Ask[Stage]:
        """One stage of a job, by its kind: `render`, `movie`, `join` or `trial`.

        Raises:
            FarmAnswerError: There is no such job, or it has no such stage.
        """
        return get(f"/api/jobs/{job}/stages/{quote(kind, safe='')}", Stage)

    @listed
    def units(
        self, job: int, *, kind: str = "render", state: str | None = None, limit: int | None = None
    ) -> Pages[UnitView]:
        """Units of one stage, ascending; only those in `state` where given."""
        return pages(
            f"/api/jobs/{job}/units",
            UnitPage,
            lambda page: page.units,
            most=500,
            limit=limit,
            cursor="after",
            kind=kind,
            state=state,
        )

    @listed
    def frames(
        self,
        job: int,
        *,
        state: str | None = None,
        worker: str | None = None,
        frames: str | None = None,
        limit: int | None = None,
    ) -> Pages[FrameView]:
        """A job's frames, ascending, also those that wait; those that match everything given.

        Args:
            state: `pending`, `leased`, `done`, `failed` or `cancelled`.
            worker: Who has made them, failed them for good, or is at them.
            frames: Only these, such as `1-100,250`.
        """
        return pages(
            f"/api/jobs/{job}/frames",
            FramePage,
            lambda page: page.frames,
            most=500,
            limit=limit,
            state=state,
            worker=worker,
            frames=frames,
        )

    @call
    def frame(self, job: int, frame: int) -> Ask[FrameView]:
        """One frame of a job.

        Raises:
            FarmAnswerError: There is no such job, or it has no such frame.
        """
        return get(f"/api/jobs/{job}/frames/{frame}", FrameView)

    @listed
    def files(self, job: int) -> Pages[FileView]:
        """All outputs of a job that are there by now, without thumbnails and logs."""
        return pages(f"/api/jobs/{job}/files", FilePage, lambda page: page.files, most=500)

    @call
    def frame_log(self, job: int, frame: int) -> Ask[str]:
        """What Blender said while it rendered a frame, or failed to."""
        return text(f"/api/jobs/{job}/frames/{frame}/log")

    @call
    def job_log(self, job: int) -> Ask[str]:
        """Each failed attempt of a job with its reason and the end of its log."""
        return text(f"/api/jobs/{job}/log")

    # --- changing ---

    @call
    def submit(self, submission: Submission) -> Ask[JobView]:
        """Make a job, or find the one with the same fingerprint.

        Raises:
            FarmAnswerError: It was refused; `detail` says why.
        """
        return make("/api/jobs", JobView, msgspec.json.encode(submission))

    @call
    def cancel(self, job: int) -> Ask[JobView]:
        """Stop a job; what is finished stays."""
        return _post(f"/api/jobs/{job}/cancel")

    @call
    def pause(self, job: int, *, now: bool = False) -> Ask[JobView]:
        """Give out no more of a job; with `now` also take back what is being rendered."""
        return _post(f"/api/jobs/{job}/pause", msgspec.json.encode({"now": now}))

    @call
    def resume(self, job: int) -> Ask[JobView]:
        """Go on with a paused job."""
        return _post(f"/api/jobs/{job}/resume")

    @call
    def set_priority(self, job: int, priority: int, *, kind: str | None = None) -> Ask[JobView]:
        """Change when a job, or one stage of it, gets its turn: 0 to 100, the highest first."""
        body = {"priority": priority, "kind": kind}
        return _post(f"/api/jobs/{job}/priority", msgspec.json.encode(body))

    @call
    def limit(self, job: int, max_workers: int | None) -> Ask[JobView]:
        """Change how many slots may work on a job at a time; None for any number."""
        return _post(f"/api/jobs/{job}/limit", msgspec.json.encode({"max_workers": max_workers}))

    @call
    def set_deadline(self, job: int, deadline: str | None) -> Ask[JobView]:
        """Change when a job is to be done, ISO 8601 with its zone; None where nobody waits."""
        return _post(f"/api/jobs/{job}/deadline", msgspec.json.encode({"deadline": deadline}))

    @call
    def retry(
        self, job: int, *, frames: str | None = None, everything: bool = False
    ) -> Ask[JobView]:
        """Put units of a job back to work.

        Args:
            job: Its number.
            frames: Frames to make anew whatever became of them, for example `1-10,20`.
            everything: Make all of them anew. Without either: what failed or was cancelled.
        """
        body = {"frames": frames, "all": everything}
        return _post(f"/api/jobs/{job}/retry", msgspec.json.encode(body))

    @call
    def steer_jobs(
        self,
        action: str,
        jobs: Sequence[int] | JobFilter,
        *,
        now: bool = False,
        priority: int | None = None,
        outputs: bool = False,
    ) -> Ask[tuple[SteeredJob, ...]]:
        """Do the same with many jobs, up to 1,000 at a time.

        Args:
            action: `cancel`, `pause`, `resume`, `retry`, `priority` or `delete`.
            jobs: Their numbers, or a filter. One without a state leaves out jobs with which there
                is nothing to do, such as those that have ended where they are to be paused.
            now: Of `pause`: also take back what is being rendered.
            priority: Of `priority`.
            outputs: Of `delete`: with their files on the manager's machine.

        Returns:
            What became of each.

        Raises:
            FarmAnswerError: There is none of a number, or none matches, or the filter is empty.
                Nothing was done.
        """
        body: dict[str, Any] = {"action": action, "now": now, "outputs": outputs}
        if priority is not None:
            body["priority"] = priority
        if isinstance(jobs, JobFilter):
            body["where"] = jobs.given
        else:
            body["jobs"] = jobs
        asked = change("/api/jobs/steer", SteeredJobs, msgspec.json.encode(body))
        return asked.then(lambda found: found.jobs)

    @call
    def delete(self, job: int, *, outputs: bool = False) -> Ask[None]:
        """Delete a job; with `outputs` its files on the manager's machine as well."""
        query = "?outputs=true" if outputs else ""
        return tell(f"/api/jobs/{job}{query}", method="DELETE")


def _post(path: str, body: bytes = b"") -> Ask[JobView]:
    return change(path, JobView, body)
