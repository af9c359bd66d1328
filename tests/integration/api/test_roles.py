"""Who may ask what: every route of the application, for every kind of caller, over real sockets."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Route, WebSocketRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from framefarm.api.app import Application
from framefarm.farm.settings import ConnectionLimits
from framefarm.protocol.discovery import CONNECT_PATH
from tests.integration.api.manager import Manager, Worker, hello
from tests.integration.other_machine import OtherMachine, other_machine

EVERYONE = {
    *(
        (way, page)
        for way in ("GET", "HEAD")
        for page in ("/", "/login", "/logout", "/first-admin")
    ),
    ("POST", "/login"),
    ("POST", "/logout"),
    ("POST", "/first-admin"),
    ("GET", "/api/health"),
    ("GET", "/api/login"),
    ("POST", "/api/login"),
    ("POST", "/api/login/token"),
    ("GET", "/api/login/device"),
    ("HEAD", "/api/login/device"),
    ("POST", "/api/login/device"),
    ("POST", "/api/login/device/code"),
    ("POST", "/api/login/device/token"),
    ("POST", "/api/logout"),
    ("POST", "/api/first-admin"),
}
WORKERS = {
    ("GET", "/api/blobs/{sha256}"),
    ("HEAD", "/api/blobs/{sha256}"),
    ("PUT", "/api/leases/{lease}/units/{unit}"),
}
REFUSALS = {"foreign_origin", "local_only", "worker_key", "revoked"}
ANY = "0.0.0.0"  # noqa: S104  what others reach is what is tested


@dataclass
class Farm:
    """A manager that listens for others, a second machine, and two workers' keys."""

    manager: Manager
    elsewhere: OtherMachine
    key: str = ""
    revoked: str = ""
    routes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.manager.http.base_url.port or 0)

    def from_elsewhere(
        self, method: str, path: str, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        return self.elsewhere.ask(self.port, method, path, headers)

    def from_here(
        self, method: str, path: str, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        answer = self.manager.http.request(method, path, headers=headers)
        return answer.status_code, dict(answer.headers), answer.content


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with other_machine() as elsewhere:
        # Some tests walk over all routes, which is more than may come at once.
        limits = ConnectionLimits(requests_per_s=0.0)
        manager = Manager(tmp_path_factory.mktemp("manager"), host=ANY, connections=limits)
        try:
            made = Farm(manager, elsewhere, routes=all_routes(manager))
            made.key, made.revoked = _keys(manager)
            yield made
        finally:
            manager.close()
        manager.check()


def _keys(manager: Manager) -> tuple[str, str]:
    keys = []
    for name in ("kept", "revoked"):
        with manager.worker(name=name, boot_id=name) as worker:
            keys.append(worker.key)
    manager.http.post("/api/workers/revoked/revoke").raise_for_status()
    return keys[0], keys[1]


def all_routes(manager: Manager) -> list[tuple[str, str]]:
    """Method and path of everything that the application answers, read from it."""
    manager.http.get("/api/health").raise_for_status()
    server = manager.server._server
    assert server is not None
    app = server.config.app
    assert isinstance(app, Application)
    assert app.api is not None
    found = [("WEBSOCKET", CONNECT_PATH), *_flat(app.api.routes)]
    assert len(found) > 20
    return found


def _flat(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, WebSocketRoute):
            yield "WEBSOCKET", route.path
        elif isinstance(route, Route):
            yield from ((method, route.path) for method in sorted(route.methods or ()))
        else:
            # FastAPI keeps an included router whole. Anything else is new to this test, and it
            # must not pass over it.
            assert not route.include_context.prefix
            yield from _flat(route.original_router.routes)


def concrete(path: str) -> str:
    values = {
        "sha256": "0" * 64,
        "lease": "0" * 32,
        "unit": "1",
        "job_id": "999999",
        "job": "999999",
        "frame": "1",
        **dict.fromkeys(("project_id", "sequence_id", "shot_id", "note"), "999999"),
        "worker": "nobody",
        "user": "nobody",
        "token": "999999",
        "login": "999999",
    }
    parts = [
        values.get(part[1:-1].partition(":")[0], "1") if part.startswith("{") else part
        for part in path.split("/")
    ]
    # It would never end; what is wrong with it is seen only after the caller is let in.
    return "/".join(parts) + ("?kind=none" if path == "/api/events" else "")


def code_of(answer: tuple[int, dict[str, str], bytes]) -> str:
    """The role's refusal that an answer is, empty when it is none."""
    status, headers, body = answer
    if headers.get("content-type") != "application/problem+json":
        return ""
    told = json.loads(body)
    assert told["status"] == status
    assert told["detail"]
    return told["code"] if told["code"] in REFUSALS else ""


def http_routes(farm: Farm) -> list[tuple[str, str]]:
    return [(method, path) for method, path in farm.routes if method != "WEBSOCKET"]


def test_a_local_caller_may_do_everything_but_hand_in_a_result_without_a_key(farm: Farm):
    refused = {route for route in http_routes(farm) if code_of(_ask(farm.from_here, route))}

    assert refused == {("PUT", "/api/leases/{lease}/units/{unit}")}


def _ask(ask: Any, route: tuple[str, str], **headers: str) -> tuple[int, dict[str, str], bytes]:
    """How a route is answered; for HEAD as GET is, once it is clear that both are the same."""
    method, path = route
    answer: tuple[int, dict[str, str], bytes] = ask(method, concrete(path), **headers)
    if method != "HEAD":
        return answer
    got: tuple[int, dict[str, str], bytes] = ask("GET", concrete(path), **headers)
    assert (answer[0], _lasting(answer[1]), answer[2]) == (got[0], _lasting(got[1]), b""), route
    return got


def _lasting(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _OF_THE_MOMENT}


_OF_THE_MOMENT = {"date", "connection", "server"}


def test_a_worker_from_elsewhere_may_fetch_files_and_hand_in_results_and_nothing_else(farm: Farm):
    key = {"Authorization": f"Bearer {farm.key}"}
    answers = {
        route: code_of(_ask(farm.from_elsewhere, route, **key)) for route in http_routes(farm)
    }

    assert {route for route, code in answers.items() if not code} == EVERYONE | WORKERS
    assert {code for code in answers.values() if code} == {"local_only"}


def test_a_stranger_may_only_ask_whether_the_manager_is_there_and_log_in(farm: Farm):
    answers = {route: code_of(_ask(farm.from_elsewhere, route)) for route in http_routes(farm)}

    assert {route for route, code in answers.items() if not code} == EVERYONE
    assert {route for route, code in answers.items() if code == "worker_key"} == WORKERS
    assert {code for code in answers.values() if code} == {"local_only", "worker_key"}


def test_a_wrong_key_opens_nothing(farm: Farm):
    for route in http_routes(farm):
        status, _, body = _ask(farm.from_elsewhere, route, Authorization="Bearer guess")
        assert status == 401, route
        assert json.loads(body)["code"] == "worker_key"


def test_a_revoked_key_opens_nothing_not_even_from_here(farm: Farm):
    for ask in (farm.from_elsewhere, farm.from_here):
        for route in http_routes(farm):
            status, _, body = _ask(ask, route, Authorization=f"Bearer {farm.revoked}")
            assert status == 403, route
            assert json.loads(body)["code"] == "revoked"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Origin": "http://evil.example", "X-Forwarded-For": "127.0.0.1"},
    ],
    ids=str,
)
def test_a_foreign_page_opens_nothing_on_the_managers_own_machine(farm: Farm, headers):
    for route in http_routes(farm):
        status, _, body = _ask(farm.from_here, route, **headers)
        # Under whatever name, what workers do needs a key.
        keyed = route in WORKERS and "Origin" not in headers
        assert status == (401 if keyed else 403), route
        assert json.loads(body)["code"] == ("worker_key" if keyed else "foreign_origin")


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"])
def test_who_comes_through_a_proxy_on_the_managers_machine_is_a_stranger(farm: Farm, header: str):
    for route in http_routes(farm):
        if route in EVERYONE:
            continue
        answer = _ask(farm.from_here, route, **{header: "127.0.0.1"})
        assert code_of(answer) in {"local_only", "worker_key"}, route


@pytest.mark.parametrize(
    "path",
    [
        "/api/blobs/../jobs",
        "/api/blobs/%2e%2e/jobs",
        "/api/blobs/..%2fjobs",
        "/api/blobs//",
        "//api/health",
        "/api/health/",
        "/api/jobs?x=/api/health",
        "/api/blobs/x/../../jobs",
        "/api/leases/x/units/1/../../../../jobs",
        "/API/HEALTH",
        "/api/healthx",
        "/nowhere",
    ],
)
def test_no_way_of_writing_a_path_gets_a_worker_past_the_guard(farm: Farm, path: str):
    status, _, body = farm.from_elsewhere("GET", path, Authorization=f"Bearer {farm.key}")

    assert status == 403
    assert json.loads(body)["code"] == "local_only"


# --- the workers' WebSocket ---------------------------------------------------------------------


def test_only_one_websocket_is_there(farm: Farm):
    assert [path for method, path in farm.routes if method == "WEBSOCKET"] == [CONNECT_PATH]


@contextlib.contextmanager
def knock(farm: Farm, **said: Any) -> Iterator[Worker]:
    """A hello from elsewhere, not answered yet."""
    opened = farm.elsewhere.connect(farm.port)
    with connect(f"ws://{farm.elsewhere.here}:{farm.port}{CONNECT_PATH}", sock=opened) as socket_:
        worker = Worker(farm.manager, socket_)
        worker.say(hello(**said))
        yield worker


def refused(farm: Farm, **said: Any) -> dict[str, Any]:
    with knock(farm, **said) as worker:
        worker.closed()
        return worker.bye()


def test_a_stranger_is_let_in_with_a_join_token_once(farm: Farm):
    token = _token(farm)
    with knock(farm, join_token=token, boot_id="stranger-1", name="far") as joined:
        welcome = joined.hear("welcome")
    bye = refused(farm, join_token=token, boot_id="stranger-2")
    shown = {"worker_id": welcome["worker_id"], "key": welcome["key"]}
    with knock(farm, **shown, boot_id="stranger-1") as back:
        again = back.hear("welcome")

    assert len(welcome["key"]) == 43
    assert bye["code"] == "join_token"
    assert "used up" in bye["reason"]
    assert again["worker_id"] == welcome["worker_id"]
    assert "key" not in again


def _token(farm: Farm, **asked: Any) -> str:
    made = farm.manager.http.post("/api/workers/invites", json=asked).raise_for_status().json()
    return str(made["token"])


def test_a_stranger_without_a_token_is_told_how_to_get_one(farm: Farm):
    bye = refused(farm)

    assert bye["code"] == "join_token"
    assert "framefarm workers invite" in bye["reason"]
    assert bye.get("retry_in_s") is None


def test_a_worker_behind_a_proxy_on_the_managers_machine_needs_a_token(farm: Farm):
    for headers in ({"X-Forwarded-For": "10.0.0.9"}, {"Via": "1.1 proxy"}):
        with connect(farm.manager.websocket_url, additional_headers=headers) as opened:
            worker = Worker(farm.manager, opened)
            worker.say(hello(boot_id="behind"))
            worker.closed()
            assert worker.bye()["code"] == "join_token"


def test_a_foreign_page_is_refused_the_websocket_with_a_reason(farm: Farm):
    with (
        pytest.raises(InvalidStatus) as turned_away,
        connect(farm.manager.websocket_url, origin="http://evil.example"),
    ):
        pass

    assert turned_away.value.response.status_code == 403
    assert json.loads(turned_away.value.response.body)["code"] == "foreign_origin"


def test_wrong_tokens_are_slowed_down_and_known_workers_are_not(farm: Farm):
    for number in range(5):
        bye = refused(farm, join_token=f"k7mq-2xw9-p4rt-8n{number}h", boot_id="guess")
        assert bye["code"] == "join_token"

    slowed = refused(farm, join_token=_token(farm), boot_id="guess")
    known_as = {"worker_id": _id_of(farm, "kept"), "key": farm.key, "name": "kept"}
    with knock(farm, **known_as, boot_id="kept") as known:
        welcome = known.hear("welcome")

    assert slowed["code"] == "busy"
    assert 50 < slowed["retry_in_s"] <= 60
    assert welcome["worker_id"] == _id_of(farm, "kept")


def _id_of(farm: Farm, name: str) -> str:
    return str(farm.manager.http.get(f"/api/workers/{name}").raise_for_status().json()["id"])


def test_the_address_to_join_at_is_one_that_the_other_machine_reaches(farm: Farm):
    made = farm.manager.http.post("/api/workers/invites", json={"uses": 2, "pool": "friends"})
    told = made.raise_for_status().json()

    assert made.status_code == 201
    assert f"http://{farm.elsewhere.here}:{farm.port}" in told["urls"]
    assert not any("127.0.0.1" in url or ANY in url for url in told["urls"])
    assert (told["uses"], told["pool"]) == (2, "friends")


@pytest.mark.parametrize(
    "asked",
    [
        {"uses": 0},
        {"uses": 10_001},
        {"uses": "many"},
        {"hours": 0},
        {"hours": -1},
        {"hours": 1e9},
        {"hours": "nan"},
        {"pool": "x"},
        {"use": 1},
        [],
    ],
    ids=str,
)
def test_an_invitation_that_makes_no_sense_is_refused(farm: Farm, asked: Any):
    answer = farm.manager.http.post("/api/workers/invites", json=asked)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"


def test_a_manager_for_its_own_machine_only_offers_no_address_to_others(tmp_path: Path):
    manager = Manager(tmp_path / "manager")
    try:
        told = manager.http.post("/api/workers/invites", json={}).raise_for_status().json()
        port = int(manager.http.base_url.port or 0)
        with other_machine() as elsewhere, pytest.raises(OSError, match="refused"):
            elsewhere.connect(port)
    finally:
        manager.close()

    assert told["urls"] == []
    assert told["token"]


def test_local_is_judged_by_the_address_and_not_by_the_name(farm: Farm):
    opened = socket.create_connection((farm.elsewhere.here, farm.port))
    # From this machine, yet not over its loopback: nothing tells it from another machine.
    with opened, connect(f"ws://127.0.0.1:{farm.port}{CONNECT_PATH}", sock=opened) as knocking:
        worker = Worker(farm.manager, knocking)
        worker.say(hello(boot_id="hairpin"))
        worker.closed()
        assert worker.bye()["code"] == "join_token"


def test_a_program_on_the_managers_machine_is_told_what_to_type(farm: Farm):
    status, headers, told = farm.from_here("GET", "/")

    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    assert b"framefarm jobs" in told


def test_a_browser_from_elsewhere_is_sent_to_the_login_page(farm: Farm):
    status, headers, _ = farm.from_elsewhere("GET", "/")

    assert (status, headers["location"]) == (303, "/login")
