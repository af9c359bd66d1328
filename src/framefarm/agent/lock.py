"""One agent for each data directory."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Self

from framefarm.agent.errors import DataDirInUseError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

FILE_NAME = "agent.lock"


class DataDirLock:
    """Held while the context is open. The system lets go of it when the process dies, however.

    Raises:
        DataDirInUseError: On entering: another process holds it.
        OSError: On entering: the directory cannot be written.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._descriptor = -1

    def __enter__(self) -> Self:
        self._descriptor = os.open(self._data_dir / FILE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise DataDirInUseError(self._data_dir) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
