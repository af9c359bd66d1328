"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(out: Path, *, suffix: str, durable: bool = False) -> Iterator[Path]:
    """Write a file beside its place and move it there when it is complete.

    Args:
        out: The place; what was there is replaced.
        suffix: Ending of the temporary name, for libraries that go by it.
        durable: Flush it to the disk first, so that it survives a power cut.

    Yields:
        The temporary path. On any error it is removed and `out` keeps what it had.
    """
    temporary = out.with_name(f".{out.name}.{secrets.token_hex(6)}{suffix}")
    try:
        yield temporary
        if durable:
            _flush(temporary)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
