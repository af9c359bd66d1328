"""Being told elsewhere, from the end of a job to a real server that is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from framefarm.notify.mail_server import parse_mail_server
from tests.integration.api.manager import Manager, until
from tests.integration.notify.places import MailServer


@pytest.fixture
def mail() -> Iterator[MailServer]:
    made = MailServer()
    yield made
    made.close()


@pytest.fixture
def manager(tmp_path: Path, mail: MailServer) -> Iterator[Manager]:
    server = parse_mail_server(mail.url, "farm@studio.example")
    made = Manager(tmp_path / "manager", mail_server=server, notify_allow=("127.0.0.1",))
    yield made
    made.close()
    made.check()


def test_a_job_that_is_done_is_told_by_mail(manager: Manager, mail: MailServer):
    asked = {"name": "me", "email": "ada@studio.example"}
    made = manager.http.post("/api/notifications/targets", json=asked)
    assert made.status_code == 201, made.text
    assert made.json()["secret"] is None

    job = manager.trial("1", name="shot 10")["id"]
    with manager.worker() as worker:
        worker.finish(worker.lease())
    told = mail.next()

    assert told["Subject"] == f"Job {job} (shot 10) is done"
    assert told["To"] == "ada@studio.example"
    assert told["From"] == "FrameFarm <farm@studio.example>"
    assert "1 of 1 units" in told.get_content()  # type: ignore[attr-defined]
    [one] = until(lambda: _sent(manager), "the note that it was sent")
    assert one["event"] == "job_done"
    assert one["target_name"] == "me"
    assert mail.mails.empty()


def _sent(manager: Manager) -> list[dict[str, object]]:
    answer = manager.http.get("/api/notifications?state=sent").raise_for_status()
    return list(answer.json()["notifications"])
