"""People with roles and tokens, who ask a manager."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.api.manager import Manager
from tests.integration.other_machine import OtherMachine


class People:
    """A manager that others reach, and how each of some people asks it."""

    def __init__(self, manager: Manager, elsewhere: OtherMachine) -> None:
        self.manager = manager
        self.elsewhere = elsewhere
        self.tokens = {
            name: self.add(name, role)
            for name, role in (
                ("ada", "artist"),
                ("bob", "artist"),
                ("vic", "viewer"),
                ("root", "admin"),
            )
        }

    def add(self, name: str, role: str) -> str:
        body = {"name": name, "role": role}
        assert self.manager.http.post("/api/users", json=body).status_code == 201
        return self.token(name)

    def token(self, name: str, **asked: Any) -> str:
        answer = self.manager.http.post(f"/api/users/{name}/tokens", json={"name": "t", **asked})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def ask(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**more.pop("headers", {}), **bearer(self.tokens.get(who, who))}
        return self.manager.http.request(method, path, headers=headers, **more)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
