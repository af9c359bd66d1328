"""Writes the pages of `docs/` that are made from code.

    python -m scripts.generate_docs           write them
    python -m scripts.generate_docs --check   change nothing; exit 1 when one is out of date

A generated page is one entry of `PAGES`: its path below `docs/` and the function that gives its
text.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from framefarm.core.lifecycle import Lifecycle, diagram
from framefarm.core.states import LIFECYCLES
from scripts.client_page import client_page
from scripts.protocol_page import protocol_page
from scripts.rules_page import rules_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DOCS = Path(__file__).resolve().parent.parent / "docs"

_NOTICE = "<!-- Made by `python -m scripts.generate_docs`; change the code it is made from. -->\n"

_STATES_INTRO = """\
# States

What a job, stage, unit, lease or worker can become, and through which event. The tables are in
`src/framefarm/core/states.py`; an event that a state does not allow is refused and changes
nothing.
"""


def states_page() -> str:
    """The page that shows every lifecycle as a diagram and a table."""
    return "\n".join([_NOTICE, _STATES_INTRO, *(_lifecycle_section(one) for one in LIFECYCLES)])


def _lifecycle_section(table: Lifecycle) -> str:  # type: ignore[type-arg]
    events = type(next(event for _, event in table.moves))
    return "\n".join(
        [
            f"## {table.name.capitalize()}\n",
            f"{_prose(type(table.start))}\n",
            f"{_prose(events)}\n",
            f"```mermaid\n{diagram(table)}```\n",
            "| state | event | becomes |",
            "|---|---|---|",
            *(f"| {state} | {event} | {after} |" for (state, event), after in table.moves.items()),
            "",
        ]
    )


def _prose(documented: type) -> str:
    """A docstring as one paragraph per paragraph."""
    paragraphs = inspect.cleandoc(documented.__doc__ or "").split("\n\n")
    return "\n\n".join(re.sub(r"\s+", " ", paragraph) for paragraph in paragraphs)


PAGES: Mapping[str, Callable[[], str]] = {
    "explanation/states.md": states_page,
    "reference/python-client.md": lambda: client_page(_NOTICE),
    "reference/protocol.md": lambda: protocol_page(_NOTICE),
    "reference/rules.md": lambda: rules_page(_NOTICE),
}


def outdated(docs: Path = DOCS) -> list[str]:
    """Pages, as paths below `docs`, whose file is missing or differs from what code says now."""
    return [name for name, page in PAGES.items() if _read(docs / name) != page()]


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def write(docs: Path = DOCS) -> list[str]:
    """Write the pages that are out of date; returns them as paths below `docs`."""
    stale = outdated(docs)
    for name in stale:
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGES[name](), encoding="utf-8")
    return stale


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.generate_docs",
        description="Write the pages of docs/ that are made from code.",
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 when a page is out of date"
    )
    if not parser.parse_args(arguments).check:
        for name in write():
            print(f"wrote docs/{name}")
        return 0
    stale = outdated()
    for name in stale:
        print(f"docs/{name} is out of date; run: python -m scripts.generate_docs", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
