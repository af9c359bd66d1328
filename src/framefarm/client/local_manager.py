"""How commands find the manager on their own machine: it leaves a note in its data folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

FILE_NAME = "serving.json"


class LocalManager(msgspec.Struct, frozen=True):
    """Where the manager of a data folder answers programs on its machine.

    Attributes:
        url: Its address there.
        certificate: The one it shows, in PEM form; empty without TLS.
    """

    url: str
    certificate: str = ""


def note(data_dir: Path, manager: LocalManager) -> None:
    """Leave the note, when a manager begins to answer.

    Raises:
        OSError: It cannot be written.
    """
    path = data_dir / FILE_NAME
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(manager))
    temporary.replace(path)


def forget(data_dir: Path) -> None:
    """Take the note away, when it stops."""
    with contextlib.suppress(OSError):
        (data_dir / FILE_NAME).unlink()


def find(data_dir: Path) -> LocalManager | None:
    """The note of a manager that answers, or was killed; None when there is none to be read."""
    try:
        return msgspec.json.decode((data_dir / FILE_NAME).read_bytes(), type=LocalManager)
    except (OSError, msgspec.DecodeError):
        return None
