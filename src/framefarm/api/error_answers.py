"""What the API answers when something raises: always a problem, never a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from framefarm.api.bodies import IN_WORDS
from framefarm.api.once import AnsweredBeforeError
from framefarm.api.pages.refusals import told
from framefarm.api.problems import REFUSED, problem, problem_of
from framefarm.core.errors import FrameFarmError

_log = structlog.get_logger(__name__)

_NOT_READ_AS_JSON = frozenset({"model_attributes_type", "dict_attributes_type"})
_HTTP_CODES = {413: "too_large"}
_BAD_BODY = (
    "The body of this request cannot be read as JSON, which is UTF-8 and not nested so deep."
)
_BAD_FORM = (
    "The body of this request cannot be read as a form. One has at most 1,000 fields, and in each "
    "at most 1 MiB."
)
"""The bounds are Starlette's."""

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_LONGEST_PATH = 200
_KINDS = frozenset({"render", "trial"})
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def install(app: FastAPI) -> None:
    """Answer every error of an application this way."""
    _install_http(app)

    @app.exception_handler(FrameFarmError)
    async def ours(request: Request, error: FrameFarmError) -> Response:
        return told(request.scope, problem_of(error))

    @app.exception_handler(AnsweredBeforeError)
    async def again(_: Request, error: AnsweredBeforeError) -> Response:
        return error.response

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        what = "; ".join(map(in_words, error.errors()))
        unread = any(one["type"] in _NOT_READ_AS_JSON for one in error.errors())
        if unread and not _is_json(request):
            what += "; JSON is read with the header Content-Type: application/json"
        return told(request.scope, problem(REFUSED, "invalid_request", what))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> JSONResponse:
        return problem(400, "cut_short", "The connection broke before the body had come.")

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        _log.error("request_failed", path=request.url.path, exc_info=error)
        what = "The manager failed at this request; its log says why."
        return told(request.scope, problem(500, "internal", what))


def _install_http(app: FastAPI) -> None:
    """What the framework itself raises."""

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = _HTTP_CODES.get(error.status_code, "http")
        return told(request.scope, problem(error.status_code, code, str(error.detail)))

    @app.exception_handler(400)
    async def bad_body(request: Request, _: HTTPException) -> Response:
        what = _BAD_FORM if _kind_of(request) in _FORMS else _BAD_BODY
        return told(request.scope, problem(400, "bad_body", what))

    @app.exception_handler(404)
    async def not_found(request: Request, _: HTTPException) -> Response:
        what = f"There is nothing at {_path(request)}; /api/docs lists what there is."
        return told(request.scope, problem(404, "not_found", what))

    @app.exception_handler(405)
    async def not_allowed(request: Request, _: HTTPException) -> Response:
        methods = _methods(request)
        what = f"{request.method} is not taken at {_path(request)}, but {methods}."
        answer = problem(405, "method_not_allowed", what)
        answer.headers["Allow"] = methods
        return told(request.scope, answer)


def _path(request: Request) -> str:
    return repr(request.url.path[:_LONGEST_PATH])


def _methods(request: Request) -> str:
    """All that is taken at a path: each method has a route of its own."""
    routes = request.app.routes
    taken = [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    ]
    return ", ".join(taken)


def in_words(error: Mapping[str, Any]) -> str:
    """What is wrong with one value, and where it stands."""
    first, *parts = error["loc"]
    if parts and first == "body" and parts[0] in _KINDS:
        # What pydantic has of a body of that `kind`; in the body itself nothing is called so.
        parts = parts[1:]
    where = ".".join(str(part) for part in (first, *parts))
    more = error.get("ctx", {})
    if error["type"] == "json_invalid":
        return f"{where}: {error['msg']}: {more.get('error')}"
    if error["type"] == "value_error":
        # Said by us; pydantic would put "Value error, " before it.
        return f"{where}: {more['error']}"
    return f"{where}: {IN_WORDS.get(more.get('pattern'), error['msg'])}"


def _is_json(request: Request) -> bool:
    kind = _kind_of(request)
    return kind == "application/json" or kind.endswith("+json")


def _kind_of(request: Request) -> str:
    """What a request says that its body is; JSON where it says nothing."""
    said = request.headers.get("content-type", "application/json")
    return said.partition(";")[0].strip().lower()
