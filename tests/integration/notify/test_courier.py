"""The process that sends, and the servers that it sends to."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from framefarm.notify.addresses import BadAddressError
from framefarm.notify.courier import Courier
from framefarm.notify.journal import Journal
from framefarm.notify.letters import MARK, Letter
from framefarm.notify.mail_server import MailServer as FarmsServer
from framefarm.notify.mail_server import parse_mail_server
from framefarm.notify.outcomes import TOLD, Outcome
from framefarm.processes.errors import ChildStalledError
from tests.integration.notify.documented import is_from_the_farm
from tests.integration.notify.places import Hook, MailServer

SECRET = "ffh_secret"
HERE = ("127.0.0.1",)


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    async with await Courier.start() as made:
        yield made


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def post(url: str, **changes: Any) -> Letter:
    """A web hook's letter, to this machine unless told otherwise."""
    known = {"kind": "hook", "secret": SECRET, "payload": '{"id": "farm.1.2"}', "allowed": HERE}
    return Letter(
        **{"id": "farm.1.2", "address": url, "title": "t", "body": "b", **known, **changes}
    )


def service(url: str, **changes: Any) -> Letter:
    return post(url, kind="service", secret="", payload="", **changes)


def by_mail(server: FarmsServer | None, to: str = "ada@studio.example") -> Letter:
    return post(to, kind="mail", title="Job 7 is done", mail_server=server)


async def refused(courier: Courier, letter: Letter, journal: Path) -> Outcome:
    outcome = await courier.send(letter, journal)
    assert not outcome.ok
    assert outcome.reason
    return outcome


# --- web hooks ----------------------------------------------------------------------------------


async def test_hook_is_signed_as_the_documentation_checks_it(
    courier: Courier, hook: Hook, journal: Path
):
    assert await courier.send(post(hook.url), journal) == TOLD

    headers, body = hook.next()
    assert json.loads(body) == {"id": "farm.1.2"}
    assert headers["content-type"] == "application/json"
    assert MARK.lower() in headers
    assert is_from_the_farm(SECRET, headers, body)
    assert not is_from_the_farm("ffh_another", headers, body)
    assert not is_from_the_farm(SECRET, headers, body + b" ")
    old = headers | {"x-framefarm-timestamp": str(int(headers["x-framefarm-timestamp"]) - 600)}
    assert not is_from_the_farm(SECRET, old, body)
    assert not is_from_the_farm(SECRET, {}, body)
    assert Journal(journal).read() == {"farm.1.2": TOLD}


async def test_answers_of_a_hook_say_what_to_do(courier: Courier, hook: Hook, journal: Path):
    hook.answers += [500, (429, {"Retry-After": "90"}), 410, 404, 401]

    failed, busy, *gone = [await refused(courier, post(hook.url), journal) for _ in range(5)]

    assert (failed.for_ever, failed.reason) == (False, "it answered 500")
    assert (busy.for_ever, busy.retry_after_s) == (False, 90)
    assert all(outcome.for_ever for outcome in gone)


async def test_redirect_of_a_hook_is_not_followed(courier: Courier, hook: Hook, journal: Path):
    elsewhere = Hook()
    hook.answers.append((307, {"Location": elsewhere.url}))

    outcome = await refused(courier, post(hook.url), journal)

    assert "redirect" in outcome.reason
    assert elsewhere.posts.empty()
    elsewhere.close()


async def test_nobody_there_is_told_without_the_address(courier: Courier, journal: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/very-secret"

    outcome = await refused(courier, post(url), journal)

    assert not outcome.for_ever
    assert "very-secret" not in outcome.reason


async def test_certificate_that_nobody_trusts_is_refused(
    courier: Courier, hook: Hook, journal: Path
):
    outcome = await refused(courier, post(hook.url.replace("http", "https")), journal)

    assert "TLS" in outcome.reason


# --- addresses inside ---------------------------------------------------------------------------


def ways_inside(port: int) -> list[str]:
    """What leads to this machine without saying so."""
    hosts = ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::1]"]
    hosts += ["0.0.0.0", "[::ffff:127.0.0.1]", socket.gethostname()]  # noqa: S104
    return [f"{host}:{port}" for host in hosts]


async def test_nothing_inside_is_connected_to(courier: Courier, hook: Hook, journal: Path):
    port = int(hook.url.split(":")[2].split("/")[0])
    for place in ways_inside(port):
        for letter in (post(f"http://{place}/x"), service(f"gotify://{place}/token")):
            outcome = await refused(courier, replace(letter, allowed=()), journal)
            # To httpx and apprise some ways of writing an address are none at all.
            known = ("inside the farm's own network", "InvalidURL", "cannot read this address")
            why = (letter.kind, place, outcome.reason)
            assert any(told in outcome.reason for told in known), why

    assert hook.posts.empty()


async def test_redirect_of_a_service_gets_nowhere_inside(
    courier: Courier, hook: Hook, journal: Path
):
    """The first host is allowed; the one that it leads to is not."""
    there = Hook(host="127.0.0.2")
    there.answers.append((307, {"Location": hook.url}))
    letter = service(f"gotify://127.0.0.2:{there.port}/token", allowed=("127.0.0.2",))

    outcome = await refused(courier, letter, journal)

    there.next()
    there.close()
    assert hook.posts.empty()
    assert "redirect" in outcome.reason or "inside" in outcome.reason


async def test_what_one_message_was_allowed_the_next_one_is_not(
    courier: Courier, hook: Hook, journal: Path
):
    name = socket.gethostname()
    here = post(hook.url.replace("127.0.0.1", name), allowed=(name.lower(),))
    assert await courier.send(here, journal) == TOLD

    for url in (here.address, hook.url):
        outcome = await refused(courier, post(url, allowed=()), journal)
        assert "inside" in outcome.reason


async def test_no_proxy_of_the_managers_environment_is_used(
    hook: Hook, journal: Path, monkeypatch: pytest.MonkeyPatch
):
    proxy = Hook()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv(name.upper(), proxy.url)
    async with await Courier.start() as courier:
        assert await courier.send(post(hook.url), journal) == TOLD
        place = hook.url.removeprefix("http://").split("/")[0]
        assert await courier.send(service(f"gotify://{place}/token"), journal) == TOLD
    assert proxy.posts.empty()
    proxy.close()


# --- services -----------------------------------------------------------------------------------


async def test_service_is_told_and_what_it_answers_counts(
    courier: Courier, hook: Hook, journal: Path
):
    place = hook.url.removeprefix("http://").split("/")[0]
    letter = service(f"gotify://{place}/token", title="Job (@everyone <!channel>) is done")

    assert await courier.send(letter, journal) == TOLD
    headers, body = hook.next()
    told = json.loads(body)
    assert headers["x-gotify-key"] == "token"
    assert MARK.lower() in headers
    assert told["title"].startswith("Job (@")
    assert "@everyone" not in body.decode().encode().decode("unicode_escape")
    assert "<!channel" not in told["title"]

    hook.answers += [500, 401]
    assert not (await refused(courier, letter, journal)).for_ever
    assert (await refused(courier, letter, journal)).for_ever


@pytest.mark.parametrize(
    "address",
    [
        *("slack://nothing", "json://hook.example", "file:///etc/passwd", "dbus://", "https://x"),
        "ntfys://ntfy.example/topic?to=x;attach=/etc/passwd",
        "ntfys://ntfy.example/topic?to=x;verify=no",
        "gotifys://gotify.example/token?+X-Header=1",
    ],
)
async def test_address_that_no_service_reads_is_refused(courier: Courier, address: str):
    with pytest.raises(BadAddressError):
        await courier.check(address)


@pytest.mark.parametrize(
    "address",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "tgram://123456789:abcdefg_hijklmnop/12315544",
        "ntfys://topic",
        "gotifys://gotify.example/token",
        "matrixs://user:password@matrix.example/#room",
        "mailtos://user:password@mail.example?to=me@mail.example&smtp=smtp.mail.example",
        "workflows://prod-03.westus.logic.azure.com:443/643e69f83c8944438d68119179a10a64/KODuebWbDGY",
    ],
)
async def test_addresses_of_the_documentation_are_read(courier: Courier, address: str):
    await courier.check(address)


# --- mail ---------------------------------------------------------------------------------------


async def test_mail_is_one_that_clients_understand(
    courier: Courier, mail: MailServer, journal: Path
):
    server = parse_mail_server(mail.url, "farm@studio.example")

    assert await courier.send(by_mail(server), journal) == TOLD

    told = mail.next()
    assert told["Subject"] == "Job 7 is done"
    assert told["Message-ID"] == "<farm.1.2@127.0.0.1>"
    assert told["Auto-Submitted"] == "auto-generated"
    assert told["Date"]


async def test_answers_of_a_mail_server_say_what_to_do(courier: Courier, journal: Path):
    answers = {"no@studio.example": "550 no such user", "later@studio.example": "451 later"}
    server = MailServer(lambda address: answers.get(address, "250 OK"))
    farms = parse_mail_server(server.url, "farm@studio.example")

    gone = await refused(courier, by_mail(farms, "no@studio.example"), journal)
    later = await refused(courier, by_mail(farms, "later@studio.example"), journal)
    no_login = replace(farms, user="me", password="hunter2")
    login = await refused(courier, by_mail(no_login), journal)
    no_tls = await refused(courier, by_mail(replace(farms, encryption="smtp")), journal)
    server.close()
    away = await refused(courier, by_mail(farms), journal)

    assert (gone.for_ever, later.for_ever, away.for_ever) == (True, False, False)
    assert "550 no such user" in gone.reason
    assert "STARTTLS" in no_tls.reason
    assert "hunter2" not in login.reason
    assert not (await courier.send(by_mail(None), journal)).ok


# --- the process --------------------------------------------------------------------------------


async def test_place_that_hangs_ends_the_process_and_not_the_manager(journal: Path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        async with await Courier.start(longest_s=1.0) as courier:
            with pytest.raises(ChildStalledError):
                await courier.send(post(url), journal)
            assert not courier.alive

    assert Journal(journal).read() == {"farm.1.2": None}
