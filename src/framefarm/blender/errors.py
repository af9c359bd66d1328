"""What can go wrong with .blend files and Blenders.

* BlenderError
    * BlendFileError: a file cannot be read
        * BlendFileUnreadableError: missing, a folder, no permission, no room to unpack
        * NotABlendFileError: something else than a .blend
        * BlendFileTruncatedError: its end is missing
        * BlendFileDamagedError: its inside makes no sense
        * BlendFileTooLargeError: unpacks to more than is allowed
    * InstallationError: a Blender cannot be installed or found
        * BlenderNotInstallableError: there is no such version
        * InstallerFailedError: uv, the network or the disk failed
    * BlenderProcessError: a running Blender failed; carries the tail of its log
        * BlenderStartError: it did not come up
        * BlenderCrashedError: it ended by itself
        * BlenderStalledError: it stopped making progress and was killed
        * BlenderMemoryError: it took more memory than it may and was killed
    * BlenderRefusedError: it runs and says why it cannot do what was asked
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from framefarm.core.errors import FrameFarmError

if TYPE_CHECKING:
    from pathlib import Path


_GIB = 1 << 30


class BlenderError(FrameFarmError):
    """Something about a .blend file or a Blender went wrong."""

    code = "blender"


class BlendFileError(BlenderError):
    """A .blend file cannot be read.

    Attributes:
        path: The file, as it was given.
        reason: What is wrong with it, without its name.
    """

    code = "blend_file"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class BlendFileUnreadableError(BlendFileError):
    """The file is missing, a folder, not permitted, or there is no room to unpack it."""

    code = "blend_unreadable"


class NotABlendFileError(BlendFileError):
    """The file holds something else than a .blend."""

    code = "blend_not_a_blend"


class BlendFileTruncatedError(BlendFileError):
    """The file's end is missing."""

    code = "blend_truncated"


class BlendFileDamagedError(BlendFileError):
    """The file's inside makes no sense."""

    code = "blend_damaged"


class BlendFileTooLargeError(BlendFileError):
    """The compressed file unpacks to more than is allowed."""

    code = "blend_too_large"


class InstallationError(BlenderError):
    """A Blender cannot be found or installed."""

    code = "blender_installation"


class BlenderNotInstallableError(InstallationError):
    """There is no such version to install."""

    code = "blender_not_installable"


class InstallerFailedError(InstallationError):
    """The installer, the network or the disk failed; trying again may help."""

    code = "blender_installer_failed"
    retryable = True


class BlenderProcessError(BlenderError):
    """A running Blender failed.

    Attributes:
        log_tail: The last it printed, at most a few kilobytes. Also kept out of the message,
            which stays one line.
        peak_bytes: The most memory it and what it started held together; 0 when unknown.
    """

    code = "blender_process"
    retryable = True

    def __init__(self, message: str, *, log_tail: str = "", peak_bytes: int = 0) -> None:
        super().__init__(message)
        self.log_tail = log_tail
        self.peak_bytes = peak_bytes


class BlenderStartError(BlenderProcessError):
    """Blender did not come up."""

    code = "blender_start"


class BlenderCrashedError(BlenderProcessError):
    """Blender ended by itself.

    Attributes:
        exit_code: As the system reports it; negative is the number of a signal.
    """

    code = "blender_crashed"

    def __init__(
        self, doing: str, *, exit_code: int | None, log_tail: str = "", peak_bytes: int = 0
    ) -> None:
        message = f"Blender ended while {doing}: {_ending(exit_code)}"
        super().__init__(message, log_tail=log_tail, peak_bytes=peak_bytes)
        self.exit_code = exit_code


class BlenderStalledError(BlenderProcessError):
    """Blender stopped making progress and was killed.

    Attributes:
        stall_s: How long nothing was heard.
    """

    code = "blender_stalled"

    def __init__(
        self, doing: str, *, stall_s: float, log_tail: str = "", peak_bytes: int = 0
    ) -> None:
        message = f"Blender made no progress for {stall_s:g} s while {doing} and was killed"
        super().__init__(message, log_tail=log_tail, peak_bytes=peak_bytes)
        self.stall_s = stall_s


class BlenderMemoryError(BlenderProcessError):
    """Blender and what it started took more memory than they may, and were killed.

    Attributes:
        limit_bytes: What they were allowed.
    """

    code = "blender_memory"

    def __init__(
        self, doing: str, *, peak_bytes: int, limit_bytes: int, log_tail: str = ""
    ) -> None:
        message = (
            f"Blender held {peak_bytes / _GIB:.2f} GiB of memory while {doing}, over the limit of "
            f"{limit_bytes / _GIB:.2f} GiB, and was killed"
        )
        super().__init__(message, log_tail=log_tail, peak_bytes=peak_bytes)
        self.limit_bytes = limit_bytes


class BlenderRefusedError(BlenderError):
    """Blender runs and says why it cannot do what was asked.

    Attributes:
        kind: Stable name of the reason, for example `no_camera`; see `driver/refusals.py`.
        message: The reason in words.
        log_text: What Blender printed meanwhile.
    """

    code = "blender_refused"

    def __init__(self, kind: str, message: str, *, log_text: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.log_text = log_text


def _ending(exit_code: int | None) -> str:
    if exit_code is None:
        return "its connection closed"
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
