"""What holds for all tests with a real manager."""

from __future__ import annotations

from functools import cache
from typing import Any

import fastapi.routing
from fastapi.utils import create_model_field

_once = cache(create_model_field)


def _model_field(*, name: str, type_: Any, mode: str) -> Any:
    """The model of a route's answers, made once in a process.

    Tests make a thousand managers, and half of what making the routes of one costs is working out
    these models, which are the same each time.
    """
    del name  # nobody reads it
    return _once(name="answer", type_=type_, mode=mode)


fastapi.routing.create_model_field = _model_field
