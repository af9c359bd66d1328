"""Where a browser may be sent that says itself where it wants to go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.api.origins import own_path


@pytest.mark.parametrize("path", ["/", "/jobs", "/jobs?state=done&x=//y#3", "/a/..//b", "/%2F/x"])
def test_path_of_this_manager_is_followed(path: str):
    assert own_path(path, "/login") == path


@pytest.mark.parametrize(
    "path",
    [
        *(None, "", "jobs", "?x", "#x", "//evil.example", "/\\evil.example", "\\/evil.example"),
        *("https://evil.example", "http:evil.example", "javascript:alert(1)", " /a", "/ a"),
        *("/a\r\nX: y", "/\t/evil.example", "/\x00", "/\u2028", "/caf\u00e9", "/" + "x" * 1_001),
    ],
)
def test_whatever_else_is_not(path: str | None):
    assert own_path(path, "/login") == "/login"


@given(st.text(alphabet="/\\:@.a\t\n\r ?#%", max_size=8))
def test_nothing_that_a_browser_could_take_for_another_host_is_followed(text: str):
    """Browsers drop tabs and line ends in addresses, and read a backslash as a slash."""
    read = own_path(text, "/login").translate(str.maketrans("\\", "/", "\t\n\r")).strip()

    assert read.startswith("/")
    assert not read.startswith("//")
