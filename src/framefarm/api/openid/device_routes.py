"""`/api/login/device`: a program without a browser is let in from one (RFC 8628)."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Literal
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from framefarm.api.guard import caller_of
from framefarm.api.openid import device_page
from framefarm.api.openid.device_logins import (
    EVERY_S,
    LASTS_S,
    DeviceLogin,
    DeviceLogins,
    NoSuchDeviceCodeError,
)
from framefarm.api.people import TokenRing
from framefarm.api.users import DAY_S, MadeToken
from framefarm.core.accounts import Scope
from framefarm.core.errors import FrameFarmError
from framefarm.farm import accounts
from framefarm.farm.accounts import Identity
from framefarm.farm.service import Farm

_log = structlog.get_logger(__name__)

HERE = "/api/login/device"
_Code = Annotated[str, Query(max_length=40)]


class NoLoginError(FrameFarmError):
    """Only who is logged in in a browser may let a program in."""

    code = "not_logged_in"

    def __init__(self) -> None:
        super().__init__(f"Log in in a browser first, at {HERE}.")


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


def device_routes(farm: Farm, people: TokenRing, base: str, start: str) -> APIRouter:
    """The routes by which a program gets in without a password.

    Args:
        people: Knows whether somebody has changed since.
        base: Where people's browsers reach this manager, without a slash at the end.
        start: Where logging in begins.
    """
    router = APIRouter(prefix=HERE, tags=["login"])
    waiting = DeviceLogins()

    @router.post("/code", status_code=201)
    async def begin(request: Request, asked: DeviceWanted) -> DeviceBegun:
        """Begin to let a program in: it shows the code, and its person answers in a browser."""
        address = caller_of(request.scope).address
        login, secret = waiting.begin(asked.purpose, asked.days * DAY_S, address, time.monotonic())
        return _begun(login, secret, base)

    @router.post("/token", status_code=201)
    async def token(asked: DeviceCode) -> MadeToken:
        """Ask for the token; until the person has answered that is `authorization_pending`."""
        login = waiting.take(asked.device_code, time.monotonic())
        if login.let_in is None or not people.unchanged_since(login.let_in, login.seen_at):
            raise NoSuchDeviceCodeError
        return await _make_token(farm, login.let_in, login)

    @router.get("", response_class=HTMLResponse)
    async def ask(request: Request, code: _Code = "") -> HTMLResponse:
        """The page on which a person lets a program in."""
        who = _in_browser(request)
        if who is None:
            return _page(device_page.log_in_page(start, HERE, code))
        if not code:
            return _page(device_page.code_page(who.name))
        try:
            login = waiting.find(code, time.monotonic())
        except NoSuchDeviceCodeError as error:
            return _page(device_page.code_page(who.name, str(error)))
        return _page(device_page.question_page(who.name, login, HERE))

    @router.post("", response_class=HTMLResponse)
    async def answer(request: Request, said: Annotated[DeviceAnswer, Form()]) -> HTMLResponse:
        """Let a program in, or not."""
        who = _in_browser(request)
        if who is None:
            raise NoLoginError
        login, let_in = waiting.find(said.code, time.monotonic()), said.answer == "yes"
        login.let_in, login.denied = (who.name if let_in else None), not let_in
        login.seen_at = people.changes
        _log.info("device_answered", user=who.name, let_in=let_in, address=login.address)
        return _page(device_page.answered_page(let_in=let_in))

    return router


def _begun(login: DeviceLogin, secret: str, base: str) -> DeviceBegun:
    page = f"{base}{HERE}"
    return DeviceBegun(
        device_code=secret,
        user_code=login.user_code,
        verification_uri=page,
        verification_uri_complete=f"{page}?{urlencode({'code': login.user_code})}",
        expires_in=int(LASTS_S),
        interval=int(EVERY_S),
    )


async def _make_token(farm: Farm, name: str, login: DeviceLogin) -> MadeToken:
    make = partial(
        accounts.make_token,
        user_name=name,
        name=login.purpose,
        scope=Scope.FULL,
        lifetime_s=login.lifetime_s,
        by_login=True,
    )
    view, text = await farm.writer.write(make)
    _log.info("token_made", user=name, token=view.id, scope=view.scope)
    return MadeToken(token=text, view=view)


def _in_browser(request: Request) -> Identity | None:
    """Who is logged in in the browser that asks: a token must not make others of its kind."""
    person = caller_of(request.scope).person
    return person if person is not None and person.login_id is not None else None


def _page(content: str) -> HTMLResponse:
    return HTMLResponse(content, headers=device_page.HEADERS)
