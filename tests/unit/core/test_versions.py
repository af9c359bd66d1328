from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefarm.core.versions import (
    BlenderVersion,
    NoBlenderForFileError,
    VersionTextError,
    choose_version,
)

versions = st.builds(BlenderVersion, st.integers(2, 9), st.integers(0, 99))


@pytest.mark.parametrize("text", ["4.5", "4.5.3", "v4.5", "Blender 4.5.3 LTS", " 4.5 \n"])
def test_every_usual_way_to_write_a_version_is_read(text: str) -> None:
    assert BlenderVersion.parse(text) == BlenderVersion(4, 5)


@pytest.mark.parametrize("text", ["", "4", "four.five", "4.", "-4.5", "4.5678", "latest"])
def test_a_text_that_is_no_version_is_refused_by_name(text: str) -> None:
    with pytest.raises(VersionTextError) as caught:
        BlenderVersion.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("number", "text"), [(280, "2.80"), (293, "2.93"), (304, "3.4"), (405, "4.5"), (500, "5.0")]
)
def test_header_numbers_read_as_people_say_them(number: int, text: str) -> None:
    assert str(BlenderVersion.from_header(number)) == text


def test_minor_versions_order_as_numbers() -> None:
    assert BlenderVersion(4, 10) > BlenderVersion(4, 9)


def test_the_same_version_is_chosen_when_there() -> None:
    available = [BlenderVersion(5, 0), BlenderVersion(4, 2), BlenderVersion(4, 5)]
    assert choose_version(BlenderVersion(4, 2), available) == BlenderVersion(4, 2)


def test_the_nearest_newer_version_is_chosen_otherwise() -> None:
    available = [BlenderVersion(5, 0), BlenderVersion(3, 4), BlenderVersion(4, 5)]
    assert choose_version(BlenderVersion(3, 6), available) == BlenderVersion(4, 5)


def test_only_older_versions_are_refused_with_what_to_install() -> None:
    available = [BlenderVersion(4, 5), BlenderVersion(4, 2)]
    with pytest.raises(NoBlenderForFileError) as caught:
        choose_version(BlenderVersion(5, 0), available)
    assert "framefarm blender install 5.0" in str(caught.value)
    assert "found: 4.2, 4.5" in str(caught.value)


def test_nothing_installed_is_said() -> None:
    with pytest.raises(NoBlenderForFileError, match="found: none"):
        choose_version(BlenderVersion(5, 0), [])


@given(versions, st.sets(versions))
def test_nothing_between_the_wanted_and_the_chosen_is_skipped(
    wanted: BlenderVersion, available: set[BlenderVersion]
) -> None:
    try:
        chosen = choose_version(wanted, available)
    except NoBlenderForFileError:
        assert all(version < wanted for version in available)
    else:
        assert chosen >= wanted
        assert not [version for version in available if wanted <= version < chosen]
