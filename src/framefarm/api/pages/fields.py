"""Fields of forms, with what is said of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from framefarm.core.errors import FrameFarmError
from framefarm.core.passwords import LEAST_CHARACTERS

_NEW = f"type=password required minlength={LEAST_CHARACTERS} autocomplete=new-password"


class BadFieldError(FrameFarmError):
    """What was typed into a field cannot be.

    Attributes:
        field: Its name.
    """

    code = "invalid_request"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field


def field_of(error: FrameFarmError, known: Mapping[str, str]) -> str:
    """The name of the field that an error is about; empty for none.

    Args:
        known: Names by the codes of other errors.
    """
    return error.field if isinstance(error, BadFieldError) else known.get(error.code, "")


def about(field: str, wrong: str, *, hint: bool = True) -> str:
    """The attributes that say what a field is about, and whether it is the one that is wrong.

    Args:
        field: Its name; its hint is called `of-` and that.
        wrong: The name of the field that an error is about.
        hint: Whether it has one.
    """
    described = [f"of-{field}"] if hint else []
    if field == wrong:
        return f"aria-invalid=true aria-describedby='{' '.join([*described, 'wrong'])}'"
    return f"aria-describedby={described[0]}" if described else ""


def new_password_fields(label: str, wrong: str) -> str:
    """Two fields, `password` and `again`, for a password to be.

    Args:
        label: What it is called.
        wrong: The name of the field that an error is about.
    """
    return (
        f"<label for=password>{label}</label>"
        f"<span class='soft hint' id=of-password>At least {LEAST_CHARACTERS} characters; a few "
        "words will do.</span>"
        f"<input id=password name=password {_NEW} {about('password', wrong)}>"
        "<label for=again>The same once more</label>"
        f"<input id=again name=again {_NEW} {about('again', wrong, hint=False)}>"
    )
