"""What people type as a manager's address."""

from __future__ import annotations

import pytest

from framefarm.cli.addresses import full_url, open_host, parse_listen
from framefarm.cli.settings import load_settings


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("render-box", "http://render-box:7070"),
        ("render-box:7171", "http://render-box:7171"),
        ("render-box:7171/", "http://render-box:7171"),
        ("192.0.2.7", "http://192.0.2.7:7070"),
        ("[fd00::2]:7070", "http://[fd00::2]:7070"),
        ("[fd00::2]", "http://[fd00::2]:7070"),
        ("https://render-box:7070/farm", "https://render-box:7070/farm"),
    ],
)
def test_an_address_without_a_scheme_is_understood(typed, meant):
    assert full_url(typed, encrypted=False) == meant


@pytest.mark.parametrize("typed", ["", "a b", "render-box:port", "1.2.3", "-x", "a/b", "fd00::2:"])
def test_what_is_no_address_is_left_to_be_refused(typed):
    assert full_url(typed, encrypted=False) == typed


@pytest.mark.parametrize(
    ("typed", "answers_at"),
    [
        ("7171", "0.0.0.0"),  # noqa: S104  compared, not listened on
        ("127.0.0.1:7070", "0.0.0.0"),  # noqa: S104
        ("192.0.2.7:7070", "192.0.2.7"),
        ("render-box:7070", "render-box"),
        ("[::]:7070", "::"),
    ],
)
def test_other_machines_are_answered_where_it_was_said(typed, answers_at):
    assert open_host(parse_listen(typed)[0]) == answers_at


def test_a_token_with_a_fingerprint_says_that_the_manager_encrypts(tmp_path):
    environment = {"FRAMEFARM_HOME": str(tmp_path), "FRAMEFARM_URL": "render-box:7070"}

    assert load_settings(environment).url == "http://render-box:7070"
    assert load_settings(environment, join="k7mq.V3l0").url == "https://render-box:7070"
