"""People: they submit jobs, change their minds, and send workers away and bring them back."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from framefarm.core.errors import FrameFarmError

from .farmwork import LIMITS, NO_POOL_LIMITS, POOL_LIMITS, Nature, draw_job, draw_nature

if TYPE_CHECKING:
    from framefarm.farm.service import Farm

    from .world import World

MOST_JOBS = 12
THINKING_S = 25.0


class People:
    """Everyone who uses the farm. What they ask for, they ask of the real API.

    Args:
        world: Where.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng: random.Random = world.rng
        self.jobs: list[int] = []
        self._does = self._rng.sample(_DEEDS, self._rng.randint(0, 4))

    async def live(self) -> None:
        """Do something now and then, for ever."""
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / THINKING_S))
            if len(self.jobs) < MOST_JOBS and self._rng.random() < 0.5:
                self.submit()
            elif self.jobs and self._does:
                self._rng.choice(self._does)(self)

    def submit(self, long: Nature | None = None) -> None:
        """Submit a new job, if a manager is there; a long one where its nature is given."""
        process, farm = self._world.manager.process, self._world.manager.farm
        if process is not None and farm is not None:
            process.run(self._submit(farm, long))

    async def _submit(self, farm: Farm, long: Nature | None) -> None:
        world = self._world
        nature = long or draw_nature(self._rng, trouble=self._rng.random() < 0.4)
        world.natures.append(nature)
        planned = draw_job(self._rng, len(world.natures) - 1, nature, long=long is not None)
        try:
            view, _ = await farm.jobs.submit(planned)
        except FrameFarmError as error:
            world.trace("people", "cannot submit: %s", error)
            return
        self.jobs.append(view.id)
        world.trace("people", "submitted job %d, %s: %s", view.id, planned.kind, nature)

    # --- jobs

    def _job(self) -> int:
        return self._rng.choice(self.jobs)

    def cancel(self) -> None:
        """End a job."""
        job = self._job()
        self._world.excuse_job(job, "a job cancelled")
        self.ask("POST", f"/api/jobs/{job}/cancel")

    def pause(self) -> None:
        """Stop a job for a while; at once, or when what is in work is done."""
        job, at_once = self._job(), self._rng.random() < 0.5
        if at_once:
            self._world.excuse_job(job, "a job paused at once")
        self.ask("POST", f"/api/jobs/{job}/pause", now=at_once)
        resume = (self.ask, "POST", f"/api/jobs/{job}/resume")
        self._world.timeline.outside(self._rng.uniform(1.0, 60.0), *resume)

    def prioritize(self) -> None:
        """Give a job another priority and another limit, and now and then all of them together."""
        priority = self._rng.randint(0, 100)
        job = self._job()
        self.ask("POST", f"/api/jobs/{job}/priority", priority=priority)
        self.ask("POST", f"/api/jobs/{job}/limit", max_workers=LIMITS[priority % len(LIMITS)])
        if limits := POOL_LIMITS[priority % len(POOL_LIMITS)]:
            self.ask("PATCH", "/api/pools/own", **limits)

    def retry(self) -> None:
        """Try again what failed."""
        self.ask("POST", f"/api/jobs/{self._job()}/retry")

    def redo(self) -> None:
        """Have some frames, or all, rendered again that came out well."""
        job = self._job()
        what: dict[str, Any] = {"all": True}
        if self._rng.random() < 0.5:
            what = {"frames": str(self._rng.randint(1, 24))}
        self._world.forget_results(job, "frames redone")
        self.ask("POST", f"/api/jobs/{job}/retry", **what)

    def delete(self) -> None:
        """Delete a job."""
        job = self._job()
        self.jobs.remove(job)
        self._world.forget_results(job, "a job deleted")
        self.ask("DELETE", f"/api/jobs/{job}")

    # --- workers

    def disable(self) -> None:
        """Take a worker out, for a while."""
        self._send_away("disable", now=self._rng.random() < 0.5)

    def drain(self) -> None:
        """Let a worker end what it has, and no more for a while."""
        self._send_away("drain")

    def restart(self) -> None:
        """Let a worker's process begin anew."""
        machine = self._world.any_machine()
        now = self._rng.random() < 0.5
        if now:
            self._world.ledger.gives_back(machine, "a worker told to restart at once")
        self._steer(machine.worker_id, "restart", now=now)

    def _send_away(self, action: str, **how: bool) -> None:
        machine = self._world.any_machine()
        worker_id = machine.worker_id
        self._world.ledger.gives_back(machine, f"a worker told to {action}")
        self._steer(worker_id, action, **how)
        back = (self._steer, worker_id, "enable")
        self._world.timeline.outside(self._rng.uniform(5.0, 90.0), *back)

    def _steer(self, worker_id: str | None, action: str, **how: bool) -> None:
        if worker_id is not None:
            body = {"action": action, "workers": [worker_id], **how}
            self.ask("POST", "/api/workers/steer", **body)

    def bring_all_back(self) -> None:
        """Let every worker work, and every job go on that somebody paused; a held one need not.

        What limits of the pool kept back goes on as well.
        """
        if self._world.database.ask(_ANY_AWAY):
            self.ask("POST", "/api/workers/steer", action="enable", all=True)
        if self._world.database.ask(_ANY_LIMITED):
            self.ask("PATCH", "/api/pools/own", **NO_POOL_LIMITS)
        paused = self._world.database.ask(_PAUSED_BY_SOMEBODY)
        for (job,) in paused:
            self.ask("POST", f"/api/jobs/{job}/resume")

    # --- asking

    def ask(self, method: str, path: str, **body: Any) -> None:
        """Ask the manager for something, if one is there."""
        process = self._world.manager.process
        if process is not None:
            process.run(self._ask(method, path, body))

    async def _ask(self, method: str, path: str, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode() if body else b""
        headers = {"content-type": "application/json", "content-length": str(len(text))}
        answer = await self._world.manager.answer(method, path, headers, text)
        said = "" if answer.status < 400 else answer.body.decode()
        self._world.trace("people", "%s %s %s: %d %s", method, path, body, answer.status, said)
        if answer.status == 500 and self._world.database.usable:
            self._world.fail(f"the API fails at {method} {path} {body}: {said}")


_ANY_AWAY = """
SELECT 1 FROM workers WHERE state IN ('draining', 'disabled')
UNION SELECT 1 FROM quarantines LIMIT 1"""
_ANY_LIMITED = """
SELECT 1 FROM pools WHERE coalesce(max_slots, max_slots_per_user, max_slots_per_job) > 0"""
_PAUSED_BY_SOMEBODY = "SELECT id FROM jobs WHERE state = 'paused' AND message = ''"
_DEEDS: list[Callable[[People], None]] = [
    People.cancel,
    People.pause,
    People.prioritize,
    People.retry,
    People.redo,
    People.delete,
    People.disable,
    People.drain,
    People.restart,
]
