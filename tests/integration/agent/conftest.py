"""What the agent's tests share: a fake manager, and agents that are stopped at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from framefarm.agent import Agent, AgentSettings
from tests.integration.agent.fake_manager import FakeManager

StartAgent = Callable[..., "RunningAgent"]


class RunningAgent:
    """An agent and the task it runs in."""

    def __init__(self, url: str, data_dir: Path, **settings: Any) -> None:
        values = {"log_level": "error", "media": False, "warm_start": False, **settings}
        agent_values = {"die": lambda: 0.05}
        agent_values |= {name: values.pop(name) for name in ("executors", "die") if name in values}
        self.settings = AgentSettings(data_dir=data_dir, **values)
        self.agent = Agent(url, self.settings, find=lambda _: [], **agent_values)
        self.task = asyncio.create_task(self.agent.run())

    async def ended(self, timeout_s: float = 60.0) -> None:
        """Wait for its end, and raise what it raised."""
        await asyncio.wait_for(asyncio.shield(self.task), timeout_s)

    async def stop(self) -> None:
        self.agent.stop()
        await self.ended()

    async def vanish(self) -> None:
        """End without any of what an orderly end does, as far as that goes inside a process."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def manager() -> AsyncIterator[FakeManager]:
    async with FakeManager() as fake:
        yield fake


@pytest.fixture
async def start_agent(manager: FakeManager, tmp_path: Path) -> AsyncIterator[StartAgent]:
    """Starts an agent of the fake manager; all share a data directory unless told otherwise."""
    running: list[RunningAgent] = []

    def start(data_dir: Path | None = None, **settings: Any) -> RunningAgent:
        running.append(RunningAgent(manager.url, data_dir or tmp_path / "agent", **settings))
        return running[-1]

    yield start
    for agent in running:
        if not agent.task.done():
            await agent.stop()
