"""How a child process fails.

* ChildError
    * ChildFailedError: it is gone; carries the tail of its log
        * ChildStartError: it did not come up
        * ChildCrashedError: it ended by itself
        * ChildStalledError: it stopped making progress and was killed
        * ChildMemoryError: it took more memory than it may and was killed
    * ChildRefusedError: it runs and says why it cannot do what was asked
"""

from __future__ import annotations

import signal

from framefarm.core.errors import FrameFarmError
from framefarm.core.sizes import told_size


class ChildError(FrameFarmError):
    """A child process did not do what was asked."""

    code = "child"


class ChildFailedError(ChildError):
    """A child process failed.

    Attributes:
        log_tail: The last it printed, at most a few kilobytes. Also kept out of the message,
            which stays one line.
        peak_bytes: The most memory it and what it started held together; 0 when unknown.
    """

    code = "child_failed"
    retryable = True

    def __init__(self, message: str, *, log_tail: str = "", peak_bytes: int = 0) -> None:
        super().__init__(message)
        self.log_tail = log_tail
        self.peak_bytes = peak_bytes


class ChildStartError(ChildFailedError):
    """It did not come up."""

    code = "child_start"


class ChildCrashedError(ChildFailedError):
    """It ended by itself.

    Args:
        who: What ended, for people: `Blender`.
        doing: What it was at.

    Attributes:
        exit_code: As the system reports it; negative is the number of a signal.
    """

    code = "child_crashed"

    def __init__(
        self,
        who: str,
        doing: str,
        *,
        exit_code: int | None,
        log_tail: str = "",
        peak_bytes: int = 0,
    ) -> None:
        message = f"{who} ended while {doing}: {_ending(exit_code)}"
        super().__init__(message, log_tail=log_tail, peak_bytes=peak_bytes)
        self.exit_code = exit_code


class ChildStalledError(ChildFailedError):
    """It stopped making progress and was killed.

    Attributes:
        stall_s: How long nothing was heard.
    """

    code = "child_stalled"

    def __init__(
        self, who: str, doing: str, *, stall_s: float, log_tail: str = "", peak_bytes: int = 0
    ) -> None:
        message = f"{who} made no progress for {stall_s:g} s while {doing} and was killed"
        super().__init__(message, log_tail=log_tail, peak_bytes=peak_bytes)
        self.stall_s = stall_s


class ChildMemoryError(ChildFailedError):
    """It and what it started took more memory than they may, and were killed.

    Attributes:
        limit_bytes: What they were allowed.
    """

    code = "child_memory"

    def __init__(
        self, who: str, doing: str, *, peak_bytes: int, limit_bytes: int, log_tail: str = ""
    ) -> None:
        message = (
            f"{who} held {told_size(peak_bytes)} of memory while {doing}, over the limit of "
            f"{told_size(limit_bytes)}, and was killed"
        )
        super().__init__(message, log_tail=log_tail, peak_bytes=peak_bytes)
        self.limit_bytes = limit_bytes


class ChildDiskError(ChildFailedError):
    """It wrote more than it may, and was killed with what it had started.

    Args:
        excess: What was too much.
    """

    code = "child_disk"

    def __init__(
        self, who: str, doing: str, *, excess: str, log_tail: str = "", peak_bytes: int = 0
    ) -> None:
        message = f"{who} {excess} while {doing}, and was killed"
        super().__init__(message, log_tail=log_tail, peak_bytes=peak_bytes)


class ChildRefusedError(ChildError):
    """It runs and says why it cannot do what was asked.

    Attributes:
        kind: Stable name of the reason, for example `no_camera`; Blender's stand in
            `blender/driver/refusals.py`, the encoder's are the codes of `media/errors.py`.
        message: The reason in words.
        log_text: What it printed meanwhile.
    """

    code = "child_refused"

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
