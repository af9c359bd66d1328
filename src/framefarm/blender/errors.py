"""What can go wrong with .blend files and with finding and installing Blenders.

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

What can go wrong with a running Blender stands in `framefarm.processes.errors`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from framefarm.core.errors import FrameFarmError


class BlenderError(FrameFarmError):
    """Something about a .blend file or an installed Blender went wrong."""

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

    def called(self, name: str) -> Self:
        """The same, of a file that its owner knows by another name."""
        return type(self)(Path(name), self.reason)


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
