"""`Farm`: everything a manager can be asked, as typed methods."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from framefarm.client.asking import Ask, call, get
from framefarm.client.blob_calls import BlobCalls
from framefarm.client.event_calls import EventCalls
from framefarm.client.job_calls import JobCalls
from framefarm.client.login_calls import LoginCalls
from framefarm.client.notify_calls import NotifyCalls
from framefarm.client.session_calls import SessionCalls
from framefarm.client.shot_calls import ShotCalls
from framefarm.client.transport import Transport
from framefarm.client.user_calls import UserCalls
from framefarm.client.views import Health, JobView
from framefarm.client.worker_calls import WorkerCalls

if TYPE_CHECKING:
    from framefarm.client.fetching import FetchedFile
    from framefarm.client.rendering import RenderOptions


class FarmCalls(
    JobCalls,
    ShotCalls,
    EventCalls,
    WorkerCalls,
    SessionCalls,
    UserCalls,
    NotifyCalls,
    LoginCalls,
):
    """What both `Farm` and `AsyncFarm` can ask, each in its way."""

    @call
    def health(self) -> Ask[Health]:
        """Find out whether a manager is there.

        Raises:
            FarmUnreachableError: It is not.
            UnreadableAnswerError: Something else is.
        """
        return get("/api/health", Health)


class Farm(BlobCalls, FarmCalls):
    """A manager, as its clients see it. May be used from several threads at once.

    Args:
        url: The manager's address, for example `http://127.0.0.1:7070`.
        timeout_s: How long one step of a request may take.
        patience_s: How long `events` waits for a manager that went away.
        certificate: In PEM form, the only one that an https manager is believed by; empty for those
            that the system trusts.
        token: Whose asks, `ff_...`; empty for nobody in particular, on the manager's own machine.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 30.0,
        patience_s: float = 60.0,
        certificate: str = "",
        token: str = "",
    ) -> None:
        reached = Transport(url, timeout_s=timeout_s, certificate=certificate, token=token)
        super().__init__(reached, patience_s=patience_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the calling thread's connection."""
        self._transport.close()

    def render(self, blend: str | os.PathLike[str], **options: Unpack[RenderOptions]) -> JobView:
        """Hand a .blend in with all files that it links; the job that was made of it.

        Of the files only what the farm lacks is sent.

        Args:
            blend: The file.
            options: See `RenderOptions`.

        Raises:
            BlendFileError: It is none, or damaged.
            MissingLinksError: `strict`, and a file that it links is not there.
            FarmAnswerError: It was refused; `detail` says why.
            OSError: The file is not there, or cannot be read.
        """
        from framefarm.client.rendering import render_blend  # noqa: PLC0415  few commands need it

        return render_blend(self, blend, options)

    def fetch(
        self,
        job: int,
        folder: str | os.PathLike[str],
        *,
        frames: str | None = None,
        follow: bool = False,
        parallel: int = 4,
    ) -> Iterator[FetchedFile]:
        """Bring a job's frames and movie into a folder; each file as it is in its place.

        Files that are there already are left alone, broken downloads are continued, and every file
        is checked.

        Args:
            job: Its number.
            folder: Made when it is not there.
            frames: Only the files of these, such as `1-20,40`; None for all, and the movie.
            follow: Go on until the job ends, bringing frames as they appear.
            parallel: How many at once, 1 to 8.

        Raises:
            FarmAnswerError: There is no such job.
            SpansError: The frames cannot be understood.
            DamagedDownloadError: A file came with the wrong content, twice.
            OSError: The folder cannot be written.
        """
        from framefarm.client.fetching import fetch_job  # noqa: PLC0415  few commands need it

        return fetch_job(self, job, Path(folder), frames=frames, follow=follow, parallel=parallel)

    def fetch_shot(
        self, shot: int, folder: str | os.PathLike[str], *, parallel: int = 4
    ) -> Iterator[FetchedFile]:
        """Bring a shot's frames, each of its version, and its movie into a folder; see `fetch`.

        A frame that a newer version has made anew takes the place of the one that was there. Where
        two versions name different frames alike, those of the older one go into `v1/`.

        Raises:
            FarmAnswerError: There is no such shot.
            DamagedDownloadError: A file came with the wrong content, twice.
            OSError: The folder cannot be written.
        """
        from framefarm.client import fetching  # noqa: PLC0415  few commands need it

        files = fetching.side_by_side(self.shot_files(shot))
        return fetching.bring(self, files, Path(folder), parallel=parallel)
