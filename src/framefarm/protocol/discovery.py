"""How a farm is told from others, and found on a network."""

from __future__ import annotations

CONNECT_PATH = "/api/workers/connect"
"""Where a manager has the WebSocket of workers."""

FARM_HEADER = "Framefarm-Farm"
"""Of the manager's answer that opens a worker's WebSocket: which farm it is. The worker then shows
the key that this farm gave it, and no other."""

SERVICE_TYPE = "_framefarm._tcp.local."
"""What managers announce themselves as by multicast DNS (RFC 6762, RFC 6763)."""

FARM_PROPERTY = "farm"
"""Of an announcement: which farm it is."""

TLS_PROPERTY = "tls"
"""Of an announcement: `1` when the manager speaks TLS."""
