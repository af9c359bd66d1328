"""What holds for all tests with a real manager."""

from __future__ import annotations

from typing import Any

import fastapi.dependencies.utils
import fastapi.routing
from fastapi.utils import create_model_field
from pydantic.fields import FieldInfo

_made: dict[tuple[str, ...], Any] = {}


def _model_field(*, field_info: FieldInfo | None = None, **said: Any) -> Any:
    """The model of an argument or an answer of a route, made once in a process.

    Tests make more than a thousand managers, and four fifths of what making the routes of one costs
    is working out these models, which are the same each time.
    """
    # FastAPI's own classes do not show their limits; pydantic's way to show them does.
    told = "" if field_info is None else f"{type(field_info)} {list(field_info.__repr_args__())}"
    key = (told, *(f"{name}={value!r}" for name, value in sorted(said.items())))
    if key not in _made:
        given = said if field_info is None else {**said, "field_info": field_info}
        _made[key] = create_model_field(**given)
    return _made[key]


fastapi.routing.create_model_field = _model_field
fastapi.dependencies.utils.create_model_field = _model_field
