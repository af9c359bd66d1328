"""What others wrote, made safe for a terminal."""

from __future__ import annotations

import pytest

from framefarm.core.plain_text import plain


@pytest.mark.parametrize(
    "text", ["", "Fra:1 Mem:20M", "Würfel, 立方体, 🎬", "a\tb\nc\n", "non-breaking\u00a0space"]
)
def test_ordinary_text_stays_as_it_is(text: str):
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", "\ufffd[2J\ufffd]0;title\ufffd"),
        ("\x9b31m", "\ufffd31m"),
        ("\x00\x7f", "\ufffd\ufffd"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("\u2067x\u2069", "\ufffdx\ufffd"),
        ("done 1\rdone 2\r\n", "done 1\ufffddone 2\n"),
    ],
)
def test_nothing_that_a_terminal_would_obey_is_left(text: str, shown: str):
    assert plain(text) == shown
