"""The worker process: takes leases from a manager, makes their units, delivers the results.

| module | for |
|---|---|
| `agent` | `Agent`: the whole, to be run |
| `decisions`, `state`, `events`, `instructions` | what to do next; pure |
| `parts`, `assembly` | doing it |
| `connection`, `uploads`, `downloads`, `answers` | talking to the manager |
| `outbox`, `cache`, `sources`, `workdirs`, `keeping`, `identity` | what lies on the disk |
| `slots`, `executors` | making units |
"""

from framefarm.agent.agent import Agent
from framefarm.agent.errors import (
    AgentError,
    DataDirInUseError,
    IdentityError,
    RefusedByManagerError,
)
from framefarm.agent.settings import AgentSettings

__all__ = [
    "Agent",
    "AgentError",
    "AgentSettings",
    "DataDirInUseError",
    "IdentityError",
    "RefusedByManagerError",
]
