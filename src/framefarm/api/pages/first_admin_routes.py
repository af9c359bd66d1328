"""`/first-admin`: whoever reads the manager's console becomes its first admin in a browser."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, SecretStr, ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from framefarm.api.bodies import IN_WORDS, USER_NAME
from framefarm.api.guard import caller_of
from framefarm.api.heads import get_and_head
from framefarm.api.pages import first_admin_page
from framefarm.api.pages.fields import BadFieldError, field_of
from framefarm.api.pages.login_page import FIRST_ADMIN, LOGIN
from framefarm.api.pages.page import refused, shown
from framefarm.api.password_door import LoginFailedError, PasswordDoor
from framefarm.api.signing_in import (
    FirstAdmin,
    become_first_admin,
    is_readable,
    open_browser_login,
)
from framefarm.core.errors import FrameFarmError
from framefarm.core.passwords import check_password
from framefarm.farm import first_admin, logins
from framefarm.farm.service import Farm

_ABOUT = {"first_code": "code", "weak_password": "password", "user_exists": "name"}
"""Which field an error is about, by its code."""


class FirstAdminForm(BaseModel):
    """What the page sends, whatever it is: people are told on the page what is wrong."""

    code: str = ""
    name: str = ""
    password: SecretStr = SecretStr("")
    again: SecretStr = SecretStr("")


def first_admin_page_routes(farm: Farm, door: PasswordDoor) -> APIRouter:
    """The page on which the first admin is made."""
    router = APIRouter(include_in_schema=False)

    @get_and_head(router, FIRST_ADMIN)
    async def ask(request: Request) -> HTMLResponse:
        """Ask for the code and a password, while there is no admin."""
        if await farm.read(first_admin.has_admin):
            return shown(first_admin_page.has_admin_page())
        if not await farm.read(first_admin.has_first_code):
            return shown(first_admin_page.no_code_page())
        return shown(first_admin_page.first_admin_page(readable=is_readable(farm, request)))

    @router.post(FIRST_ADMIN)
    async def make(request: Request, said: Annotated[FirstAdminForm, Form()]) -> Response:
        """Make the first admin, and log them in."""
        answer = RedirectResponse(LOGIN, 303)
        try:
            address = caller_of(request.scope).address
            made = await become_first_admin(farm, door, _read(said), address)
            found = await farm.read(partial(logins.credentials, name=made.name))
            if found is None:
                raise LoginFailedError
            await open_browser_login(farm, request, answer, found, kind="password")
        except FrameFarmError as error:
            return refused(_again(said, error, readable=is_readable(farm, request)), error)
        return answer

    return router


def _again(said: FirstAdminForm, error: FrameFarmError, *, readable: bool) -> str:
    return first_admin_page.first_admin_page(
        readable=readable, name=said.name, error=str(error), field=field_of(error, _ABOUT)
    )


def _read(said: FirstAdminForm) -> FirstAdmin:
    if said.password != said.again:
        raise BadFieldError("again", "The two passwords are not the same.")
    try:
        return FirstAdmin(code=said.code, name=said.name, password=said.password)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        if field == "password":
            check_password(said.password.get_secret_value(), said.name)
        raise BadFieldError(field, _WHY.get(field, "")) from error


_WHY = {"code": "Type the code that the manager printed.", "name": f"{IN_WORDS[USER_NAME]}."}
