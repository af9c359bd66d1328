"""A real Chromium without a window, driven by its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PATIENCE_S = 40.0

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"
)


class Tab:
    """One page.

    Args:
        socket: To its DevTools.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def open(self, url: str) -> None:
        self.ask("Page.navigate", url=url)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def find(self, script: str) -> Any:
        """What a script finds in the page; while that is nothing, it is asked again."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            told = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
            value = told["result"].get("value")
            if value:
                return value
            time.sleep(0.05)
        text = self.ask(
            "Runtime.evaluate", expression="document.body.innerText", returnByValue=True
        )
        raise AssertionError(f"{script} found nothing in: {text}")

    def see(self, text: str) -> str:
        """The text of the page, once it has this in it."""
        return str(
            self.find(
                "document.readyState === 'complete' && "
                f"document.body.innerText.includes({json.dumps(text)}) && document.body.innerText"
            )
        )

    def click(self, selector: str) -> None:
        self.find(f"document.querySelector({json.dumps(selector)}) !== null")
        self.ask(
            "Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)}).click()"
        )

    def type(self, selector: str, text: str) -> None:
        """Type into a field, in place of what it holds."""
        self.find(
            f"(field => field && (field.focus(), field.select(), true))"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        self.ask("Input.insertText", text=text)

    def press_enter(self) -> None:
        """In the field that has the focus."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **key)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **key)

    def show_as(self, width: int, scheme: str) -> None:
        """Take on a width, and light or dark colours."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.ask("Emulation.setEmulatedMedia", features=[feature])

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))


@contextlib.contextmanager
def chromium(profile: Path) -> Iterator[Tab]:
    """A browser with one empty page."""
    assert CHROMIUM is not None
    browser = subprocess.Popen(
        [
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={profile}",
            "--remote-debugging-port=0",
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with connect(_page_of(profile), max_size=None, proxy=None) as socket:
            yield Tab(socket)
    finally:
        browser.terminate()
        browser.wait(20)


def _page_of(profile: Path) -> str:
    """Where the DevTools of the one page are."""
    import httpx  # noqa: PLC0415  only here

    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, IndexError, httpx.HTTPError, StopIteration):
            port = (profile / "DevToolsActivePort").read_text().split()[0]
            pages = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
            return str(next(one["webSocketDebuggerUrl"] for one in pages if one["type"] == "page"))
        time.sleep(0.05)
    raise AssertionError("Chromium did not start")
