"""Every route: missing, bad id, wrong method, bad body, huge numbers. Never a 500."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.slow import UPGRADE, Raw
from tests.integration.api.test_slow_clients import problem_in

SHA = "0" * 64
HUGE = 10**40

PATHS = {
    "/api/health": {"GET"},
    "/api/jobs": {"GET", "POST"},
    "/api/jobs/1": {"GET", "DELETE"},
    "/api/jobs/1/why": {"GET"},
    "/api/jobs/1/pause": {"POST"},
    "/api/jobs/1/resume": {"POST"},
    "/api/jobs/1/cancel": {"POST"},
    "/api/jobs/1/retry": {"POST"},
    "/api/jobs/1/units": {"GET"},
    "/api/jobs/1/files": {"GET"},
    "/api/jobs/1/log": {"GET"},
    "/api/jobs/1/events": {"GET"},
    "/api/jobs/1/download": {"GET", "HEAD"},
    "/api/jobs/1/frames/1/log": {"GET", "HEAD"},
    "/api/jobs/1/frames/1/thumbnail": {"GET", "HEAD"},
    "/api/jobs/1/frames/1/image": {"GET", "HEAD"},
    "/api/workers": {"GET"},
    f"/api/blobs/{SHA}": {"GET", "HEAD", "PUT", "DELETE"},
    "/api/leases/a/units/1": {"PUT"},
}
OF_ONE_JOB = [path.replace("/jobs/1", "/jobs/{job}") for path in PATHS if "/jobs/1" in path]


def method_of(path: str) -> str:
    return "POST" if path.endswith(("/cancel", "/retry", "/pause", "/resume")) else "GET"


@pytest.mark.parametrize("path", PATHS)
def test_another_method_is_not_allowed(shared: Manager, path: str):
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - PATHS[path]:
        answer = shared.http.request(method, path)
        told = is_problem(answer, 405, "method_not_allowed")["detail"]
        assert set(answer.headers["allow"].split(", ")) == PATHS[path]
        assert method in told


@pytest.mark.parametrize(
    "path", ["/nothing", "/api", "/api/nothing", "/api/jobs/1/nothing", "/../etc"]
)
def test_a_path_that_is_none_is_not_found(shared: Manager, path: str):
    is_problem(shared.http.get(path), 404, "not_found")


@pytest.mark.parametrize("job", [99, 0, -1, 1 << 31, 1 << 63, HUGE, -HUGE])
def test_a_job_that_does_not_exist_cannot_be_deleted(shared: Manager, job: int):
    for query in ("", "?outputs=true"):
        is_problem(shared.http.delete(f"/api/jobs/{job}{query}"), 404, "no_such_job")


@pytest.mark.parametrize("path", OF_ONE_JOB)
@pytest.mark.parametrize("job", [99, 0, -1, 1 << 31, 1 << 63, HUGE, -HUGE])
def test_a_job_that_does_not_exist_is_not_found(shared: Manager, path: str, job: int):
    answer = shared.http.request(method_of(path), path.format(job=job))

    assert "job" in is_problem(answer, 404, "no_such_job")["detail"]


@pytest.mark.parametrize("path", OF_ONE_JOB)
@pytest.mark.parametrize("job", ["x", "1.5", "%00", "1;drop", "9" * 5000])
def test_what_is_no_number_is_no_job(shared: Manager, path: str, job: str):
    answer = shared.http.request(method_of(path), path.format(job=job))

    is_problem(answer, 422, "invalid_request")


@pytest.mark.parametrize("what", ["log", "thumbnail", "image"])
@pytest.mark.parametrize("frame", [99, -5, 1 << 31, 1 << 63, HUGE])
def test_a_frame_that_does_not_exist_is_not_found(shared: Manager, what: str, frame: int):
    job = shared.trial("1")["id"]

    answer = shared.http.get(f"/api/jobs/{job}/frames/{frame}/{what}")

    is_problem(answer, 404, "no_such_unit")
    shared.http.post(f"/api/jobs/{job}/cancel").raise_for_status()


@pytest.mark.parametrize(
    "query",
    [
        "/api/jobs?state=burnt",
        "/api/jobs?limit=0",
        "/api/jobs?limit=1001",
        "/api/jobs?limit=x",
        f"/api/jobs?limit={HUGE}",
        "/api/jobs/{job}/units?state=pending",
        "/api/jobs/{job}/units?after=x",
        f"/api/jobs/{{job}}/units?after={HUGE}",
        "/api/jobs/{job}/units?kind=" + "k" * 50,
        "/api/jobs/{job}/files?limit=0",
        "/api/jobs/{job}/files?cursor=" + "1" * 100,
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(shared: Manager, query: str):
    job = shared.trial("1")["id"]

    is_problem(shared.http.get(query.format(job=job)), 422, "invalid_request")
    shared.http.post(f"/api/jobs/{job}/cancel").raise_for_status()


@pytest.mark.parametrize("cursor", [HUGE, -HUGE, 1 << 63, 0, -1])
def test_a_cursor_beyond_all_jobs_is_an_ordinary_one(shared: Manager, cursor: int):
    answer = shared.http.get("/api/jobs", params={"cursor": cursor})

    assert answer.status_code == 200
    assert answer.json()["next"] is None


@pytest.mark.parametrize("cursor", ["x", "1.2", "1.2.3.4", "1.2.x", "..", "1.2.\u0663x"])
def test_a_place_that_is_none_is_refused(shared: Manager, cursor: str):
    job = shared.trial("1")["id"]

    answer = shared.http.get(f"/api/jobs/{job}/files", params={"cursor": cursor})

    is_problem(answer, 422, "bad_cursor")
    shared.http.post(f"/api/jobs/{job}/cancel").raise_for_status()


def test_a_place_beyond_all_files_is_an_ordinary_one(shared: Manager):
    job = shared.trial("1")["id"]

    answer = shared.http.get(f"/api/jobs/{job}/files?cursor=1.{'9' * 30}.1")

    assert answer.json() == {"files": [], "next": None}
    shared.http.post(f"/api/jobs/{job}/cancel").raise_for_status()


TRIAL: dict[str, Any] = {"kind": "trial", "settings": {"units": "1-3"}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"trial"',
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"kind":' * 50_000,
        {},
        {"kind": "bake"},
        {"kind": "trial"},
        {**TRIAL, "colour": "blue"},
        {**TRIAL, "priority": 101},
        {**TRIAL, "priority": -1},
        {**TRIAL, "priority": HUGE},
        {**TRIAL, "priority": 1.5},
        {**TRIAL, "name": "n" * 201},
        {**TRIAL, "name": 7},
        {**TRIAL, "fingerprint": "short"},
        {"kind": "trial", "settings": {"units": "1", "seconds": -1}},
        {"kind": "trial", "settings": {"units": "1", "seconds": "Infinity"}},
        {"kind": "trial", "settings": {"units": "1", "image_bytes": HUGE}},
        {"kind": "trial", "settings": {"units": "1" * 70_000}},
        b'{"kind":"trial","settings":{"units":"1"},"\\ud800":1}',
        b'{"kind":"trial","settings":{"units":"1"},"name":"\\ud800"}',
        b'{"kind":"trial","settings":{"units":"1","seconds":NaN}}',
        b'{"kind":"trial","settings":{"units":"1","seconds":1e999}}',
        b'{"kind":"trial","settings":{"units":"1","seconds":Infinity}}',
        {"kind": "render", "settings": {}},
        {"kind": "render", "blend": {"sha256": "x", "name": "a.blend"}},
        {"kind": "render", "blend": {"sha256": SHA.upper() + "\n", "name": "a.blend"}},
        {"kind": "render", "blend": {"sha256": SHA, "name": "a"}, "settings": {"samples": 0}},
        {"kind": "render", "blend": {"sha256": SHA, "name": "a"}, "settings": {"movie": "avi"}},
        {"kind": "render", "blend": {"sha256": SHA, "name": "a"}, "settings": {"blender": "x"}},
        {"kind": "render", "blend": {"sha256": SHA, "name": "a"}, "settings": {"threads": HUGE}},
    ],
    ids=lambda body: (body if isinstance(body, bytes) else json.dumps(body).encode())[:60].decode(
        errors="replace"
    ),
)
def test_a_body_that_is_no_job_is_refused(shared: Manager, body: Any):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    answer = shared.http.post(
        "/api/jobs", content=content, headers={"Content-Type": "application/json"}
    )

    told = is_problem(answer, answer.status_code, answer.json()["code"])
    assert (told["status"], told["code"]) in {(422, "invalid_request"), (400, "bad_body")}
    assert shared.http.get("/api/jobs?state=queued").json()["jobs"] == []


@pytest.mark.parametrize(
    "units", ["", "5-1", "1,,2", "1-1000000000", "1x0", "a", "1-5x0", "-", "1-2-3", "²"]
)
def test_units_that_cannot_be_read_are_refused_and_said(shared: Manager, units: str):
    answer = shared.http.post("/api/jobs", json={"kind": "trial", "settings": {"units": units}})

    is_problem(answer, 422, "bad_frames")


def test_a_blend_that_was_not_uploaded_is_not_found(shared: Manager):
    body = {"kind": "render", "blend": {"sha256": SHA, "name": "a.blend"}}

    is_problem(shared.http.post("/api/jobs", json=body), 404, "no_such_blob")


def test_l14_a_body_beyond_all_jobs_is_refused_before_it_is_read(shared: Manager):
    declared = {"Content-Type": "application/json", "Content-Length": str(1 << 40)}
    is_problem(_post_head(shared, declared), 413, "too_large")

    def endless():
        for _ in range(64):
            yield b" " * (1 << 20)

    answer = shared.http.post("/api/jobs", content=endless())
    is_problem(answer, 413, "too_large")


def _post_head(manager: Manager, headers: dict[str, str]) -> Any:
    """Only the head of a POST: what the manager answers without having seen a body."""
    import httpx  # noqa: PLC0415

    url = manager.http.base_url
    with socket.create_connection((url.host, url.port), timeout=60) as raw:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        raw.sendall(f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode())
        received = b""
        while b"\r\n\r\n" not in received or b"}" not in received:
            piece = raw.recv(65536)
            if not piece:
                break
            received += piece
    head_bytes, _, body = received.partition(b"\r\n\r\n")
    lines = head_bytes.decode().split("\r\n")
    return httpx.Response(
        int(lines[0].split()[1]),
        headers=dict(line.split(": ", 1) for line in lines[1:]),
        content=body,
    )


@pytest.mark.parametrize("second", [b"127.0.0.1", b"evil.example", b""])
@pytest.mark.parametrize("begun", [b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n", UPGRADE])
def test_a_request_with_two_hosts_is_refused(shared: Manager, begun: bytes, second: bytes):
    answer = Raw(shared).send(begun + b"hOST: " + second + b"\r\n\r\n").rest()

    status, told = problem_in(answer)
    assert (status, told["code"]) == (400, "bad_request")
    assert "more than one Host" in told["detail"]
    assert answer.count(b"HTTP/1.1 ") == 1


HOSTLESS = b"".join(
    line for line in UPGRADE.splitlines(keepends=True) if not line.startswith(b"Host")
)


@pytest.mark.parametrize("asked", [b"GET /api/health HTTP/1.1\r\n", HOSTLESS])
def test_a_request_without_a_host_is_refused(shared: Manager, asked: bytes):
    status, told = problem_in(Raw(shared).send(asked + b"\r\n").rest())

    assert (status, told["code"]) == (400, "bad_request")
    assert "no Host" in told["detail"]


def test_the_request_before_one_with_two_hosts_is_answered(shared: Manager):
    once = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    opened = Raw(shared)
    first = opened.send(once + b"\r\n").head()

    second = opened.send(once + b"Host: 127.0.0.1\r\n\r\n").rest()

    assert first.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 400 " in second
