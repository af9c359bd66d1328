"""Who this worker is: its id and its key, in a file nobody else may read.

The key never goes into arguments, environments or logs; children such as Blender never see it.
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import msgspec

from framefarm.agent.disk import write_durably
from framefarm.agent.errors import IdentityError

FILE_NAME = "identity.json"


class Identity(msgspec.Struct, frozen=True):
    """What the manager gave this worker in its first welcome.

    Attributes:
        worker_id: Its id.
        key: Its secret.
    """

    worker_id: str
    key: str

    def __repr__(self) -> str:
        """Without the key, so that no log line shows it by accident."""
        return f"Identity(worker_id={self.worker_id!r})"


class IdentityFile:
    """The file of one agent's identity."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME

    def load(self) -> Identity | None:
        """Read it.

        Returns:
            The identity, None when this worker never was welcomed.

        Raises:
            IdentityError: The file is there but cannot be used.
        """
        try:
            text = self._path.read_bytes()
            self._close_to_others()
            return msgspec.json.decode(text, type=Identity)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            reason = f"cannot be read ({error}); delete it to join as a new worker"
            raise IdentityError(self._path, reason) from error

    def save(self, identity: Identity) -> None:
        """Write it, for this user only.

        Raises:
            IdentityError: The disk failed.
        """
        try:
            write_durably(self._path, msgspec.json.encode(identity), mode=0o600)
        except OSError as error:
            reason = f"cannot be written: {error.strerror}"
            raise IdentityError(self._path, reason) from error

    def _close_to_others(self) -> None:
        # Someone may have copied or restored the file with a wider mode.
        if sys.platform != "win32" and stat.S_IMODE(self._path.stat().st_mode) & 0o077:
            self._path.chmod(0o600)
