"""Whom a worker believes: farms apart, certificates pinned, and nothing said to anyone else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from framefarm.agent import Agent, AgentSettings
from framefarm.agent.http import BadUrlError
from framefarm.agent.identity import IdentityFile
from framefarm.api.certificate import Certificate, own_certificate
from framefarm.api.serving import ManagerServer
from framefarm.client import Farm
from framefarm.client.errors import FarmUnreachableError, WrongCertificateError
from framefarm.client.pinning import pinned_context
from framefarm.farm.settings import ManagerSettings
from framefarm.protocol.join_token import JoinToken
from framefarm.protocol.messages import Bye
from tests.integration.agent.fake_manager import FakeManager

WAIT_S = 60.0


class TlsManager:
    """A manager, with TLS or without, asked over its own certificate."""

    def __init__(self, folder: Path, *, tls: bool = True, port: int = 0) -> None:
        self.certificate = own_certificate(folder) if tls else None
        self.server = ManagerServer(
            ManagerSettings(folder, low_water_bytes=0), port=port, certificate=self.certificate
        )
        self.server.start()
        pem = self.certificate.chain.read_text() if self.certificate else ""
        verify: Any = pinned_context(pem) if pem else True
        self.http = httpx.Client(base_url=self.server.url, timeout=WAIT_S, verify=verify)

    @property
    def fingerprint(self) -> str:
        assert self.certificate is not None
        return self.certificate.fingerprint

    @property
    def port(self) -> int:
        return int(self.http.base_url.port or 0)

    def token(self, fingerprint: str | None = None) -> str:
        made = self.http.post("/api/workers/invites", json={}).raise_for_status().json()["token"]
        secret = str(made).partition(".")[0]
        return JoinToken(secret, fingerprint or self.fingerprint).text

    def workers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/api/workers").json()["workers"]
        return found

    def trial(self, units: str) -> int:
        settings = {"units": units, "image_bytes": 3_000}
        made = self.http.post("/api/jobs", json={"kind": "trial", "settings": settings})
        return int(made.raise_for_status().json()["id"])

    def state(self, job: int) -> str:
        return str(self.http.get(f"/api/jobs/{job}").json()["state"])

    def close(self) -> None:
        self.http.close()
        self.server.stop()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[TlsManager]:
    made = TlsManager(tmp_path / "manager")
    yield made
    made.close()


@contextlib.asynccontextmanager
async def working(url: str, data_dir: Path, **settings: Any) -> AsyncIterator[asyncio.Task[bool]]:
    """An agent while the context is open."""
    values = {"log_level": "debug", "media": False, "warm_start": False, **settings}
    agent = Agent(url, AgentSettings(data_dir, **values), find=lambda _: [], die=lambda: 0.05)
    task = asyncio.create_task(agent.run())
    try:
        yield task
    finally:
        agent.stop()
        await asyncio.wait([task], timeout=WAIT_S)


async def until(look: Any, what: str) -> Any:
    """Wait for what only the outside of the agent can see."""
    deadline = time.monotonic() + WAIT_S
    found = await asyncio.to_thread(look)
    while not found:
        assert time.monotonic() < deadline, f"never came: {what}"
        await asyncio.sleep(0.02)
        found = await asyncio.to_thread(look)
    return found


# --- certificates -------------------------------------------------------------------------------


async def test_a_worker_joins_and_works_over_tls_and_remembers_the_certificate(
    manager: TlsManager, tmp_path: Path
):
    job = await asyncio.to_thread(manager.trial, "1-3")
    async with working(manager.server.url, tmp_path / "agent", join_token=manager.token()):
        await until(lambda: manager.state(job) == "done", "the job")
    known = IdentityFile(tmp_path / "agent").load().latest
    assert known is not None
    assert manager.certificate is not None
    assert known.certificate == manager.certificate.chain.read_text()

    # The next start has no token, and needs none.
    again = await asyncio.to_thread(manager.trial, "1-3")
    async with working(manager.server.url, tmp_path / "agent"):
        await until(lambda: manager.state(again) == "done", "the second job")
    assert len(manager.workers()) == 1


async def test_a_manager_with_another_fingerprint_is_told_nothing(
    manager: TlsManager, tmp_path: Path
):
    wrong = manager.token("0" * 64)
    with Middle(tmp_path / "evil", manager.port) as middle:
        for token in (wrong, manager.token()):
            async with working(middle.url, tmp_path / "agent", join_token=token) as task:
                with pytest.raises(WrongCertificateError, match="stands in between"):
                    await asyncio.wait_for(task, WAIT_S)
        assert middle.heard == b""
        assert middle.connections == 2
    assert manager.workers() == []
    assert not (tmp_path / "agent" / "identity.json").exists()


class Middle:
    """A man in the middle: decrypts with a certificate of his own, notes, and passes on."""

    def __init__(self, folder: Path, port: int, *, at: int = 0) -> None:
        mine: Certificate = own_certificate(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(mine.chain, mine.key)
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", at))
        self.port = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.heard = b""
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(WAIT_S)

    def _serve(self) -> None:
        while True:
            try:
                opened, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with opened, contextlib.suppress(OSError):
                opened.settimeout(5.0)
                with self._context.wrap_socket(opened, server_side=True) as plain:
                    while heard := plain.recv(4096):
                        self.heard += heard


async def test_a_man_in_the_middle_later_on_hears_neither_key_nor_result(
    manager: TlsManager, tmp_path: Path
):
    async with working(manager.server.url, tmp_path / "agent", join_token=manager.token()):
        await until(manager.workers, "the worker")
    port = manager.port
    manager.close()

    with Middle(tmp_path / "evil", 0, at=port) as middle:
        async with working(middle.url, tmp_path / "agent") as task:
            await until(lambda: middle.connections >= 3, "three tries")
            assert not task.done()
        assert middle.heard == b""


async def test_a_worker_that_is_connected_notices_a_man_in_the_middle(
    manager: TlsManager, tmp_path: Path, capfd
):
    async with working(manager.server.url, tmp_path / "agent", join_token=manager.token()) as task:
        await until(manager.workers, "the worker")
        port = manager.port
        await asyncio.to_thread(manager.close)
        with Middle(tmp_path / "evil", 0, at=port) as middle:
            await until(lambda: middle.connections >= 2, "two tries")
            assert middle.heard == b""
        assert "shows another certificate" in capfd.readouterr().err
        back = await asyncio.to_thread(TlsManager, tmp_path / "manager", port=port)
        await until(lambda: back.workers()[0]["state"] == "idle", "its return")
        assert not task.done()
        back.close()


async def test_a_certificate_that_nobody_told_of_is_not_trusted(
    manager: TlsManager, tmp_path: Path, capfd
):
    async with working(manager.server.url, tmp_path / "agent", log_level="warning") as task:
        said = ""

        def told() -> bool:
            nonlocal said
            said += capfd.readouterr().err
            return "join with the token" in said

        await until(told, "the reason")
        assert not task.done()
    assert manager.workers() == []


def test_a_token_of_a_manager_that_encrypts_is_never_sent_in_the_clear(tmp_path: Path):
    token = JoinToken("k7mq-2xw9-p4rt-8n3h", "0" * 64).text

    with pytest.raises(BadUrlError, match="begins with https"):
        Agent("http://127.0.0.1:7070", AgentSettings(tmp_path, join_token=token))


def test_commands_of_the_managers_machine_believe_its_certificate_and_no_other(
    manager: TlsManager, tmp_path: Path
):
    assert manager.certificate is not None
    right = manager.certificate.chain.read_text()
    wrong = own_certificate(tmp_path / "other").chain.read_text()

    with Farm(manager.server.url, certificate=right) as farm:
        assert farm.health().farm
    for other in (wrong, ""):
        with (
            Farm(manager.server.url, certificate=other) as farm,
            pytest.raises(FarmUnreachableError, match="not trusted"),
        ):
            farm.health()


# --- farms --------------------------------------------------------------------------------------


async def test_each_farm_hears_only_the_key_that_it_gave(tmp_path: Path):
    one = await asyncio.to_thread(TlsManager, tmp_path / "one", tls=False)
    two = await asyncio.to_thread(TlsManager, tmp_path / "two", tls=False)
    try:
        for manager in (one, two, one, two):
            async with working(manager.server.url, tmp_path / "agent"):
                await until(
                    lambda: [w["state"] for w in manager.workers()] == ["idle"],  # noqa: B023
                    "the worker",
                )
        found = IdentityFile(tmp_path / "agent").load().farms
    finally:
        one.close()
        two.close()

    assert len(found) == len({known.key for known in found}) == 2
    assert found[0].url == two.server.url


async def test_a_worker_comes_back_as_itself_when_the_address_of_its_farm_has_changed(
    tmp_path: Path,
):
    first = await asyncio.to_thread(TlsManager, tmp_path / "farm", tls=False)
    async with working(first.server.url, tmp_path / "agent"):
        [before] = await until(first.workers, "the worker")
    first.close()

    # Another port, and encrypted from now on.
    second = await asyncio.to_thread(TlsManager, tmp_path / "farm")
    async with working(second.server.url, tmp_path / "agent", fingerprint=second.fingerprint):
        await until(lambda: second.workers()[0]["state"] == "idle", "its return")
    after = second.workers()
    second.close()

    assert [worker["id"] for worker in after] == [before["id"]]
    known = IdentityFile(tmp_path / "agent").load().latest
    assert known is not None
    assert known.url == second.server.url
    assert known.certificate


async def test_results_for_another_farm_stay_until_that_one_is_there_again(tmp_path: Path):
    one = await asyncio.to_thread(TlsManager, tmp_path / "one", tls=False)
    two = await asyncio.to_thread(TlsManager, tmp_path / "two", tls=False)
    job = one.trial("1")
    outbox = tmp_path / "agent" / "outbox"
    async with working(one.server.url, tmp_path / "agent"):
        await until(lambda: one.state(job) == "done", "the job")
        # Taken back as if the answer had been lost with the manager's memory.
    entry = outbox / "1-1-abc"
    (entry / "files").mkdir(parents=True)
    (entry / "files" / "0000").write_bytes(b"x")
    (entry / "receipt.json").write_text(_receipt(IdentityFile(tmp_path / "agent")))
    try:
        async with working(two.server.url, tmp_path / "agent"):
            done = two.trial("1-3")
            await until(lambda: two.state(done) == "done", "the other farm's job")
        assert (entry / "receipt.json").exists()
        async with working(one.server.url, tmp_path / "agent"):
            await until(lambda: not entry.exists(), "the delivery")
    finally:
        one.close()
        two.close()


def _receipt(identities: IdentityFile) -> str:
    latest = identities.load().latest
    assert latest is not None
    sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    file = f'{{"name":"trial_0001.png","role":"image","sha256":"{sha256}","size_bytes":1}}'
    manifest = f'{{"stage":1,"attempt":1,"files":[{file}]}}'
    return (
        f'{{"lease":"{"a" * 32}","unit":1,"manifest":{manifest},"stored":["0000"],'
        f'"farm":"{latest.farm}"}}'
    )


# --- goodbyes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["revoked", "replaced", "join_token", "worker_key"])
async def test_a_goodbye_for_good_ends_the_worker_and_leaves_its_results(tmp_path: Path, code: str):
    from framefarm.agent.errors import RefusedByManagerError  # noqa: PLC0415

    entry = tmp_path / "agent" / "outbox" / "1-1-abc"
    (entry / "files").mkdir(parents=True)
    (entry / "files" / "0000").write_bytes(b"x")
    IdentityFile(tmp_path / "agent").save(IdentityFile(tmp_path / "agent").load())
    (entry / "receipt.json").write_text(
        '{"lease":"x","unit":1,"manifest":{"stage":1,"attempt":1,"files":[{"name":"a.png","role":'
        '"image","sha256":"' + "0" * 64 + '","size_bytes":1}]},"stored":["0000"]}'
    )
    async with FakeManager() as fake:
        fake.refuse_with = Bye("Not any more.", code=code)
        async with working(fake.url, tmp_path / "agent") as task:
            with pytest.raises(RefusedByManagerError, match="Not any more"):
                await asyncio.wait_for(task, WAIT_S)
        assert fake.connections == 1
        assert fake.arrivals == []
    assert (entry / "receipt.json").exists()
