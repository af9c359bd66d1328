"""Under which name a downloaded file is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framefarm.api.file_answers import FileAnswer, attachment


@pytest.mark.parametrize("name", ["shot.zip", "my shot (2).mp4", "a'b;c.png"])
def test_plain_name_is_told_as_it_is(name: str):
    assert attachment(name) == f'attachment; filename="{name}"'


@pytest.mark.parametrize(
    ("name", "plain", "whole"),
    [
        ("\u65e5\u672c.zip", "__.zip", "%E6%97%A5%E6%9C%AC.zip"),
        ("f\u00fcr.png", "f_r.png", "f%C3%BCr.png"),
        ('a"b\\c%20d.png', "a_b_c_20d.png", "a%22b%5Cc%2520d.png"),
        ("half \ud800.png", "half _.png", "half%20%3F.png"),
        ("two\r\nlines.png", "two__lines.png", "two%0D%0Alines.png"),
    ],
)
def test_any_other_name_comes_whole_and_in_plain_ascii(name: str, plain: str, whole: str):
    said = attachment(name)

    assert said == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"
    assert said.encode("latin-1")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *[("a.png", "image/png"), ("a.JPG", "image/jpeg"), ("a.exr", "image/x-exr")],
        *[("a.mp4", "video/mp4"), ("a.html", "application/octet-stream")],
        *[("png", "application/octet-stream"), ("", "application/octet-stream")],
    ],
)
def test_a_picture_says_what_it_is_and_nothing_is_a_page(name: str, kind: str):
    assert FileAnswer(Path("somewhere"), name=name).media_type == kind


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers", [[], [(b"range", b"bytes=0-3")]])
async def test_a_file_that_was_removed_meanwhile_is_told_and_no_fault(
    tmp_path: Path, method: str, headers: list[tuple[bytes, bytes]]
):
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": method, "headers": headers, "extensions": {}}
    await FileAnswer(tmp_path / "gone")(scope, receive, send)

    assert sent[0]["status"] == 404
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
