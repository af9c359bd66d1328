"""All pages of `framefarm.api.pages`."""

from __future__ import annotations

from fastapi import APIRouter

from framefarm.api.pages.first_admin_routes import first_admin_page_routes
from framefarm.api.pages.login_routes import login_page_routes
from framefarm.api.password_door import PasswordDoor
from framefarm.api.people import TokenRing
from framefarm.farm.service import Farm


def page_routes(farm: Farm, people: TokenRing, door: PasswordDoor) -> APIRouter:
    """The routes of all these pages."""
    router = APIRouter()
    router.include_router(login_page_routes(farm, people, door))
    router.include_router(first_admin_page_routes(farm, door))
    return router
