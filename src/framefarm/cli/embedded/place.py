"""The output folder of a render: made, checked, locked, and left as it was when nothing came."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from framefarm.cli.display import words
from framefarm.cli.failures import OutputFolderError, OutputInUseError

PRIVATE = ".framefarm"
LEAST_FREE_BYTES = 192 << 20
"""A few large EXR frames. The worker and the manager stop at a third of it, so that a render ends
with a message here before they begin to refuse each other."""


class OutputPlace:
    """An output folder in the hands of one render.

    Use it as a context manager. Until `keep` is called, leaving it removes whatever it made.

    Args:
        folder: Where the frames go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.private = self.folder / PRIVATE
        self._made: list[Path] = []
        self._lock: BinaryIO | None = None
        self._keep = False

    def __enter__(self) -> Self:
        try:
            self._make()
            self._take_lock()
            self.check_space()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def keep(self) -> None:
        """From now on there is something worth going on with."""
        self._keep = True

    def check_space(self) -> None:
        """Make sure that there is room for frames.

        Raises:
            OutputFolderError: The disk is full.
        """
        free = shutil.disk_usage(self.folder).free
        if free < LEAST_FREE_BYTES:
            raise OutputFolderError(
                f"the disk of {self.folder} is full ({words.size(free)} free, "
                f"{words.size(LEAST_FREE_BYTES)} needed); make room or choose another --output"
            )

    def _make(self) -> None:
        missing = [
            path for path in (self.private, *self.private.parents) if not os.path.lexists(path)
        ]
        try:
            for path in reversed(missing):
                path.mkdir()
                self._made.append(path)
            probe = self.folder / f".framefarm-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise OutputFolderError(_reason(self.folder, error)) from error

    def _take_lock(self) -> None:
        path = self.private / "lock"
        try:
            lock = path.open("a+b")
        except OSError as error:
            raise OutputFolderError(_reason(self.folder, error)) from error
        if not _try_lock(lock):
            lock.seek(0)
            holder = lock.read(100).decode(errors="replace").strip() or "no name left"
            lock.close()
            raise OutputInUseError(self.folder, holder)
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        lock.flush()
        self._lock = lock

    def _leave(self) -> None:
        if not self._keep and self.private in self._made:
            # Emptied while the lock is held, so that no other render begins in between.
            shutil.rmtree(self.private, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if not self._keep:
            for path in reversed(self._made):
                # Only folders that are empty go; anything else is somebody's.
                with contextlib.suppress(OSError):
                    path.rmdir()


def _try_lock(file: BinaryIO) -> bool:
    """Lock an open file until it is closed or the process ends, in whatever way."""
    try:
        import fcntl  # noqa: PLC0415  Windows has none
    except ImportError:
        return _try_lock_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _try_lock_on_windows(file: BinaryIO) -> bool:
    import msvcrt  # noqa: PLC0415  only there

    try:
        # A byte far behind the text, which another process may then still read.
        file.seek(1 << 20)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    return True


def _reason(folder: Path, error: OSError) -> str:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{folder} cannot be the output folder: a file is in its place; choose another"
    what = (error.strerror or str(error)).lower()
    return f"{folder} cannot be written: {what}; choose another --output"
