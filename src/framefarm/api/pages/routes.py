"""All pages of `framefarm.api.pages`, and what programs ask that wait before one of them."""

from __future__ import annotations

from fastapi import APIRouter

from framefarm.api.pages.device_logins import DeviceLogins
from framefarm.api.pages.device_routes import device_page_routes, device_routes
from framefarm.api.pages.first_admin_routes import first_admin_page_routes
from framefarm.api.pages.front_routes import front_page_routes
from framefarm.api.pages.login_routes import login_page_routes
from framefarm.api.pages.password_routes import password_page_routes
from framefarm.api.password_door import PasswordDoor
from framefarm.api.people import TokenRing
from framefarm.farm.service import Farm


def page_routes(farm: Farm, people: TokenRing, door: PasswordDoor, base: str) -> APIRouter:
    """The routes of all these pages.

    Args:
        base: Where people's browsers reach this manager, without a slash at the end.
    """
    waiting = DeviceLogins()
    router = APIRouter()
    router.include_router(front_page_routes())
    router.include_router(login_page_routes(farm, people, door))
    router.include_router(first_admin_page_routes(farm, door))
    router.include_router(password_page_routes(farm, people, door))
    router.include_router(device_page_routes(people, waiting))
    router.include_router(device_routes(farm, people, waiting, base))
    return router
