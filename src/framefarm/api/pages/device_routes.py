"""`/api/login/device`: a program without a browser is let in from one (RFC 8628)."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, RedirectResponse, Response

from framefarm.api.guard import caller_of
from framefarm.api.heads import get_and_head
from framefarm.api.pages import device_page
from framefarm.api.pages.device_logins import (
    EVERY_S,
    LASTS_S,
    DeviceLogin,
    DeviceLogins,
    NoSuchDeviceCodeError,
)
from framefarm.api.pages.login_page import DEVICE, device_path, to_login
from framefarm.api.pages.page import shown
from framefarm.api.people import TokenRing
from framefarm.api.signing_in import NoLoginError, in_browser, make_login_token
from framefarm.api.users import DAY_S, MadeToken
from framefarm.core.plain_text import plain
from framefarm.farm.logins import Credentials
from framefarm.farm.service import Farm

_log = structlog.get_logger(__name__)

_Code = Annotated[str, Query(max_length=40)]


class DeviceWanted(BaseModel):
    """A program that wants in.

    Attributes:
        purpose: What it is, for the person to recognise.
        days: How long its token is to count.
    """

    model_config = ConfigDict(extra="forbid")

    purpose: Annotated[str, Field(min_length=1, max_length=80)] = "framefarm login"
    days: Annotated[float, Field(gt=0, le=3_660)] = 90.0


class DeviceBegun(BaseModel):
    """What a program shows, and what it keeps.

    Attributes:
        device_code: With this it asks for its token; a secret.
        user_code: What the person types.
        verification_uri: Where.
        verification_uri_complete: The same with the code filled in.
        expires_in: Seconds for all of this.
        interval: Seconds between two questions for the token.
    """

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class DeviceCode(BaseModel):
    """What a program kept."""

    model_config = ConfigDict(extra="forbid")

    device_code: Annotated[str, Field(min_length=1, max_length=200)]


class DeviceAnswer(BaseModel):
    """What a person says on the page, as a form."""

    code: Annotated[str, Field(max_length=40)]
    answer: Literal["yes", "no"]


def device_routes(farm: Farm, people: TokenRing, waiting: DeviceLogins, base: str) -> APIRouter:
    """The routes by which a program gets in without a password.

    Args:
        people: Knows whether somebody has changed since.
        waiting: The programs.
        base: Where people's browsers reach this manager, without a slash at the end.
    """
    router = APIRouter(prefix=DEVICE, tags=["login"])

    @router.post("/code", status_code=201)
    async def begin(request: Request, asked: DeviceWanted) -> DeviceBegun:
        """Begin to let a program in: it shows the code, and its person answers in a browser."""
        address = caller_of(request.scope).address
        # Else it could turn around the sentence by which its person is asked.
        purpose = plain(asked.purpose)
        login, secret = waiting.begin(purpose, asked.days * DAY_S, address, time.monotonic())
        return _begun(login, secret, base)

    @router.post("/token", status_code=201)
    async def token(asked: DeviceCode) -> MadeToken:
        """Ask for the token; until the person has answered that is `authorization_pending`."""
        login = waiting.take(asked.device_code, time.monotonic())
        found = login.let_in
        if found is None or not people.unchanged_since(found.name, login.seen_at):
            raise NoSuchDeviceCodeError
        made = await make_login_token(farm, found, login.purpose, login.lifetime_s)
        if made is None:
            raise NoSuchDeviceCodeError
        return made

    return router


def device_page_routes(people: TokenRing, waiting: DeviceLogins) -> APIRouter:
    """The page on which people let programs in."""
    router = APIRouter(prefix=DEVICE, tags=["login"])

    @get_and_head(router, "", response_class=HTMLResponse)
    async def ask(request: Request, code: _Code = "") -> Response:
        """The page on which a person lets a program in; who is not logged in does that first."""
        who = in_browser(request)
        if who is None:
            return RedirectResponse(to_login(device_path(code)), 303)
        if not code:
            return shown(device_page.code_page(who.name))
        try:
            login = waiting.find(code, time.monotonic())
        except NoSuchDeviceCodeError as error:
            return shown(device_page.code_page(who.name, str(error)))
        return shown(device_page.question_page(who.name, login))

    @router.post("", response_class=HTMLResponse)
    async def answer(request: Request, said: Annotated[DeviceAnswer, Form()]) -> HTMLResponse:
        """Let a program in, or not."""
        who = in_browser(request)
        if who is None:
            raise NoLoginError(DEVICE)
        login, let_in = waiting.find(said.code, time.monotonic()), said.answer == "yes"
        if let_in:
            login.let_in = Credentials(who.user_id, who.name, None, enabled=True)
        login.denied, login.seen_at = not let_in, people.changes
        _log.info("device_answered", user=who.name, let_in=let_in, address=login.address)
        return shown(device_page.answered_page(let_in=let_in))

    return router


def _begun(login: DeviceLogin, secret: str, base: str) -> DeviceBegun:
    return DeviceBegun(
        device_code=secret,
        user_code=login.user_code,
        verification_uri=f"{base}{DEVICE}",
        verification_uri_complete=f"{base}{device_path(login.user_code)}",
        expires_in=int(LASTS_S),
        interval=int(EVERY_S),
    )
