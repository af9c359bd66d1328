"""Recognising a person by the cookie of a browser in which they are logged in."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from framefarm.api.guesses import Guesses
from framefarm.api.origins import cookie_name, is_encrypted
from framefarm.core.accounts import hash_token, is_login_secret
from framefarm.db import DatabaseError
from framefarm.farm.accounts import Identity
from framefarm.farm.logins import KnownLogin, identify_login, note_login_use
from framefarm.farm.service import Farm

if TYPE_CHECKING:
    from framefarm.api.people import TokenRing

_REMEMBERED = 10_000
_NOTE_EVERY_S = 60.0
_MOST_WRONG = 30


@dataclass(slots=True)
class _Entry:
    known: KnownLogin
    seen_at: int
    used_at: float
    noted_at: float


class LoginRing:
    """Logins by the hash of what their cookie holds, read once from the database.

    Args:
        farm: Theirs.
        people: Knows when a person has changed.
    """

    def __init__(self, farm: Farm, people: TokenRing) -> None:
        self._farm = farm
        self._people = people
        self._entries: dict[str, _Entry] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._guesses = Guesses(_MOST_WRONG)

    async def identity_of(self, secret: str, address: str) -> Identity | None:
        """Whose cookie this is; None when the login has ended, or never was.

        A cookie is no claim, unlike a token: a browser sends an old one with every request, also
        with the one that logs in anew. So nothing is raised.
        """
        hashed, now = hash_token(secret), time.time()
        entry = self._entries.get(hashed)
        if entry is None or not self._people.unchanged_since(
            entry.known.identity.name, entry.seen_at
        ):
            entry = await self._look_up(secret, hashed, address)
        if entry is None or self._is_over(entry, now):
            self._entries.pop(hashed, None)
            return None
        entry.used_at = now
        await self._note(entry, now)
        return entry.known.identity

    def _is_over(self, entry: _Entry, now: float) -> bool:
        idle_s = self._farm.settings.logins.idle_s
        return entry.known.expires_at <= now or entry.used_at + idle_s <= now

    async def _look_up(self, secret: str, hashed: str, address: str) -> _Entry | None:
        if not is_login_secret(secret) or hashed in self._ended:
            return None
        if self._guesses.wait_s(address, time.monotonic()) > 0:
            return None
        before = self._people.changes
        limits = self._farm.settings.logins
        known = await self._farm.read(partial(identify_login, secret_hash=hashed, limits=limits))
        if known is None:
            self._note_ended(hashed, address)
            return None
        entry = _Entry(known, before, known.last_used_at, known.last_used_at)
        if len(self._entries) >= _REMEMBERED:
            self._entries.clear()
        self._entries[hashed] = entry
        return entry

    def _note_ended(self, hashed: str, address: str) -> None:
        self._guesses.note(address, time.monotonic())
        self._ended[hashed] = None
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    async def _note(self, entry: _Entry, now: float) -> None:
        login_id = entry.known.identity.login_id
        if login_id is not None and now - entry.noted_at >= _NOTE_EVERY_S:
            entry.noted_at = now
            with contextlib.suppress(DatabaseError):
                await self._farm.writer.write(partial(note_login_use, login_id=login_id))


def cookie_of(scope: Scope, headers: Headers, public_url: str) -> str | None:
    """What the cookie of a login holds; None when the request has none."""
    return cookie_value(headers, cookie_name(encrypted=is_encrypted(scope, headers, public_url)))


def cookie_value(headers: Headers, name: str) -> str | None:
    """What a cookie holds; None when the request has none of that name."""
    for header in headers.getlist("cookie"):
        try:
            found = SimpleCookie(header).get(name)
        except CookieError:
            continue
        if found is not None and found.value:
            return found.value
    return None


def give_cookie(response: Response, secret: str, *, encrypted: bool, for_s: float) -> None:
    """Let a browser keep what lets a person in.

    Lax, not strict: a link to the farm in a mail opens it, and one comes back from a provider's
    login page by a link. What a link can ask for changes nothing (see `origins`).
    """
    response.set_cookie(
        cookie_name(encrypted=encrypted),
        secret,
        max_age=int(for_s),
        path="/",
        secure=encrypted,
        httponly=True,
        samesite="lax",
    )
    response.headers["Cache-Control"] = "no-store"


def take_cookie(response: Response, *, encrypted: bool) -> None:
    """Let a browser forget it."""
    response.delete_cookie(
        cookie_name(encrypted=encrypted), path="/", secure=encrypted, httponly=True, samesite="lax"
    )
