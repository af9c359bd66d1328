"""Every link in the documents leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.architecture.project_files import ROOT, text_files

FENCE = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
INLINE_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
REFERENCE_LINK = re.compile(r"^\[[^\]]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)
HTML_LINK = re.compile(r"<(?:img|a)\b[^>]*?\b(?:src|href)=[\"']([^\"']+)", re.IGNORECASE)
HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def links(text: str) -> list[str]:
    """Targets of a document's links, code left out."""
    prose = CODE.sub("", FENCE.sub("", text))
    return [
        target
        for pattern in (INLINE_LINK, REFERENCE_LINK, HTML_LINK)
        for target in pattern.findall(prose)
    ]


def anchors(text: str) -> set[str]:
    """What `#...` may name in a document: its headings as GitHub spells them."""
    names: dict[str, int] = {}
    found = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = names.get(name, 0)
        names[name] = count + 1
        found.add(f"{name}-{count}" if count else name)
    return found


def broken_links(document: Path, text: str) -> list[str]:
    """Relative links of a document that lead nowhere, or out of the project."""
    return [
        target
        for target in links(text)
        if not ELSEWHERE.match(target) and not resolves(document, text, target)
    ]


def resolves(document: Path, text: str, target: str) -> bool:
    """Whether a relative link finds its file and, in a document, its heading."""
    place, _, anchor = unquote(target).partition("#")
    path = (document.parent / place).resolve() if place else document
    if not path.exists():
        return False
    if not anchor or path.suffix != ".md":
        return True
    return anchor in anchors(text if path == document else path.read_text(encoding="utf-8"))


def reached(start: Path) -> set[Path]:
    """A document and all that can be reached from it over relative links."""
    found: set[Path] = set()
    left = [start.resolve()]
    while left:
        page = left.pop()
        if page not in found and page.suffix == ".md" and page.exists():
            found.add(page)
            targets = links(page.read_text(encoding="utf-8"))
            left += [(page.parent / target.partition("#")[0]).resolve() for target in targets]
    return found


def test_every_relative_link_leads_to_a_file_or_a_heading():
    documents = {path: text for path, text in text_files() if path.suffix == ".md"}
    broken = {
        str(path.relative_to(ROOT)): found
        for path, text in documents.items()
        if (found := broken_links(path, text))
    }

    assert ROOT / "docs" / "README.md" in documents
    assert broken == {}


def test_every_page_of_the_docs_is_reached_from_their_index():
    index = ROOT / "docs" / "README.md"
    pages = set(index.parent.rglob("*.md"))

    assert {str(page.relative_to(ROOT)) for page in pages - reached(index)} == set()


def test_a_page_that_only_a_linked_page_links_to_is_reached(tmp_path):
    pages = {
        "index.md": "[a](a.md)",
        "a.md": "[b](b.md#x) [back](index.md)",
        "b.md": "",
        "c.md": "",
    }
    for name, text in pages.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    assert {page.name for page in reached(tmp_path / "index.md")} == {"index.md", "a.md", "b.md"}


@pytest.mark.parametrize(
    "text",
    [
        "[a](missing.md)",
        "![a](pictures/missing.png)",
        "[a](other.md#no-such-heading)",
        "[a](#no-such-heading)",
        "[a]: missing.md",
        '<img alt="x" src="missing.png">',
        "[a](other.md) and [b](missing.md)",
    ],
)
def test_a_link_that_leads_nowhere_is_found(tmp_path, text):
    (tmp_path / "other.md").write_text("# Other\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")

    assert len(broken_links(page, text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[a](other.md#two-words)",
        "# Here & there\n[a](#here--there)",
        "## Twice\n## Twice\n[a](#twice-1)",
        "[a](https://example.org/missing)",
        "`[a](missing.md)`",
        "```\n[a](missing.md)\n```",
    ],
)
def test_links_that_lead_somewhere_and_code_are_not_found(tmp_path, text):
    (tmp_path / "other.md").write_text("# Two `words`\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")

    assert broken_links(page, text) == []
