"""`/api/me/password`, `/api/me/logins`, and the same of `/api/users/{user}`."""

from __future__ import annotations

from functools import partial

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from framefarm.api.bodies import Number
from framefarm.api.guard import caller_of
from framefarm.api.password_door import PasswordDoor
from framefarm.api.people import TokenRing
from framefarm.api.signing_in import Password
from framefarm.api.users import UserName, person_of
from framefarm.core.passwords import check_password
from framefarm.farm import accounts, logins
from framefarm.farm.accounts import Identity
from framefarm.farm.logins import LoginView
from framefarm.farm.service import Farm

_log = structlog.get_logger(__name__)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewPassword(_Body):
    """A password for somebody: at least 12 characters."""

    password: Password


class PasswordChange(_Body):
    """One's own password, and the one to come."""

    old: Password
    new: Password


class LoginList(BaseModel):
    """Where a person is logged in, the latest first."""

    logins: list[LoginView]


def own_password_routes(farm: Farm, people: TokenRing, door: PasswordDoor) -> APIRouter:
    """The routes about whoever asks."""
    router = APIRouter(prefix="/api/me", tags=["login"])

    @router.put("/password", status_code=204)
    async def change(request: Request, asked: PasswordChange) -> None:
        """Change one's own password. All other logins end, and the tokens that they made."""
        await change_own_password(farm, people, door, request, asked)

    @router.get("/logins")
    async def listed(request: Request) -> LoginList:
        """Where one is logged in."""
        who = person_of(request)
        found = partial(logins.logins, name=who.name, current=who.login_id)
        return LoginList(logins=await farm.read(found))

    @router.delete("/logins", status_code=204)
    async def end_others(request: Request) -> None:
        """End all logins but the one that asks, and the tokens that they made."""
        who = person_of(request)
        await _end_all(farm, people, who.name, keep=who)

    @router.delete("/logins/{login}", status_code=204)
    async def end(request: Request, login: Number) -> None:
        """End one login."""
        who = person_of(request)
        await farm.writer.write(partial(logins.end_login, name=who.name, login_id=login))
        people.forget(who.name)

    return router


def password_routes(farm: Farm, people: TokenRing, door: PasswordDoor) -> APIRouter:
    """The routes for admins."""
    router = APIRouter(prefix="/api/users", tags=["users"])

    @router.put("/{user}/password", status_code=204)
    async def reset(user: UserName, asked: NewPassword) -> None:
        """Give a person a password. All their logins end, and the tokens that they made."""
        password = asked.password.get_secret_value()
        check_password(password, user)
        await farm.read(partial(accounts.user, name=user))
        await _set(farm, people, door, user, password)

    @router.get("/{user}/logins")
    async def listed(user: UserName) -> LoginList:
        """Where a person is logged in."""
        return LoginList(logins=await farm.read(partial(logins.logins, name=user)))

    @router.delete("/{user}/logins", status_code=204)
    async def end_all(user: UserName) -> None:
        """Log a person out everywhere; other tokens go on."""
        await _end_all(farm, people, user)

    return router


async def change_own_password(
    farm: Farm, people: TokenRing, door: PasswordDoor, request: Request, asked: PasswordChange
) -> None:
    """Change the password of who asks; all other logins end, and the tokens that they made.

    Raises:
        NotAllowedError: Nobody in particular asks.
        FrameFarmError: The new one is too weak, or the old one is wrong; see `PasswordDoor.check`.
    """
    who = person_of(request)
    new = asked.new.get_secret_value()
    check_password(new, who.name)
    address = caller_of(request.scope).address
    await door.check(who.name, asked.old.get_secret_value(), address)
    await _set(farm, people, door, who.name, new, keep=who)


async def _set(
    farm: Farm,
    people: TokenRing,
    door: PasswordDoor,
    name: str,
    password: str,
    *,
    keep: Identity | None = None,
) -> None:
    hashed = await door.hash(password)
    await farm.writer.write(
        partial(logins.set_password, name=name, password_hash=hashed, keep=keep)
    )
    people.forget(name)
    _log.info("password_set", user=name)


async def _end_all(
    farm: Farm, people: TokenRing, name: str, *, keep: Identity | None = None
) -> None:
    await farm.writer.write(partial(logins.end_logins_of, name=name, keep=keep))
    people.forget(name)
    _log.info("logins_ended", user=name)
