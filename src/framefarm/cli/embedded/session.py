"""One `framefarm render`, from the file to the exit status.

The main thread shows what happens and takes signals. A second thread, the conductor, gets the
render going and follows it. They talk through one queue, so that an interruption, a failure and an
event are all handled in the same place.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from framefarm.cli.display import words
from framefarm.cli.display.displays import Display
from framefarm.cli.display.summary import Summary
from framefarm.cli.embedded.farm import EmbeddedFarm
from framefarm.cli.embedded.fingerprint import fingerprint, spelled_out
from framefarm.cli.embedded.giving_up import FailureWatch, NoFrameRendersError
from framefarm.cli.embedded.place import OutputPlace
from framefarm.cli.embedded.reading import ReadBlend, check_blender, read_for_farm
from framefarm.cli.embedded.record import MAX_FILES, Record, read_record, write_record
from framefarm.cli.failures import DONE, INTERRUPTED, UNITS_FAILED
from framefarm.cli.following import TICK_S, Feed, Follower, summarize
from framefarm.cli.interruptions import Interrupted, Interruptions
from framefarm.cli.job_options import JobOptions, blend_name
from framefarm.cli.settings import Settings
from framefarm.client.errors import ClientError, FarmAnswerError
from framefarm.client.farm import Farm
from framefarm.client.submissions import BlendRef, Submission
from framefarm.client.views import JobView

_SPACE_EVERY_S = 2.0
_ANOTHER = (
    "the file, what it links, the frames or an option are not those of the last render here; "
    "every frame is rendered"
)


@dataclass(frozen=True, slots=True)
class Submitted:
    """The manager has the job. `job` is as it was before anything was rendered now."""

    job: JobView


@dataclass(frozen=True, slots=True)
class CompleteAlready:
    """All of it was rendered before."""

    record: Record


class RenderSession:
    """One render of one file into one folder.

    Args:
        path: The .blend.
        options: What was typed.
        settings: Name further Blenders.
        place: The output folder, entered.
        display: Shows it.
    """

    def __init__(
        self,
        path: Path,
        options: JobOptions,
        settings: Settings,
        *,
        place: OutputPlace,
        display: Display,
    ) -> None:
        self._path = path
        self._options = options
        self._settings = settings
        self._place = place
        self._display = display
        self._feed: Feed = queue.SimpleQueue()
        self._farm = EmbeddedFarm(place, settings, self._feed.put)
        self._client = Farm(self._farm.url)
        self._began = time.monotonic()
        self._checked_space = self._began
        self._fingerprint = ""
        self._current = place.private / "current"
        self._submitted: JobView | None = None
        self._follower = Follower(
            self._feed, display, on_tick=self._look_at_disk, on_unit=FailureWatch().look
        )

    def run(self) -> int:
        """Render; returns the exit status.

        Raises:
            FrameFarmError: It cannot be done, or no further.
        """
        with Interruptions(self._feed):
            threading.Thread(target=self._conduct, name="conductor", daemon=True).start()
            try:
                ending = self._wait_for_job() or self._follower.follow()
                if isinstance(ending, CompleteAlready):
                    return self._tell_complete(ending.record)
                if isinstance(ending, Interrupted):
                    return INTERRUPTED
                return self._finish()
            except NoFrameRendersError:
                self._give_up()
                raise
            finally:
                self._farm.stop()
                self._display.close()

    def told_interruption(self) -> str:
        """What to say after an interruption."""
        board = self._follower.board
        if self._submitted is None or not board.total:
            return "interrupted before anything was rendered"
        done = f"{board.finished:,} of {words.plural(board.total, board.unit_word)} are done"
        return f"interrupted; {done}; the same command goes on"

    # --- the conductor's thread ---

    def _conduct(self) -> None:
        try:
            self._prepare_and_submit()
        except Exception as error:  # noqa: BLE001  raised again in the main thread
            self._feed.put(error)

    def _prepare_and_submit(self) -> None:
        record = read_record(self._place.private)
        if record is None:
            self._start_both()
        read = read_for_farm(self._path, strict=self._options.strict)
        meant = spelled_out(self._options.request(), read.blend)
        self._fingerprint = fingerprint(read.sha256, meant, read.linked)
        if self._is_complete(record):
            return
        check_blender(read, self._options, self._settings)
        if record is not None:
            self._start_both()
        before = self._before(record)
        self._feed.put(lambda: self._display.status("starting the manager and Blender"))
        self._farm.await_manager()
        job = self._submit(read)
        self._tell_change(job, before)
        self._feed.put(Submitted(job))
        for event in self._client.events(job.id):
            self._feed.put(event)

    def _tell_change(self, job: JobView, before: set[str]) -> None:
        """Say why nothing is there yet of a job, though something was rendered here before."""
        begun = job.main_stage is not None and job.main_stage.done
        if before and self._fingerprint not in before and not begun:
            self._feed.put(lambda: self._display.message("info", _ANOTHER))

    def _before(self, record: Record | None) -> set[str]:
        """Which renders were made or begun here last."""
        known = {record.fingerprint} if record is not None else set()
        with contextlib.suppress(OSError):
            known.add(self._current.read_text(encoding="utf-8"))
        return known

    def _start_both(self) -> None:
        self._farm.launch_manager()
        self._farm.start_worker()

    def _is_complete(self, record: Record | None) -> bool:
        if record is None or record.fingerprint != self._fingerprint:
            return False
        if not record.is_whole(self._place.folder):
            return False
        self._feed.put(CompleteAlready(record))
        return True

    def _submit(self, read: ReadBlend) -> JobView:
        self._client.upload_blob(read.path, sha256=read.sha256)
        self._cancel_others()
        job = self._client.submit(
            Submission(
                kind="render",
                settings=self._options.request(),
                blend=BlendRef(
                    read.sha256, read.path.name, str(read.path.absolute()), read.missing
                ),
                name=blend_name(read.path),
                fingerprint=self._fingerprint,
            )
        )
        self._current.write_text(self._fingerprint, encoding="utf-8")
        return job

    def _cancel_others(self) -> None:
        """End what was begun here with another file or settings; its frames stay for now.

        The job to come, begun earlier, must not be cancelled: that would throw away the frames
        which the worker finished last and has not handed in yet.
        """
        with contextlib.suppress(OSError):
            if self._current.read_text(encoding="utf-8") == self._fingerprint:
                return
        for state in ("queued", "running", "paused"):
            for job in self._client.jobs(state=state):
                with contextlib.suppress(FarmAnswerError):
                    self._client.cancel(job.id)

    # --- the main thread ---

    def _wait_for_job(self) -> Interrupted | CompleteAlready | None:
        self._display.status(f"reading {self._path.name}")
        while True:
            try:
                item = self._feed.get(timeout=TICK_S)
            except queue.Empty:
                self._display.tick(self._follower.board)
                continue
            if isinstance(item, Submitted):
                self._submitted = item.job
                self._place.keep()
                return None
            if isinstance(item, Interrupted | CompleteAlready):
                return item
            if isinstance(item, BaseException):
                raise item
            item()

    def _look_at_disk(self) -> None:
        now = time.monotonic()
        if now - self._checked_space > _SPACE_EVERY_S:
            self._checked_space = now
            self._place.check_space()

    def _tell_complete(self, record: Record) -> int:
        self._display.message("info", "all frames were rendered before; nothing is left to do")
        self._place.keep()
        wall_s = time.monotonic() - self._began
        output = str(self._place.folder)
        summary = Summary(record.job, wall_s, output, rendered=0, movie=record.movie)
        self._display.summary(summary, DONE)
        return DONE

    def _finish(self) -> int:
        assert self._submitted is not None
        summary = summarize(
            self._client,
            self._submitted,
            wall_s=time.monotonic() - self._began,
            output=str(self._place.folder),
        )
        done = summary.job.state == "done" and not summary.failed
        if done:
            self._note_complete(summary)
        else:
            summary = replace(summary, log_hint=self._keep_failure_log(summary.job))
        code = DONE if done else UNITS_FAILED
        self._display.summary(summary, code)
        return code

    def _give_up(self) -> None:
        """Cancel the job, so that the same command later starts with all attempts forgiven."""
        assert self._submitted is not None
        if log := self._keep_failure_log(self._submitted):
            self._display.message("info", f"what Blender said is in {log}")
        with contextlib.suppress(ClientError):
            self._client.cancel(self._submitted.id)

    def _note_complete(self, summary: Summary) -> None:
        files = []
        for file in self._client.files(summary.job.id):
            files.append((file.name, file.size_bytes))
            if len(files) > MAX_FILES:
                return
        record = Record(self._fingerprint, summary.job, files, summary.movie)
        write_record(self._place.private, record)

    def _keep_failure_log(self, job: JobView) -> str:
        """Write what Blender said of failed frames beside the data; no manager runs afterwards."""
        path = self._place.private / "failures.log"
        try:
            path.write_text(self._client.job_log(job.id), encoding="utf-8")
        except (ClientError, OSError):
            return ""
        return words.place(path)
