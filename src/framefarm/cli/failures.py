"""How a command ends when something is wrong: one message, and an exit status that says whose.

0    done
1    some units failed, or `doctor` found faults
2    wrong use, or something needed is missing
70   a fault of FrameFarm itself
75   what may pass: a full disk, one that fails, a Blender that does not start
130  interrupted (143 by SIGTERM)
"""

from __future__ import annotations

import errno
import traceback
from datetime import UTC, datetime
from pathlib import Path

from framefarm.core.errors import FrameFarmError

DONE = 0
UNITS_FAILED = 1
WRONG_USE = 2
OWN_FAULT = 70
PASSING = 75
"""`EX_TEMPFAIL` of sysexits.h. A service is started again after it, and not after `WRONG_USE`."""

INTERRUPTED = 130


_MAX_LOG_BYTES = 1 << 20


class CliError(FrameFarmError):
    """A command cannot do what it was asked.

    Attributes:
        exit_code: The status to end with.
    """

    code = "cli"
    exit_code = WRONG_USE


class UsageFailure(CliError):  # noqa: N818  it is what the user did, in words of the command line
    """What was typed makes no sense."""

    code = "wrong_use"


class SettingsError(CliError):
    """A setting of the file or the environment is unknown or has no sense."""

    code = "bad_setting"


class OutputFolderError(CliError):
    """Frames cannot be written where they should go."""

    code = "output_folder"


class OutputInUseError(OutputFolderError):
    """Another render works in the same folder."""

    code = "output_in_use"

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"{folder} is being rendered into by another framefarm ({holder}); "
            "wait for it, stop it, or choose another --output"
        )
        self.folder = folder


class JobHeldError(CliError):
    """A job that is watched is held for now: all that was tried of it failed alike."""

    code = "job_held"
    exit_code = UNITS_FAILED


class EmbeddedFarmError(CliError):
    """The manager or the worker inside `framefarm render` came to an end by itself."""

    code = "embedded_farm"
    exit_code = OWN_FAULT


_PASSING_NAMES = (
    *("EAGAIN", "EBUSY", "EDQUOT", "EIO", "EMFILE", "ENETDOWN"),
    *("ENETUNREACH", "ENFILE", "ENOMEM", "ENOSPC", "ESTALE", "ETIMEDOUT"),
)
# Windows lacks some.
_PASSING = {getattr(errno, name) for name in _PASSING_NAMES if hasattr(errno, name)}


def may_pass(error: BaseException | None) -> bool:
    """Whether the system may stop to refuse what it refused, without anybody changing a setting."""
    return isinstance(error, OSError) and error.errno in _PASSING


def exit_code_of(error: FrameFarmError) -> int:
    """The status that a command ends with after this error."""
    if isinstance(error, CliError):
        return error.exit_code
    cause = error.__cause__
    passes = may_pass(cause) or (isinstance(cause, FrameFarmError) and cause.retryable)
    return PASSING if passes else WRONG_USE


def write_crash(folder: Path, error: BaseException, command: str) -> Path | None:
    """Keep an unexpected error's traceback; returns the log, None when it cannot be written."""
    log = folder / "errors.log"
    text = "".join(traceback.format_exception(error))
    entry = f"--- {datetime.now(UTC).isoformat(timespec='seconds')} {command}\n{text}\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        old = log.stat().st_size if log.exists() else 0
        with log.open("w" if old > _MAX_LOG_BYTES else "a", encoding="utf-8") as file:
            file.write(entry)
    except OSError:
        return None
    return log
