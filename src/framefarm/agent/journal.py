"""The agent's log: lines on standard error, short ones in a terminal, else of keys and values.

Made without structlog's global configuration, because an embedded agent shares its process with a
program that has its own.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import structlog
from structlog.typing import Processor

from framefarm.core.plain_text import plain

Journal = structlog.typing.FilteringBoundLogger
"""What the modules here write to. `bind(lease=..., unit=...)` adds what a line is about."""


LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


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
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            *(_BRIEF if sys.stderr.isatty() else _FULL),
            # They leave control characters as they are, and reasons come from the manager.
            _shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        context_class=dict,
    )
    return cast("Journal", journal.bind(**bound))


def _in_brief(_logger: object, _method: str, said: MutableMapping[str, Any]) -> str:
    """A line for whoever sits before the worker: its time of day, what happened, to what."""
    level, agent = str(said.pop("level")), said.pop("agent", None)
    del agent  # there is but one in a terminal
    exception = said.pop("exception", None)
    bad = "" if level in ("debug", "info") else f"{level}: "
    parts = [f"{said.pop('timestamp')}  {bad}{said.pop('event')}"]
    if said:
        parts.append(str(structlog.processors.LogfmtRenderer()(None, "", said)))
    return "  ".join(parts) + (f"\n{exception}" if exception else "")


_FULL: tuple[Processor, ...] = (
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
)
_BRIEF: tuple[Processor, ...] = (
    structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
    _in_brief,
)


def _shown(_logger: object, _method: str, line: Any) -> str:
    return plain(line)
