"""The page on which a person lets a program in. Without scripts; what it shows is escaped."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from framefarm.api.openid.device_logins import DeviceLogin

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: a browser then hides the origin of a form, by which it is known as ours.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 0 auto; padding: 10vh 1rem; }
h1 { font-size: 1.4rem; } .code { font: 600 1.8rem ui-monospace, monospace; letter-spacing: .1em; }
button, input, a.go { font: inherit; padding: .5rem 1.2rem; border-radius: 6px;
  border: 1px solid #8886; display: inline-block; text-decoration: none; }
button.yes, a.go { background: #0a6cba; color: #fff; border-color: #0a6cba; }
input { width: 12rem; text-transform: uppercase; } .soft { opacity: .75; } .wrong { color: #c33; }
"""


def log_in_page(start: str, here: str, code: str) -> str:
    """For a browser in which nobody is logged in.

    Args:
        start: Where logging in begins.
        here: This page.
        code: What the person came with, if anything.
    """
    then = f"{here}?{urlencode({'code': code})}" if code else here
    link = escape(f"{start}?{urlencode({'then': then})}", quote=True)
    return _page(
        "Log in first",
        "<p>A program on another machine wants to work as you. To answer it, log in here.</p>"
        f"<p><a class=go href='{link}'>Log in</a></p>",
    )


def code_page(name: str, wrong: str = "") -> str:
    """For a person who has not said which program."""
    said = f"<p class=wrong role=alert>{escape(wrong)}</p>" if wrong else ""
    return _page(
        "Which program?",
        f"{said}<form method=get><p><label>Type the code that it shows:<br>"
        "<input name=code required maxlength=20 autofocus autocomplete=off spellcheck=false>"
        f"</label> <button class=yes>Go on</button></p></form>{_who(name)}",
    )


def question_page(name: str, login: DeviceLogin, here: str) -> str:
    """For a person who is to say yes or no, to this page."""
    return _page(
        "Let this program in?",
        f"<p><b>{escape(login.purpose)}</b>, at {escape(login.address)}, wants to work as "
        f"<b>{escape(name)}</b>: all that you may do here, it may.</p>"
        f"<p class=code>{escape(login.user_code)}</p>"
        "<p>Say yes only if you began this yourself just now, and it shows the same code.</p>"
        # Not to the address shown: what it asks for is none of the answer's.
        f"<form method=post action='{escape(here)}'>"
        f"<input type=hidden name=code value='{escape(login.user_code)}'>"
        "<p><button class=yes name=answer value=yes>Yes, let it in</button> "
        f"<button name=answer value=no>No</button></p></form>{_who(name)}",
    )


def answered_page(*, let_in: bool) -> str:
    """For a person who has answered."""
    done = "It is let in within a few seconds." if let_in else "It was told no."
    return _page("Done", f"<p>{done} You can close this page.</p>")


def _who(name: str) -> str:
    return f"<p class=soft>You are logged in as {escape(name)}.</p>"


def _page(title: str, body: str) -> str:
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)} - FrameFarm</title><style>{_STYLE}</style>"
        f"<main><h1>{escape(title)}</h1>{body}</main></html>"
    )
