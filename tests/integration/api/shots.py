"""Shots on a running manager, and a worker that makes frames of them at once."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.integration.api.manager import Manager, Worker, of, picture

FILM = {"project": "Film", "sequence": "sq01", "shot": "010"}
SHADES = {version: picture(shade=version / 10) for version in range(1, 6)}
"""What the frames of each version look like."""


class Farm:
    """A manager with one worker."""

    def __init__(self, manager: Manager, worker: Worker) -> None:
        self.manager = manager
        self.http = manager.http
        self.worker = worker

    def submit(self, frames: str, **asked: Any) -> dict[str, Any]:
        """Make the next version of a shot."""
        return self.manager.trial(frames, **{**FILM, **asked})

    def render(self, frames: str, **asked: Any) -> dict[str, Any]:
        """Make the next version of a shot, and all its frames."""
        job = self.submit(frames, **asked)
        self.make(job)
        return job

    def make(
        self, job: dict[str, Any], most: int | None = None, *, named: str = "trial_{:04d}.png"
    ) -> None:
        """Make frames of the only job that there is work of."""
        for _ in range(job["stages"][0]["total"] if most is None else most):
            lease = self.worker.lease()
            assert lease["stage"] == job["stages"][0]["id"]
            name = named.format(of(lease)["unit"])
            answer = self.worker.put(lease, (name, "image", SHADES[job["version"] or 1]))
            assert answer.status_code == 200, answer.text

    def render_alike(self) -> dict[str, Any]:
        """Two versions of which each has another frame, and to some systems under one name."""
        job = self.submit("10001-10002")
        self.make(job)
        self.make(self.submit("1"), named="TRIAL_1{:04d}.PNG")
        return job

    def fail(self, job: dict[str, Any]) -> None:
        """Have all that is left of a job fail for good."""
        while self.manager.job(job["id"])["state"] not in {"failed", "done"}:
            self.worker.fail(self.worker.lease(), reason="refused")

    def delete(self, job: dict[str, Any]) -> None:
        assert self.http.delete(f"/api/jobs/{job['id']}").status_code == 204

    def get(self, job: dict[str, Any], path: str = "", /, **asked: Any) -> httpx.Response:
        """Ask for something of a job's shot."""
        return self.http.get(f"/api/shots/{job['shot_id']}{path}", params=asked)

    def shown(self, job: dict[str, Any]) -> dict[int, str]:
        """Which frames of a job's shot are of which version."""
        told = self.get(job, "/frames").raise_for_status().json()
        return {part["version"]: part["frames"] for part in told["frames"]}


@contextmanager
def at_work(manager: Manager) -> Iterator[Farm]:
    """A manager with a worker."""
    with manager.worker() as worker:
        yield Farm(manager, worker)


def archive(answer: httpx.Response) -> dict[str, bytes]:
    """What is in a .zip."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        assert found.testzip() is None
        return {name: found.read(name) for name in found.namelist()}
