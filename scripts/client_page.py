"""The page that lists all that the Python client can ask."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from framefarm.client.async_farm import AsyncFarm
from framefarm.client.blob_calls import BlobCalls
from framefarm.client.event_calls import EventCalls
from framefarm.client.farm import Farm
from framefarm.client.job_calls import JobCalls
from framefarm.client.login_calls import LoginCalls
from framefarm.client.notify_calls import NotifyCalls
from framefarm.client.rendering import RenderOptions
from framefarm.client.session_calls import SessionCalls
from framefarm.client.shot_calls import ShotCalls
from framefarm.client.user_calls import UserCalls
from framefarm.client.worker_calls import WorkerCalls

_INTRO = """\
# Python client

`from framefarm.client import Farm, AsyncFarm`; the [tutorial](../tutorial/python.md) shows how it
is used. Both have the methods below, with the same arguments. Of `AsyncFarm` they are awaited, or
iterated over with `async for` where an iterator is returned.
"""
_SECTIONS: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "Rendering": (Farm, ("render", "fetch", "fetch_shot")),
    "Jobs": (JobCalls, ()),
    "Shots": (ShotCalls, ()),
    "What happens": (EventCalls, ()),
    "Files": (BlobCalls, ()),
    "Workers": (WorkerCalls, ()),
    "Workers of a job": (SessionCalls, ()),
    "People": (UserCalls, ()),
    "Logging in": (LoginCalls, ()),
    "Being told elsewhere": (NotifyCalls, ()),
    "The manager": (Farm, ("health",)),
}
_GIVES = {"Pages": "Iterator", "Stream": "Iterator"}


def client_page(notice: str) -> str:
    """The page."""
    parts = [notice, _INTRO, "## Making one\n", _made(Farm), _made(AsyncFarm)]
    for title, (owner, names) in _SECTIONS.items():
        parts += [f"## {title}\n", *_methods(owner, names)]
    parts += ["## RenderOptions\n", _text(RenderOptions.__doc__)]
    return "\n".join(parts)


def _made(kind: type[Any]) -> str:
    signature = _signature(kind.__init__)
    return f"### `{kind.__name__}{signature}`\n\n{_text(kind.__doc__)}"


def _methods(owner: type[Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names or vars(owner):
        method = inspect.getattr_static(owner, name)
        if name.startswith("_") or isinstance(method, property):
            continue
        described = inspect.unwrap(method) if hasattr(method, "__wrapped__") else method
        yield f"### `{name}{_signature(described)}`\n\n{_text(described.__doc__)}"


def _signature(described: Any) -> str:
    """As it is written down, without `self` and without what stands for the answer."""
    text = str(inspect.signature(described)).replace("(self, ", "(").replace("(self)", "()")
    text = re.sub(r"(: |-> )'([^']+)'", r"\1\2", text).removesuffix(" -> None")
    text = re.sub(r" -> Ask\[(.*)\]$", r" -> \1", text)
    return re.sub(
        r" -> (Pages|Stream)\[(.*)\]$", lambda found: f" -> {_GIVES[found[1]]}[{found[2]}]", text
    )


def _text(docstring: str | None) -> str:
    """A docstring as Markdown: its lists become lists."""
    lines = []
    for line in inspect.cleandoc(docstring or "").splitlines():
        if line in {"Args:", "Attributes:", "Raises:", "Returns:"}:
            lines += [f"{line.removesuffix(':')}:", ""]
        elif found := re.fullmatch(r"    (\w[\w, ]*): (.*)", line):
            lines.append(f"- `{found[1]}`: {found[2]}")
        else:
            lines.append(re.sub(r"^ {8}", "  ", line).removeprefix("    "))
    return "\n".join(lines) + "\n"
