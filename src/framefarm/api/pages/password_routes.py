"""`/password`: people change their own password in a browser."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, SecretStr, ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from framefarm.api.heads import get_and_head
from framefarm.api.pages.fields import BadFieldError, field_of
from framefarm.api.pages.login_page import OWN_PASSWORD, to_login
from framefarm.api.pages.page import refused, shown
from framefarm.api.pages.password_page import changed_page, no_password_page, password_page
from framefarm.api.password_door import LoginFailedError, PasswordDoor
from framefarm.api.passwords import PasswordChange, change_own_password
from framefarm.api.people import TokenRing
from framefarm.api.signing_in import NoLoginError, in_browser, is_readable
from framefarm.core.errors import FrameFarmError
from framefarm.core.passwords import check_password
from framefarm.farm import accounts
from framefarm.farm.service import Farm

_ABOUT = {"login_failed": "old", "weak_password": "password"}


class PasswordForm(BaseModel):
    """What the page sends, whatever it is: people are told on the page what is wrong."""

    old: SecretStr = SecretStr("")
    password: SecretStr = SecretStr("")
    again: SecretStr = SecretStr("")


def password_page_routes(farm: Farm, people: TokenRing, door: PasswordDoor) -> APIRouter:
    """The page on which people change their own password."""
    router = APIRouter(include_in_schema=False)

    @get_and_head(router, OWN_PASSWORD)
    async def ask(request: Request) -> Response:
        """Ask for the password and the one to come; who is not logged in does that first."""
        who = in_browser(request)
        if who is None:
            return RedirectResponse(to_login(OWN_PASSWORD), 303)
        found = await farm.read(partial(accounts.user, name=who.name))
        if not found.has_password:
            return shown(no_password_page(who.name))
        return shown(password_page(who.name, readable=is_readable(farm, request)))

    @router.post(OWN_PASSWORD)
    async def change(request: Request, said: Annotated[PasswordForm, Form()]) -> HTMLResponse:
        """Change one's own password."""
        who = in_browser(request)
        if who is None:
            raise NoLoginError(OWN_PASSWORD)
        try:
            await change_own_password(farm, people, door, request, _read(said, who.name))
        except FrameFarmError as error:
            page = password_page(
                who.name,
                readable=is_readable(farm, request),
                error=_why(error),
                field=field_of(error, _ABOUT),
            )
            return refused(page, error)
        return shown(changed_page())

    return router


def _read(said: PasswordForm, name: str) -> PasswordChange:
    if said.password != said.again:
        raise BadFieldError("again", "The two new passwords are not the same.")
    check_password(said.password.get_secret_value(), name)
    try:
        return PasswordChange(old=said.old, new=said.password)
    except ValidationError as error:
        raise BadFieldError("old", "Type your password as it is now.") from error


def _why(error: FrameFarmError) -> str:
    # Nobody was asked for a name here.
    return "That is not your password." if isinstance(error, LoginFailedError) else str(error)
