"""Logging in with an OpenID Connect provider, which is a real server here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from framefarm.core.accounts import UserRole
from tests.integration.api.manager import Manager, is_problem
from tests.integration.api.openid_provider import CLIENT, SECRET, Provider, openid_provider
from tests.integration.api.openid_site import START, Site

CALLBACK = "/api/login/openid/callback"


def test_person_is_sent_there_and_comes_back_logged_in(
    make_site: Callable[..., Site], provider: Provider
):
    site = make_site()
    assert site.manager.http.get("/api/login").json()["openid"] is True
    with site.browser() as browser:
        begun = browser.get(START, params={"then": "/api/me"})
        cookie = begun.headers["set-cookie"].lower()
        asked = {k: v[0] for k, v in parse_qs(urlsplit(begun.headers["location"]).query).items()}
        back = site.log_in(browser)

        assert {"httponly", "samesite=lax", "path=/"} <= {p.strip() for p in cookie.split(";")}
        assert asked["redirect_uri"] == f"{site.manager.server.url}{CALLBACK}"
        assert len(asked["state"]) == len(asked["nonce"]) == len(asked["code_challenge"]) == 43
        assert not {asked["state"], asked["nonce"]} & {begun.headers["set-cookie"]}
        assert (back.status_code, back.headers["location"]) == (303, "/api/me")
        me = browser.get("/api/me").json()["user"]
        assert (me["name"], me["role"], me["has_password"]) == ("Ada-L", "artist", False)
        # The provider has not said that it has verified the address.
        assert me["email"] == ""
        [login] = browser.get("/api/me/logins").json()["logins"]
        assert login["kind"] == "openid"
        assert "framefarm-openid" not in browser.cookies
    assert provider.exchanged[0].keys() == {
        "grant_type",
        "code",
        "redirect_uri",
        "code_verifier",
    }


def test_person_is_known_again_by_the_subject_whatever_the_name(
    make_site: Callable[..., Site], provider: Provider
):
    site = make_site()
    provider.person |= {"email_verified": True}
    with site.browser() as browser:
        assert site.log_in(browser).status_code == 303
        provider.person = {"preferred_username": "somebody-else"}
        assert site.log_in(browser).status_code == 303
        assert browser.get("/api/me").json()["user"]["name"] == "Ada-L"
        # The same name of another subject is another person, who does not get the account.
        provider.person = {"preferred_username": "ada-l", "sub": "person-2"}
    with site.browser() as browser:
        is_problem(site.log_in(browser), 403, "not_invited")
        assert browser.get("/api/me").json() == {"user": None}
    assert site.user("Ada-L")["email"] == "ada@studio.example"


def test_account_made_here_is_taken_over_by_no_name(make_site: Callable[..., Site]):
    site = make_site()
    body = {"name": "ADA-L", "role": "admin"}
    site.manager.http.post("/api/users", json=body).raise_for_status()

    with site.browser() as browser:
        told = is_problem(site.log_in(browser), 403, "not_invited")

    assert "does not log in in this way" in told["detail"]


def test_roles_follow_groups_at_each_login(make_site: Callable[..., Site], provider: Provider):
    roles = {"crew": UserRole.ARTIST, "it": UserRole.ADMIN, "guests": UserRole.VIEWER}
    site = make_site(roles=roles, new_users=None)

    def logs_in_with(groups: Any) -> str:
        provider.person["groups"] = groups
        with site.browser() as browser:
            back = site.log_in(browser)
            if back.status_code == 303:
                return str(browser.get("/api/me").json()["user"]["role"])
            return str(is_problem(back, 403, "not_invited")["code"])

    assert logs_in_with([]) == "not_invited"
    assert site.manager.http.get("/api/users").json()["users"] == []
    assert logs_in_with(["crew", "it", "x"]) == "admin"
    assert logs_in_with("guests") == "viewer"
    assert logs_in_with(["guests", "crew"]) == "artist"
    for nothing in (None, {"it": 1}, [["it"]], ["IT"], 7):
        assert logs_in_with(nothing) == "not_invited"


def test_nobody_new_is_let_in_unless_that_is_allowed(make_site: Callable[..., Site]):
    site = make_site(new_users=None)

    with site.browser() as browser:
        is_problem(site.log_in(browser), 403, "not_invited")

    assert site.manager.http.get("/api/users").json()["users"] == []


def test_disabled_account_stays_shut(make_site: Callable[..., Site]):
    site = make_site()
    with site.browser() as browser:
        site.log_in(browser)
        site.manager.http.patch("/api/users/Ada-L", json={"disabled": True}).raise_for_status()
        told = is_problem(site.log_in(browser), 403, "not_invited")
        assert "disabled" in told["detail"]
        assert browser.get("/api/me").json() == {"user": None}


@pytest.mark.parametrize("name", [None, "", "...", 7, ["ada"], "\u4e0a"])
def test_person_without_a_name_is_told(
    make_site: Callable[..., Site], provider: Provider, name: Any
):
    provider.person = {"preferred_username": name}
    site = make_site()

    with site.browser() as browser:
        told = is_problem(site.log_in(browser), 403, "not_invited")

    assert "preferred_username" in told["detail"]


# --- tokens that cannot be believed -------------------------------------------------------------


def _unsigned(claims: dict[str, Any]) -> str:
    import base64  # noqa: PLC0415
    import json  # noqa: PLC0415

    parts = ({"alg": "none"}, claims)
    texts = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in parts]
    return ".".join(text.rstrip("=") for text in texts) + "."


def _signed_by_another(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256"}, claims, RSAKey.generate_key(2048))


def _by_client_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def _changed(claims: dict[str, Any]) -> str:
    head, _, signature = _signed_by_another(claims).split(".")
    return f"{head}.{_unsigned({**claims, 'sub': 'root'}).split('.')[1]}.{signature}"


def _set(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda claims: claims.update(values)


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda claims: claims.pop(name) and None


LIES = {
    "wrong nonce": {"change_claims": _set(nonce="another")},
    "no nonce": {"change_claims": _without("nonce")},
    "empty nonce": {"change_claims": _set(nonce="")},
    "wrong issuer": {"change_claims": _set(iss="https://evil.example")},
    "no issuer": {"change_claims": _without("iss")},
    "another client": {"change_claims": _set(aud="another")},
    "no client": {"change_claims": _without("aud")},
    "for us and made for another": {"change_claims": _set(aud=[CLIENT, "other"], azp="other")},
    "expired": {"change_claims": lambda claims: claims.update(exp=time.time() - 120)},
    "for ever": {"change_claims": _without("exp")},
    "from the future": {"change_claims": lambda claims: claims.update(iat=time.time() + 600)},
    "of long ago": {"change_claims": lambda claims: claims.update(iat=time.time() - 7_200)},
    "not yet": {"change_claims": lambda claims: claims.update(nbf=time.time() + 600)},
    "of nobody": {"change_claims": _without("sub")},
    "of everybody": {"change_claims": _set(sub="")},
    "of a list": {"change_claims": _set(sub=["a", "b"])},
    "a very long subject": {"change_claims": _set(sub="x" * 256)},
    "another access token's": {"change_claims": _set(at_hash="AAAAAAAAAAAAAAAAAAAAAA")},
    "unsigned": {"sign": _unsigned},
    "signed by another": {"sign": _signed_by_another},
    "signed with our secret": {"sign": _by_client_secret},
    "changed after signing": {"sign": _changed},
    "no token": {"sign": lambda _: "x.y.z"},
    "empty": {"sign": lambda _: ""},
    "not ASCII": {"sign": lambda _: "ü.ü.ü"},
}


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with openid_provider() as provider:
        site = Site(tmp_path_factory.mktemp("site"), provider)
        yield site
        site.manager.close()


@pytest.fixture
def honest(shared_site: Site) -> Iterator[Site]:
    """One site for many lies; each is taken back."""
    provider = shared_site.provider
    before = dict(vars(provider))
    provider.person = {"preferred_username": "ada"}
    yield shared_site
    vars(provider).update(before)


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_token_that_cannot_be_believed_lets_nobody_in(honest: Site, lie: str):
    with honest.browser() as browser:
        back = honest.leave(browser)
        for name, value in LIES[lie].items():
            setattr(honest.provider, name, value)
        answer = browser.get(back)

        told = is_problem(answer, 403, "openid_token")
        assert "Traceback" not in told["detail"]
        assert "framefarm" not in browser.cookies
        assert browser.get("/api/me").json() == {"user": None}
    assert honest.manager.http.get("/api/users").json()["users"] == []


# --- coming back otherwise than one left --------------------------------------------------------


def test_state_counts_once_and_in_the_browser_that_began(honest: Site):
    with honest.browser() as browser, honest.browser() as other, honest.browser() as third:
        back = honest.leave(browser)
        kept = browser.cookies["framefarm-openid"]
        is_problem(other.get(back), 400, "openid_state")
        honest.leave(other)
        is_problem(other.get(back), 400, "openid_state")

        assert browser.get(back).status_code == 303

        # All of it once more, with the cookie and with a code that has not been used.
        again = honest.leave(third)
        code = parse_qs(urlsplit(again).query)["code"][0]
        state = parse_qs(urlsplit(back).query)["state"][0]
        browser.cookies.set("framefarm-openid", kept)
        replayed = browser.get(CALLBACK, params={"code": code, "state": state})
        is_problem(replayed, 400, "openid_state")
    honest.manager.http.delete("/api/users/ada").raise_for_status()


@pytest.mark.parametrize(
    "changed",
    [
        {"state": ""},
        {"state": "x" * 43},
        {"state": "ü"},
        {"state": None},
    ],
    ids=str,
)
def test_another_state_is_refused(honest: Site, changed: dict[str, Any]):
    with honest.browser() as browser:
        back = urlsplit(honest.leave(browser))
        asked: dict[str, Any] = {k: v[0] for k, v in parse_qs(back.query).items()} | changed
        given = {name: value for name, value in asked.items() if value is not None}

        is_problem(browser.get(CALLBACK, params=given), 400, "openid_state")


@pytest.mark.parametrize("cookie", ["", "x", "gAAAAA" + "x" * 100, "ü"])
def test_cookie_that_is_none_of_ours_is_refused(honest: Site, cookie: str):
    with honest.browser() as browser:
        back = honest.leave(browser)
        headers = {"Cookie": f"framefarm-openid={cookie}".encode()}
        browser.cookies.clear()

        is_problem(browser.get(back, headers=headers), 400, "openid_state")  # type: ignore[arg-type]


def test_attempt_ends_after_ten_minutes(honest: Site, monkeypatch: pytest.MonkeyPatch):
    from framefarm.api.openid.attempts import Attempts  # noqa: PLC0415
    from framefarm.api.openid.errors import LostAttemptError  # noqa: PLC0415

    now = [1_000_000.0]
    attempts = Attempts(clock=lambda: now[0])
    made, sealed = attempts.begin("/")
    late, late_sealed = attempts.begin("/")

    now[0] += 599
    assert attempts.finish(sealed, made.state) == made
    now[0] += 2
    with pytest.raises(LostAttemptError):
        attempts.finish(late_sealed, late.state)
    del honest, monkeypatch


def test_code_of_another_attempt_is_refused_by_its_proof(honest: Site):
    """A code that somebody got hold of is worth nothing without the verifier (PKCE)."""
    with honest.browser() as thief, honest.browser() as victim:
        stolen = parse_qs(urlsplit(honest.leave(victim)).query)["code"][0]
        own = parse_qs(urlsplit(honest.leave(thief)).query)["state"][0]

        answer = thief.get(CALLBACK, params={"code": stolen, "state": own})

        is_problem(answer, 403, "openid_refused")


@pytest.mark.parametrize("issuer", ["https://evil.example", ""])
def test_answer_of_another_provider_is_refused_before_its_code_is_used(honest: Site, issuer: str):
    """The mix-up attack, RFC 9207."""
    honest.provider.says_issuer = issuer
    before = len(honest.provider.exchanged)
    with honest.browser() as browser:
        told = is_problem(browser.get(honest.leave(browser)), 403, "openid_token")

    assert "another provider" in told["detail"]
    assert len(honest.provider.exchanged) == before


def test_provider_that_says_who_it_is_must_say_it(
    make_site: Callable[..., Site], provider: Provider
):
    provider.change_offer = _set(authorization_response_iss_parameter_supported=True)
    site = make_site()
    with site.browser() as browser:
        is_problem(browser.get(site.leave(browser)), 403, "openid_token")
        provider.says_issuer = provider.url
        assert browser.get(site.leave(browser)).status_code == 303


def test_no_is_told(honest: Site):
    honest.provider.refuses = "access_denied<script>"
    with honest.browser() as browser:
        told = is_problem(browser.get(honest.leave(browser)), 403, "openid_refused")

    assert "access_denied?script?" in told["detail"]


@pytest.mark.parametrize(
    ("then", "shown"),
    [
        ("/jobs?state=failed#3", "/jobs?state=failed#3"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("", "/"),
    ],
)
def test_nobody_is_sent_elsewhere_in_the_end(honest: Site, then: str, shown: str):
    with honest.browser() as browser:
        back = browser.get(honest.leave(browser, then))

        assert (back.status_code, back.headers["location"]) == (303, shown)
    honest.manager.http.delete("/api/users/ada").raise_for_status()


def test_login_begins_at_the_address_that_it_comes_back_to(honest: Site):
    """Under another name the browser would not show the cookie when it comes back."""
    other = honest.manager.server.url.replace("127.0.0.1", "localhost")

    moved = httpx.get(f"{other}{START}?then=/jobs%26x", timeout=60)

    assert moved.status_code == 303
    assert moved.headers["location"].startswith(f"{honest.manager.server.url}{START}?moved=true&")
    assert "set-cookie" not in moved.headers


# --- providers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        _set(issuer="https://evil.example"),
        _set(token_endpoint="http://192.0.2.1/token"),
        _set(jwks_uri="file:///etc/passwd"),
        _set(authorization_endpoint="http://evil.example/authorize"),
        _without("token_endpoint"),
        _set(jwks_uri=7),
    ],
)
def test_provider_that_offers_what_it_should_not_is_not_used(
    make_site: Callable[..., Site], provider: Provider, change: Callable[[dict[str, Any]], None]
):
    provider.change_offer = change
    site = make_site()

    answer = site.manager.http.get(START)

    is_problem(answer, 503, "openid_unreachable")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:9", "http://192.0.2.1", "https://[::1]:9"])
def test_provider_that_does_not_answer_is_named(make_site: Callable[..., Site], issuer: str):
    site = make_site(issuer=issuer)

    told = is_problem(site.manager.http.get(START), 503, "openid_unreachable")

    assert issuer in told["detail"]


def test_wrong_secret_is_told_and_never_shown(make_site: Callable[..., Site]):
    site = make_site(client_secret="not-the-secret")

    with site.browser() as browser:
        told = is_problem(site.log_in(browser), 403, "openid_refused")

    assert "not-the-secret" not in str(told)
    assert "not-the-secret" not in repr(site.manager.settings)


def test_provider_that_fails_at_a_code_is_tried_again_later(
    make_site: Callable[..., Site], provider: Provider
):
    provider.status = 500
    site = make_site()

    with site.browser() as browser:
        is_problem(site.log_in(browser), 503, "openid_unreachable")
        provider.status = 200
        assert site.log_in(browser).status_code == 303


def test_new_keys_are_fetched_once_in_a_while(
    make_site: Callable[..., Site], provider: Provider, monkeypatch: pytest.MonkeyPatch
):
    site = make_site()
    with site.browser() as browser:
        assert site.log_in(browser).status_code == 303
        provider.new_key()
        # Not again at once: anybody could have the manager ask without end.
        is_problem(site.log_in(browser), 403, "openid_token")
        monkeypatch.setattr("framefarm.api.openid.provider._KEYS_EVERY_S", 0.0)
        assert site.log_in(browser).status_code == 303


def test_farm_without_a_provider_has_no_such_page(tmp_path: Path):
    manager = Manager(tmp_path)
    try:
        assert manager.http.get("/api/login").json()["openid"] is False
        assert manager.http.get(START).status_code == 404
    finally:
        manager.close()
