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

from framefarm.api.bodies import IN_WORDS
from framefarm.api.once import AnsweredBeforeError
from framefarm.api.pages.page import failed, is_for_a_person
from framefarm.api.problems import REFUSED, problem, problem_of
from framefarm.core.errors import FrameFarmError

_log = structlog.get_logger(__name__)

_NOT_READ_AS_JSON = frozenset({"model_attributes_type", "dict_attributes_type"})
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def install(app: FastAPI) -> None:
    """Answer every error of an application this way."""

    @app.exception_handler(FrameFarmError)
    async def ours(request: Request, error: FrameFarmError) -> Response:
        return failed(error) if is_for_a_person(request) else problem_of(error)

    @app.exception_handler(AnsweredBeforeError)
    async def again(_: Request, error: AnsweredBeforeError) -> Response:
        return error.response

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        told = "; ".join(map(in_words, error.errors()))
        unread = any(one["type"] in _NOT_READ_AS_JSON for one in error.errors())
        if unread and not _is_json(request):
            told += "; JSON is read with the header Content-Type: application/json"
        return problem(REFUSED, "invalid_request", told)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        code = _HTTP_CODES.get(error.status_code, "http")
        return problem(error.status_code, code, str(error.detail))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> JSONResponse:
        return problem(400, "cut_short", "The connection broke before the body had come.")

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        _log.error("request_failed", path=request.url.path, exc_info=error)
        return problem(500, "internal", "The manager failed at this request; its log says why.")


def in_words(error: Mapping[str, Any]) -> str:
    """What is wrong with one value, and where it stands."""
    where = ".".join(str(part) for part in error["loc"])
    more = error.get("ctx", {})
    if error["type"] == "json_invalid":
        return f"{where}: {error['msg']}: {more.get('error')}"
    return f"{where}: {IN_WORDS.get(more.get('pattern'), error['msg'])}"


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    return kind.lower() == "application/json" or kind.lower().endswith("+json")
