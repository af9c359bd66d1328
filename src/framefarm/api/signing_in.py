"""`/api/login`, `/api/logout` and `/api/first-admin`: how people get in and out."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from framefarm.api.bodies import USER_NAME
from framefarm.api.guard import caller_of
from framefarm.api.locality import is_local
from framefarm.api.logins import give_cookie, take_cookie
from framefarm.api.origins import is_encrypted
from framefarm.api.password_door import LoginFailedError, PasswordDoor
from framefarm.api.people import TokenRing
from framefarm.api.users import DAY_S, Email, MadeToken
from framefarm.core.accounts import Scope
from framefarm.core.errors import FrameFarmError
from framefarm.core.passwords import check_password
from framefarm.farm import accounts, first_admin, logins
from framefarm.farm.accounts import Identity, UserView
from framefarm.farm.logins import Credentials
from framefarm.farm.service import Farm

_log = structlog.get_logger(__name__)

_LONGEST = 1_024
_FIRST = "the first admin"

Password = Annotated[SecretStr, Field(min_length=1, max_length=_LONGEST)]


class NoLoginError(FrameFarmError):
    """Only who is logged in in a browser may do that."""

    code = "not_logged_in"

    def __init__(self, page: str) -> None:
        super().__init__(f"Log in in a browser first, at {page}.")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NameAndPassword(_Body):
    """Who wants in. Large and small letters of the name are the same."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    password: Password


class TokenWanted(NameAndPassword):
    """Who wants a token for a program on another machine.

    Attributes:
        purpose: What it is for, shown in the list of tokens.
        days: How long it counts.
    """

    purpose: Annotated[str, Field(min_length=1, max_length=80)] = "framefarm login"
    scope: Scope = Scope.FULL
    days: Annotated[float, Field(gt=0, le=3_660)] = 90.0


class FirstAdmin(_Body):
    """Who reads the manager's console, and becomes its first admin."""

    code: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(pattern=USER_NAME)]
    email: Email = ""
    password: Password


class Ways(BaseModel):
    """How one can get in.

    Attributes:
        password: With a name and a password.
        openid: With a provider, at `/api/login/openid`.
        first_admin: With the code that the manager printed.
    """

    password: bool
    openid: bool
    first_admin: bool


class LoggedIn(BaseModel):
    """Who is logged in now; the answer's cookie lets the browser in."""

    user: UserView


def login_routes(farm: Farm, people: TokenRing, door: PasswordDoor) -> APIRouter:
    """The routes by which people get in and out."""
    router = APIRouter(prefix="/api", tags=["login"])

    @router.get("/login")
    async def ways() -> Ways:
        """How one can get in."""
        made = await farm.read(first_admin.has_admin)
        return Ways(password=True, openid=farm.settings.openid is not None, first_admin=not made)

    @router.post("/login")
    async def login(request: Request, response: Response, asked: NameAndPassword) -> LoggedIn:
        """Log a browser in: the answer sets a cookie. Programs ask for a token instead."""
        found = await check_login(door, request, asked)
        await open_browser_login(farm, request, response, found, kind="password")
        return LoggedIn(user=await farm.read(partial(accounts.user, name=found.name)))

    @router.post("/login/token", status_code=201)
    async def token(request: Request, asked: TokenWanted) -> MadeToken:
        """Make a token with a name and a password; it ends when the password is changed."""
        found = await check_login(door, request, asked)
        lifetime_s = asked.days * DAY_S
        made = await make_login_token(farm, found, asked.purpose, lifetime_s, asked.scope)
        if made is None:
            raise LoginFailedError
        return made

    @router.post("/logout", status_code=204)
    async def logout(request: Request) -> Response:
        """End the login whose cookie asks, or take the token away that asks."""
        answer = Response(status_code=204)
        await log_out(farm, people, request, answer)
        return answer

    return router


def first_admin_routes(farm: Farm, door: PasswordDoor) -> APIRouter:
    """The route of whoever reads the manager's console."""
    router = APIRouter(prefix="/api", tags=["login"])

    @router.post("/first-admin", status_code=201)
    async def make_first_admin(request: Request, asked: FirstAdmin) -> UserView:
        """Make the first admin's account, with the code that the manager printed."""
        return await become_first_admin(farm, door, asked, caller_of(request.scope).address)

    return router


async def become_first_admin(
    farm: Farm, door: PasswordDoor, asked: FirstAdmin, address: str
) -> UserView:
    """Make the first admin's account.

    Raises:
        FrameFarmError: That is not the code, or there is an admin, or the password is too weak.
    """
    password = asked.password.get_secret_value()
    check_password(password, asked.name)
    door.note_guess(_FIRST, address)
    await farm.read(partial(first_admin.check_first_code, code=asked.code))
    door.take_back_guess(_FIRST, address)
    make = partial(
        first_admin.make_first_admin,
        code=asked.code,
        name=asked.name,
        email=asked.email,
        password_hash=await door.hash(password),
    )
    made = await farm.writer.write(make)
    _log.info("first_admin_made", user=made.name, address=address)
    return made


async def open_browser_login(
    farm: Farm, request: Request, response: Response, found: Credentials, *, kind: str
) -> None:
    """Log a person in, in the browser that asks.

    Raises:
        LoginFailedError: The account was changed just now.
    """
    address = caller_of(request.scope).address
    secret = await farm.writer.write(
        partial(
            logins.open_login,
            user_id=found.user_id,
            kind=kind,
            address=address,
            agent=request.headers.get("user-agent", ""),
            password_hash=found.password_hash,
            limits=farm.settings.logins,
        )
    )
    if secret is None:
        raise LoginFailedError
    limits = farm.settings.logins
    give_cookie(response, secret, encrypted=_is_encrypted(farm, request), for_s=limits.longest_s)
    _log.info("logged_in", user=found.name, kind=kind, address=address)


async def log_out(farm: Farm, people: TokenRing, request: Request, response: Response) -> None:
    """End the login whose cookie asks, or take the token away that asks; the browser forgets it."""
    await _end(farm, people, caller_of(request.scope).person)
    take_cookie(response, encrypted=_is_encrypted(farm, request))


def in_browser(request: Request) -> Identity | None:
    """Who is logged in in the browser that asks; None for nobody, and for who shows a token."""
    person = caller_of(request.scope).person
    return person if person is not None and person.login_id is not None else None


def is_readable(farm: Farm, request: Request) -> bool:
    """Whether others on the network can read what is typed in the browser that asks."""
    return not is_local(request.scope, request.headers) and not _is_encrypted(farm, request)


async def check_login(door: PasswordDoor, request: Request, asked: NameAndPassword) -> Credentials:
    """Whose name and password these are.

    Raises:
        FrameFarmError: Nobody's, or they are not looked at now; see `PasswordDoor.check`.
    """
    address = caller_of(request.scope).address
    return await door.check(asked.name, asked.password.get_secret_value(), address)


async def make_login_token(
    farm: Farm, found: Credentials, purpose: str, lifetime_s: float, scope: Scope = Scope.FULL
) -> MadeToken | None:
    """Make a token for a program of somebody who just showed who they are.

    It ends when their password is changed.

    Returns:
        None when the account was changed just now.
    """
    make = partial(logins.open_token, found=found, name=purpose, scope=scope, lifetime_s=lifetime_s)
    made = await farm.writer.write(make)
    if made is None:
        return None
    view, text = made
    _log.info("token_made", user=found.name, token=view.id, scope=view.scope)
    return MadeToken(token=text, view=view)


async def _end(farm: Farm, people: TokenRing, who: Identity | None) -> None:
    if who is None:
        return
    if who.login_id is not None:
        end = partial(logins.end_login, name=who.name, login_id=who.login_id)
        await farm.writer.write(end)
    elif who.token_id is not None:
        take = partial(accounts.remove_token, user_name=who.name, token_id=who.token_id)
        await farm.writer.write(take)
    people.forget(who.name)
    _log.info("logged_out", user=who.name)


def _is_encrypted(farm: Farm, request: Request) -> bool:
    return is_encrypted(request.scope, request.headers, farm.settings.public_url)
