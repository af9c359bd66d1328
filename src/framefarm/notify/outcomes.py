"""How an attempt to tell somebody ended."""

from __future__ import annotations

from dataclasses import dataclass

# 401, 404 and 410: the token counts no more, or nothing is there.
_FOR_EVER = frozenset({401, 404, 410})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended.

    Attributes:
        ok: The other side took it.
        reason: Why not, without anything secret.
        for_ever: Nothing will get there until somebody changes something.
        retry_after_s: When the other side wants to be asked again.
    """

    ok: bool
    reason: str = ""
    for_ever: bool = False
    retry_after_s: float = 0.0


TOLD = Outcome(ok=True)


def answered(status: int, retry_after: str | None = None) -> Outcome:
    """What an HTTP status means."""
    if 200 <= status < 300:  # noqa: PLR2004  RFC 9110, 15.3
        return TOLD
    if 300 <= status < 400:  # noqa: PLR2004  RFC 9110, 15.4
        return Outcome(ok=False, reason=f"it answered {status}: a redirect, which is not followed")
    wait_s = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
    told = {401: "the token or password counts no more", 404: "nothing is there", 410: "it is gone"}
    why = f": {told[status]}" if status in told else ""
    return Outcome(
        ok=False,
        reason=f"it answered {status}{why}",
        for_ever=status in _FOR_EVER,
        retry_after_s=wait_s,
    )


def forbidden(host: str) -> Outcome:
    """A connection that was not let through."""
    return Outcome(
        ok=False,
        reason=f"{host[:100]} leads inside the farm's own network; whoever runs the farm can "
        "allow it with --notify-allow",
    )
