"""Addresses at which people can be told."""

from __future__ import annotations

import pytest

from framefarm.notify.addresses import BadAddressError, Kind, parse_address, parse_email
from framefarm.notify.networks import Allowed

SECRET = "s3cr3t-t0k3n"
NOBODY = Allowed()


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        (f"https://hook.example/{SECRET}?k={SECRET}#x", Kind.HOOK, "https://hook.example/..."),
        (f"https://hook.example:8443/{SECRET}", Kind.HOOK, "https://hook.example:8443/..."),
        (f"https://hooks.slack.com/services/T/B/{SECRET}", Kind.SERVICE, "https://hooks.slack.com"),
        (f"https://discord.com/api/webhooks/1/{SECRET}", Kind.SERVICE, "https://discord.com/..."),
        (f"slack://T1/B1/{SECRET}", Kind.SERVICE, "slack://..."),
        (f"tgram://123456789:{SECRET}/1", Kind.SERVICE, "tgram://..."),
        (f"mailtos://me:{SECRET}@mail.example?to=a@b.example", Kind.SERVICE, "mailtos://..."),
        (f"ntfys://me:{SECRET}@ntfy.example/topic?priority=high", Kind.SERVICE, "ntfys://..."),
        (f"workflows://host/wf/{SECRET}/?sig=x&api-version=1", Kind.SERVICE, "workflows://..."),
    ],
)
def test_what_is_taken_shows_no_secret(text: str, kind: Kind, shown: str):
    address = parse_address(f"  {text}\n", NOBODY)

    assert address.kind is kind
    assert address.shown.startswith(shown)
    assert SECRET not in address.shown
    assert "#x" not in address.text


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "hook.example", "ftp://hook.example/", "file:///etc/passwd", "://", "https://"),
        *("dbus://", "syslog://", "windows://", "macosx://", "gnome://", "json://hook.example"),
        *("xml://hook.example", "form://hook.example", "config://x", "include /etc/x"),
        *("https://a@hook.example/", "https://a:b@hook.example/", "http://hook.example/x"),
        *("http://hooks.slack.com/services/T/B/x", "https://[::1", "https://x:99999/"),
        *("https://localhost/", "https://LOCALHOST./", "https://127.0.0.1/", "https://10.0.0.1/"),
        *("https://2130706433/", "https://0x7f000001/", "https://0177.1/", "https://[::1]/"),
        *("https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest", "ntfys://10.0.0.1/t"),
        *("gotify://192.168.1.1/x", "mailto://u:p@127.0.0.1", "matrixs://u:p@localhost/#r"),
        *("mailto://u:p@mail.example?smtp=127.0.0.1", "https://hook.example/a b", "https://a\\b/"),
        *("slack://T/B/x?template=/etc/passwd", "mailto://u:p@h.example?pgpprv=/etc/key"),
        *("ntfys://t?attach=/etc/passwd", "slack://T/B/x?verify=no", "slack://T/B/x?retry=99"),
        *("slack://T/B/x?template=", "gotifys://h.example/x?+header=1", "slack://T/B/x?TEMPLATE=x"),
        "https://hook.example/" + "x" * 2000,
    ],
)
def test_what_is_not_taken_is_told_without_it(text: str):
    with pytest.raises(BadAddressError) as refused:
        parse_address(text, NOBODY)

    assert str(refused.value)
    for part in ("passwd", "u:p", "a:b", "latest"):
        assert part not in str(refused.value)


def test_what_the_admin_allows_is_taken_also_without_encryption():
    allowed = Allowed.parse(["chat.studio.lan", "10.0.0.0/8"])

    assert parse_address("http://chat.studio.lan:8080/x", allowed).kind is Kind.HOOK
    assert parse_address("https://10.1.2.3/x", allowed).kind is Kind.HOOK
    assert parse_address("gotify://10.1.2.3/x", allowed).kind is Kind.SERVICE
    with pytest.raises(BadAddressError):
        parse_address("http://other.lan/x", allowed)


@pytest.mark.parametrize(
    "text", ["", "x", "a@", "@b", "a b@c", "a@b,c@d", "A <a@b>", "a@b\nBcc: c"]
)
def test_what_is_no_email_address_is_refused(text: str):
    with pytest.raises(BadAddressError):
        parse_email(text)
