"""The API's description: for programs, and as a page that needs nothing of other servers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from framefarm.api.openapi import EXAMPLES, ONCE, UNLESS_CHANGED
from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.people import People
from tests.integration.api.test_roles import all_routes, concrete


def described(manager: Manager) -> dict[str, Any]:
    return dict(manager.http.get("/api/openapi.json").raise_for_status().json())


def operations(manager: Manager) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described(manager)["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_every_route_is_described(shared: Manager):
    undescribed = {
        ("WEBSOCKET", "/api/workers/connect"),
        ("PUT", "/api/leases/{lease}/units/{unit}"),
        ("POST", "/api/render-tasks/run_task"),
        ("GET", "/"),
        *((way, page) for way in ("GET", "POST") for page in ("/login", "/logout")),
        *((way, page) for way in ("GET", "POST") for page in ("/first-admin", "/password")),
        ("GET", "/api/docs"),
        ("GET", "/api/openapi.json"),
    }
    found = {(method.upper(), path) for method, path, _ in operations(shared)}
    there = set(all_routes(shared))
    heads = {(method, path) for method, path in there if method == "HEAD"} - found

    assert found == there - undescribed - heads
    assert {("GET", path) for _, path in heads} <= there
    assert described(shared)["openapi"].startswith("3.1")


def test_every_route_says_what_it_does_and_that_errors_are_problems(shared: Manager):
    schemas = described(shared)["components"]["schemas"]
    assert not {"HTTPValidationError", "ValidationError"} & schemas.keys()
    for method, path, operation in operations(shared):
        assert operation["description"], (method, path)
        assert "422" not in operation["responses"]
        wrong = operation["responses"]["default"]["content"]["application/problem+json"]
        assert wrong["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_problem_is_as_it_is_described(shared: Manager):
    schema = described(shared)["components"]["schemas"]["Problem"]
    problem = is_problem(shared.http.get("/api/jobs/999999"), 404, "no_such_job")

    for told in (problem, *schema["examples"]):
        assert set(told) == set(schema["required"]) == set(schema["properties"])


def test_every_body_has_an_example(shared: Manager):
    with_bodies = {
        (method, path)
        for method, path, operation in operations(shared)
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }

    assert with_bodies == set(EXAMPLES)


@pytest.mark.parametrize(("method", "path"), sorted(EXAMPLES))
def test_example_is_taken(people: People, method: str, path: str):
    """What it is about need not be there, nor be possible; its body is understood."""
    token = people.add(f"x{abs(hash((method, path)))}", "admin")

    answer = people.ask(token, method.upper(), concrete(path), json=EXAMPLES[method, path])

    if not answer.is_success:
        assert is_problem(answer, answer.status_code, answer.json()["code"])
        assert answer.json()["code"] not in {"invalid_request", "internal"}, answer.text


def test_what_takes_a_header_is_told_and_takes_it(shared: Manager):
    def taking(name: str) -> set[tuple[str, str]]:
        return {
            (method, path)
            for method, path, operation in operations(shared)
            if name in {one["name"] for one in operation["parameters"]}
        }

    assert taking("Idempotency-Key") == ONCE
    assert taking("If-Match") == UNLESS_CHANGED
    for method, path in ONCE:
        answer = shared.http.request(
            method,
            concrete(path),
            json=EXAMPLES.get((method, path)),
            headers={"Idempotency-Key": "short"},
        )
        assert answer.status_code in {422, 403}, (path, answer.text)
        assert answer.json()["code"] in {"idempotency_key", "not_allowed", "invalid_request"}


class Page(HTMLParser):
    """What a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                assert value not in self.ids
                self.ids.add(value or "")
            if name in {"href", "src", "action", "data"}:
                self.links.add(value or "")
            assert not name.startswith("on")


def test_page_needs_nothing_of_anybody_and_runs_nothing(shared: Manager):
    answer = shared.http.get("/api/docs").raise_for_status()

    page = Page(answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert not page.tags & {"script", "img", "link", "iframe", "object", "form", "base"}
    assert {link for link in page.links if not link.startswith("#")} == {"/api/openapi.json"}
    [style] = re.findall("<style>.*</style>", answer.text, re.DOTALL)
    assert "//" not in style
    assert "url(" not in style
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_every_link_of_the_page_leads_somewhere(shared: Manager):
    page = Page(shared.http.get("/api/docs").text)

    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    for method, path, _ in operations(shared):
        name = f"{method}-{path}"
        assert "".join(one if one.isalnum() else "-" for one in name) in page.ids
