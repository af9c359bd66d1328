"""The page on which a person lets a program in. Pure; what it shows is escaped."""

from __future__ import annotations

from html import escape

from framefarm.api.pages.device_logins import DeviceLogin
from framefarm.api.pages.login_page import DEVICE, device_path, who
from framefarm.api.pages.page import page, wrong


def code_page(name: str, error: str = "") -> str:
    """For a person who has not said which program."""
    invalid = " aria-invalid=true aria-describedby=wrong" if error else ""
    return page(
        "Which program?",
        f"{wrong(error)}<form method=get action={DEVICE}>"
        "<label for=code>The code that it shows</label>"
        "<input id=code name=code class='typed upper' required maxlength=20 autofocus"
        f"{invalid} placeholder='BCDF-GHJK' autocomplete=off autocapitalize=characters "
        f"spellcheck=false><button class=yes>Go on</button></form>{who(name, DEVICE)}",
    )


def question_page(name: str, login: DeviceLogin) -> str:
    """For a person who is to say yes or no."""
    return page(
        "Let this program in?",
        f"<p><b>{escape(login.purpose)}</b>, at {escape(login.address)}, wants to work as "
        f"<b>{escape(name)}</b>: all that you may do here, it may.</p>"
        f"<p class=code>{escape(login.user_code)}</p>"
        "<p>Say yes only if you began this yourself just now, and it shows the same code.</p>"
        # Not to the address shown: what it asks for is none of the answer's.
        f"<form method=post action={DEVICE}>"
        f"<input type=hidden name=code value='{escape(login.user_code)}'>"
        "<button class=yes name=answer value=yes>Yes, let it in</button>"
        f"<button name=answer value=no>No</button></form>{who(name, device_path(login.user_code))}",
    )


def answered_page(*, let_in: bool) -> str:
    """For a person who has answered."""
    done = "It is let in within a few seconds." if let_in else "It was told no."
    return page("Done", f"<p>{done} You can close this page.</p>")
