"""Numbers both sides agree on. Anything larger is refused, so nothing grows without bound."""

from __future__ import annotations

PROTOCOL_VERSION = 2

MAX_MESSAGE_BYTES = 1 << 20
"""One WebSocket message from a worker: 8,000 `finished` reports, far more than it ever holds."""

MAX_ORDER_BYTES = 32 << 20
"""One WebSocket message from the manager. Joining the 20,834 segments of a million frames takes
2.5 MB."""

MAX_MANIFEST_BYTES = 256 << 10
"""The first line of a result body. 1,000 files at 200 bytes each still fit."""

MAX_FILES_PER_UNIT = 1_000
MAX_LOG_BYTES = 8 << 20
MAX_RESULT_BYTES = 64 << 30
"""All files of one unit together: room for an hour of 4K in a lossless codec."""

MAX_ERROR_CHARACTERS = 4_000
MAX_NAME_CHARACTERS = 200
MAX_CACHED_TOLD = 256
"""Blobs a worker names as held in its hello: the ones used last; a manager learns the rest."""

MAX_INTERRUPTED = 64
"""Units a worker's dead process was at, told in hello: one for each slot is the rule."""
