"""Errors as `application/problem+json` (RFC 9457): what happened, and what to do about it."""

from __future__ import annotations

import math
from functools import lru_cache
from http import HTTPStatus

from starlette.responses import JSONResponse

from framefarm.core.errors import FrameFarmError

_STATUS = {
    "no_such_job": 404,
    "no_such_blob": 404,
    "no_such_unit": 404,
    "no_such_worker": 404,
    "ambiguous_worker": 409,
    "no_such_stage": 404,
    "no_such_stream": 404,
    "no_such_lease": 404,
    "no_such_task": 404,
    "no_such_project": 404,
    "no_such_sequence": 404,
    "no_such_shot": 404,
    "no_such_note": 404,
    "in_use": 409,
    "partly_deleted": 409,
    "too_many_notes": 409,
    "name_taken": 409,
    "closed": 409,
    "no_movie": 404,
    "not_ready": 409,
    "incomplete": 409,
    "illegal_move": 409,
    "nothing_to_retry": 409,
    "no_such_user": 404,
    "no_such_token": 404,
    "user_exists": 409,
    "no_such_target": 404,
    "target_exists": 409,
    "too_many_targets": 409,
    "too_soon": 409,
    "child_failed": 503,
    "child_start": 503,
    "child_crashed": 503,
    "child_stalled": 503,
    "child_memory": 503,
    "no_such_session": 404,
    "not_in_session": 404,
    "has_session": 409,
    "session_ended": 409,
    "changed": 412,
    "idempotency_key_busy": 409,
    "not_allowed": 403,
    "quota_exceeded": 403,
    "no_such_pool": 404,
    "blob_needed": 409,
    "token": 401,
    "login_failed": 401,
    "account_disabled": 403,
    "first_code": 403,
    "foreign_origin": 403,
    "no_such_login": 404,
    "openid_state": 400,
    "authorization_pending": 400,
    "slow_down": 400,
    "expired_token": 400,
    "access_denied": 403,
    "not_logged_in": 401,
    "openid_refused": 403,
    "openid_token": 403,
    "not_invited": 403,
    "openid_unreachable": 503,
    "too_many_guesses": 429,
    "worker_key": 401,
    "revoked": 403,
    "not_leased": 403,
    "disk_full": 507,
    "length_required": 411,
    "too_large": 413,
    "zip_too_large": 413,
    "busy": 503,
    "stopping": 503,
    "database": 503,
    "storage": 503,
}
REFUSED = 422
_WHO_IS_IT = 401
_LONGEST = 2_000


def problem(
    status: int, code: str, detail: str, *, retry_in_s: float | None = None
) -> JSONResponse:
    """One problem as an answer; with `retry_in_s` it says when to ask again."""
    # A detail may quote what came, which need not be text that can be sent back.
    detail = detail[:_LONGEST].encode(errors="replace").decode()
    body = {
        "type": f"urn:framefarm:problem:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": detail,
    }
    waits = status in {429, 503} or code in {"not_ready", "idempotency_key_busy"}
    headers = {"Retry-After": "1"} if waits else {}
    if retry_in_s is not None:
        headers["Retry-After"] = str(math.ceil(retry_in_s))
    if status == _WHO_IS_IT:
        # Each 401 says how to show who one is (RFC 9110, 15.5.2).
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        body, status_code=status, headers=headers, media_type="application/problem+json"
    )


@lru_cache(maxsize=1_024)
def as_http(status: int, code: str, detail: str, *, retry_in_s: float | None = None) -> bytes:
    """One problem as a whole HTTP/1.1 answer, where no application has a say, and the last one."""
    answer = problem(status, code, detail, retry_in_s=retry_in_s)
    answer.headers["Connection"] = "close"
    fields = b"".join(b"%b: %b\r\n" % field for field in answer.raw_headers)
    phrase = HTTPStatus(status).phrase.encode()
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, phrase, fields, bytes(answer.body))


def problem_of(error: FrameFarmError) -> JSONResponse:
    """The answer that one of our own errors gives; 422 unless it has a status of its own."""
    answer = problem(_STATUS.get(error.code, REFUSED), error.code, str(error))
    wait_s = getattr(error, "retry_in_s", None)
    if wait_s is not None:
        answer.headers["Retry-After"] = str(math.ceil(wait_s))
    return answer
