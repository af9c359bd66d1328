"""The root of every error FrameFarm raises on purpose."""

from __future__ import annotations


class FrameFarmError(Exception):
    """Something went wrong that a person can read about and act on.

    Attributes:
        retryable: Whether the same call may succeed later without anybody changing anything.
        code: Stable, lower-case name of the kind of error, for API answers and exit texts.
    """

    retryable: bool = False
    code: str = "error"
