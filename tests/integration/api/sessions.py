"""Asking a running manager for workers, and seeing what becomes of a session."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tests.integration.api.manager import SOON_S, Manager, until


def ask(manager: Manager, job: dict[str, Any], workers: int, **how: Any) -> dict[str, Any]:
    body = {"job": job["id"], "workers": workers, **how}
    answer = manager.http.post("/api/sessions", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def session(manager: Manager, made: dict[str, Any]) -> dict[str, Any]:
    return dict(manager.http.get(f"/api/sessions/{made['id']}").raise_for_status().json())


def post(manager: Manager, made: dict[str, Any], what: str, **body: Any) -> dict[str, Any]:
    answer = manager.http.post(f"/api/sessions/{made['id']}/{what}", json=body)
    return dict(answer.raise_for_status().json())


def until_has(manager: Manager, made: dict[str, Any], *workers: str) -> None:
    until(lambda: set(session(manager, made)["workers"]) == set(workers), f"having {workers}")


Told = Callable[[str], list[dict[str, Any]]]


@contextlib.contextmanager
def following(manager: Manager, job: dict[str, Any]) -> Iterator[Told]:
    """What is told of a job's session, until something happens."""
    seen: list[dict[str, Any]] = []
    path = f"/api/events?kind=session&job={job['id']}"
    timeout = httpx.Timeout(SOON_S)
    with (
        httpx.Client(base_url=manager.server.url, timeout=timeout) as client,
        client.stream("GET", path) as answer,
    ):
        lines = answer.iter_lines()
        assert any(line.startswith("event: begin") for line in lines)

        def told(what: str) -> list[dict[str, Any]]:
            for line in lines:
                if line.startswith("data: {") and len(line) > 10:
                    seen.append(json.loads(line.removeprefix("data: ")))
                    if seen[-1]["what"] == what:
                        return seen
            raise AssertionError(seen)

        yield told
