"""A hundred ways to ask wrongly, each with what is answered: what is sent beside files.

What a row says is asked of a manager that has job 1, a paused trial of frames 1-3, a user `ada`
whose token stands for `TOKEN`, and a .blend whose hash stands for `BLEND`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

INVALID = "invalid_request"
SHA = "0" * 64


class Bad(NamedTuple):
    """One way to ask wrongly.

    Attributes:
        told: What the answer says, so that whoever asked knows what to do.
    """

    method: str
    path: str
    content: bytes | None
    headers: Mapping[str, str]
    status: int
    code: str
    told: str


def get(path: str, status: int, code: str, told: str, **headers: str) -> Bad:
    return Bad("GET", path, None, _headers(headers), status, code, told)


def send(  # noqa: PLR0917  a row of a table
    method: str, path: str, body: Any, status: int, code: str, told: str, **headers: str
) -> Bad:
    """JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {"Content-Type": "application/json"}
    return Bad(method, path, content, {**kind, **_headers(headers)}, status, code, told)


def post(path: str, body: Any, status: int, code: str, told: str, **headers: str) -> Bad:
    return send("POST", path, body, status, code, told, **headers)


def trial(status: int, code: str, told: str, **changes: Any) -> Bad:
    """A trial that would be taken but for what is changed."""
    body = {"kind": "trial", "settings": {"units": "1"}, **changes}
    return post("/api/jobs", body, status, code, told)


def render(code: str, told: str, blend: Mapping[str, Any] | None = None, **settings: Any) -> Bad:
    """A render that would be taken but for its settings, or its blend."""
    named = {"sha256": "BLEND", "name": "shot.blend", **(blend or {})}
    body = {"kind": "render", "blend": named, "settings": settings}
    return post("/api/jobs", body, 422, code, told)


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def cursor(place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


JSON = {
    "nothing": post("/api/jobs", b"", 422, INVALID, "Field required"),
    "half of it": post("/api/jobs", b'{"kind": "tri', 422, INVALID, "JSON decode error"),
    "a list": post("/api/jobs", [], 422, INVALID, "valid dictionary"),
    "no utf-8": post("/api/jobs", b'{"kind": "\xff"}', 400, "bad_body", "UTF-8"),
    "a comma too many": post("/api/jobs", b'{"kind": "trial",}', 422, INVALID, "double quotes"),
    "very deep": post("/api/jobs", b"[" * 50_000, 400, "bad_body", "UTF-8"),
    "not called json": post(
        "/api/jobs", {}, 422, INVALID, "Content-Type: application/json", Content_Type="text/plain"
    ),
    "half a character": post(
        "/api/jobs", b'{"kind":"trial","settings":{"units":"1"},"name":"\\ud800"}', 422, INVALID, ""
    ),
    "no such kind": trial(422, INVALID, "'render', 'trial'", kind="bake"),
    "a word too many": trial(422, INVALID, "body.colour", colour="blue"),
    "a word missing": post(
        "/api/jobs", {"kind": "trial"}, 422, INVALID, "settings: Field required"
    ),
    "text for a number": trial(422, INVALID, "valid integer", priority="high"),
    "a number for text": trial(422, INVALID, "body.name: Input should be a valid string", name=7),
    "null for text": trial(422, INVALID, "valid string", name=None),
    "no number": post(
        "/api/jobs",
        b'{"kind":"trial","settings":{"units":"1","seconds":NaN}}',
        422,
        INVALID,
        "seconds",
    ),
    "contradiction": post(
        "/api/jobs/1/retry",
        {"frames": "1", "all": True},
        422,
        INVALID,
        "`frames` or `all`, not both",
    ),
    "nothing to change": post("/api/jobs/1/limit", {}, 422, INVALID, "max_workers: Field required"),
    "tags for nothing": post(
        "/api/workers/steer",
        {"action": "drain", "all": True, "tags": ["x"]},
        422,
        INVALID,
        "`tags`",
    ),
    "nobody meant": post(
        "/api/workers/steer", {"action": "drain"}, 422, INVALID, "say which workers"
    ),
}

NAMES = {
    "longer than any": trial(422, INVALID, "at most 200 characters", name="n" * 201),
    "a line feed": trial(422, INVALID, "U+000A", name="a\nb"),
    "a zero byte": trial(422, INVALID, "U+0000", project="a\0b"),
    "turned text": trial(422, INVALID, "U+202E", shot="a\u202eb"),
    "a terminal's order": trial(422, INVALID, "U+001B", owner="\x1b[2Jada"),
    "of a file": render(INVALID, "U+0007", {"name": "a\a.blend"}),
    "of no user": post(
        "/api/users", {"name": "ada b"}, 422, INVALID, "letters from a to z, digits and . _ @ -"
    ),
    "of a user there is": post("/api/users", {"name": "ada"}, 409, "user_exists", "already"),
    "of a tag": trial(422, INVALID, "small letters", requires={"tags": ["Big Box"]}),
    "of a project, a path": trial(422, "bad_name", "'a_b' could", project="a/b"),
    "of a project of Windows": trial(422, "bad_name", "'_nul' could", project="nul"),
    "of a sequence, above": trial(
        422, "bad_name", "of a sequence", project="f", sequence="..", shot="s"
    ),
    "of a shot, too long": trial(422, "bad_name", "of a shot", project="f", shot="s" * 101),
    "of a shot alone": trial(422, "shot_without_project", "name the project", shot="s"),
    "of a sequence alone": trial(
        422, "sequence_without_shot", "name the shot", project="f", sequence="s"
    ),
    "of a status": post(
        "/api/shots",
        {"project": "f", "name": "s", "status": "done"},
        422,
        INVALID,
        "'waiting', 'in_progress'",
    ),
    "of a description": post(
        "/api/projects", {"name": "f", "description": "\x1b]0;x"}, 422, INVALID, "U+001B"
    ),
    "of no shots": post("/api/shots/update", {"status": "final"}, 422, INVALID, "shots or where"),
    "of a pool": trial(422, INVALID, "'own', 'friends' or 'public'", requires={"pool": "enemies"}),
    "of a scene": render("unknown_scene", "it has: Scene", scene="Nowhere"),
    "of a camera": render("unknown_camera", "it has: ", camera="Nobody"),
    "of an engine": render("bad_engine", "there are: cycles, eevee, workbench", engine="povray"),
    "of an engine, empty": render("bad_engine", "there are: cycles", engine=""),
    "of a format": render("bad_format", "did you mean PNG?", format="PNGG"),
    "of a format, empty": render("bad_format", "PNG", format=""),
    "of a movie as a format": render("bad_format", "ask for the movie besides", format="FFMPEG"),
    "of a container": render(INVALID, "'mp4', 'mkv', 'webm'", movie="avi"),
    "of a version": render(INVALID, "written as 4.5", blender="five"),
    "of an order": render(INVALID, "'sequential' or 'spread'", order="zigzag"),
    "of an address": post(
        "/api/users", {"name": "b", "email": "b"}, 422, INVALID, "address of mail"
    ),
    "of two addresses": post(
        "/api/users", {"name": "b", "email": "b@x\r\nBcc: c@x"}, 422, INVALID, "such as ada@"
    ),
    "of a role": post("/api/users", {"name": "b", "role": "king"}, 422, INVALID, "'artist'"),
    "of a worker, empty": post(
        "/api/workers/nobody/rename", {"name": " "}, 404, "no_such_worker", "lists"
    ),
    "of a service": post(
        "/api/notifications/targets",
        {"name": "x", "address": "gopher://x"},
        422,
        "bad_address",
        "be-told.md",
    ),
}

RANGES = {
    "backwards": render("bad_frames", 'write "1-5"', frames="5-1"),
    "no frames": render("bad_frames", 'write "1-250"', frames=""),
    "half a frame": render("bad_frames", "not a frame or a span", frames="1.5"),
    "no step": render("bad_frames", "step", frames="1-9x0"),
    "a step back": render("bad_frames", 'write "1-250"', frames="1-9x-1"),
    "an empty one": render("bad_frames", "comma", frames="1,,2"),
    "beyond Blender": render("bad_frames", "use frames from", frames="99999999999"),
    "longer than a book": trial(422, INVALID, "65536", settings={"units": "1," * 40_000}),
    "digits of others": trial(422, "bad_frames", "not a frame", settings={"units": "\u0661"}),
    "none of the job's": post(
        "/api/jobs/1/retry", {"frames": "77"}, 422, "no_such_frames", "has 1-3"
    ),
    "no share": render("bad_format", "use 1% to", resolution="0%"),
    "no size": render("bad_format", '"1920x1080" or "50%"', resolution="large"),
    "no pixels": render("bad_format", "4 to 65536 pixels", resolution="99999x9"),
    "no samples": render(INVALID, "greater than or equal to 1", samples=0),
    "threads": render(INVALID, "less than or equal to 1024", threads=10**40),
    "priority": post("/api/jobs/1/priority", {"priority": 101}, 422, INVALID, "equal to 100"),
    "workers": post("/api/jobs/1/limit", {"max_workers": 0}, 422, INVALID, "equal to 1"),
    "of quotas": send(
        "PATCH", "/api/users/ada", {"quota": {"slots": 0}}, 422, INVALID, "quota.slots"
    ),
    "of days": post("/api/users/ada/tokens", {"name": "x", "days": -1}, 422, INVALID, "than 0"),
    "of hours": post("/api/workers/invites", {"hours": 1e9}, 422, INVALID, "equal to 8784"),
    "a year before any farm": trial(
        422, INVALID, "from 2000 to 2999", deadline="1066-10-14T09:00Z"
    ),
    "no zone": trial(422, INVALID, "timezone", deadline="2030-01-01T00:00:00"),
    "no time": post("/api/jobs/1/deadline", {"deadline": "soon"}, 422, INVALID, "valid datetime"),
    "of bytes beyond the end": get(
        "/api/blobs/BLEND", 416, "no_such_range", "no bytes", Range="bytes=999999999-"
    ),
    "of bytes that is none": get("/api/blobs/BLEND", 400, "bad_range", "Range", Range="bytes=x-y"),
}

PAGING = {
    "no page": get("/api/jobs?limit=0", 422, INVALID, "greater than or equal to 1"),
    "all at once": get("/api/jobs?limit=1001", 422, INVALID, "equal to 1000"),
    "no number": get("/api/jobs?limit=many", 422, INVALID, "query.limit"),
    "empty": get("/api/jobs?limit=", 422, INVALID, "valid integer"),
    "twice": get("/api/jobs?limit=5&limit=9", 422, "bad_query", "say it once"),
    "no cursor": get("/api/jobs?cursor=x", 422, "bad_cursor", "this manager gave"),
    "of another order": get("/api/jobs?sort=name&cursor=12", 422, "bad_cursor", "for this order"),
    "of another kind": get(
        f"/api/jobs?sort=priority&cursor={cursor(['a', 1])}", 422, "bad_cursor", "order"
    ),
    "deep in a cursor": get(
        "/api/jobs?sort=name&cursor=" + base64.urlsafe_b64encode(b"[" * 700).decode(),
        422,
        "bad_cursor",
        "no cursor",
    ),
    "of workers": get(f"/api/workers?cursor={cursor([1])}", 422, "bad_cursor", "this manager gave"),
    "of files": get("/api/jobs/1/files?cursor=1.x.2", 422, "bad_cursor", "this manager gave"),
    "no order": get("/api/jobs?sort=size", 422, INVALID, "'priority'"),
    "no filter": get("/api/jobs?stat=done", 422, "bad_query", "did you mean state?"),
    "no filter at all": get("/api/health?deep=yes", 422, "bad_query", "leave out the query"),
    "no state": get("/api/jobs?state=burnt", 422, INVALID, "'queued'"),
    "of a worker": get("/api/workers?state=dead", 422, INVALID, "'offline'"),
    "a zero byte": get("/api/jobs?owner=%00", 422, INVALID, "leave it out"),
    "longer than any name": get("/api/jobs?name=" + "x" * 300, 422, INVALID, "200 characters"),
    "units of no state": get("/api/jobs/1/units?state=pending", 422, INVALID, "'done' or 'failed'"),
    "events of no kind": get("/api/events?kind=lunch", 422, INVALID, "'job', 'unit', 'worker'"),
    "events of nobody": get(
        "/api/events?worker=nobody", 404, "no_such_worker", "`framefarm workers`"
    ),
    "events since never": get("/api/events", 422, "bad_event_id", "no id", Last_Event_ID="x"),
    "outputs, misspelt": send(
        "DELETE", "/api/jobs/1?output=true", b"", 422, "bad_query", "outputs?"
    ),
}

_UNKNOWN = "ff_0123456789_" + "a" * 32

AUTH = {
    "unknown token": get(
        "/api/jobs", 401, "token", "was taken back", Authorization=f"Bearer {_UNKNOWN}"
    ),
    "half a token": get("/api/jobs", 401, "token", "unknown", Authorization="Bearer ff_12"),
    "no key": get("/api/jobs", 401, "worker_key", "no such key", Authorization="Bearer x"),
    "an artist's token": get(
        "/api/workers", 403, "not_allowed", "artist", Authorization="Bearer TOKEN"
    ),
    "for another owner": post(
        "/api/jobs",
        {"kind": "trial", "settings": {"units": "1"}, "owner": "bob"},
        403,
        "not_allowed",
        "ada",
        Authorization="Bearer TOKEN",
    ),
    "another's job": get(
        "/api/jobs/1", 404, "no_such_job", "`framefarm jobs`", Authorization="Bearer TOKEN"
    ),
    "another's file": get(
        "/api/blobs/BLEND", 404, "no_such_blob", "no file", Authorization="Bearer TOKEN"
    ),
    "through a proxy": get("/api/jobs", 403, "local_only", "framefarm login", Via="1.1 proxy"),
    "a page of others": post(
        "/api/jobs", {}, 403, "foreign_origin", "127.0.0.1", Origin="https://x.example"
    ),
    "a name of others": get("/api/jobs", 403, "foreign_origin", "localhost", Host="x.example"),
    "wrong password": post(
        "/api/login",
        {"name": "ada", "password": "wrong wrong wrong"},
        401,
        "login_failed",
        "belong together",
    ),
    "no password": post("/api/login", {"name": "ada"}, 422, INVALID, "password: Field required"),
    "short password": send(
        "PUT", "/api/users/ada/password", {"password": "short"}, 422, "weak_password", "12"
    ),
    "dull password": send(
        "PUT", "/api/users/ada/password", {"password": "a" * 20}, 422, "weak_password", "different"
    ),
    "wrong first code": post(
        "/api/first-admin",
        {"code": "x", "name": "root", "password": "long enough for it"},
        403,
        "first_code",
        "prints a new one",
    ),
    "nobody's token": post("/api/me/tokens", {"name": "x"}, 403, "not_allowed", "/api/users/NAME"),
    "a result without a key": send(
        "PUT", "/api/leases/x/units/1", b"", 401, "worker_key", "needs the key"
    ),
}

HEADERS = {
    "short idempotency key": post(
        "/api/jobs",
        {"kind": "trial", "settings": {"units": "1"}},
        422,
        "idempotency_key",
        "16 to 200",
        Idempotency_Key="1",
    ),
    "changed meanwhile": post(
        "/api/jobs/1/cancel", {}, 412, "changed", "read it again", If_Match='"x"'
    ),
    "user changed meanwhile": send(
        "PATCH", "/api/users/ada", {"role": "viewer"}, 412, "changed", "read it", If_Match='"x"'
    ),
    "no such method": send("PATCH", "/api/jobs/1", {}, 405, "method_not_allowed", "is not taken"),
    "no way to trace": Bad(
        "TRACE", "/api/jobs", None, {}, 405, "method_not_allowed", "is not taken"
    ),
    "more than any body": post("/api/jobs", b" " * (9 << 20), 413, "too_large", "bytes"),
    "not compressed as it says": send(
        "PUT", "/api/uploads/chunks", b"xx", 422, "bad_chunks", "unpacked"
    ),
}

IDS = {
    "no job": get("/api/jobs/99", 404, "no_such_job", "`framefarm jobs`"),
    "not a number": get("/api/jobs/one", 422, INVALID, "valid integer"),
    "beyond all numbers": get(f"/api/jobs/{10**40}", 404, "no_such_job", "no job"),
    "above the API": get("/api/../../etc/passwd", 404, "not_found", "nothing at"),
    "above, written otherwise": get(
        "/api/blobs/..%2f..%2fetc%2fpasswd", 404, "not_found", "nothing at"
    ),
    "no hash": get("/api/blobs/x", 404, "no_such_blob", "lower-case hexadecimal"),
    "a hash in capitals": get(f"/api/blobs/{'A' * 64}", 404, "no_such_blob", "lower-case"),
    "no file of a hash": get(f"/api/blobs/{SHA}", 404, "no_such_blob", "no file with the hash"),
    "another file's hash": send("PUT", f"/api/blobs/{SHA}", b"x", 422, "hash_differs", "announced"),
    "a blend not sent": post(
        "/api/jobs",
        {"kind": "render", "blend": {"sha256": SHA, "name": "a.blend"}},
        404,
        "no_such_blob",
        "no file",
    ),
    "half a hash": render(INVALID, "64 digits", {"sha256": "abc"}),
    "a half-known project": render("bad_tree", "", {"tree": "BLEND"}),
    "no project": get("/api/projects/99", 404, "no_such_project", "`framefarm projects`"),
    "no sequence": get("/api/sequences/99", 404, "no_such_sequence", "no sequence 99"),
    "no shot": get("/api/shots/99/frames", 404, "no_such_shot", "`framefarm shots`"),
    "no shot's number": get("/api/shots/one", 422, INVALID, "valid integer"),
    "no frame": get("/api/jobs/1/frames/99/image", 404, "no_such_unit", "99"),
    "no frame's number": get("/api/jobs/1/frames/x/log", 422, INVALID, "path.frame"),
    "no stage": post(
        "/api/jobs/1/priority",
        {"priority": 1, "kind": "bake"},
        404,
        "no_such_stage",
        "it has: trial",
    ),
    "no stage to read": get("/api/jobs/1/stages/bake", 404, "no_such_stage", "it has: trial"),
    "no lease": get("/api/leases/x", 404, "no_such_lease", "`framefarm leases`"),
    "no lease to take back": send(
        "DELETE", f"/api/leases/{'0' * 32}", b"", 404, "no_such_lease", "`framefarm leases`"
    ),
    "no job of those named": post(
        "/api/jobs/steer", {"action": "cancel", "jobs": [99]}, 404, "no_such_job", "no job 99"
    ),
    "no job like that": post(
        "/api/jobs/steer",
        {"action": "cancel", "where": {"project": "Nowhere"}},
        404,
        "no_such_job",
        "`framefarm jobs`",
    ),
    "jobs of any kind": post(
        "/api/jobs/steer", {"action": "cancel", "where": {}}, 422, INVALID, "say which jobs"
    ),
    "no movie": get("/api/jobs/1/download", 404, "no_movie", "?what=frames"),
    "not yet": get("/api/jobs/1/download?what=frames", 409, "not_ready", "not there"),
    "nothing of it": get("/api/jobs/1/download?what=sound", 422, INVALID, "'movie'"),
    "no task": get("/api/render-tasks/never/progress", 404, "no_such_task", "has this key"),
    "no worker": get("/api/workers/nobody", 404, "no_such_worker", "`framefarm workers`"),
    "no user": get("/api/users/nobody", 404, "no_such_user", "`framefarm users`"),
    "no token": send(
        "DELETE", "/api/users/ada/tokens/77", b"", 404, "no_such_token", "ada has no token"
    ),
    "no target": get("/api/notifications/targets/9", 404, "no_such_target", "`framefarm notify`"),
    "no piece": post(
        "/api/uploads",
        {"sha256": SHA, "size_bytes": 1, "pieces": [["x", 1]]},
        422,
        INVALID,
        "pieces.0.0",
    ),
    "a file beyond all": post(
        "/api/uploads",
        {"sha256": SHA, "size_bytes": 1 << 49, "pieces": []},
        413,
        "too_large",
        "at most",
    ),
    "nothing of a job": post("/api/jobs/1/retry", {}, 409, "nothing_to_retry", ""),
}

ASKED: dict[str, Bad] = {
    f"{group}: {what}": row
    for group, rows in (
        ("json", JSON),
        ("name", NAMES),
        ("range", RANGES),
        ("paging", PAGING),
        ("auth", AUTH),
        ("header", HEADERS),
        ("id", IDS),
    )
    for what, row in rows.items()
}
