"""`Farm`: everything a manager can be asked, as typed methods."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Self, TypeVar
from urllib.parse import urlencode

import msgspec

from framefarm.client import events as job_events
from framefarm.client.chunked import CutFile, cut, send
from framefarm.client.errors import FarmUnreachableError, UnreadableAnswerError
from framefarm.client.happenings import Happening, decode_happening
from framefarm.client.reading import read_json
from framefarm.client.refusals import refusal
from framefarm.client.submissions import Submission
from framefarm.client.transport import MAX_ANSWER_BYTES, Answer, Transport, read_piece
from framefarm.client.user_calls import UserCalls
from framefarm.client.views import (
    FilePage,
    FileView,
    Health,
    JobPage,
    JobView,
    MissingChunks,
    UnitPage,
    UnitView,
    Why,
)
from framefarm.client.worker_calls import WorkerCalls
from framefarm.core.plain_text import plain
from framefarm.protocol.chunks import chunk_of

_T = TypeVar("_T")
_CHUNK = 1 << 20
_EVENT_SILENCE_S = 60.0
_PUT_TOGETHER_S = 900.0
_OK = frozenset({200, 201, 204, 206})

Counter = Callable[[int], None]
"""Told how many more bytes are through."""


class Farm(WorkerCalls, UserCalls):
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
        self._transport = Transport(url, timeout_s=timeout_s, certificate=certificate, token=token)
        self._patience_s = patience_s

    @property
    def url(self) -> str:
        """The manager's address, without a slash at its end."""
        return self._transport.url

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

    # --- asking ---

    def health(self) -> Health:
        """Find out whether a manager is there.

        Raises:
            FarmUnreachableError: It is not.
            UnreadableAnswerError: Something else is.
        """
        return self._get("/api/health", Health)

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

    def events(self, job: int) -> Iterator[job_events.Event]:
        """Follow a job until its end, over broken connections; first comes the job as it is.

        Raises:
            FarmUnreachableError: The manager was away for longer than `patience_s`.
            FarmAnswerError: There is no such job.
        """
        return job_events.keep_following(lambda: self._stream_job(job), patience_s=self._patience_s)

    def happenings(
        self, *, jobs: Sequence[int] = (), workers: Sequence[str] = (), kinds: Sequence[str] = ()
    ) -> Iterator[Happening]:
        """Follow the whole farm from now on, over broken connections, without an end.

        What happened while the connection was broken comes after it; what is lost is said.

        Args:
            jobs: Only of these.
            workers: Only of these, by name or id, and of the units that they make.
            kinds: Only these: `job`, `unit`, `worker`.

        Raises:
            FarmUnreachableError: The manager was away for longer than `patience_s`.
            FarmAnswerError: There is no such worker, or no right to this.
        """
        asked = urlencode({"job": jobs, "worker": workers, "kind": kinds}, doseq=True)
        place = [""]
        return job_events.keep_following(
            lambda: self._stream_farm(f"/api/events?{asked}", place), patience_s=self._patience_s
        )

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

    # --- blobs ---

    def upload_blob(
        self, path: Path, *, sha256: str | None = None, count: Counter | None = None
    ) -> str:
        """Give the manager a file, unless it has it.

        Args:
            path: The file.
            sha256: Of its content, where known already.
            count: Told how many more bytes are sent.

        Returns:
            The SHA-256 of its content.

        Raises:
            FarmAnswerError: It was refused: the disk is full, or the file changed meanwhile.
            OSError: The file cannot be read.
        """
        sha256 = sha256 or hash_file(path)
        if self.has_blob(sha256):
            return sha256
        with path.open("rb") as file:
            size = path.stat().st_size
            headers = {
                "Content-Length": str(size),
                "Content-Type": "application/octet-stream",
            }
            body = _counted(file, size, count)
            address = f"/api/blobs/{sha256}"
            with self._transport.open("PUT", address, body=body, headers=headers) as response:
                if response.status not in _OK:
                    raise refusal(response.status, response.read(_CHUNK))
        return sha256

    def upload_in_chunks(
        self, file: IO[bytes], size_bytes: int, *, count: Counter | None = None
    ) -> str:
        """Give the manager a file, of which only what it lacks is sent.

        What broke off goes on where it was when it is called again. The file is read twice.

        Args:
            file: At its start; it must be able to seek.
            size_bytes: Its size.
            count: Told how many more bytes are sent, as they travel.

        Returns:
            The SHA-256 of its content.

        Raises:
            NotTakenError: The manager does not come to an end.
            FarmAnswerError: It was refused: the disk is full, or the file changed meanwhile.
            OSError: The file cannot be read.
        """
        import zstandard  # noqa: PLC0415  slow, and for few commands

        packer = zstandard.ZstdCompressor()

        def put(pack: bytes) -> None:
            body = packer.compress(pack)
            self._checked(self._transport.request("PUT", "/api/uploads/chunks", body=body))
            if count is not None:
                count(len(body))

        cut_file = cut(file, size_bytes)
        send(file, cut_file, offer=self._offer, put=put)
        return cut_file.sha256

    def _offer(self, cut_file: CutFile) -> list[bytes]:
        """What is missing of a file."""
        pieces = [(name.hex(), size) for name, size in map(chunk_of, cut_file.pieces)]
        offered = {"sha256": cut_file.sha256, "size_bytes": cut_file.size_bytes, "pieces": pieces}
        headers = {"Content-Type": "application/json"}
        with self._transport.open(
            "POST",
            "/api/uploads",
            body=msgspec.json.encode(offered),
            headers=headers,
            timeout_s=_PUT_TOGETHER_S,
        ) as response:
            content = read_piece(response, MAX_ANSWER_BYTES)
            if response.status not in _OK:
                raise refusal(response.status, content)
            answer = Answer(response.status, {}, content)
        return [bytes.fromhex(name) for name in self._decode(answer, MissingChunks).missing]

    def has_blob(self, sha256: str) -> bool:
        """Whether the manager has a file with this content."""
        answer = self._transport.request("HEAD", f"/api/blobs/{sha256}")
        if answer.status in (200, 404):
            return answer.status == 200  # noqa: PLR2004  HTTP
        raise refusal(answer.status, answer.content)

    def read_blob(self, sha256: str, *, start: int = 0) -> Iterator[bytes]:
        """A file's bytes from `start` on, in pieces of up to 1 MiB.

        Raises:
            FarmAnswerError: The manager does not have it.
            FarmUnreachableError: The connection broke.
        """
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._transport.open("GET", f"/api/blobs/{sha256}", headers=headers) as response:
            if response.status not in _OK:
                raise refusal(response.status, response.read(_CHUNK))
            skip = start if response.status == 200 else 0  # noqa: PLR2004  a server without ranges
            while piece := _read_or_last(response):
                yield piece[skip:]
                skip = max(0, skip - len(piece))

    # --- inside ---

    def _get(self, path: str, kind: type[_T]) -> _T:
        return self._decode(self._checked(self._transport.request("GET", path)), kind)

    def _post(self, path: str, body: bytes = b"") -> JobView:
        return self._change(path, JobView, body)

    def _change(self, path: str, kind: type[_T], body: bytes = b"", *, method: str = "POST") -> _T:
        headers = {"Content-Type": "application/json"} if body else {}
        answer = self._transport.request(method, path, body=body, headers=headers)
        return self._decode(self._checked(answer), kind)

    def _remove(self, path: str) -> None:
        self._checked(self._transport.request("DELETE", path))

    def _text(self, path: str) -> str:
        answer = self._checked(self._transport.request("GET", path))
        return plain(answer.content.decode(errors="replace"))

    def _checked(self, answer: Answer) -> Answer:
        if answer.status not in _OK:
            raise refusal(answer.status, answer.content)
        return answer

    def _decode(self, answer: Answer, kind: type[_T]) -> _T:
        try:
            return read_json(answer.content, kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise UnreadableAnswerError(self.url, error) from error

    def _stream_job(self, job: int) -> Iterator[job_events.Event]:
        for event in self._stream(f"/api/jobs/{job}/events"):
            found = self._read_event(event, job_events.decode_event)
            if found is not None:
                yield found

    def _stream_farm(self, path: str, place: list[str]) -> Iterator[Happening]:
        """The farm's events after `place[0]`, which goes along."""
        for event in self._stream(path, after=place[0]):
            found = self._read_event(event, decode_happening)
            place[0] = event.id or place[0]
            if found is not None:
                yield found

    def _read_event(
        self, event: job_events.StreamedEvent, decode: Callable[[job_events.StreamedEvent], _T]
    ) -> _T:
        try:
            return decode(event)
        except msgspec.DecodeError as error:
            raise UnreadableAnswerError(self.url, error) from error

    def _stream(self, path: str, *, after: str = "") -> Iterator[job_events.StreamedEvent]:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
        with self._transport.open(
            "GET", path, headers=headers, timeout_s=_EVENT_SILENCE_S
        ) as response:
            if response.status not in _OK:
                raise refusal(response.status, response.read(_CHUNK))
            lines = iter(lambda: response.readline(job_events.MAX_LINE_BYTES), b"")
            yield from job_events.read_event_lines(lines)
        raise FarmUnreachableError(self.url, "the stream of events broke off")


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content, lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_or_last(response: http.client.HTTPResponse) -> bytes:
    """The next piece of a body. What came before a break is handed out before the break is told."""
    try:
        return read_piece(response, _CHUNK)
    except http.client.IncompleteRead as error:
        if not error.partial:
            raise
        return error.partial


def _counted(file: BinaryIO, size: int, count: Counter | None) -> Iterator[bytes]:
    """A file's first `size` bytes; the length was promised before the first of them."""
    left = size
    while left > 0 and (piece := file.read(min(_CHUNK, left))):
        yield piece
        left -= len(piece)
        if count is not None:
            count(len(piece))


def _query(**values: str | int | None) -> str:
    given = {name: value for name, value in values.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""
