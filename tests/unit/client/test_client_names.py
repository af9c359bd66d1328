from __future__ import annotations

from pathlib import Path

import pytest

from framefarm.client.errors import BadFarmUrlError, UnsafeFileNameError
from framefarm.client.fetching import place_of
from framefarm.client.transport import Transport


def test_a_file_goes_below_the_folder_it_is_fetched_to():
    assert place_of(Path("/out"), "a/b.png") == Path("/out/a/b.png")


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a//b", "a/./b", "", "a\\b", "C:x", "a\0"])
def test_a_name_that_would_leave_the_folder_is_refused(name):
    with pytest.raises(UnsafeFileNameError):
        place_of(Path("/out"), name)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:7070", "ftp://a", "http://", "http://a:x", "http://a?b=1", "http://a#b"]
)
def test_what_is_no_managers_address_is_refused(url):
    with pytest.raises(BadFarmUrlError):
        Transport(url)


def test_an_address_may_end_in_a_slash_and_have_a_path():
    assert Transport("https://farm.example/render/").url == "https://farm.example/render"
