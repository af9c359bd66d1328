"""`/api/login/openid` and `/api/login/openid/callback`: there and back."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from framefarm.api.logins import cookie_value
from framefarm.api.openid.attempts import LONGEST_S, Attempts
from framefarm.api.openid.errors import LostAttemptError, ProviderRefusedError
from framefarm.api.openid.provider import Provider
from framefarm.api.origins import is_encrypted, origin_of, own_origins, own_path
from framefarm.api.pages.login_page import OPENID
from framefarm.api.people import TokenRing
from framefarm.api.reach import Reach
from framefarm.api.signing_in import open_browser_login
from framefarm.core.openid import OpenIdSettings, introduction
from framefarm.farm.identities import let_in_by_provider
from framefarm.farm.service import Farm

_log = structlog.get_logger(__name__)

CALLBACK = f"{OPENID}/callback"
_TEXT = Annotated[str | None, Query(max_length=4_096)]


class OpenIdDoor:
    """Lets people in whom a provider introduces.

    Args:
        farm: Where to.
        people: Is told of changed roles.
        settings: The provider's.
        base: Where people's browsers reach this manager, without a slash at the end.
    """

    def __init__(self, farm: Farm, people: TokenRing, settings: OpenIdSettings, base: str) -> None:
        self._farm = farm
        self._people = people
        self._settings = settings
        self._base = base
        self._provider = Provider(settings)
        self._attempts = Attempts()

    async def leave(self, request: Request, then: str, *, moved: bool) -> Response:
        """Send a browser to the provider."""
        own = own_origins(request.scope, request.headers, "")
        if origin_of(self._base) not in own and not moved:
            # It comes back to that address, where it would not show the cookie of this one.
            return RedirectResponse(
                f"{self._base}{OPENID}?{urlencode({'moved': 'true', 'then': then})}", 303
            )
        attempt, sealed = self._attempts.begin(then)
        answer = RedirectResponse(await self._provider.address(attempt, self._redirect_uri), 303)
        answer.set_cookie(
            self._cookie(request),
            sealed,
            max_age=LONGEST_S,
            path="/",
            secure=self._is_encrypted(request),
            httponly=True,
            samesite="lax",
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer

    async def come_back(
        self, request: Request, *, code: str | None, state: str, error: str | None, iss: str | None
    ) -> Response:
        """Let a browser in that comes back from the provider."""
        sealed = cookie_value(request.headers, self._cookie(request))
        if sealed is None:
            raise LostAttemptError
        attempt = self._attempts.finish(sealed, state)
        await self._provider.check_sender(iss)
        if code is None:
            said = re.sub(r"[^\w .-]", "?", error or "nothing")[:100]
            raise ProviderRefusedError(f"The login provider answered: {said}.")
        claims = await self._provider.identify(code, attempt, self._redirect_uri)
        who = introduction(claims, self._settings)
        found = await self._farm.writer.write(
            partial(let_in_by_provider, settings=self._settings, who=who)
        )
        self._people.forget(found.name)
        answer = RedirectResponse(attempt.then, 303)
        answer.delete_cookie(
            self._cookie(request),
            path="/",
            secure=self._is_encrypted(request),
            httponly=True,
            samesite="lax",
        )
        await open_browser_login(self._farm, request, answer, found, kind="openid")
        return answer

    @property
    def _redirect_uri(self) -> str:
        return f"{self._base}{CALLBACK}"

    def _cookie(self, request: Request) -> str:
        # See `origins.cookie_name`.
        return "__Host-framefarm-openid" if self._is_encrypted(request) else "framefarm-openid"

    def _is_encrypted(self, request: Request) -> bool:
        return is_encrypted(request.scope, request.headers, self._farm.settings.public_url)


def openid_routes(
    farm: Farm, people: TokenRing, settings: OpenIdSettings, reach: Reach
) -> APIRouter:
    """The routes of a farm with a provider."""
    router = APIRouter(prefix=OPENID, tags=["login"])
    door = OpenIdDoor(farm, people, settings, reach.url_for_people(farm.settings.public_url))

    @router.get("", status_code=303, response_class=Response)
    async def leave(request: Request, *, then: _TEXT = None, moved: bool = False) -> Response:
        """Send a browser to the login provider; it comes back logged in, to the page `then`."""
        return await door.leave(request, own_path(then, "/"), moved=moved)

    @router.get("/callback", status_code=303, response_class=Response)
    async def come_back(
        request: Request,
        code: _TEXT = None,
        state: _TEXT = None,
        error: _TEXT = None,
        iss: _TEXT = None,
    ) -> Response:
        """Where the login provider sends a browser back to."""
        return await door.come_back(request, code=code, state=state or "", error=error, iss=iss)

    return router
