"""Problems, as pages for people: what programs are told as JSON a browser shows in words. Pure."""

from __future__ import annotations

import json

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import Scope

from framefarm.api.heads import read_as
from framefarm.api.pages.login_page import DEVICE, LOGIN, OPENID, to_login
from framefarm.api.pages.page import HEADERS, page, wrong

_API = "/api/"
_PAGES_OF_THE_API = frozenset({"/api/docs", DEVICE, OPENID, f"{OPENID}/callback"})
_MAY_LOG_IN = frozenset({"local_only", "login_ended"})
_KEPT = ("Retry-After", "Allow")


def told(scope: Scope, problem: JSONResponse) -> Response:
    """How whoever asks is told of a problem.

    A browser that is to show a page shows the problem on one, or, where logging in would help, the
    login page, which leads back. Its scripts, and other programs, get the problem as it is.
    """
    if not is_for_a_person(scope):
        return problem
    what = json.loads(bytes(problem.body))
    if what["code"] in _MAY_LOG_IN and read_as(scope["method"]) == "GET":
        return RedirectResponse(to_login(_asked_for(scope)), 303)
    button = f"<a class='button yes' href={LOGIN}>To the login page</a>"
    content = page("That did not work", f"{wrong(what['detail'])}{button}")
    answer = HTMLResponse(content, problem.status_code, headers=HEADERS)
    for name in _KEPT:
        if (value := problem.headers.get(name)) is not None:
            answer.headers[name] = value
    return answer


def is_for_a_person(scope: Scope) -> bool:
    """Whether a browser is to show the answer.

    Browsers ask for pages with `Accept: text/html,...`, scripts with `*/*`.
    """
    if scope["type"] != "http" or not Headers(scope=scope).get("accept", "").startswith(
        "text/html"
    ):
        return False
    path = str(scope["path"])
    return not path.startswith(_API) or path in _PAGES_OF_THE_API


def _asked_for(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])
