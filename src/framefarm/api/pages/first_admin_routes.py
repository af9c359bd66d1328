"""`/first-admin`: whoever reads the manager's console becomes its first admin in a browser."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, SecretStr, ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from framefarm.api.error_answers import in_words
from framefarm.api.guard import caller_of
from framefarm.api.pages import first_admin_page
from framefarm.api.pages.login_page import FIRST_ADMIN, LOGIN
from framefarm.api.pages.page import refused, shown
from framefarm.api.password_door import LoginFailedError, PasswordDoor
from framefarm.api.signing_in import FirstAdmin, become_first_admin, open_browser_login
from framefarm.core.errors import FrameFarmError
from framefarm.farm import first_admin, logins
from framefarm.farm.service import Farm


class BadFirstAdminError(FrameFarmError):
    """What was typed cannot be an account."""

    code = "invalid_request"


class FirstAdminForm(BaseModel):
    """What the page sends, whatever it is: people are told on the page what is wrong."""

    code: str = ""
    name: str = ""
    password: SecretStr = SecretStr("")
    again: SecretStr = SecretStr("")


def first_admin_page_routes(farm: Farm, door: PasswordDoor) -> APIRouter:
    """The page on which the first admin is made."""
    router = APIRouter(include_in_schema=False)

    @router.get(FIRST_ADMIN)
    async def ask() -> HTMLResponse:
        """Ask for the code and a password, while there is no admin."""
        if await farm.read(first_admin.has_admin):
            return shown(first_admin_page.has_admin_page())
        if not await farm.read(first_admin.has_first_code):
            return shown(first_admin_page.no_code_page())
        return shown(first_admin_page.first_admin_page())

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
            page = first_admin_page.first_admin_page(name=said.name, error=str(error))
            return refused(page, error)
        return answer

    return router


def _read(said: FirstAdminForm) -> FirstAdmin:
    if said.password != said.again:
        raise BadFirstAdminError("The two passwords are not the same.")
    try:
        return FirstAdmin(code=said.code, name=said.name, password=said.password)
    except ValidationError as error:
        raise BadFirstAdminError("; ".join(in_words(one) for one in error.errors())) from error
