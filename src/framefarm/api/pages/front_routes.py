"""`/`: what people see who type the manager's address."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from framefarm.api.guard import Role, caller_of
from framefarm.api.heads import get_and_head
from framefarm.api.pages.front_page import FRONT, front_page, front_text
from framefarm.api.pages.login_page import LOGIN
from framefarm.api.pages.page import shown
from framefarm.api.pages.refusals import is_for_a_person
from framefarm.api.signing_in import in_browser


def front_page_routes() -> APIRouter:
    """The page at the manager's own address."""
    router = APIRouter(include_in_schema=False)

    @get_and_head(router, FRONT)
    async def front(request: Request) -> Response:
        """What to tell a person whose browser asks; who is not let in logs in first."""
        role = caller_of(request.scope).role
        if role not in {Role.LOCAL, Role.PERSON}:
            return RedirectResponse(LOGIN, 303)
        if not is_for_a_person(request.scope):
            return PlainTextResponse(front_text(), headers=_BY_ACCEPT)
        who = in_browser(request)
        answer = shown(front_page(who.name if who else "", local=role is Role.LOCAL))
        answer.headers.update(_BY_ACCEPT)
        return answer

    return router


_BY_ACCEPT = {"Vary": "Accept"}
