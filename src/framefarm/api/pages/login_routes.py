"""`/login` and `/logout`: how people get in and out by a browser."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, SecretStr, ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from framefarm.api.guard import Role, caller_of
from framefarm.api.heads import get_and_head
from framefarm.api.origins import own_path
from framefarm.api.pages import login_page
from framefarm.api.pages.login_page import LOGIN, LOGOUT, Way
from framefarm.api.pages.page import refused, shown
from framefarm.api.password_door import PasswordDoor
from framefarm.api.people import TokenRing
from framefarm.api.signing_in import (
    NameAndPassword,
    check_login,
    in_browser,
    is_readable,
    log_out,
    open_browser_login,
)
from framefarm.core.errors import FrameFarmError
from framefarm.farm import first_admin
from framefarm.farm.service import Farm


class NoLoginTypedError(FrameFarmError):
    """What came can be no name and password."""

    code = "invalid_request"

    def __init__(self) -> None:
        super().__init__("Type your name and your password.")


class LoginForm(BaseModel):
    """What the login page sends, whatever it is: people are told on the page what is wrong."""

    name: str = ""
    password: SecretStr = SecretStr("")
    then: str = ""


class LogoutForm(BaseModel):
    """What a button to log out sends."""

    then: str = ""


def login_page_routes(farm: Farm, people: TokenRing, door: PasswordDoor) -> APIRouter:
    """The pages by which people get in and out."""
    router = APIRouter(include_in_schema=False)

    @get_and_head(router, LOGIN)
    async def ask(request: Request, then: str = "") -> Response:
        """Ask for name and password, and pass on whoever is logged in."""
        who, wanted = in_browser(request), own_path(then, LOGIN)
        if who is None:
            return shown(login_page.login_page(await _way(farm, request, wanted)))
        if wanted != LOGIN:
            return RedirectResponse(wanted, 303)
        url = f"{request.url.scheme}://{request.url.netloc}"
        return shown(login_page.logged_in_page(who.name, who.role, farm.settings.public_url or url))

    @router.post(LOGIN)
    async def log_in(request: Request, said: Annotated[LoginForm, Form()]) -> Response:
        """Log a browser in, and send it where it was going."""
        wanted = own_path(said.then, LOGIN)
        answer = RedirectResponse(wanted, 303)
        try:
            found = await check_login(door, request, _read(said))
            await open_browser_login(farm, request, answer, found, kind="password")
        except FrameFarmError as error:
            way = await _way(farm, request, wanted)
            return refused(login_page.login_page(way, name=said.name, error=str(error)), error)
        return answer

    @get_and_head(router, LOGOUT)
    async def ask_to_leave(request: Request, then: str = "") -> HTMLResponse:
        """Ask whether to log out."""
        who = in_browser(request)
        return shown(login_page.logout_page(who.name if who else "", own_path(then, LOGIN)))

    @router.post(LOGOUT)
    async def leave(request: Request, said: Annotated[LogoutForm, Form()]) -> HTMLResponse:
        """Log a browser out."""
        answer = shown(login_page.logged_out_page(own_path(said.then, LOGIN)))
        await log_out(farm, people, request, answer)
        return answer

    return router


def _read(said: LoginForm) -> NameAndPassword:
    try:
        return NameAndPassword(name=said.name, password=said.password)
    except ValidationError as error:
        raise NoLoginTypedError from error


async def _way(farm: Farm, request: Request, then: str) -> Way:
    settings = farm.settings
    return Way(
        then=then,
        provider=(urlsplit(settings.openid.issuer).hostname or "") if settings.openid else "",
        needs_admin=not await farm.read(first_admin.has_admin),
        local=caller_of(request.scope).role is Role.LOCAL,
        readable=is_readable(farm, request),
    )
