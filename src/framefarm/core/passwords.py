"""Which passwords a farm takes. Pure; hashing them is the farm's."""

from __future__ import annotations

import re
import unicodedata

from framefarm.core.errors import FrameFarmError

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 256
_LEAST_DIFFERENT = 5
_LEAST_OWN = 6
_TRIED_FIRST = re.compile(
    "0?123456?7?8?9?0?|0?987654?3?2?1?0?|111+|abc(?:d|def|defghi)?|qwert[yz](?:uiop)?|azerty"
    "|asdf(?:gh)?(?:jkl)?|[zy]xcv(?:bnm)?|1qaz|2wsx|pass?w[o0]rd|passwort|geheim|secret|hidden"
    "|letmein|let me in|welcome|willkommen|hello|hallo|admin|administrator|master|root|login|test"
    "|user|guest|default|change ?me|iloveyou|i love you|sunshine|princess|dragon|monkey|shadow"
    "|football|baseball|superman|batman|trustno1|starwars|summer|winter|spring|autumn|frame|farm"
    "|render|blender"
)
"""What guessers try first, of lists of passwords that became known, and what this is called."""


class WeakPasswordError(FrameFarmError):
    """A password is not taken; the message says why."""

    code = "weak_password"


def normalised(password: str) -> str:
    """A password as it is hashed: the same characters are the same, however a keyboard makes them.

    RFC 8265 (OpaqueString) says NFC.
    """
    return unicodedata.normalize("NFC", password)


def check_password(password: str, user_name: str) -> None:
    """Make sure that a new password is worth the name.

    Length is what counts; rules about digits and signs only make people write them down (NIST
    SP 800-63B, 3.1.1.2).

    Raises:
        WeakPasswordError: It is too short, too long, or too easily guessed.
    """
    text = normalised(password)
    if len(text) < LEAST_CHARACTERS:
        raise WeakPasswordError(
            f"A password has at least {LEAST_CHARACTERS} characters; a few words will do."
        )
    if len(text) > MOST_CHARACTERS:
        raise WeakPasswordError(f"A password has at most {MOST_CHARACTERS} characters.")
    if any(unicodedata.category(one) == "Cc" for one in text):
        raise WeakPasswordError("A password has no control characters, such as line ends.")
    rest = _once(text.casefold()).replace(user_name.casefold(), "")
    if len(set(rest)) < _LEAST_DIFFERENT:
        raise WeakPasswordError(
            f"A password needs {_LEAST_DIFFERENT} different characters beside the user's name."
        )
    if len(_TRIED_FIRST.sub("", rest)) < _LEAST_OWN:
        raise WeakPasswordError(
            "This password is among the first that are tried; a few words that nobody else would "
            "put together will do."
        )


def _once(text: str) -> str:
    """What a text repeats, if it is nothing but that."""
    length = (text + text).index(text, 1)
    return text[:length]
