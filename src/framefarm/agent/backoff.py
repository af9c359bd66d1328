"""How long to wait before trying again (L13). Pure but for the die that is handed in."""

from __future__ import annotations

from collections.abc import Callable

MAX_DELAY_S = 30.0
FIRST_DELAY_S = 0.25

MOST_UNCONNECTED_S = 4.0
"""The connection's own ceiling. A manager that comes back so has all of a farm within 5 s, and one
that cannot take in that many at once says when each shall come (`busy`)."""

Die = Callable[[], float]
"""A random number from 0 up to 1, such as `random.random`."""


def full_jitter(
    attempt: int, die: Die, *, first_s: float = FIRST_DELAY_S, most_s: float = MAX_DELAY_S
) -> float:
    """Seconds to wait after the attempt with this number, counted from 1.

    Full jitter: anything between nothing and a ceiling that doubles up to `most_s`. A thousand
    workers that lost one manager so come back spread over the whole time, not in a wave. (Marc
    Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.)
    """
    ceiling = min(most_s, first_s * 2.0 ** min(attempt - 1, 20))
    return die() * ceiling


def at_least(asked_s: float, die: Die) -> float:
    """Seconds to wait when the manager said how long: that, and up to a quarter more.

    Never longer than ten minutes, whatever was said, nor less than nothing.
    """
    return min(max(asked_s, 0.0), 600.0) * (1.0 + 0.25 * die())


def retry_after_s(header: str | None) -> float | None:
    """Seconds that the header `Retry-After` asks for; None when it says nothing.

    It may also be a date; this manager sends seconds.
    """
    text = (header or "").strip()
    return float(text) if text.isascii() and text.isdigit() else None
