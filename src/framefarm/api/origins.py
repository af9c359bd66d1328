"""Whether a browser asks for one of the manager's own pages. Pure.

A browser adds its cookies to whatever any page makes it send. So a request that is let in by a
cookie must say that it comes from a page of this manager, wherever it could change something or
keep a connection open: by `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/), which browsers
send to encrypted and local addresses, else by `Origin`, and where they send neither (a stream of
events over plain HTTP) by `Referer`. What may come from elsewhere is following a link.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

_OWN_PATH = re.compile(r"/(?![/\\])[!-~]{0,1000}")
"""No `//host` and no `/\\host`, which browsers read as another host; nothing that ends a header."""

_READS = frozenset({"GET", "HEAD"})
_STREAM = re.compile(r"/api/(events|jobs/[^/]+/events)")
_SCHEMES = {"ws": "http", "wss": "https"}
COOKIE = "framefarm"
_ENCRYPTED_COOKIE = f"__Host-{COOKIE}"
"""Browsers keep a cookie of such a name only from the host itself, encrypted, and for all of it
(RFC 6265bis, 4.1.3.2): no other program on the host or below its name can set it."""


def own_origins(scope: Scope, headers: Headers, public_url: str) -> frozenset[str]:
    """The origins of this manager's own pages, as the one who asks may know them.

    Args:
        public_url: Where people reach it through a proxy; empty without one.
    """
    scheme = _SCHEMES.get(scope["scheme"], scope["scheme"])
    found = {f"{scheme}://{headers.get('host', '')}".lower()}
    if public_url:
        found.add(origin_of(public_url))
    return frozenset(found)


def own_path(wanted: str | None, otherwise: str) -> str:
    """Where to send a browser that says itself where it wants to go: nowhere but to this manager.

    Args:
        wanted: What it says: a path, perhaps with a query.
        otherwise: Where to if that is none.
    """
    return wanted if wanted is not None and _OWN_PATH.fullmatch(wanted) else otherwise


def origin_of(url: str) -> str:
    """Scheme, host and port of an address; empty when it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""


def is_encrypted(scope: Scope, headers: Headers, public_url: str) -> bool:
    """Whether the browser's own line is encrypted, be it by a proxy before this manager."""
    if scope["scheme"] in {"https", "wss"}:
        return True
    public = origin_of(public_url)
    return public.startswith("https://") and public == f"https://{headers.get('host', '')}".lower()


def cookie_name(*, encrypted: bool) -> str:
    """What the cookie of a login is called."""
    return _ENCRYPTED_COOKIE if encrypted else COOKIE


def is_own_page(scope: Scope, headers: Headers, public_url: str) -> bool:
    """Whether a request that a cookie lets in may have been made by whatever page made it."""
    own = own_origins(scope, headers, public_url)
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin.lower() not in own:
        return False
    reads = scope.get("method") in _READS and _STREAM.fullmatch(scope["path"]) is None
    if site is not None:
        followed = site == "none" or headers.get("sec-fetch-mode") == "navigate"
        return site == "same-origin" or (reads and followed)
    if origin is not None or reads:
        return True
    return scope.get("method") in _READS and origin_of(headers.get("referer", "")) in own


def is_foreign_form(scope: Scope, headers: Headers, public_url: str) -> bool:
    """Whether a page of others makes a browser send something here that needs no cookie.

    Such as a name and a password: it would log its visitor in as somebody else.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin.lower() not in own_origins(scope, headers, public_url):
        return True
    return site not in {None, "same-origin"}
