"""A joined movie in a real browser: it plays, has its length, and shows each frame at its time."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest

from framefarm.media.movies import encode_segment, join_segments
from framefarm.media.settings import default_for

CHROMIUM = shutil.which("chromium")
FRAMES, FPS = 60, 24
# Plays, and after a while reads one pixel of the frame shown back from a canvas.
PAGE = """<!doctype html><body><video muted src="%s"></video><script>
const video = document.querySelector("video");
const tell = (facts) => fetch("/told", {method: "POST", body: JSON.stringify(facts)});
video.onerror = () => tell({error: video.error.message});
const look = (now, frame) => {
  if (frame.mediaTime < 2.1) { video.requestVideoFrameCallback(look); return; }
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const pixel = Array.from(context.getImageData(5, 5, 1, 1).data.slice(0, 3));
  tell({width: video.videoWidth, height: video.videoHeight, duration: video.duration,
    shown_at: frame.mediaTime, pixel});
};
video.requestVideoFrameCallback(look);
video.play().catch((error) => tell({error: error.message}));
</script></body>"""


def grey_frames(folder: Path) -> list[Path]:
    """A film that becomes brighter by 4 from frame to frame."""
    paths = []
    for number in range(FRAMES):
        path = folder / f"{number:04d}.png"
        output = OpenImageIO.ImageOutput.create(str(path))
        output.open(str(path), OpenImageIO.ImageSpec(160, 90, 3, "uint8"))
        output.write_image(np.full((90, 160, 3), 4 * number, dtype=np.uint8))
        output.close()
        paths.append(path)
    return paths


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)")
@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_a_joined_movie_plays_in_a_browser(tmp_path: Path, container: str) -> None:
    settings = default_for(container, Fraction(FPS))
    frames = grey_frames(tmp_path)
    segments = []
    for first in range(0, FRAMES, 48):
        segments.append(tmp_path / f"{first}.{container}")
        encode_segment(frames[first : first + 48], settings, segments[-1], threads=2)
    movie = tmp_path / f"movie.{container}"
    join_segments(segments, settings, movie)
    page = tmp_path / "page.html"
    page.write_text(PAGE % movie.name, encoding="utf-8")

    told = shown_by_chromium(page, tmp_path / "profile")

    assert (told["width"], told["height"]) == (160, 90)
    assert told["duration"] == pytest.approx(FRAMES / FPS, abs=0.002)
    # Past the first segment's end is reached by playing on; the frame is the one of its time.
    number = round(float(str(told["shown_at"])) * FPS)
    assert number >= 2.1 * FPS
    assert told["pixel"] == pytest.approx([4 * number] * 3, abs=3)


class Site(ThreadingHTTPServer):
    """Serves a folder, and takes what a page has to tell."""

    def __init__(self, folder: Path) -> None:
        self.told: queue.SimpleQueue[dict[str, object]] = queue.SimpleQueue()
        super().__init__(("127.0.0.1", 0), partial(Pages, directory=str(folder)))


class Pages(SimpleHTTPRequestHandler):
    """One request of the page."""

    server: Site

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.told.put(json.loads(self.rfile.read(length)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def shown_by_chromium(page: Path, profile: Path) -> dict[str, object]:
    """What the page's script tells."""
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with Site(page.parent) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{site.server_port}/{page.name}"
        browser = subprocess.Popen(
            [CHROMIUM, *flags, f"--user-data-dir={profile}", "--remote-debugging-port=0", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return site.told.get(timeout=40)
        finally:
            browser.terminate()
            browser.wait(20)
            site.shutdown()
