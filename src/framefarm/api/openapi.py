"""The API's description: OpenAPI 3.1, with what FastAPI does not know by itself.

Errors are problems (RFC 9457) here, and not what FastAPI describes; some headers are read where it
does not see them; and each body has an example, which a test sends.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

Described = dict[str, Any]

_METHODS = frozenset({"get", "put", "post", "delete", "head", "patch"})
_ABOUT = """\
Everything that the command line does is asked here.

On the manager's own machine no account is needed. From elsewhere send a token:
`Authorization: Bearer ff_...`; `framefarm users token NAME` makes one.

Files and pages are also asked for with HEAD, which tells of them without their bytes.

Whatever goes wrong is answered as `application/problem+json` with a `code` that stays.
Too many requests are answered with 429, and `Retry-After` says for how many seconds to wait.
"""

_TAGS = {
    "jobs": "What is to be rendered, how far it is, and steering it.",
    "shots": "Projects, sequences and shots, and the versions that are rendered of them.",
    "render tasks": "The simple way in, for a script with nothing but HTTP.",
    "blobs": "Files by the SHA-256 of their content.",
    "workers": "The machines that render.",
    "sessions": "How many workers a job gets: asking for some, and giving them back.",
    "users": "People and their tokens.",
    "login": "Passwords, and logging in from a browser.",
    "notifications": "What you are told elsewhere, and where.",
    "events": "What happens, as it happens.",
    "manager": "Whether it is there.",
}

_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0bd22cd15d6c15b0f00a08"
_TRIAL = {"kind": "trial", "name": "first try", "settings": {"units": "1-20", "seconds": 0.5}}
_LONG = "copper-violin-93-meadow"

EXAMPLES: dict[tuple[str, str], Any] = {
    ("post", "/api/jobs"): _TRIAL,
    ("post", "/api/jobs/steer"): {
        "where": {"project": "Film", "shot": "010", "state": ["queued", "running"]},
        "action": "pause",
    },
    ("post", "/api/jobs/{job_id}/pause"): {"now": True},
    ("post", "/api/jobs/{job_id}/priority"): {"priority": 80},
    ("post", "/api/jobs/{job_id}/limit"): {"max_workers": 8},
    ("post", "/api/jobs/{job_id}/deadline"): {"deadline": "2026-12-01T18:00:00+01:00"},
    ("post", "/api/jobs/{job_id}/retry"): {"frames": "10-20"},
    ("post", "/api/projects"): {"name": "Film", "priority": 60},
    ("patch", "/api/projects/{project_id}"): {"status": "closed"},
    ("post", "/api/sequences"): {"project": "Film", "name": "sq01"},
    ("patch", "/api/sequences/{sequence_id}"): {"priority": 70},
    ("post", "/api/shots"): {
        "project": "Film",
        "sequence": "sq01",
        "name": "010",
        "frames": "1001-1048",
    },
    ("post", "/api/shots/update"): {
        "where": {"project": "Film", "sequence": "sq01", "first": "010", "last": "090"},
        "status": "review",
    },
    ("patch", "/api/shots/{shot_id}"): {"status": "approved", "frames": "1001-1096"},
    ("post", "/api/shots/{shot_id}/notes"): {"text": "The door still flickers."},
    ("patch", "/api/shots/{shot_id}/notes/{note}"): {"text": "The door flickers in 1012."},
    ("post", "/api/uploads"): {"sha256": _SHA256, "size_bytes": 4, "pieces": [["0" * 32, 20]]},
    ("post", "/api/workers/invites"): {"pool": "own", "uses": 5, "hours": 24},
    ("post", "/api/workers/steer"): {"workers": ["laptop"], "action": "drain"},
    ("post", "/api/workers/{worker}/rename"): {"name": "render-box"},
    ("post", "/api/sessions"): {"job": 1, "workers": 4, "wait": True},
    ("post", "/api/sessions/{session_id}/more"): {"workers": 2},
    ("post", "/api/sessions/{session_id}/release"): {"workers": ["laptop"]},
    ("post", "/api/sessions/{session_id}/prefetch"): {"all": True},
    ("post", "/api/notifications/targets"): {
        "name": "our hook",
        "address": "https://studio.example/framefarm",
        "tells": ["job_done", "job_failed"],
    },
    ("patch", "/api/notifications/targets/{target}"): {"tells": ["job_failed"]},
    ("patch", "/api/pools/{pool}"): {"max_slots": 40, "max_slots_per_user": 10},
    ("post", "/api/users"): {"name": "ada", "role": "artist", "email": "ada@studio.example"},
    ("patch", "/api/users/{user}"): {"role": "viewer"},
    ("post", "/api/users/{user}/tokens"): {"name": "laptop", "scope": "full", "days": 365},
    ("post", "/api/me/tokens"): {"name": "script", "scope": "read"},
    ("put", "/api/users/{user}/password"): {"password": _LONG},
    ("put", "/api/me/password"): {"old": _LONG, "new": "quiet-harbour-74-lanterns"},
    ("post", "/api/login"): {"name": "ada", "password": _LONG},
    ("post", "/api/login/token"): {"name": "ada", "password": _LONG, "purpose": "laptop"},
    ("post", "/api/login/device/code"): {"purpose": "laptop", "days": 30},
    ("post", "/api/login/device/token"): {"device_code": "gk2F0Zb0s3pX1nE4qT7uY8aW5cR6vD9e"},
    ("post", "/api/first-admin"): {"code": "k7mq-2xw9", "name": "ada", "password": _LONG},
}
"""What a body may look like, by method and path."""

ONCE = frozenset(
    {
        ("post", "/api/jobs"),
        ("post", "/api/projects"),
        ("post", "/api/sequences"),
        ("post", "/api/shots"),
        ("post", "/api/shots/{shot_id}/notes"),
        ("post", "/api/render-tasks/run_task/"),
        ("post", "/api/users"),
        ("post", "/api/users/{user}/tokens"),
        ("post", "/api/me/tokens"),
        ("post", "/api/workers/invites"),
        ("post", "/api/sessions"),
        ("post", "/api/notifications/targets"),
    }
)
"""What takes an Idempotency-Key."""

UNLESS_CHANGED = frozenset(
    {
        *(
            ("post", f"/api/jobs/{{job_id}}/{verb}")
            for verb in ("cancel", "pause", "resume", "priority", "limit", "deadline", "retry")
        ),
        ("delete", "/api/jobs/{job_id}"),
        *(
            (method, f"/api/{path}")
            for path in ("projects/{project_id}", "sequences/{sequence_id}", "shots/{shot_id}")
            for method in ("patch", "delete")
        ),
        ("patch", "/api/users/{user}"),
        ("patch", "/api/pools/{pool}"),
        ("patch", "/api/notifications/targets/{target}"),
        ("delete", "/api/notifications/targets/{target}"),
        ("post", "/api/workers/{worker}/rename"),
        ("post", "/api/workers/{worker}/revoke"),
        ("post", "/api/workers/steer"),
        *(
            ("post", f"/api/sessions/{{session_id}}/{verb}")
            for verb in ("more", "release", "prefetch")
        ),
        ("delete", "/api/sessions/{session_id}"),
        ("delete", "/api/users/{user}"),
    }
)
"""What takes If-Match."""

_PROBLEM: Described = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "The code, as a URN."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stays the same from version to version."},
        "detail": {"type": "string", "description": "For people: what, where, what to do."},
    },
    "required": ["type", "title", "status", "code", "detail"],
    "examples": [
        {
            "type": "urn:framefarm:problem:no_such_job",
            "title": "no such job",
            "status": 404,
            "code": "no_such_job",
            "detail": "There is no job 7.",
        }
    ],
}
_WRONG: Described = {
    "description": "Something is wrong",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_KEY: Described = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "16 to 200 characters, such as a UUID. Sent again within a day, the same "
    "request makes nothing twice and is answered the same; another one with it is refused (422).",
    "schema": {"type": "string", "minLength": 16, "maxLength": 200, "pattern": "^[!-~]+$"},
    "example": "5f0c1f1c-6a0e-4c0b-9d6e-7a1b2c3d4e5f",
}
_MATCH: Described = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of it as you saw it: refused (412) if it was changed since.",
    "schema": {"type": "string"},
    "example": '"3f2a9c0d1b4e5f60718a"',
}


def install(api: FastAPI) -> None:
    """Have an application describe itself this way."""

    def described() -> Described:
        if api.openapi_schema is None:
            api.openapi_schema = _described(api)
        return api.openapi_schema

    api.openapi = described  # type: ignore[method-assign]  # as FastAPI documents it


def _described(api: FastAPI) -> Described:
    tags = [{"name": name, "description": text} for name, text in _TAGS.items()]
    found: Described = get_openapi(
        title=api.title,
        version=api.version,
        description=_ABOUT,
        routes=api.routes,
        tags=tags,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas = found["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    found["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A token of a user's."}
    }
    found["security"] = [{}, {"token": []}]
    for path, operations in found["paths"].items():
        for method in _METHODS & operations.keys():
            _complete(method, path, operations[method])
    return found


def _complete(method: str, path: str, operation: Described) -> None:
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = _WRONG
    parameters = operation.setdefault("parameters", [])
    if (method, path) in ONCE:
        parameters.append(_KEY)
    if (method, path) in UNLESS_CHANGED:
        parameters.append(_MATCH)
    example = EXAMPLES.get((method, path))
    if example is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = example
