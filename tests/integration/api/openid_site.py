"""A manager that sends people to a login provider, and browsers before it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from framefarm.core.accounts import UserRole
from framefarm.core.openid import OpenIdSettings
from tests.integration.api.manager import Manager
from tests.integration.api.openid_provider import CLIENT, SECRET, Provider

START = "/api/login/openid"


class Site:
    """A manager that sends people to a provider."""

    def __init__(self, folder: Path, provider: Provider, **settings: Any) -> None:
        self.provider = provider
        told = {"client_secret": SECRET, "new_users": UserRole.ARTIST, **settings}
        openid = OpenIdSettings(told.pop("issuer", provider.url), CLIENT, **told)
        self.manager = Manager(folder, openid=openid)

    @contextlib.contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.manager.server.url, timeout=60) as client:
            yield client

    def leave(self, browser: httpx.Client, then: str = "/api/me") -> str:
        """Begin, and say yes at the provider; the address that the browser is sent back to."""
        begun = browser.get(START, params={"then": then})
        assert begun.status_code == 303, begun.text
        agreed = httpx.get(begun.headers["location"])
        assert agreed.status_code == 302
        return agreed.headers["location"]

    def log_in(self, browser: httpx.Client) -> httpx.Response:
        return browser.get(self.leave(browser))

    def user(self, name: str) -> dict[str, Any]:
        return dict(self.manager.http.get(f"/api/users/{name}").raise_for_status().json())
