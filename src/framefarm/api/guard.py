"""Who may ask what: every request is looked at here before anything else sees it.

There are four roles:

* **local**: a person or program on the manager's own machine that shows no token. May do
  everything.
* **person**: shows a token of a user's, or the cookie of a browser in which one is logged in. May
  do what that user's role allows (see `access`), from anywhere, also from the manager's machine.
* **worker**: shows the key that it got in its first welcome. May fetch what its leases need and
  hand in results.
* **stranger**: anyone else. May ask whether the manager is there, log in, and knock as a worker
  with a join token.

Local is who connects from a loopback address, under a local name, for no page but a local one, and
not through a proxy. The name keeps out pages whose own name resolves to 127.0.0.1 (DNS rebinding),
the origin those that send forms or scripts here (cross-site request forgery); browsers do both on
behalf of strangers, on the manager's machine. What a cookie lets in has to come from one of the
manager's own pages (see `origins`).

What is not listed here is for local callers only, so a new route cannot be open by accident.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from framefarm.api.access import check_access
from framefarm.api.guesses import network_of
from framefarm.api.heads import read_as
from framefarm.api.keys import KeyRing
from framefarm.api.locality import (
    LOCAL_NAMES,
    address_of,
    has_local_name,
    host_of,
    is_local,
    is_loopback,
    is_proxied,
)
from framefarm.api.logins import cookie_of
from framefarm.api.origins import is_foreign_form, is_own_page, own_origins
from framefarm.api.pages.refusals import told
from framefarm.api.people import TokenRing
from framefarm.api.problems import problem, problem_of
from framefarm.api.rates import Rates
from framefarm.core.accounts import TOKEN_START
from framefarm.core.errors import FrameFarmError
from framefarm.core.listing import plural
from framefarm.farm.accounts import Identity
from framefarm.farm.service import Farm
from framefarm.protocol.discovery import CONNECT_PATH

_CALLER = "framefarm.caller"

WEBSOCKET = "WEBSOCKET"
"""In place of a method, for the opening of a WebSocket."""

_SIGNING_IN = {
    ("POST", "/api/login"),
    ("POST", "/api/login/token"),
    ("POST", "/api/login/device/code"),
    ("POST", "/api/login/device/token"),
    ("POST", "/api/first-admin"),
    ("POST", "/api/logout"),
    ("POST", "/login"),
    ("POST", "/logout"),
    ("POST", "/first-admin"),
}
_FOR_EVERYONE = {
    ("GET", "/"),
    ("GET", "/login"),
    ("GET", "/logout"),
    ("GET", "/first-admin"),
    ("GET", "/api/health"),
    ("GET", "/api/login"),
    ("GET", "/api/login/device"),
    # Whoever says yes has to be logged in; the page tells so.
    ("POST", "/api/login/device"),
    ("GET", "/api/login/openid"),
    ("GET", "/api/login/openid/callback"),
    (WEBSOCKET, CONNECT_PATH),
    *_SIGNING_IN,
}
_FOR_WORKERS = (
    ("GET", re.compile(r"/api/blobs/[^/]+")),
    ("PUT", re.compile(r"/api/leases/[^/]+/units/[^/]+")),
)


class ForeignPageError(FrameFarmError):
    """A page of others made a browser use the login that it keeps."""

    code = "foreign_origin"


class Role(StrEnum):
    """What a caller is to this manager."""

    LOCAL = "local"
    PERSON = "person"
    WORKER = "worker"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request.

    Attributes:
        role: What it is to this manager.
        address: Where it connects from, without the port.
        worker_id: Whose key it shows; a local caller may show one as well.
        person: Whose token it shows, or whose login.
        was_logged_in: Whether it shows the cookie of a login that has ended.
    """

    role: Role
    address: str = ""
    worker_id: str | None = None
    person: Identity | None = None
    was_logged_in: bool = False


class RoleGuard:
    """Lets a request through when its caller's role allows it.

    Args:
        app: What is behind.
        keys: Knows workers by their keys.
        people: Knows people by their tokens.
        farm: Knows whose jobs are whose.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, people: TokenRing, farm: Farm) -> None:
        self._app = app
        self._keys = keys
        self._people = people
        self._farm = farm
        self._public_url = farm.settings.public_url
        limits = farm.settings.connections
        self._rates = Rates(limits.requests_per_s, limits.requests_at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or turn it away."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refused = await self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, send)
        else:
            # Starlette's responses also refuse WebSockets, with the same status and body.
            await told(scope, refused)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        method = read_as(scope.get("method", WEBSOCKET))
        if self._is_foreign(scope, headers, method):
            return problem(403, "foreign_origin", _FOREIGN)
        try:
            caller = scope[_CALLER] = await self._caller(scope, headers)
            if scope["type"] == "http" and (wait_s := self._wait_s(caller)) > 0:
                return problem(429, "too_many_requests", _too_many(wait_s), retry_in_s=wait_s)
            if caller.person is not None and (method, scope["path"]) not in _FOR_EVERYONE:
                await check_access(self._farm, caller.person, method, scope["path"])
        except FrameFarmError as error:
            return problem_of(error)
        if caller.role is not Role.STRANGER and scope["type"] == "http":
            # A WebSocket is known by its hello only.
            scope["state"]["connection"].recognise(self._still_counts(caller))
        return _not_allowed(caller, method, scope["path"])

    def _is_foreign(self, scope: Scope, headers: Headers, method: str) -> bool:
        if (method, scope["path"]) in _SIGNING_IN and is_foreign_form(
            scope, headers, self._public_url
        ):
            return True
        own = own_origins(scope, headers, self._public_url)
        return _is_foreign_page(headers, own) or _has_foreign_name(scope, headers, method)

    def _wait_s(self, caller: Caller) -> float:
        """In how many seconds a caller may ask again; 0 for now.

        Not asked of WebSockets: workers by the thousand come back through one address.
        """
        if caller.role is Role.PERSON and caller.person is not None:
            return self._rates.take(f"person {caller.person.user_id}", time.monotonic())
        if caller.role is Role.STRANGER:
            return self._rates.take(network_of(caller.address), time.monotonic())
        return 0.0

    def _still_counts(self, caller: Caller) -> Callable[[], bool]:
        worker_id, person = caller.worker_id, caller.person
        if person is not None:
            seen_at = self._people.changes
            return lambda: (
                self._people.unchanged_since(person.name, seen_at)
                and (person.expires_at is None or person.expires_at > time.time())
            )
        return lambda: worker_id is None or self._keys.counts(worker_id)

    async def _caller(self, scope: Scope, headers: Headers) -> Caller:
        address = address_of(scope)
        local = is_local(scope, headers)
        role = Role.LOCAL if local else Role.STRANGER
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return await self._by_cookie(scope, headers, Caller(role, address))
        if key.startswith(TOKEN_START):
            person = await self._people.identity_of(key, address)
            return Caller(Role.PERSON, address, person=person)
        worker_id = await self._keys.worker_of(key, None if local else address)
        return Caller(role if local else Role.WORKER, address, worker_id)

    async def _by_cookie(self, scope: Scope, headers: Headers, otherwise: Caller) -> Caller:
        secret = cookie_of(scope, headers, self._public_url)
        if secret is None:
            return otherwise
        person = await self._people.logins.identity_of(secret, otherwise.address)
        if person is None:
            return replace(otherwise, was_logged_in=True)
        signing_in = (scope.get("method"), scope["path"]) in _SIGNING_IN
        if not signing_in and not is_own_page(scope, headers, self._public_url):
            raise ForeignPageError(_NOT_OWN_PAGE)
        return Caller(Role.PERSON, otherwise.address, person=person)


def caller_of(scope: Scope) -> Caller:
    """Who makes a request that the guard let through."""
    caller: Caller = scope[_CALLER]
    return caller


def _not_allowed(caller: Caller, method: str, path: str) -> JSONResponse | None:
    role = caller.role
    if role is Role.LOCAL or (method, path) in _FOR_EVERYONE:
        return None
    if role is Role.PERSON and not _is_only_for_workers(method, path):
        return None
    if _is_for_workers(method, path):
        return None if role is Role.WORKER else problem(401, "worker_key", _NO_KEY)
    if caller.was_logged_in:
        return problem(401, "login_ended", _ENDED)
    return problem(403, "local_only", _LOCAL_ONLY)


_FOREIGN = (
    "This manager does not answer web pages of others, nor under a name that is not its own. "
    "On its machine it is called 127.0.0.1 or localhost."
)
_NOT_OWN_PAGE = (
    "This request came with the cookie of a login, and not from a page of this manager. A program "
    "shows a token instead: Authorization: Bearer ff_..."
)
_ENDED = "This login has ended; log in again."
_NO_KEY = (
    "Only a worker that this manager knows may do that. "
    "A new one joins with: framefarm worker URL --join TOKEN"
)
_LOCAL_ONLY = (
    "Only the manager's own machine may do that without an account. Who has one logs in with: "
    "framefarm login URL. Who runs the manager makes one with: "
    "framefarm users add NAME --password, or a token for FRAMEFARM_TOKEN with: "
    "framefarm users token NAME."
)


def _too_many(wait_s: float) -> str:
    return (
        "So many requests in so short a time are not answered; go on after "
        f"{plural(math.ceil(wait_s), 'second')}."
    )


def _is_only_for_workers(method: str, path: str) -> bool:
    return method == WEBSOCKET or (_is_for_workers(method, path) and method != "GET")


def _is_for_workers(method: str, path: str) -> bool:
    return any(method == allowed and pattern.fullmatch(path) for allowed, pattern in _FOR_WORKERS)


def _is_foreign_page(headers: Headers, own: frozenset[str]) -> bool:
    """Whether a browser asks for a page that is none of ours. Only browsers state an origin."""
    origin = headers.get("origin")
    if origin is None or origin.lower() in own:
        # Under a name of others that leads here this is no origin of ours (DNS rebinding), yet its
        # pages have no cookie of ours; and nobody is local by such a name.
        return False
    return host_of(origin) not in LOCAL_NAMES


def _has_foreign_name(scope: Scope, headers: Headers, method: str) -> bool:
    """Whether a browser here may ask under a name of somebody else's, which leads to this machine.

    What workers do needs a key or a token, which no page has, so they may use any name: many a
    machine has its own name lead to its loopback.
    """
    if not is_loopback(address_of(scope)) or is_proxied(headers) or has_local_name(headers):
        return False
    return method != WEBSOCKET and not _is_for_workers(method, scope["path"])
