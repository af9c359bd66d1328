"""What the manager's pages have in common: a frame, a look, and what a browser may not do there.

They run nothing and take nothing of other servers, and what they show is escaped: a page of this
manager may do all that its visitor may. So they work without scripts as well.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape

from starlette.responses import HTMLResponse

from framefarm.api.problems import problem_of
from framefarm.core.errors import FrameFarmError

_STYLE = """
:root { color-scheme: light dark; --back: #f3f4f6; --card: #fff; --text: #1c2127; --soft: #58616c;
  --line: #878f99; --edge: #d9dde3; --key: #0b63b0; --on-key: #fff; --wrong: #a6201a;
  --wrong-back: #fdeceb; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --card: #1d2127; --text: #e6e9ed;
  --soft: #a3acb7; --line: #707a86; --edge: #343a43; --key: #7cbcf7; --on-key: #0c1b2a;
  --wrong: #ffa8a1; --wrong-back: #3b1f1e; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; padding: 9vh 1rem 2rem; background: var(--back);
  color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
header, main { max-width: 27rem; margin: 0 auto; }
header { display: flex; align-items: center; gap: .6rem; padding: 0 0 1rem; font-weight: 600; }
header svg { width: 1.6rem; height: 1.6rem; fill: var(--key); }
main { background: var(--card); border: 1px solid var(--edge); border-radius: 12px;
  padding: 1.75rem 2rem 2rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 1rem; } p { margin: .9rem 0; }
label { display: block; font-weight: 600; margin-top: 1.1rem; }
label + .soft, .hint { display: block; margin: 0; }
input { font: inherit; width: 100%; padding: .6rem .75rem; margin-top: .3rem; color: inherit;
  background: var(--back); border: 1px solid var(--line); border-radius: 8px; }
input[aria-invalid] { border-color: var(--wrong); }
button, a.button { display: block; width: 100%; font: inherit; font-weight: 600; cursor: pointer;
  text-align: center; text-decoration: none; padding: .65rem 1rem; border-radius: 8px;
  border: 1px solid var(--line); background: none; color: inherit; margin: .75rem 0 0; }
button.yes, a.yes { background: var(--key); border-color: var(--key); color: var(--on-key); }
button:hover, a.button:hover { filter: brightness(1.08); }
form button:first-of-type { margin-top: 1.5rem; }
a { color: var(--key); } :focus-visible { outline: 3px solid var(--key); outline-offset: 2px; }
.wrong, .note { border-radius: 8px; padding: .7rem .9rem; margin: 0 0 1rem; }
.wrong { background: var(--wrong-back); color: var(--wrong); } .note { background: var(--back); }
.soft { color: var(--soft); font-size: .9rem; } .who { border-top: 1px solid var(--edge);
  margin: 1.5rem 0 0; padding: 1rem 0 0; }
.or { display: flex; align-items: center; gap: .8rem; margin: 1.4rem 0 .5rem; }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--edge); }
.code { font: 600 1.7rem/1.3 ui-monospace, monospace; letter-spacing: .08em; }
.typed { font-family: ui-monospace, monospace; } .upper { text-transform: uppercase; }
code { display: block; font: .9em/1.5 ui-monospace, monospace; background: var(--back);
  padding: .5rem .75rem; border-radius: 8px; margin-top: .3rem; } .whole { white-space: nowrap; }
@media (max-width: 30rem) { body { padding: 1rem 0 2rem; background: var(--card); }
  header { padding: 0 1.25rem .5rem; } main { border: 0; padding: .75rem 1.25rem 1.5rem; } }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_SIGN = (
    "<svg viewBox='0 0 16 16' aria-hidden=true><rect width=7 height=7 rx=1.5 /><rect x=9 width=7 "
    "height=7 rx=1.5 /><rect y=9 width=7 height=7 rx=1.5 /><path d='M10 9.6v5.8l5-2.9z'/></svg>"
)

NOT_ENCRYPTED = (
    "<p class=soft>This line is not encrypted: others on the network can read what you type.</p>"
)

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: a browser then hides the origin of a form, by which it is known as ours.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page(title: str, body: str) -> str:
    """A whole page.

    Args:
        title: Plain text.
        body: What stands below it, as HTML.
    """
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)} - FrameFarm</title><style>{_STYLE}</style>"
        f"<header>{_SIGN}FrameFarm</header><main><h1>{escape(title)}</h1>{body}</main></html>"
    )


def wrong(text: str) -> str:
    """What went wrong, so that it is read out at once; nothing for no text.

    Fields that it is about name it by `aria-describedby=wrong`.
    """
    # An option of a command is not torn apart at the end of a line.
    told = re.sub(r"--[a-z]+", r"<span class=whole>\g<0></span>", escape(text))
    return f"<p class=wrong role=alert id=wrong>{told}</p>" if text else ""


def shown(content: str) -> HTMLResponse:
    """A page as an answer."""
    return HTMLResponse(content, headers=HEADERS)


def refused(content: str, error: FrameFarmError) -> HTMLResponse:
    """A page that tells of an error, with the status and the wait that the API has for it."""
    told = problem_of(error)
    answer = HTMLResponse(content, told.status_code, headers=HEADERS)
    if (wait := told.headers.get("retry-after")) is not None:
        answer.headers["Retry-After"] = wait
    return answer
