"""`framefarm fetch`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import job_argument, json_option, open_farm, url_option
from framefarm.cli.groups import command as declare
from framefarm.cli.groups import option
from framefarm.cli.paths import PathType
from framefarm.cli.printing import json_text

if TYPE_CHECKING:
    from framefarm.client.farm import Farm
    from framefarm.client.fetching import FetchedFile, NewFiles
    from framefarm.client.views import JobView

_PAUSE_RATIO = 3.0
"""After looking for new files for so long, nothing is looked for so many times as long."""

_LONGEST_PAUSE_S = 5.0


@declare("fetch", short_help="Bring a job's frames and movie here.")
@job_argument
@click.argument("folder", metavar="DIR", type=PathType(file_okay=False))
@option("--frames", metavar="LIST", help="Only these, such as 1-20,40, and no movie.")
@option("--follow", is_flag=True, help="Bring each file as it is made, until the job ends.")
@option(
    "--parallel",
    type=click.IntRange(1, 8),
    default=4,
    metavar="N",
    help="Downloads at the same time. Default: 4.",
)
@json_option
@url_option
def command(
    job: int,
    folder: Path,
    frames: str | None,
    parallel: int,
    url: str | None,
    *,
    follow: bool,
    as_json: bool,
) -> int:
    """Bring a job's frames and movie into DIR.

    Files that are there already are left alone, broken downloads are continued, and every file is
    checked. It may be repeated while the job runs: each time it brings what is new.
    """
    from framefarm.client.fetching import NewFiles, of_frames  # noqa: PLC0415  not for --help

    new = NewFiles(of_frames(frames))
    with open_farm(url) as farm:
        view = farm.job(job)
        _check_frames(view, frames)
        fetching = _Fetching(farm, job, folder, new, parallel, quiet=as_json)
        if follow:
            view = fetching.follow(view)
        else:
            fetching.fetch()
    code = 1 if follow and view.state != "done" else 0
    if as_json:
        click.echo(json_text({"job": job, "state": view.state, **fetching.counts()}))
        return code
    fetching.tell_the_end()
    if not view.finished:
        click.echo(f"job {job} is still {view.state}; fetch again for the rest")
    elif follow and view.state != "done":
        click.echo(f"job {job} is {view.state}; see: framefarm logs {job}")
    return code


def _check_frames(job: JobView, frames: str | None) -> None:
    """Refuse frames that a job has none of; nothing of them would ever come."""
    from framefarm.core.spans import Spans  # noqa: PLC0415  not for --help

    there = job.settings.get("frames") or job.settings.get("units")
    if frames is None or not there:
        return
    if not Spans.parse(frames).intersection(Spans.parse(there)):
        raise UsageFailure(f"job {job.id} has no frames {frames}; it has {there}")


class _Fetching:
    """Brings a job's files, again and again if need be, and counts them."""

    def __init__(
        self, farm: Farm, job: int, folder: Path, new: NewFiles, parallel: int, *, quiet: bool
    ) -> None:
        self._farm = farm
        self._job = job
        self._folder = folder
        self._new = new
        self._parallel = parallel
        self._fetched = self._kept = self._bytes = 0
        self._told_held = False
        self._shown = sys.stderr.isatty() and not quiet

    def follow(self, view: JobView) -> JobView:
        """Fetch whenever more is done, until the job ends; returns it as it is then."""
        from framefarm.client.events import EndEvent, JobEvent  # noqa: PLC0415  not for --help

        done, again_at = -1, 0.0
        for event in self._farm.events(self._job):
            if isinstance(event, JobEvent):
                self._tell_held(event.job)
                view = event.job
            so_far = sum(stage.done for stage in view.stages)
            began = time.monotonic()
            if isinstance(event, EndEvent) or (so_far != done and began >= again_at):
                done = so_far
                self.fetch()
                # To list a large job takes a while; the manager has others to answer meanwhile.
                now = time.monotonic()
                again_at = now + min(_PAUSE_RATIO * (now - began), _LONGEST_PAUSE_S)
        return view

    def _tell_held(self, job: JobView) -> None:
        """Say once that a job is held: what is waited for may take a while."""
        from framefarm.cli.display.held_words import going_on, is_held  # noqa: PLC0415  as above

        held = is_held(job)
        if held and not self._told_held:
            text = f"framefarm: warning: job {job.id} is paused. {job.message} {going_on(job)}"
            click.echo(text, err=True)
        self._told_held = held

    def fetch(self) -> None:
        """Fetch all that is there and was not fetched yet."""
        from framefarm.client.fetching import fetch_files  # noqa: PLC0415  not for --help

        new = self._new.of(self._farm.files(self._job))
        fetch_files(self._farm, new, self._folder, parallel=self._parallel, tell=self._note)

    def _note(self, fetched: FetchedFile) -> None:
        from framefarm.cli.display import words  # noqa: PLC0415  not for --help

        self._new.note(fetched.file)
        if fetched.outcome == "fetched":
            self._fetched += 1
            self._bytes += fetched.file.size_bytes
        else:
            self._kept += 1
        if self._shown:
            told = f"\r{self._fetched:,} files, {words.size(self._bytes)} "
            click.echo(told, nl=False, err=True)

    def counts(self) -> dict[str, int]:
        """What was brought, for a program."""
        return {"fetched": self._fetched, "fetched_bytes": self._bytes, "kept": self._kept}

    def tell_the_end(self) -> None:
        """Say what was brought, in place of the line that counted."""
        from framefarm.cli.display import words  # noqa: PLC0415  not for --help

        if self._shown and self._fetched + self._kept:
            click.echo("\r\x1b[K", nl=False, err=True)
        click.echo(
            f"{words.plural(self._fetched, 'file')} ({words.size(self._bytes)}) fetched into "
            f"{words.place(self._folder)}, {self._kept:,} were there"
        )
