"""The calls about jobs."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import msgspec

from framefarm.client.calls import Calls
from framefarm.client.submissions import Submission
from framefarm.client.views import FilePage, FileView, JobPage, JobView, UnitPage, UnitView, Why


class JobCalls(Calls):
    """The part of `Farm` that is about jobs."""

    # --- asking ---

    def jobs(self, *, state: str | None = None, limit: int | None = None) -> Iterator[JobView]:
        """Jobs, newest first; all of them unless limited."""
        cursor: str | int | None = None
        left = limit
        while left is None or left > 0:
            size = min(200, left or 200)
            query = _query(state=state, limit=size, cursor=cursor)
            page = self._get(f"/api/jobs{query}", JobPage)
            yield from page.jobs
            left = None if left is None else left - len(page.jobs)
            if page.next is None or not page.jobs:
                return
            cursor = page.next

    def job(self, job: int) -> JobView:
        """One job.

        Raises:
            FarmAnswerError: There is none of that number.
        """
        return self._get(f"/api/jobs/{job}", JobView)

    def why(self, job: int) -> Why:
        """Why a job is not running, or not on more workers.

        Raises:
            FarmAnswerError: There is none of that number.
        """
        return self._get(f"/api/jobs/{job}/why", Why)

    def units(
        self, job: int, *, kind: str = "render", state: str | None = None, limit: int | None = None
    ) -> Iterator[UnitView]:
        """Units of one stage, ascending; only those in `state` where given."""
        after: str | int | None = None
        left = limit
        while left is None or left > 0:
            query = _query(kind=kind, state=state, limit=min(500, left or 500), after=after)
            page = self._get(f"/api/jobs/{job}/units{query}", UnitPage)
            yield from page.units
            left = None if left is None else left - len(page.units)
            if page.next is None or not page.units:
                return
            after = page.next

    def files(self, job: int) -> Iterator[FileView]:
        """All outputs of a job that are there by now, without thumbnails and logs."""
        cursor: str | int | None = None
        while True:
            query = _query(limit=500, cursor=cursor)
            page = self._get(f"/api/jobs/{job}/files{query}", FilePage)
            yield from page.files
            if page.next is None or not page.files:
                return
            cursor = page.next

    def frame_log(self, job: int, frame: int) -> str:
        """What Blender said while it rendered a frame, or failed to."""
        return self._text(f"/api/jobs/{job}/frames/{frame}/log")

    def job_log(self, job: int) -> str:
        """Each failed attempt of a job with its reason and the end of its log."""
        return self._text(f"/api/jobs/{job}/log")

    # --- changing ---

    def submit(self, submission: Submission) -> JobView:
        """Make a job, or find the one with the same fingerprint.

        Raises:
            FarmAnswerError: It was refused; `detail` says why.
        """
        return self._post("/api/jobs", msgspec.json.encode(submission))

    def cancel(self, job: int) -> JobView:
        """Stop a job; what is finished stays."""
        return self._post(f"/api/jobs/{job}/cancel")

    def pause(self, job: int, *, now: bool = False) -> JobView:
        """Give out no more of a job; with `now` also take back what is being rendered."""
        return self._post(f"/api/jobs/{job}/pause", msgspec.json.encode({"now": now}))

    def resume(self, job: int) -> JobView:
        """Go on with a paused job."""
        return self._post(f"/api/jobs/{job}/resume")

    def set_priority(self, job: int, priority: int, *, kind: str | None = None) -> JobView:
        """Change when a job, or one stage of it, gets its turn: 0 to 100, the highest first."""
        body = {"priority": priority, "kind": kind}
        return self._post(f"/api/jobs/{job}/priority", msgspec.json.encode(body))

    def retry(self, job: int, *, frames: str | None = None, everything: bool = False) -> JobView:
        """Put units of a job back to work.

        Args:
            job: Its number.
            frames: Frames to make anew whatever became of them, for example `1-10,20`.
            everything: Make all of them anew. Without either: what failed or was cancelled.
        """
        body = {"frames": frames, "all": everything}
        return self._post(f"/api/jobs/{job}/retry", msgspec.json.encode(body))

    def delete(self, job: int, *, outputs: bool = False) -> None:
        """Delete a job; with `outputs` its files on the manager's machine as well."""
        query = "?outputs=true" if outputs else ""
        self._remove(f"/api/jobs/{job}{query}")

    def _post(self, path: str, body: bytes = b"") -> JobView:
        return self._change(path, JobView, body)


def _query(**values: str | int | None) -> str:
    given = {name: value for name, value in values.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""
