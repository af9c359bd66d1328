"""Server-sent events: how they are written and answered.

https://html.spec.whatwg.org/multipage/server-sent-events.html says how the lines are meant.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi.responses import StreamingResponse

QUIET_S = 15.0
"""After so long without an event, `STILL_HERE` shows that the line is whole."""

STILL_HERE = b": still here\n\n"


def server_sent(kind: str, facts: dict[str, Any], place: str = "") -> bytes:
    """One event.

    Args:
        kind: Its name.
        facts: What it says.
        place: What a follower may say later to go on after it; none when empty.
    """
    named = f"id: {place}\n" if place else ""
    return f"{named}event: {kind}\ndata: {json.dumps(facts)}\n\n".encode()


def streamed(events: AsyncIterator[bytes]) -> StreamingResponse:
    """The answer that sends events as they come."""
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
