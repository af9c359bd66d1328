"""What is kept: addresses, encrypted, and what the process that sends was about to do."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from framefarm.notify.journal import Journal
from framefarm.notify.mail_server import parse_mail_server
from framefarm.notify.outcomes import TOLD, answered
from framefarm.notify.sealing import SealError, Seals


def test_sealed_address_is_read_by_the_same_key_only(tmp_path: Path):
    (tmp_path / "other").mkdir()
    sealed = Seals(tmp_path).seal("slack://T/B/secret")

    assert "secret" not in sealed
    assert Seals(tmp_path).unseal(sealed) == "slack://T/B/secret"
    assert stat.S_IMODE((tmp_path / "notify.key").stat().st_mode) == 0o600
    with pytest.raises(SealError, match=r"notify\.key is not the key"):
        Seals(tmp_path / "other").unseal(sealed)


def test_key_that_is_none_is_told(tmp_path: Path):
    (tmp_path / "notify.key").write_text("x")

    with pytest.raises(SealError, match="cannot be used"):
        Seals(tmp_path).seal("x")


def test_journal_tells_what_was_begun_and_what_became_of_it(tmp_path: Path):
    journal = Journal(tmp_path / "journal")
    assert journal.read() == {}

    journal.begin("one")
    journal.end("one", TOLD)
    journal.begin("two")
    with journal.path.open("ab") as file:
        file.write(b'{"letter": "thr')

    assert Journal(tmp_path / "journal").read() == {"one": TOLD, "two": None}
    journal.clear()
    journal.clear()
    first, second = (Journal.new(tmp_path) for _ in range(2))
    first.begin("one")
    second.begin("two")
    assert {*Journal.left(tmp_path)[0].read(), *Journal.left(tmp_path)[1].read()} == {"one", "two"}
    assert journal.read() == {}


@pytest.mark.parametrize(
    ("status", "ok", "for_ever"),
    [
        *((200, True, False), (204, True, False), (302, False, False), (400, False, False)),
        *((401, False, True), (404, False, True), (410, False, True), (429, False, False)),
        *((500, False, False), (503, False, False)),
    ],
)
def test_status_says_whether_it_got_there_and_ever_will(status: int, *, ok: bool, for_ever: bool):
    outcome = answered(status, "7")

    assert (outcome.ok, outcome.for_ever) == (ok, for_ever)
    assert outcome.ok or str(status) in outcome.reason


@pytest.mark.parametrize(
    ("url", "port", "user"),
    [
        ("smtps://me:p%40ss@mail.example", 465, "me"),
        ("smtp://mail.example", 587, ""),
        ("smtp+plain://localhost:2525", 2525, ""),
    ],
)
def test_mail_server_is_read(url: str, port: int, user: str):
    server = parse_mail_server(url, "")

    assert (server.port, server.user) == (port, user)
    assert server.sender == f"framefarm@{server.host}"
    assert "p@ss" not in repr(server)
    assert server.password == ("p@ss" if user else "")


@pytest.mark.parametrize(
    "url", ["", "x", "http://x", "smtps://", "smtps://u:secret@h:x", "smtp:h/x"]
)
def test_mail_server_that_is_none_is_told_without_its_password(url: str):
    with pytest.raises(ValueError, match="must be a mail server") as refused:
        parse_mail_server(url, "")

    assert "secret" not in str(refused.value)


def test_sender_that_is_none_is_told():
    with pytest.raises(ValueError, match="mail_from"):
        parse_mail_server("smtps://mail.example", "the farm")
