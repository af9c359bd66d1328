from __future__ import annotations

import pytest

from framefarm.core.tags import TagError, parse_tags


def test_tags_are_parted_by_commas_and_in_small_letters() -> None:
    assert parse_tags("Fast, studio-2,,") == ["fast", "studio-2"]


@pytest.mark.parametrize("text", ["", ",", "two words", "a,-b", "x" * 41, "caf\u00e9"])
def test_what_is_no_tag_is_refused(text: str) -> None:
    with pytest.raises(TagError, match="is no tag"):
        parse_tags(text)
