"""What can go wrong in the agent.

* AgentError
    * IdentityError: the identity file cannot be read or written
    * DataDirInUseError: another agent works in this data directory
    * RefusedByManagerError: the manager said it will not have this worker
    * TooManyCoresError: more cores are asked for than there are
    * NoSuchGpuError: a slot's GPU is not there, or Blender cannot use it
    * UnitFailedError: a unit could not be made; becomes a `failed` report
    * OutboxError: a result cannot be kept on disk
    * FetchError: a file cannot be had from the manager
        * BlobMissingError: the manager has no such file
        * BlobRefusedError: the manager does not let this worker have it
        * BlobDamagedError: what came does not have the hash it should
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from framefarm.core.errors import FrameFarmError

if TYPE_CHECKING:
    from pathlib import Path

FailureReason = Literal[
    "crashed",
    "stalled",
    "out_of_memory",
    "disk",
    "refused",
    "error",
    "input_missing",
    "placement",
]
"""Why a unit failed, as the protocol's `failed` names it."""


class AgentError(FrameFarmError):
    """Something went wrong in the worker process."""

    code = "agent"


class IdentityError(AgentError):
    """The file with the worker's id and key cannot be read or written.

    Attributes:
        path: The file.
    """

    code = "identity"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


class DataDirInUseError(AgentError):
    """Another agent works in this data directory.

    Attributes:
        path: The directory.
    """

    code = "data_dir_in_use"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"another worker already uses {path}; stop it, or give this one another directory"
        )
        self.path = path


class RefusedByManagerError(AgentError):
    """The manager will not have this worker, and trying again would not change that."""

    code = "refused_by_manager"


class TooManyCoresError(AgentError):
    """More cores are asked for than the worker may use."""

    code = "too_many_cores"

    def __init__(self, wanted: int, there: int) -> None:
        super().__init__(f"{wanted} cores are asked for, but the worker may use {there} here")


class NoSuchGpuError(AgentError):
    """A slot's GPU is not there, or Blender cannot use it.

    Attributes:
        slot: The slot's name.
    """

    code = "no_such_gpu"

    def __init__(self, slot: str, there: str) -> None:
        super().__init__(f"there is no {slot} here: {there}")
        self.slot = slot


class UnitFailedError(AgentError):
    """A unit could not be made.

    Attributes:
        reason: Which of the protocol's reasons.
        log_tail: The end of the unit's log.
        peak_memory_bytes: Most memory its processes held together, 0 when unknown.
        of_slot_memory: If memory was short, it was the slot's. False for a GPU's own, of which a
            slot with less of the other may have more.
    """

    code = "unit_failed"

    def __init__(
        self,
        reason: FailureReason,
        message: str,
        *,
        log_tail: str = "",
        peak_memory_bytes: int = 0,
        of_slot_memory: bool = True,
    ) -> None:
        super().__init__(message)
        self.reason: FailureReason = reason
        self.log_tail = log_tail
        self.peak_memory_bytes = peak_memory_bytes
        self.of_slot_memory = of_slot_memory


class OutboxError(AgentError):
    """A finished result cannot be kept on disk."""

    code = "outbox"


class FetchError(AgentError):
    """A file cannot be had from the manager.

    Attributes:
        sha256: Which content.
    """

    code = "fetch"
    retryable = True

    def __init__(self, sha256: str, reason: str) -> None:
        super().__init__(f"the file {sha256[:12]} could not be fetched: {reason}")
        self.sha256 = sha256


class BlobMissingError(FetchError):
    """The manager has no such file."""

    code = "blob_missing"
    retryable = False


class BlobRefusedError(FetchError):
    """The manager does not let this worker have a file: no lease of it needs that any more."""

    code = "blob_refused"
    retryable = False


class BlobDamagedError(FetchError):
    """What came does not have the hash it should have, again and again."""

    code = "blob_damaged"
