"""`AsyncFarm`: the same as `Farm`, for programs that await."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self, TypeVar, Unpack

from framefarm.client.asking import Ask, Asynchronous, Stream, read_answer
from framefarm.client.async_transport import AsyncTransport
from framefarm.client.blob_calls import Counter
from framefarm.client.connected import EVENT_SILENCE_S
from framefarm.client.errors import FarmUnreachableError
from framefarm.client.events import EndEvent, EventLines, Patience
from framefarm.client.farm import Farm, FarmCalls
from framefarm.client.fetching import (
    MAX_PARALLEL,
    FetchedFile,
    Looks,
    NewFiles,
    fetch_file,
    of_frames,
    side_by_side,
)
from framefarm.client.views import FileView, JobView

if TYPE_CHECKING:
    from framefarm.client.rendering import RenderOptions

_T = TypeVar("_T")


class AsyncFarm(Asynchronous, FarmCalls):
    """A manager, for programs that await: each method of `Farm`, to be awaited or `async for`ed.

    What reads or writes files does so in threads, over connections of their own.

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
        self._transport = AsyncTransport(
            url, timeout_s=timeout_s, certificate=certificate, token=token
        )
        self._patience_s = patience_s
        self._make = partial(
            Farm,
            url,
            timeout_s=timeout_s,
            patience_s=patience_s,
            certificate=certificate,
            token=token,
        )

    @property
    def url(self) -> str:
        """The manager's address, without a slash at its end."""
        return self._transport.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    # --- files ---

    async def render(
        self, blend: str | os.PathLike[str], **options: Unpack[RenderOptions]
    ) -> JobView:
        """Hand a .blend in with all files that it links; see `Farm.render`."""
        from framefarm.client.rendering import render_blend  # noqa: PLC0415  slow to import

        return await self._in_thread(lambda farm: render_blend(farm, blend, options))

    async def fetch(
        self,
        job: int,
        folder: str | os.PathLike[str],
        *,
        frames: str | None = None,
        follow: bool = False,
        parallel: int = 4,
    ) -> AsyncIterator[FetchedFile]:
        """Bring a job's frames and movie into a folder; see `Farm.fetch`."""
        new = NewFiles(of_frames(frames))
        if not follow:
            async for fetched in self._fetch_new(job, Path(folder), new, parallel):
                yield fetched
            return
        looks = Looks()
        async for event in self.events(job):
            began = time.monotonic()
            if looks.due(event, began):
                async for fetched in self._fetch_new(job, Path(folder), new, parallel):
                    yield fetched
                looks.looked(began, time.monotonic())

    async def fetch_shot(
        self, shot: int, folder: str | os.PathLike[str], *, parallel: int = 4
    ) -> AsyncIterator[FetchedFile]:
        """Bring a shot's frames and movie into a folder; see `Farm.fetch_shot`."""
        files = [file async for file in self.shot_files(shot)]
        async for fetched in self._bring(list(side_by_side(files)), Path(folder), parallel):
            yield fetched

    async def _fetch_new(
        self, job: int, folder: Path, new: NewFiles, parallel: int
    ) -> AsyncIterator[FetchedFile]:
        files = list(new.of([file async for file in self.files(job)]))
        for file in files:
            new.note(file)
        async for fetched in self._bring(files, folder, parallel):
            yield fetched

    async def _bring(
        self, new: Sequence[FileView], folder: Path, parallel: int
    ) -> AsyncIterator[FetchedFile]:
        room = asyncio.Semaphore(min(max(parallel, 1), MAX_PARALLEL))

        async def fetch(file: FileView) -> FetchedFile:
            async with room:
                return await self._in_thread(lambda farm: fetch_file(farm, file, folder))

        async with asyncio.TaskGroup() as together:
            for done in asyncio.as_completed([together.create_task(fetch(one)) for one in new]):
                yield await done

    async def upload_blob(
        self, path: Path, *, sha256: str | None = None, count: Counter | None = None
    ) -> str:
        """Give the manager a file, unless it has it; see `Farm.upload_blob`."""
        return await self._in_thread(
            lambda farm: farm.upload_blob(path, sha256=sha256, count=count)
        )

    async def upload_in_chunks(
        self, file: IO[bytes], size_bytes: int, *, count: Counter | None = None
    ) -> str:
        """Give the manager what it lacks of a file; see `Farm.upload_in_chunks`."""
        return await self._in_thread(
            lambda farm: farm.upload_in_chunks(file, size_bytes, count=count)
        )

    async def has_blob(self, sha256: str) -> bool:
        """Whether the manager has a file with this content."""
        return await self._in_thread(lambda farm: farm.has_blob(sha256))

    async def read_blob(self, sha256: str, *, start: int = 0) -> AsyncIterator[bytes]:
        """A file's bytes from `start` on; see `Farm.read_blob`."""
        with closing(self._make().read_blob(sha256, start=start)) as pieces:
            while (piece := await asyncio.to_thread(_next, pieces)) is not None:
                yield piece

    # --- inside ---

    async def _in_thread(self, work: Callable[[Farm], _T]) -> _T:
        """Do something that waits, over connections that end with it."""

        def run() -> _T:
            with self._make() as farm:
                return work(farm)

        return await asyncio.to_thread(run)

    async def _ask(self, ask: Ask[_T]) -> _T:
        answer = await self._transport.request(
            ask.method, ask.path, body=ask.body, headers=ask.headers
        )
        return read_answer(self.url, ask, answer)

    async def _follow(self, stream: Stream[_T]) -> AsyncIterator[_T]:
        patience = Patience(self._patience_s)
        while True:
            try:
                async for event in self._read(stream):
                    patience.came()
                    yield event
                    if isinstance(event, EndEvent):
                        return
            except FarmUnreachableError as error:
                patience.broke(error)
            await asyncio.sleep(patience.pause_s())

    async def _read(self, stream: Stream[_T]) -> AsyncIterator[_T]:
        reader = EventLines()
        async with self._transport.lines(
            stream.path, stream.headers, silence_s=EVENT_SILENCE_S
        ) as lines:
            async for line in lines:
                event = reader.take(line)
                found = None if event is None else stream.take(self.url, event)
                if found is not None:
                    yield found
        raise FarmUnreachableError(self.url, "the stream of events broke off")


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
