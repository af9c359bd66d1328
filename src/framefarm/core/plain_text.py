"""Text of others made safe to show: a terminal obeys what it is sent, whoever wrote it. Pure.

A worker says its own name, host and reasons, and a .blend names its scenes. With control characters
in them (ECMA-48) whoever is let in could clear a terminal, retitle it, write lines that nobody said
or, on some, type. Characters that turn the direction of text around make one name look like another
(https://www.unicode.org/reports/tr36/, "Bidirectional Text Spoofing").
"""

from __future__ import annotations

import re

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SHOWN = "\ufffd"


def plain(text: str) -> str:
    """A text whose control characters are shown as U+FFFD, apart from tabs and ends of lines."""
    return _OBEYED.sub(_SHOWN, text.replace("\r\n", "\n"))
