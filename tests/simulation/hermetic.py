"""Keeping the real world out: no wall clock, no randomness but the seed's, no log lines."""

from __future__ import annotations

import contextlib
import functools
import gc
import random
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import structlog

Noticed = Callable[[str, dict[str, Any]], None]


@contextlib.contextmanager
def sealed(now: Callable[[], float], rng: random.Random, noticed: Noticed) -> Iterator[None]:
    """Inside, the farm's code sees simulated time and the seed's randomness.

    Args:
        now: Simulated seconds.
        rng: Where ids and keys come from.
        noticed: Told every log line of the manager.
    """

    def token_hex(size: int = 32) -> str:
        return f"{rng.getrandbits(8 * size):0{2 * size}x}"

    def wall_clock() -> float:
        return _EPOCH_S + now()

    def drop(_: Any, method: str, line: dict[str, Any]) -> Any:
        noticed(method, line)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[drop], cache_logger_on_first_use=False)
    try:
        with (
            mock.patch.object(secrets, "token_hex", token_hex),
            mock.patch.object(secrets, "token_urlsafe", token_hex),
            mock.patch.object(secrets, "token_bytes", rng.randbytes),
            mock.patch.object(random, "random", rng.random),
            mock.patch.object(time, "monotonic", now),
            mock.patch.object(time, "time", wall_clock),
        ):
            yield
    finally:
        structlog.configure(**before)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Inside, Python looks for no garbage, which took a twentieth of a simulation's time.

    What was there before the first simulation is never looked at again: the modules. What one
    left is the youngest, so no other needs to be looked through for it; but nobody may hold it any
    more when this ends, or it is never found.
    """
    _freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect(0)


@functools.cache
def _freeze() -> None:
    gc.collect()
    gc.freeze()


_EPOCH_S = 1_800_000_000.0
