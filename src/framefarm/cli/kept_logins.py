"""Where commands keep what `framefarm login` got: a file that only its user may read."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from framefarm.cli.failures import SettingsError

_FILE_NAME = "logins.json"


class KeptLogin(msgspec.Struct, frozen=True):
    """A login at one manager.

    Attributes:
        certificate: The one that it is believed by, in PEM form; empty for those that the system
            trusts.
    """

    user: str
    token: str
    certificate: str = ""


def kept_in(home: Path) -> Path:
    """The file."""
    return home / _FILE_NAME


def kept_logins(home: Path) -> dict[str, KeptLogin]:
    """By the managers' addresses, the last at the end.

    Raises:
        SettingsError: The file cannot be read, or holds something else.
    """
    path = kept_in(home)
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, KeptLogin])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise SettingsError(f"{path} is damaged; remove it and log in again") from error


def keep_login(home: Path, url: str, login: KeptLogin) -> None:
    """Keep a login; it is the last from now on.

    Raises:
        OSError: It cannot be written.
    """
    others = {one: kept for one, kept in kept_logins(home).items() if one != url}
    _write(home, {**others, url: login})


def drop_login(home: Path, url: str) -> KeptLogin | None:
    """Keep it no more; None when there is none.

    Raises:
        OSError: It cannot be written.
    """
    kept = kept_logins(home)
    found = kept.pop(url, None)
    if found is not None:
        _write(home, kept)
    return found


def _write(home: Path, kept: dict[str, KeptLogin]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    path = kept_in(home)
    temporary = path.with_suffix(".tmp")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    # Nobody may read it for a moment either.
    opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "wb") as file:
        file.write(msgspec.json.encode(kept))
    temporary.replace(path)
