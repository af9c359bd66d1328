"""Any request that the API's description allows, and many that it does not, from every role.

Schemathesis makes them from the description; real identifiers are put in now and then, so that not
all end at something that is not there. Nothing is ever answered with a fault of the manager's, and
whatever is wrong is a problem.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from framefarm.farm.settings import ConnectionLimits
from tests.integration.api.manager import Manager, of, picture
from tests.integration.api.people import People, bearer
from tests.integration.other_machine import other_machine

ANY = "0.0.0.0"  # noqa: S104  what others reach is what is tested
ROLES = ("local", "admin", "artist", "viewer", "stranger")
PEOPLE = {"admin": "root", "artist": "ada", "viewer": "vic"}
EXAMPLES = int(os.environ.get("ANY_REQUESTS", "3"))
"""For each route, role, and way: as described, and not. `ANY_REQUESTS=200` for a long trial."""

FOLLOWING = ("/api/events", "/api/jobs/{job_id}/events")
"""They never end."""

LAST = ("delete", "patch", "post", "put")
"""What changes things comes after what reads them, and what removes them at the very end."""


class Asked:
    """A manager with a little of everything, and those who ask it."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.manager = people.manager
        self.described: dict[str, Any] = self.manager.http.get("/api/openapi.json").json()
        self.schema = schemathesis.openapi.from_dict(self.described)
        self.known = self._known()
        self.clients = {
            role: httpx.Client(
                base_url=self.manager.server.url,
                timeout=60,
                headers=bearer(people.tokens[PEOPLE[role]]) if role in PEOPLE else {},
            )
            for role in ROLES
        }
        # Through a proxy nobody is local.
        self.clients["stranger"].headers["Via"] = "1.1 proxy"

    def _known(self) -> dict[str, list[str]]:
        """What is there, by the names of path parameters."""
        trial = {"kind": "trial", "settings": {"units": "1-3", "largest_lease": 1}}
        trial |= {"project": "Film", "sequence": "sq01", "shot": "010"}
        jobs = [self.people.ask("ada", "POST", "/api/jobs", json=trial).json()["id"]]
        image = picture()
        with self.manager.worker() as worker:
            lease = worker.lease()
            name = f"trial_{of(lease)['unit']:04d}.png"
            assert worker.put(lease, (name, "image", image)).status_code == 200
        jobs.append(self.manager.trial(project="Film", shot="020")["id"])
        for who in ("ada", "root"):
            note = {"text": "flickers"}
            assert self.people.ask(who, "POST", "/api/shots/1/notes", json=note).is_success
        return {
            "job_id": [str(job) for job in jobs],
            "frame": ["1", "2"],
            "worker": ["worker"],
            "user": ["bob", "nobody"],
            "sha256": [self.manager.upload(b"x")],
            "token": ["1", "2"],
            "target": ["1"],
            **{name: ["1", "2"] for name in ("project_id", "sequence_id", "shot_id", "note")},
            "pool": ["own", "public"],
            "task_key": ["x" * 22],
        }


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with other_machine() as elsewhere:
        folder = tmp_path_factory.mktemp("manager")
        limits = ConnectionLimits(requests_per_s=0.0)
        manager = Manager(folder, host=ANY, connections=limits)
        made = None
        try:
            made = Asked(People(manager, elsewhere))
            yield made
        finally:
            for client in made.clients.values() if made else ():
                client.close()
            manager.close()
        manager.check()


def send(client: httpx.Client, case: Any) -> httpx.Response | None:
    """Send a made-up request as it is, however odd."""
    told = case.as_transport_kwargs(base_url=str(client.base_url).rstrip("/"))
    body = {name: told[name] for name in ("json", "data", "files") if told.get(name) is not None}
    if "json" in body:
        # What is no JSON to Python's strict writer, such as half a surrogate pair, is sent anyway.
        body = {"content": json.dumps(body["json"]).encode(errors="replace")}
    elif isinstance(body.get("data"), str | bytes):
        body = {"content": body.pop("data")}
    headers = {
        name: value.encode(errors="replace") if isinstance(value, str) else value
        for name, value in (told.get("headers") or {}).items()
        if name.lower() not in {"authorization", "user-agent"}
    }
    try:
        request = client.build_request(
            told["method"],
            told["url"],
            params=told.get("params") or None,
            headers=headers,
            cookies=None,
            **body,
        )
        request.read()  # a form is written only now
    except (httpx.InvalidURL, UnicodeError, AttributeError, TypeError, ValueError):
        return None  # no client can write that
    return client.send(request)


def check(answer: httpx.Response) -> None:
    assert answer.status_code < 500, (answer.request, answer.request.content[:500], answer.text)
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        assert set(answer.json()) == {"type", "title", "status", "code", "detail"}
        assert answer.json()["code"] != "internal"


def ask_everything(asked: Asked, role: str, mode: GenerationMode) -> int:
    """Send made-up requests for every route; returns how many were let in."""
    let_in = 0
    operations = [result.ok() for result in asked.schema.get_all_operations()]
    operations.sort(key=lambda one: -LAST.index(one.method) if one.method in LAST else -9)
    for operation in operations:
        if operation.path not in FOLLOWING:
            let_in += ask(asked, role, mode, operation)
    return let_in


def ask(asked: Asked, role: str, mode: GenerationMode, operation: Any) -> int:
    client, found = asked.clients[role], []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="ANY_REQUESTS" not in os.environ,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(operation.as_strategy(generation_mode=mode), st.data())
    def try_one(case: Any, data: st.DataObject) -> None:
        for name, known in asked.known.items():
            if name in (case.path_parameters or {}) and data.draw(st.booleans()):
                case.path_parameters[name] = data.draw(st.sampled_from(known))
        answer = send(client, case)
        if answer is not None:
            check(answer)
            found.append(answer.status_code not in {401, 403})

    # Of what takes nothing, nothing can be made that is not as described.
    with contextlib.suppress(Unsatisfiable):
        try_one()
    return any(found)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("role", ROLES)
def test_no_request_of_anybody_is_a_fault_of_the_managers(
    asked: Asked, role: str, mode: GenerationMode
):
    let_in = ask_everything(asked, role, mode)

    least = {"stranger": 0, "viewer": 10}.get(role, 20)
    assert let_in >= least


@pytest.mark.parametrize("path", FOLLOWING)
@pytest.mark.parametrize(
    "query", ["", "?job=x", "?kind=none", "?worker=nobody", "?job=1&job=2", "?x=%00", "?job=%FF"]
)
@pytest.mark.parametrize("place", ["", "0", "x" * 300, "0123456789abcdef.1", "\xff"])
def test_what_never_ends_begins_or_is_refused(asked: Asked, path: str, query: str, place: str):
    headers = {"Last-Event-ID": place.encode("latin-1")}
    url = path.replace("{job_id}", asked.known["job_id"][1]) + query

    with asked.clients["admin"].stream("GET", url, headers=headers) as answer:
        assert answer.status_code < 500
        if answer.status_code == 200:
            assert answer.headers["content-type"].startswith("text/event-stream")
        else:
            answer.read()
            check(answer)
