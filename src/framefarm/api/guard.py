"""Who may ask what: every request is looked at here before anything else sees it.

There are four roles:

* **local**: a person or program on the manager's own machine that shows no token. May do
  everything.
* **person**: shows a token of a user's. May do what that user's role allows (see `access`), from
  anywhere, also from the manager's own machine.
* **worker**: shows the key that it got in its first welcome. May fetch what its leases need and
  hand in results.
* **stranger**: anyone else. May ask whether the manager is there, and knock as a worker with a join
  token.

Local is who connects from a loopback address, under a local name, for no page but a local one, and
not through a proxy. The name keeps out pages whose own name resolves to 127.0.0.1 (DNS rebinding),
the origin those that send forms or scripts here (cross-site request forgery); browsers do both on
behalf of strangers, on the manager's machine.

What is not listed here is for local callers only, so a new route cannot be open by accident.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from framefarm.api.access import check_access
from framefarm.api.keys import KeyRing
from framefarm.api.people import TokenRing
from framefarm.api.problems import problem, problem_of
from framefarm.core.accounts import TOKEN_START
from framefarm.core.errors import FrameFarmError
from framefarm.farm.accounts import Identity
from framefarm.farm.service import Farm

_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_CALLER = "framefarm.caller"

WEBSOCKET = "WEBSOCKET"
"""In place of a method, for the opening of a WebSocket."""

_FOR_EVERYONE = {("GET", "/api/health"), (WEBSOCKET, "/api/workers/connect")}
_FOR_WORKERS = (
    ("GET", re.compile(r"/api/blobs/[^/]+")),
    ("PUT", re.compile(r"/api/leases/[^/]+/units/[^/]+")),
)


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
        person: Whose token it shows.
    """

    role: Role
    address: str = ""
    worker_id: str | None = None
    person: Identity | None = None


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
            await refused(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        method = scope.get("method", WEBSOCKET)
        if _is_foreign_page(headers) or _has_foreign_name(scope, headers, method):
            return problem(403, "foreign_origin", _FOREIGN)
        try:
            caller = scope[_CALLER] = await self._caller(scope, headers)
            if caller.person is not None:
                await check_access(self._farm, caller.person, method, scope["path"])
        except FrameFarmError as error:
            return problem_of(error)
        if caller.role is not Role.STRANGER and scope["type"] == "http":
            # A WebSocket is known by its hello only.
            scope["state"]["connection"].recognise(self._still_counts(caller))
        return _not_allowed(caller.role, method, scope["path"])

    def _still_counts(self, caller: Caller) -> Callable[[], bool]:
        worker_id, person = caller.worker_id, caller.person
        if person is not None:
            seen_at = self._people.changes
            return lambda: self._people.unchanged_since(person.name, seen_at)
        return lambda: worker_id is None or self._keys.counts(worker_id)

    async def _caller(self, scope: Scope, headers: Headers) -> Caller:
        address = _address(scope)
        local = _is_local(scope, headers)
        role = Role.LOCAL if local else Role.STRANGER
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return Caller(role, address)
        if key.startswith(TOKEN_START):
            person = await self._people.identity_of(key, address)
            return Caller(Role.PERSON, address, person=person)
        worker_id = await self._keys.worker_of(key, None if local else address)
        return Caller(role if local else Role.WORKER, address, worker_id)


def caller_of(scope: Scope) -> Caller:
    """Who makes a request that the guard let through."""
    caller: Caller = scope[_CALLER]
    return caller


def _not_allowed(role: Role, method: str, path: str) -> Response | None:
    if role is Role.LOCAL or (method, path) in _FOR_EVERYONE:
        return None
    if role is Role.PERSON and not _is_only_for_workers(method, path):
        return None
    if _is_for_workers(method, path):
        return None if role is Role.WORKER else problem(401, "worker_key", _NO_KEY)
    return problem(403, "local_only", _LOCAL_ONLY)


_FOREIGN = (
    "This manager does not answer web pages of others, nor under a name that is not its own. "
    "On its machine it is called 127.0.0.1 or localhost."
)
_NO_KEY = (
    "Only a worker that this manager knows may do that. "
    "A new one joins with: framefarm worker URL --join TOKEN"
)
_LOCAL_ONLY = (
    "Only the manager's own machine may do that without a token. Who runs it makes one with: "
    "framefarm users token NAME. Set it here as FRAMEFARM_TOKEN."
)


def _is_only_for_workers(method: str, path: str) -> bool:
    return method == WEBSOCKET or (_is_for_workers(method, path) and method != "GET")


def _is_for_workers(method: str, path: str) -> bool:
    return any(method == allowed and pattern.fullmatch(path) for allowed, pattern in _FOR_WORKERS)


def _is_foreign_page(headers: Headers) -> bool:
    """Whether a browser asks for a page that is none of ours. Only browsers state an origin."""
    origin = headers.get("origin")
    return origin is not None and _host_of(origin) not in _LOCAL_NAMES


def _has_foreign_name(scope: Scope, headers: Headers, method: str) -> bool:
    """Whether a browser here may ask under a name of somebody else's, which leads to this machine.

    What workers do needs a key or a token, which no page has, so they may use any name: many a
    machine has its own name lead to its loopback.
    """
    if not _is_loopback(_address(scope)) or _is_proxied(headers) or _has_local_name(headers):
        return False
    return method != WEBSOCKET and not _is_for_workers(method, scope["path"])


def _is_proxied(headers: Headers) -> bool:
    return any(name in headers for name in _FORWARDING)


def _is_local(scope: Scope, headers: Headers) -> bool:
    loopback = _is_loopback(_address(scope))
    return loopback and not _is_proxied(headers) and _has_local_name(headers)


def _has_local_name(headers: Headers) -> bool:
    return _host_of(f"//{headers.get('host', '')}") in _LOCAL_NAMES


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        # "[" is no address.
        return None


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    # An IPv6 socket that takes both kinds shows IPv4 peers as ::ffff:127.0.0.1.
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
