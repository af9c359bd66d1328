"""The pages on which people log in and out. Pure; see `page` for what they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from framefarm.api.pages.page import NOT_ENCRYPTED, page, wrong

LOGIN = "/login"
LOGOUT = "/logout"
FIRST_ADMIN = "/first-admin"
OWN_PASSWORD = "/password"  # noqa: S105  a path
DEVICE = "/api/login/device"
OPENID = "/api/login/openid"


@dataclass(frozen=True)
class Way:
    """Who comes to the login page, and where to.

    Attributes:
        then: The page of this manager that they wanted.
        provider: Which one they can log in with instead of a password; empty for none.
        needs_admin: Whether nobody is an admin yet.
        local: Whether they are on the manager's own machine, where nobody needs to log in.
        readable: Whether others on the network can read what they type.
    """

    then: str
    provider: str = ""
    needs_admin: bool = False
    local: bool = False
    readable: bool = False


def login_page(way: Way, *, name: str = "", error: str = "") -> str:
    """For a browser in which nobody is logged in.

    Args:
        name: What was typed, if this is not the first try.
        error: Why that did not work.
    """
    invalid = " aria-invalid=true aria-describedby=wrong" if error else ""
    begin_at_name, begin_at_password = ("", " autofocus") if name else (" autofocus", "")
    return page(
        "Log in",
        f"{wrong(error)}{'' if error else _notes(way)}<form method=post action={LOGIN}>"
        f"<input type=hidden name=then value='{escape(way.then)}'><label for=name>Name</label>"
        f"<input id=name name=name value='{escape(name)}' required maxlength=80{invalid} "
        f"autocomplete=username autocapitalize=none spellcheck=false{begin_at_name}>"
        "<label for=password>Password</label>"
        f"<input id=password name=password type=password required{invalid} "
        f"autocomplete=current-password{begin_at_password}>"
        f"<button class=yes>Log in</button></form>{_other_ways(way)}"
        f"{NOT_ENCRYPTED if way.readable else ''}",
    )


def logged_in_page(name: str, role: str, url: str) -> str:
    """For a browser in which somebody is logged in, and wanted nothing else.

    Args:
        url: Under which this manager is known to the browser.
    """
    return page(
        "You are logged in",
        f"<p>as <b>{escape(name)}</b>, {'an' if role[0] == 'a' else 'a'} {escape(role)}.</p>"
        f"<p>In a terminal, on any machine: <code>framefarm login {escape(url)} --browser</code>"
        f"</p><p>A program shows you a code? <a href={DEVICE}>Let it in</a>.<br>"
        f"You write programs? <a href=/api/docs>Read about the API</a>.<br>"
        f"<a href={OWN_PASSWORD}>Change your password</a></p>{logout_form()}",
    )


def logout_page(name: str, then: str) -> str:
    """For who is to say that they want to leave.

    Args:
        name: Who is logged in; empty for nobody.
        then: Where whoever logs in next wants to go.
    """
    if not name:
        return page("You are not logged in", _to_login(then))
    return page(
        "Log out?", f"<p>You are logged in as <b>{escape(name)}</b>.</p>{logout_form(then)}"
    )


def logged_out_page(then: str) -> str:
    """For who has left."""
    return page("You are logged out", f"<p>This browser is let in no more.</p>{_to_login(then)}")


def logout_form(then: str = LOGIN) -> str:
    """A button to leave by."""
    return (
        f"<form method=post action={LOGOUT}>"
        f"<input type=hidden name=then value='{escape(then)}'><button>Log out</button></form>"
    )


def who(name: str, then: str) -> str:
    """Who is logged in, below other pages, and how to be somebody else there."""
    link = escape(f"{LOGOUT}?{urlencode({'then': then})}")
    return (
        f"<p class='soft who'>You are logged in as {escape(name)}. <a href='{link}'>Log out</a></p>"
    )


def to_login(then: str) -> str:
    """The address of the login page that leads back to another one."""
    return f"{LOGIN}?{urlencode({'then': then})}"


def device_path(code: str) -> str:
    """The page on which the program with a code is let in; without one it asks for it."""
    return f"{DEVICE}?{urlencode({'code': code})}" if code else DEVICE


def _to_login(then: str) -> str:
    return f"<a class='button yes' href='{escape(to_login(then))}'>Log in</a>"


def _notes(way: Way) -> str:
    notes = []
    if way.then.startswith(DEVICE):
        notes.append("A program wants to work as you. Log in to answer it.")
    if way.needs_admin:
        notes.append(
            "This farm has no admin yet. Do you run it? "
            f"<a href={FIRST_ADMIN}>Become its first admin</a>."
        )
    if way.local:
        notes.append("On this machine, the manager's own, nobody needs to log in.")
    return "".join(f"<p class=note>{note}</p>" for note in notes)


def _other_ways(way: Way) -> str:
    if not way.provider:
        return ""
    link = escape(f"{OPENID}?{urlencode({'then': way.then})}")
    return (
        f"<p class='or soft'>or</p><a class=button href='{link}'>"
        f"Log in with {escape(way.provider)}</a>"
    )
