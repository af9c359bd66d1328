"""Every message of the worker protocol.

A WebSocket text message is a JSON array of these, so that a worker's `finished` and `ready` travel
in one packet and the manager answers both in one. Each object names its `type`. Unknown fields are
ignored, so that a newer peer may add some; an unknown type or a wrong value closes the connection.

Reports go up (worker to manager), orders go down.
"""

from __future__ import annotations

from framefarm.protocol.facts import (
    Attempt,
    BlenderOffer,
    BlenderSeries,
    Bytes,
    Count,
    GpuFacts,
    Id,
    InputFile,
    MachineFacts,
    Message,
    SceneFile,
    Seal,
    Seconds,
    SlotName,
    SlotOffer,
    Unit,
    UnitFacts,
)
from framefarm.protocol.orders import (
    Bye,
    Disable,
    Drain,
    Enable,
    Lease,
    Order,
    Prefetch,
    Query,
    Restart,
    Revoke,
    Settled,
    Task,
    Welcome,
)
from framefarm.protocol.reports import (
    FactsChanged,
    Failed,
    Finished,
    GotFiles,
    Heartbeat,
    Hello,
    LogLine,
    Progress,
    Ready,
    Released,
    Report,
)

__all__ = [
    "Attempt",
    "BlenderOffer",
    "BlenderSeries",
    "Bye",
    "Bytes",
    "Count",
    "Disable",
    "Drain",
    "Enable",
    "FactsChanged",
    "Failed",
    "Finished",
    "GotFiles",
    "GpuFacts",
    "Heartbeat",
    "Hello",
    "Id",
    "InputFile",
    "Lease",
    "LogLine",
    "MachineFacts",
    "Message",
    "Order",
    "Prefetch",
    "Progress",
    "Query",
    "Ready",
    "Released",
    "Report",
    "Restart",
    "Revoke",
    "SceneFile",
    "Seal",
    "Seconds",
    "Settled",
    "SlotName",
    "SlotOffer",
    "Task",
    "Unit",
    "UnitFacts",
    "Welcome",
]
