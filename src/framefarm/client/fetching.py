"""Bringing a job's outputs into a folder: parallel, checked, and resumed where it broke off."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from framefarm.client.blob_calls import hash_file
from framefarm.client.errors import DamagedDownloadError, UnsafeFileNameError
from framefarm.client.events import EndEvent, Event, JobEvent
from framefarm.client.farm import Farm
from framefarm.client.shot_views import ShotFile
from framefarm.client.views import FileView
from framefarm.core.side_by_side import SideBySide
from framefarm.core.spans import Spans

Outcome = Literal["fetched", "kept"]
MAX_PARALLEL = 8
_PART = ".part"
_AT_A_TIME = 32
_PAUSE_RATIO = 4.0
_LONGEST_PAUSE_S = 10.0
_FORBIDDEN = set("\\:\0")


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that is in its place now; `kept` when it was there before."""

    file: FileView
    path: Path
    outcome: Outcome


class Looks:
    """When to look for new files of a job that is followed: not with each frame, when many come.

    To list a large job takes a while, and the manager has others to answer meanwhile.
    """

    def __init__(self) -> None:
        self._done = -1
        self._so_far = 0
        self._again_at = 0.0

    def due(self, event: Event, now: float) -> bool:
        """Whether to look, after an event.

        Args:
            now: Seconds of a clock that only rises.
        """
        if isinstance(event, JobEvent):
            self._so_far = sum(stage.done for stage in event.job.stages)
        more = self._so_far != self._done and now >= self._again_at
        return isinstance(event, EndEvent) or more

    def looked(self, began: float, now: float) -> None:
        """It took from then until now."""
        self._done = self._so_far
        self._again_at = now + min(_PAUSE_RATIO * (now - began), _LONGEST_PAUSE_S)


def of_frames(frames: str | None) -> Callable[[FileView], bool]:
    """Tells the files of some frames of a job from its others, such as its movie.

    Args:
        frames: Such as `1-20,40`; None for all files.

    Raises:
        SpansError: They cannot be understood.
    """
    if frames is None:
        return lambda _: True
    wanted = Spans.parse(frames)
    return lambda file: file.role != "movie" and file.unit in wanted


class NewFiles:
    """Which files of a job are to be brought, and were not yet."""

    def __init__(self, wanted: Callable[[FileView], bool]) -> None:
        self._wanted = wanted
        self._brought: set[tuple[str, str]] = set()

    def of(self, files: Iterable[FileView]) -> Iterator[FileView]:
        """Those of some files."""
        return (file for file in files if self._wanted(file) and _key(file) not in self._brought)

    def note(self, file: FileView) -> None:
        """It was brought."""
        self._brought.add(_key(file))


def _key(file: FileView) -> tuple[str, str]:
    return file.name, file.sha256


def fetch_job(
    farm: Farm, job: int, folder: Path, *, frames: str | None, follow: bool, parallel: int
) -> Iterator[FetchedFile]:
    """Bring a job's files into a folder, see `Farm.fetch`."""
    return _fetch_all(
        farm, job, folder, NewFiles(of_frames(frames)), follow=follow, parallel=parallel
    )


def _fetch_all(
    farm: Farm, job: int, folder: Path, new: NewFiles, *, follow: bool, parallel: int
) -> Iterator[FetchedFile]:
    if not follow:
        yield from _fetch_new(farm, job, folder, new, parallel)
        return
    looks = Looks()
    for event in farm.events(job):
        began = time.monotonic()
        if looks.due(event, began):
            yield from _fetch_new(farm, job, folder, new, parallel)
            looks.looked(began, time.monotonic())


def _fetch_new(
    farm: Farm, job: int, folder: Path, new: NewFiles, parallel: int
) -> Iterator[FetchedFile]:
    """What was not brought yet."""
    for fetched in bring(farm, new.of(farm.files(job)), folder, parallel=parallel):
        new.note(fetched.file)
        yield fetched


def side_by_side(files: Iterable[ShotFile]) -> Iterator[ShotFile]:
    """A shot's files under names that can lie in one folder.

    A file of an older version whose name a newer one has for another frame goes into a folder of
    its version, `v1/0001.png`, as in a shot's .zip.
    """
    names = SideBySide()
    for file in files:
        yield replace(file, name=names.take(file.name, f"v{file.version}"))


def bring(
    farm: Farm, files: Iterator[FileView], folder: Path, *, parallel: int
) -> Iterator[FetchedFile]:
    """Bring files into a folder, a page's worth at a time; see `fetch_files`."""
    while some := list(islice(files, _AT_A_TIME)):
        fetched: list[FetchedFile] = []
        fetch_files(farm, some, folder, parallel=parallel, tell=fetched.append)
        yield from fetched


def fetch_files(
    farm: Farm,
    files: Iterable[FileView],
    folder: Path,
    *,
    parallel: int = 4,
    tell: Callable[[FetchedFile], None] = lambda _: None,
) -> int:
    """Bring files into a folder; those already there with the right content are left alone.

    A file appears under its name only whole and checked. What broke off is kept beside it with the
    ending `.part` and continued the next time.

    Args:
        farm: Where they are.
        files: Which; read as the downloads go on, so that a long list is never held whole.
        folder: Made when it is not there.
        parallel: How many at once, 1 to 8.
        tell: Called in the calling thread for every file in its place.

    Returns:
        How many files are in their place.

    Raises:
        UnsafeFileNameError: A name would leave the folder; nothing of it is written.
        DamagedDownloadError: A file came with the wrong content, twice.
        ClientError: The manager refused or went away.
        OSError: The folder cannot be written.
    """
    count = 0
    with ThreadPoolExecutor(min(max(parallel, 1), MAX_PARALLEL)) as pool:
        pending: set[Future[FetchedFile]] = set()
        try:
            for file in files:
                pending.add(pool.submit(fetch_file, farm, file, folder))
                if len(pending) >= 4 * parallel:
                    pending, told = _tell_finished(pending, tell)
                    count += told
            while pending:
                pending, told = _tell_finished(pending, tell)
                count += told
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return count


def _tell_finished(
    pending: set[Future[FetchedFile]], tell: Callable[[FetchedFile], None]
) -> tuple[set[Future[FetchedFile]], int]:
    finished, rest = wait(pending, return_when=FIRST_COMPLETED)
    for future in finished:
        tell(future.result())
    return rest, len(finished)


def fetch_file(farm: Farm, file: FileView, folder: Path) -> FetchedFile:
    """Bring one file into its place, unless it is there. See `fetch_files`."""
    target = place_of(folder, file.name)
    if _is_there(target, file):
        return FetchedFile(file, target, "kept")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + _PART)
    with _named(part):
        if not _complete(farm, file, part):
            # The first part may be of an older run with other pixels; once more, from nothing.
            part.unlink(missing_ok=True)
            if not _complete(farm, file, part):
                part.unlink(missing_ok=True)
                raise DamagedDownloadError(file.name)
    part.replace(target)
    return FetchedFile(file, target, "fetched")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let errors of writing say where; a disk that fills up names no file by itself."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def place_of(folder: Path, name: str) -> Path:
    """Where a file belongs.

    Raises:
        UnsafeFileNameError: The name is no plain relative path.
    """
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or _FORBIDDEN & set(name):
        raise UnsafeFileNameError(name)
    return folder.joinpath(*parts)


def _is_there(path: Path, file: FileView) -> bool:
    try:
        return path.stat().st_size == file.size_bytes and hash_file(path) == file.sha256
    except FileNotFoundError:
        return False


def _complete(farm: Farm, file: FileView, part: Path) -> bool:
    """Add what is missing to a part; whether it is the whole, right file then."""
    digest = hashlib.sha256()
    with part.open("a+b") as sink:
        sink.seek(0)
        while piece := sink.read(1 << 20):
            digest.update(piece)
        size = sink.tell()
        if size < file.size_bytes:
            for piece in farm.read_blob(file.sha256, start=size):
                sink.write(piece)
                digest.update(piece)
                size += len(piece)
                if size > file.size_bytes:
                    return False
    return digest.hexdigest() == file.sha256
