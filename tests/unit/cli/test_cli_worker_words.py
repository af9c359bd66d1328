from __future__ import annotations

import pytest

from framefarm.cli.commands.worker import without_join


@pytest.mark.parametrize(
    "words",
    [
        ["worker", "http://a:1", "--slots", "2"],
        ["worker", "--join", "token", "http://a:1", "--slots", "2"],
        ["worker", "http://a:1", "--slots", "2", "--join", "-"],
        ["worker", "http://a:1", "--join=token", "--slots", "2"],
    ],
)
def test_only_the_join_token_is_left_out_of_the_next_command_line(words):
    assert without_join(words) == ["worker", "http://a:1", "--slots", "2"]
