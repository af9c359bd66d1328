"""The agent's log: structured lines on standard error.

Made without structlog's global configuration, because an embedded agent shares its process with a
program that has its own.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, cast

import structlog

from framefarm.core.plain_text import plain

Journal = structlog.typing.FilteringBoundLogger
"""What the modules here write to. `bind(lease=..., unit=...)` adds what a line is about."""


def open_journal(level: str, **bound: Any) -> Journal:
    """Make a journal.

    Args:
        level: Least level that is written, for example `info`.
        bound: What every line carries, for example the worker's name.
    """
    journal = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
            # It leaves control characters as they are, and reasons come from the manager.
            _shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        context_class=dict,
    )
    return cast("Journal", journal.bind(**bound))


def _shown(_logger: object, _method: str, line: Any) -> str:
    return plain(line)


_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
