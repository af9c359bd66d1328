"""`/api/users` and `/api/me`: people and their tokens."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import Connection

from framefarm.api.access import NotAllowedError
from framefarm.api.bodies import EMAIL, NO_ZERO, USER_NAME, Number
from framefarm.api.edits import check_unchanged, tagged, user_tag
from framefarm.api.guard import caller_of
from framefarm.api.once import Once, asked_once
from framefarm.api.password_door import PasswordDoor
from framefarm.api.people import TokenRing
from framefarm.core.accounts import Scope, UserRole
from framefarm.core.passwords import check_password
from framefarm.farm import accounts
from framefarm.farm.accounts import Identity, TokenView, UserList, UserSort, UserView
from framefarm.farm.service import Farm

_log = structlog.get_logger(__name__)

DAY_S = 86_400.0

UserName = Annotated[str, Path(max_length=200)]
Email = Annotated[str, Field(max_length=254, pattern=EMAIL)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewUser(_Body):
    """A person to be. The name is what jobs are owned by: letters, digits and `. _ @ -`.

    Without a password they come with a token, or by the login of a provider.
    """

    name: Annotated[str, Field(pattern=USER_NAME)]
    role: UserRole = UserRole.ARTIST
    email: Email = ""
    password: Annotated[SecretStr, Field(max_length=1_024)] | None = None


_Count = Annotated[int, Field(ge=0, le=2_000_000_000)]


class Quota(_Body):
    """What a person's jobs may take at a time; null is no limit, and what is left out stays.

    `jobs`: that have not ended. `frames`: of those jobs, that are not settled. `slots`: that work
    on them. `bytes`: that the person's uploads and the results of the person's jobs take.
    """

    jobs: _Count | None = None
    frames: _Count | None = None
    slots: Annotated[int, Field(ge=1, le=100_000)] | None = None
    bytes: Annotated[int, Field(ge=0, le=1 << 60)] | None = None


class UserChange(_Body):
    """What is to be different; what is left out stays."""

    role: UserRole | None = None
    email: Email | None = None
    disabled: bool | None = None
    quota: Quota | None = None

    def values(self) -> dict[str, Any]:
        """The columns that change."""
        values = self.model_dump(exclude_none=True, exclude={"quota"})
        quota = self.quota.model_dump(exclude_unset=True) if self.quota else {}
        return values | {f"max_{what}": most for what, most in quota.items()}


class NewTokenBody(_Body):
    """A token to be.

    Attributes:
        name: What it is for.
        scope: `full`, `read` for what changes nothing, or `submit` for that and handing in jobs.
        days: How long it counts; for ever without.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    scope: Scope = Scope.FULL
    days: Annotated[float, Field(gt=0, le=3_660)] | None = None


class MadeToken(BaseModel):
    """A token; its text is told here and never again."""

    token: str
    view: TokenView


class Me(BaseModel):
    """Who asks: a user, or nobody in particular on the manager's own machine."""

    user: UserView | None


def user_routes(  # noqa: C901  one short function for each route
    farm: Farm, people: TokenRing, door: PasswordDoor
) -> APIRouter:
    """The routes for admins."""
    router = APIRouter(prefix="/api/users", tags=["users"])

    @router.get("")
    async def users(
        role: UserRole | None = None,
        disabled: bool | None = None,  # noqa: FBT001  of the query
        sort: UserSort = "name",
        cursor: Annotated[str, Query(max_length=1_000, pattern=NO_ZERO)] = "",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 500,
    ) -> UserList:
        """People that match everything asked for, with their tokens; by name unless sorted."""
        whose = partial(accounts.users, role=role, disabled=disabled)
        return await farm.read(partial(whose, sort=sort, cursor=cursor, limit=limit))

    @router.post("", status_code=201)
    async def add(asked: NewUser, request: Request) -> UserView:
        """Add a person."""
        once = await asked_once(request, farm)
        hashed = None
        if asked.password is not None:
            check_password(asked.password.get_secret_value(), asked.name)
            hashed = await door.hash(asked.password.get_secret_value())

        def work(connection: Connection) -> UserView:
            made = accounts.add_user(
                connection, asked.name, asked.role, asked.email, password_hash=hashed
            )
            once.keep(connection, made)
            return made

        made = await farm.writer.write(work)
        _log.info("user_added", user=made.name, role=made.role)
        return made

    @router.get("/{user}")
    async def one(user: UserName, response: Response) -> UserView:
        """One person. The `ETag` is for `If-Match` where the account is changed."""
        found = await farm.read(partial(accounts.user, name=user))
        return tagged(response, found, user_tag)

    @router.patch("/{user}")
    async def change(
        user: UserName, asked: UserChange, request: Request, response: Response
    ) -> UserView:
        """Change a person's role, address or quotas, or disable the account."""
        values = asked.values()

        def work(connection: Connection) -> UserView:
            check_unchanged(request, user_tag(accounts.user(connection, user)))
            return accounts.change_user(connection, user, **values)

        changed = await farm.writer.write(work)
        people.forget(user)
        farm.dispatcher.work_appeared()
        _log.info("user_changed", user=user, **{k: v for k, v in values.items() if k != "email"})
        return tagged(response, changed, user_tag)

    @router.delete("/{user}", status_code=204)
    async def remove(user: UserName, request: Request) -> None:
        """Remove a person and all tokens; jobs stay."""

        def work(connection: Connection) -> None:
            check_unchanged(request, user_tag(accounts.user(connection, user)))
            accounts.remove_user(connection, user)

        await farm.writer.write(work)
        people.forget(user)
        _log.info("user_removed", user=user)

    @router.post("/{user}/tokens", status_code=201)
    async def make_token(user: UserName, asked: NewTokenBody, request: Request) -> MadeToken:
        """Make a token for a person."""
        return await _make_token(farm, user, asked, await asked_once(request, farm))

    @router.delete("/{user}/tokens/{token}", status_code=204)
    async def remove_token(user: UserName, token: Number) -> None:
        """Take a token away; it counts no more from the next request on."""
        await _remove_token(farm, people, user, token)

    return router


def own_routes(farm: Farm, people: TokenRing) -> APIRouter:
    """The routes about whoever asks."""
    router = APIRouter(prefix="/api/me", tags=["users"])

    @router.get("")
    async def me(request: Request) -> Me:
        """Who asks."""
        who = caller_of(request.scope).person
        if who is None:
            return Me(user=None)
        return Me(user=await farm.read(partial(accounts.user, name=who.name)))

    @router.post("/tokens", status_code=201)
    async def make_token(request: Request, asked: NewTokenBody) -> MadeToken:
        """Make another token of one's own; a token makes none that outlives it."""
        who = person_of(request)
        _check_lifetime(who, asked)
        return await _make_token(farm, who.name, asked, await asked_once(request, farm))

    @router.delete("/tokens/{token}", status_code=204)
    async def remove_token(request: Request, token: Number) -> None:
        """Take one of one's own tokens away, also the one that asks."""
        await _remove_token(farm, people, person_of(request).name, token)

    return router


def person_of(request: Request) -> Identity:
    """Who asks, in person.

    Raises:
        NotAllowedError: Nobody in particular, on the manager's own machine.
    """
    who = caller_of(request.scope).person
    if who is None:
        raise NotAllowedError(
            "On the manager's own machine nobody in particular asks, who has no account; name a "
            "user: /api/users/NAME."
        )
    return who


def _check_lifetime(who: Identity, asked: NewTokenBody) -> None:
    """Whoever found a token must not be able to keep its owner's doors open for ever."""
    if who.token_id is None or who.expires_at is None:
        return
    if asked.days is None or time.time() + asked.days * DAY_S > who.expires_at:
        left = max(0.0, who.expires_at - time.time()) / DAY_S
        raise NotAllowedError(
            f"This token ends in {left:.1f} days and makes none that lasts longer; log in, or ask "
            "an admin."
        )


async def _make_token(farm: Farm, user: str, asked: NewTokenBody, once: Once) -> MadeToken:
    lifetime_s = None if asked.days is None else asked.days * DAY_S

    def work(connection: Connection) -> MadeToken:
        view, text = accounts.make_token(connection, user, asked.name, asked.scope, lifetime_s)
        made = MadeToken(token=text, view=view)
        once.keep(connection, made)
        return made

    made = await farm.writer.write(work)
    _log.info("token_made", user=user, token=made.view.id, scope=made.view.scope)
    return made


async def _remove_token(farm: Farm, people: TokenRing, user: str, token: int) -> None:
    await farm.writer.write(partial(accounts.remove_token, user_name=user, token_id=token))
    people.forget(user)
    _log.info("token_removed", user=user, token=token)
