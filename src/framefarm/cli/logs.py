"""Where the log lines of a manager in this process go."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any, TextIO

import structlog

from framefarm.core.plain_text import plain


def log_to_stderr(*, as_json: bool) -> None:
    """Write log lines to standard error, one each, as JSON or as `key=value`."""
    _configure(sys.stderr, as_json=as_json, least=logging.INFO)


def log_to_file(path: Path) -> None:
    """Write warnings and errors to a file; that of the run before stays beside it.

    A terminal with a live display, or JSON lines for a program, bear no other lines.
    """
    if path.exists():
        path.replace(path.with_suffix(".log.1"))
    stream = path.open("w", encoding="utf-8", buffering=1)
    _configure(stream, as_json=False, least=logging.WARNING)


def _configure(stream: TextIO, *, as_json: bool, least: int) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *_renderers(as_json=as_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    # Libraries (uvicorn, asyncio) use the standard library's; left alone it writes to stderr.
    form = '{"level":"%(levelname)s","event":"%(name)s"}' if as_json else "%(levelname)s %(name)s"
    logging.basicConfig(stream=stream, level=logging.WARNING, format=f"{form} %(message)s")


def _renderers(*, as_json: bool) -> list[Any]:
    if as_json:
        return [structlog.processors.JSONRenderer()]
    logfmt = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    # It leaves control characters as they are, and workers say what they like.
    return [logfmt, _shown]


def _shown(_logger: object, _method: str, line: Any) -> str:
    return plain(line)
