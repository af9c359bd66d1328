"""HEAD is answered as GET is, without the body."""

from __future__ import annotations

import pytest

from tests.integration.api.manager import Manager
from tests.integration.api.people import People
from tests.integration.api.test_downloads import Film, film

__all__ = ["film"]

PAGES = ["/", "/login", "/logout", "/first-admin", "/password", "/api/login/device", "/api/docs"]
BROWSER = {"Accept": "text/html,*/*;q=0.8"}


def same(manager: Manager, path: str, **headers: str) -> dict[str, str]:
    """Check that HEAD tells what GET does; returns the headers."""
    head = manager.http.head(path, headers=headers)
    got = manager.http.get(path, headers=headers)
    told, expected = (dict(answer.headers) for answer in (head, got))
    del told["date"], expected["date"]

    assert head.status_code == got.status_code
    assert told == expected
    assert head.content == b""
    return told


@pytest.mark.parametrize("path", PAGES)
def test_a_page(shared: Manager, path: str):
    assert int(same(shared, path, **BROWSER).get("content-length", 0)) >= 0
    same(shared, path)


def test_a_file(shared: Manager, film: Film):
    film.render(1)
    job = f"/api/jobs/{film.task['job']}"
    [file] = [
        one
        for one in shared.http.get(f"{job}/files").json()["files"]
        if one["name"].endswith("shot_0001.png")
    ]

    for path in (f"{job}/frames/1/image", f"/api/blobs/{file['sha256']}"):
        assert same(shared, path)["content-length"] == str(file["size_bytes"])
    same(shared, f"{job}/frames/1/thumbnail")
    same(shared, f"{job}/frames/2/image")


def test_of_a_range_all_is_told(shared: Manager, film: Film):
    film.render(1)
    path = f"/api/jobs/{film.task['job']}/frames/1/image"

    told = shared.http.head(path, headers={"Range": "bytes=0-9"})

    assert told.status_code == 200
    assert told.headers["content-length"] == str(len(shared.http.get(path).content))


def test_a_movie_that_is_not_there_and_an_archive_that_is_made_while_it_is_sent(
    shared: Manager, film: Film
):
    film.render(2)
    path = f"/api/jobs/{film.task['job']}/download"

    same(shared, f"{path}?what=movie")
    told = shared.http.head(f"{path}?what=frames&partial=true")

    assert told.status_code == 200
    assert told.headers["content-type"] == "application/zip"
    assert "content-length" not in told.headers
    assert told.content == b""


def test_what_is_somebody_elses_is_not_there(people: People):
    body = {"kind": "trial", "settings": {"units": "1"}}
    job = people.ask("ada", "POST", "/api/jobs", json=body).json()["id"]

    for method in ("GET", "HEAD"):
        path = f"/api/jobs/{job}/download"
        assert people.ask("bob", method, path).status_code == 404
        assert people.ask("ada", method, f"{path}?what=frames").status_code != 404
    people.ask("root", "DELETE", f"/api/jobs/{job}")


def test_what_cannot_be_asked_about_is_not_allowed(shared: Manager):
    answer = shared.http.head("/api/jobs")

    assert answer.status_code == 405
    assert "HEAD" not in answer.headers["allow"]
