"""A manager and workers on different machines."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.integration.api.manager import Manager, Worker
from tests.integration.other_machine import OtherMachine


@dataclass
class Far:
    """A manager that is asked from another machine."""

    manager: Manager
    elsewhere: OtherMachine

    def get(self, worker: Worker, sha256: str, **headers: str) -> tuple[int, bytes]:
        """Status and body."""
        port = int(self.manager.http.base_url.port or 0)
        shown = {"Authorization": f"Bearer {worker.key}", **headers}
        status, _, body = self.elsewhere.ask(port, "GET", f"/api/blobs/{sha256}", shown)
        return status, body

    def refuses(self, worker: Worker, sha256: str) -> bool:
        """Whether a file is refused because no lease needs it."""
        status, body = self.get(worker, sha256)
        return status == 403 and json.loads(body)["code"] == "not_leased"
