"""People with roles and tokens, who ask a manager."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.api.manager import Manager
from tests.integration.other_machine import OtherMachine

PASSWORD = "correct horse battery"


class People:
    """A manager that others reach, and how each of some people asks it."""

    def __init__(self, manager: Manager, elsewhere: OtherMachine) -> None:
        self.manager = manager
        self.elsewhere = elsewhere
        self._with_password: set[str] = set()
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

    def shown(self, who: str, way: str) -> dict[str, str]:
        """What a person shows who comes in one of the ways, from another machine."""
        if way == "token" or way.endswith(" token"):
            return bearer(self.token(who, scope=way.partition(" ")[0] if " " in way else "full"))
        asked = {"name": who, "password": PASSWORD}
        if who not in self._with_password:
            reset = {"password": PASSWORD}
            self.manager.http.put(f"/api/users/{who}/password", json=reset).raise_for_status()
            self._with_password.add(who)
        url = self.manager.server.url
        if way == "token of a login":
            answer = httpx.post(f"{url}/api/login/token", json=asked, timeout=60)
            return bearer(answer.raise_for_status().json()["token"])
        answer = httpx.post(f"{url}/api/login", json=asked, timeout=60).raise_for_status()
        return {
            "Cookie": answer.headers["set-cookie"].partition(";")[0],
            "Origin": f"http://{self.elsewhere.here}:{self.manager.http.base_url.port}",
        }


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
