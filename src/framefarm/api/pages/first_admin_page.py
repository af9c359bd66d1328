"""The page on which a farm's first admin is made. Pure."""

from __future__ import annotations

from html import escape

from framefarm.api.pages.fields import about, new_password_fields
from framefarm.api.pages.login_page import FIRST_ADMIN, LOGIN
from framefarm.api.pages.page import NOT_ENCRYPTED, page, wrong


def first_admin_page(
    *, readable: bool = False, name: str = "", error: str = "", field: str = ""
) -> str:
    """For who has the code that the manager printed.

    Args:
        readable: Whether others on the network can read what is typed.
        name: What was typed, if this is not the first try.
        error: Why that did not work.
        field: Which field that is about; empty for none.
    """
    return page(
        "Become the first admin",
        f"{wrong(error)}<p>Nobody can log in here as an admin yet. The manager printed a code for "
        "that when it started, in its terminal or its log.</p>"
        f"<form method=post action={FIRST_ADMIN}><label for=code>Code</label>"
        "<span class='soft hint' id=of-code>Such as k7mq-2xw9-p4rt-8n3h, or longer with TLS. It "
        "counts once.</span>"
        f"<input id=code name=code class=typed required maxlength=200 autofocus "
        f"autocomplete=off autocapitalize=none spellcheck=false {about('code', field)}>"
        "<label for=name>Your name here</label>"
        "<span class='soft hint' id=of-name>Letters from a to z, digits and . _ @ -, such as "
        "ada</span>"
        f"<input id=name name=name value='{escape(name)}' required maxlength=80 "
        f"autocomplete=username autocapitalize=none spellcheck=false {about('name', field)}>"
        f"{new_password_fields('Password', field)}"
        f"<button class=yes>Make me an admin</button></form>{NOT_ENCRYPTED if readable else ''}",
    )


def no_code_page() -> str:
    """For a farm without an admin, for which no code counts just now."""
    return page(
        "No admin yet",
        "<p>Nobody can log in here as an admin yet, and the manager has printed no code for it, or "
        "that code has ended.</p><p>It prints one whenever it starts in a way that other machines "
        "can reach it, as with: <code>framefarm serve --lan</code></p>"
        "<p>Or make the account on its machine: "
        "<code>framefarm users add NAME --role admin --password</code></p>"
        f"<a class=button href={LOGIN}>To the login page</a>",
    )


def has_admin_page() -> str:
    """For a farm that has an admin."""
    return page(
        "There is an admin already",
        "<p>An admin of this farm lets others in, with: "
        "<code>framefarm users add NAME --password</code></p>"
        f"<a class='button yes' href={LOGIN}>Log in</a>",
    )
