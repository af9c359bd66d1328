"""The page on which people change their own password. Pure."""

from __future__ import annotations

from html import escape

from framefarm.api.pages.fields import about, new_password_fields
from framefarm.api.pages.login_page import LOGIN, OWN_PASSWORD, who
from framefarm.api.pages.page import NOT_ENCRYPTED, page, wrong


def password_page(name: str, *, readable: bool = False, error: str = "", field: str = "") -> str:
    """For a person who has a password.

    Args:
        name: Who is logged in.
        readable: Whether others on the network can read what is typed.
        error: Why it was not changed, if this is not the first try.
        field: Which field that is about; empty for none.
    """
    return page(
        "Change your password",
        f"{wrong(error)}<form method=post action={OWN_PASSWORD}>"
        # Not shown: it tells programs that keep passwords whose this is.
        f"<input name=name value='{escape(name)}' autocomplete=username hidden>"
        "<label for=old>Your password now</label>"
        "<input id=old name=old type=password required autofocus autocomplete=current-password "
        f"{about('old', field, hint=False)}>{new_password_fields('New password', field)}"
        "<button class=yes>Change it</button></form>"
        "<p class=soft>You stay logged in here, and nowhere else: other browsers, and programs "
        f"that you let in, have to log in again.</p>{NOT_ENCRYPTED if readable else ''}"
        f"{who(name, OWN_PASSWORD)}",
    )


def no_password_page(name: str) -> str:
    """For a person who has none."""
    return page(
        "You have no password here",
        "<p>You log in in another way. An admin of this farm can give you a password, with: "
        f"<code>framefarm users password {escape(name)}</code></p>{who(name, OWN_PASSWORD)}",
    )


def changed_page() -> str:
    """For who has changed it."""
    return page(
        "Your password is changed",
        "<p>You stay logged in here. All other browsers are logged out, and so are the programs "
        f"that you had let in.</p><a class='button yes' href={LOGIN}>Go on</a>",
    )
