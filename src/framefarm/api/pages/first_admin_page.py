"""The page on which a farm's first admin is made. Pure."""

from __future__ import annotations

from html import escape

from framefarm.api.pages.login_page import FIRST_ADMIN, LOGIN
from framefarm.api.pages.page import page, wrong
from framefarm.core.passwords import LEAST_CHARACTERS


def first_admin_page(*, name: str = "", error: str = "") -> str:
    """For who has the code that the manager printed.

    Args:
        name: What was typed, if this is not the first try.
        error: Why that did not work.
    """
    invalid = " aria-invalid=true" if error else ""
    return page(
        "Become the first admin",
        f"{wrong(error)}<p>Nobody can log in here as an admin yet. The manager printed a code for "
        "that when it started, in its terminal or its log.</p>"
        f"<form method=post action={FIRST_ADMIN}><label for=code>Code</label>"
        "<span class='soft hint' id=of-code>Such as k7mq-2xw9-p4rt-8n3h, or longer with TLS. It "
        "counts once.</span>"
        f"<input id=code name=code class=typed required maxlength=200{invalid} autofocus "
        f"autocomplete=off autocapitalize=none spellcheck=false {_about('of-code', error)}>"
        "<label for=name>Your name here</label>"
        "<span class='soft hint' id=of-name>Letters, digits and . _ @ -, such as ada</span>"
        f"<input id=name name=name value='{escape(name)}' required maxlength=80 "
        f"autocomplete=username autocapitalize=none spellcheck=false {_about('of-name', error)}>"
        "<label for=password>Password</label>"
        f"<span class='soft hint' id=of-password>At least {LEAST_CHARACTERS} characters; a few "
        "words will do.</span>"
        f"{_password('password', _about('of-password', error))}"
        f"<label for=again>The same once more</label>{_password('again', '')}"
        "<button class=yes>Make me an admin</button></form>",
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


def _password(name: str, about: str) -> str:
    return (
        f"<input id={name} name={name} type=password required minlength={LEAST_CHARACTERS} "
        f"autocomplete=new-password {about}>"
    )


def _about(hint: str, error: str) -> str:
    """What a screen reader reads of a field beside its label."""
    return f"aria-describedby='{hint} wrong'" if error else f"aria-describedby={hint}"
