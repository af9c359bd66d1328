"""Errors as `application/problem+json` (RFC 9457): what happened, and what to do about it."""

from __future__ import annotations

import math
from functools import lru_cache
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from framefarm.core.errors import FrameFarmError

_log = structlog.get_logger(__name__)

_STATUS = {
    "no_such_job": 404,
    "no_such_blob": 404,
    "no_such_unit": 404,
    "no_such_worker": 404,
    "ambiguous_worker": 409,
    "no_such_stage": 404,
    "no_such_task": 404,
    "no_movie": 404,
    "not_ready": 409,
    "incomplete": 409,
    "illegal_move": 409,
    "nothing_to_retry": 409,
    "worker_key": 401,
    "revoked": 403,
    "not_leased": 403,
    "disk_full": 507,
    "too_large": 413,
    "busy": 503,
    "stopping": 503,
    "database": 503,
    "storage": 503,
}
_REFUSED = 422
_LONGEST = 2_000

_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def problem(status: int, code: str, detail: str) -> JSONResponse:
    """One problem as an answer."""
    # A detail may quote what came, which need not be text that can be sent back.
    detail = detail[:_LONGEST].encode(errors="replace").decode()
    body = {
        "type": f"urn:framefarm:problem:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": detail,
    }
    waits = status in {429, 503} or code == "not_ready"
    headers = {"Retry-After": "1"} if waits else None
    return JSONResponse(
        body, status_code=status, headers=headers, media_type="application/problem+json"
    )


@lru_cache(maxsize=1_024)
def as_http(status: int, code: str, detail: str, *, retry_in_s: float | None = None) -> bytes:
    """One problem as a whole HTTP/1.1 answer, where no application has a say, and the last one."""
    answer = problem(status, code, detail)
    if retry_in_s is not None:
        answer.headers["Retry-After"] = str(math.ceil(retry_in_s))
    answer.headers["Connection"] = "close"
    fields = b"".join(b"%b: %b\r\n" % field for field in answer.raw_headers)
    phrase = HTTPStatus(status).phrase.encode()
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, phrase, fields, bytes(answer.body))


def problem_of(error: FrameFarmError) -> JSONResponse:
    """The answer that one of our own errors gives; 422 unless it has a status of its own."""
    return problem(_STATUS.get(error.code, _REFUSED), error.code, str(error))


def install(app: FastAPI) -> None:
    """Answer every error of an application this way."""

    @app.exception_handler(FrameFarmError)
    async def ours(_: Request, error: FrameFarmError) -> JSONResponse:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        told = "; ".join(
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()
        )
        return problem(_REFUSED, "invalid_request", told)

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
