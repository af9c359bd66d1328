from __future__ import annotations

import pytest

from framefarm.core.engines import EngineNameError, parse_engine


@pytest.mark.parametrize(
    ("text", "name"),
    [("cycles", "CYCLES"), (" Eevee ", "EEVEE"), ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE_NEXT")],
)
def test_blenders_own_engines_are_known_in_any_writing(text: str, name: str) -> None:
    assert parse_engine(text) == name


@pytest.mark.parametrize("text", ["octane", "", "cycle", "cycles,eevee"])
def test_what_no_blender_has_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(EngineNameError, match="there are: cycles, eevee, workbench"):
        parse_engine(text)
