"""A join token is taken out of what others can see of a process."""

from __future__ import annotations

import pytest

from framefarm.cli.concealing import without_token


@pytest.mark.parametrize(
    ("words", "kept", "token"),
    [
        ("worker http://a --join T", "worker http://a --join -", "T"),
        ("worker --join=T http://a", "worker --join=- http://a", "T"),
        ("worker http://a --join -", "worker http://a --join -", None),
        ("worker --join=-", "worker --join=-", None),
        ("worker http://a", "worker http://a", None),
        ("worker --join", "worker --join", None),
        ("workers --join T", "workers --join T", None),
        ("submit worker --join T", "submit worker --join T", None),
        ("", "", None),
    ],
)
def test_a_typed_token(words: str, kept: str, token: str | None):
    assert without_token(words.split(), {}) == (kept.split(), token)


def test_a_token_of_the_environment_is_taken_out_of_it():
    environment = {"FRAMEFARM_JOIN": "T", "PATH": "/bin"}

    assert without_token(["worker"], environment) == (["worker", "--join", "-"], "T")
    assert environment == {"PATH": "/bin"}


def test_what_is_typed_counts_above_the_environment():
    environment = {"FRAMEFARM_JOIN": "OLD"}

    assert without_token(["worker", "--join", "T"], environment) == (["worker", "--join", "-"], "T")
    assert environment == {}


def test_a_token_for_the_input_leaves_none_in_the_environment():
    environment = {"FRAMEFARM_JOIN": "OLD"}

    assert without_token(["worker", "--join", "-"], environment)[1] is None
    assert environment == {}


def test_other_commands_keep_their_environment():
    environment = {"FRAMEFARM_JOIN": "T"}

    assert without_token(["jobs"], environment) == (["jobs"], None)
    assert environment == {"FRAMEFARM_JOIN": "T"}
