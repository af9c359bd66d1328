"""Names in a .zip as places in a project, whichever system wrote them. Pure."""

from __future__ import annotations

import unicodedata

from framefarm.core.tree_paths import check_tree_path

_NOBODYS = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_MAC_FOLDER = "__MACOSX"
_MAC_FILE = "._"


def decoded(name: str, *, says_utf8: bool) -> str:
    """A name as it was meant.

    Without the flag for UTF-8 a name is in the code page of the machine that wrote it, which only
    that knows; but macOS writes UTF-8 and does not say so (APPNOTE.TXT 4.4.4, bit 11, and
    appendix D).

    Args:
        name: As `zipfile` has it: without the flag it takes each byte for one of code page 437.
        says_utf8: Whether it has the flag.
    """
    if says_utf8:
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def place_of(name: str) -> str | None:
    """Where a file of a .zip belongs below the project's folder.

    Windows' backslashes separate folders too, names are put together the usual way (macOS writes
    accents apart: NFD), and a leading `./` is dropped.

    Returns:
        The place, with `/` between the parts; None for a folder, and for what Windows and macOS
        leave behind (`__MACOSX`, `.DS_Store`, `Thumbs.db`).

    Raises:
        TreePathError: It is absolute, leads out of the folder, is too long, or has characters that
            no name should have.
    """
    plain = unicodedata.normalize("NFC", name.replace("\\", "/"))
    while plain.startswith("./"):
        plain = plain.removeprefix("./")
    if not plain and name:
        return None
    path = plain.removesuffix("/")
    check_tree_path(path)
    parts = path.split("/")
    last = parts[-1]
    if path != plain or parts[0] == _MAC_FOLDER or last.startswith(_MAC_FILE):
        return None
    return None if last.lower() in _NOBODYS else path
