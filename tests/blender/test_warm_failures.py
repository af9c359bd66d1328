"""Whatever happens to Blender, the agent gets an error in words and goes on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from framefarm.blender.installations import BlenderInstallation
from framefarm.blender.warm import RenderSettings, WarmBlender
from framefarm.core.versions import BlenderVersion
from framefarm.processes.errors import (
    ChildCrashedError,
    ChildRefusedError,
    ChildStalledError,
    ChildStartError,
)

Scenes = dict[str, Path]
LONG = RenderSettings(samples=100_000)


def fake(tmp_path: Path, script: str) -> BlenderInstallation:
    """An executable that is no Blender."""
    path = tmp_path / "blender"
    path.write_text(f"#!{sys.executable}\n{script}\n")
    path.chmod(0o755)
    return BlenderInstallation("executable", BlenderVersion(9, 9), "9.9.9", path)


async def started(task: asyncio.Task[object], event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), 30)
    assert not task.done()


@pytest.mark.parametrize(
    ("sent", "stall_s", "error", "words"),
    [
        (signal.SIGKILL, 60, ChildCrashedError, "SIGKILL"),
        (signal.SIGSEGV, 60, ChildCrashedError, "rendering frame 1"),
        (signal.SIGSTOP, 1, ChildStalledError, "no progress for 1 s"),
    ],
)
async def test_a_blender_that_dies_or_hangs_in_a_frame_is_an_error_with_its_log(
    *,
    own_blender: BlenderInstallation,
    scenes: Scenes,
    tmp_path: Path,
    sent: signal.Signals,
    stall_s: float,
    error: type[Exception],
    words: str,
) -> None:
    scratch, out = tmp_path / "scratch", tmp_path / "out"
    scratch.mkdir()
    out.mkdir()
    warm = await WarmBlender.start(own_blender, scratch_dir=scratch)
    await warm.open(scenes["plain"])
    await warm.configure(LONG)
    rendering = asyncio.Event()
    task = asyncio.create_task(
        warm.render(1, out, on_progress=lambda _: rendering.set(), stall_s=stall_s)
    )
    await started(task, rendering)

    os.kill(warm.pid, sent)

    with pytest.raises(error, match=words) as caught:
        await task
    assert "Read blend" in caught.value.log_tail  # type: ignore[attr-defined]
    assert not warm.alive
    assert not psutil.pid_exists(warm.pid)
    assert list(scratch.iterdir()) == []
    with pytest.raises(ChildCrashedError):
        await warm.open(scenes["plain"])


async def test_a_cancelled_frame_ends_its_blender_at_once(
    own_blender: BlenderInstallation, scenes: Scenes, tmp_path: Path
) -> None:
    warm = await WarmBlender.start(own_blender)
    await warm.open(scenes["plain"])
    await warm.configure(LONG)
    rendering = asyncio.Event()
    task = asyncio.create_task(warm.render(1, tmp_path, on_progress=lambda _: rendering.set()))
    await started(task, rendering)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 60)
    assert not psutil.pid_exists(warm.pid)


async def test_a_blender_dies_with_the_agent(scenes: Scenes, tmp_path: Path) -> None:
    agent = f"""
import asyncio
from pathlib import Path
from framefarm.blender.installations import *
from framefarm.blender.warm import *
async def main():
    own = next(b for b in find_blenders() if str(b.path) == {sys.executable!r})
    warm = await WarmBlender.start(own, scratch_dir=Path({str(tmp_path)!r}))
    await warm.open(Path({str(scenes["plain"])!r}))
    await warm.configure(RenderSettings(samples=100_000))
    tell = lambda _: print(warm.pid, flush=True)
    await warm.render(1, Path({str(tmp_path)!r}), on_progress=tell)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", agent, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    blender = psutil.Process(int(await asyncio.wait_for(process.stdout.readline(), 30)))

    process.kill()

    await process.wait()
    await asyncio.to_thread(blender.wait, 60)
    assert not blender.is_running()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; print('libXi.so.6 is missing'); sys.exit(7)", "exit code 7: libXi.so.6"),
        ("import signal; print('up'); signal.pause()", "did not come up within 1 s"),
        ("import os, sys; os.write(int(sys.argv[-1]), b'nonsense\\n')", "exit code"),
    ],
)
async def test_what_does_not_start_is_explained(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(ChildStartError) as caught:
        await WarmBlender.start(fake(tmp_path, script), start_timeout_s=1, scratch_dir=tmp_path)
    assert words in str(caught.value)
    assert str(tmp_path / "blender") in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["blender"]  # noqa: ASYNC240


async def test_a_missing_executable_is_explained(tmp_path: Path) -> None:
    missing = BlenderInstallation("executable", BlenderVersion(5, 0), "5.0.0", tmp_path / "none")
    with pytest.raises(ChildStartError, match="No such file"):
        await WarmBlender.start(missing)


async def test_it_knows_no_secrets_and_its_children_die_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fake answers with its environment, and leaves a child behind when it is killed."""
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    script = """
import json, os, socket, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
line = socket.socket(fileno=int(sys.argv[-1])).makefile("rw")
def report(report, /, **fields):
    print(json.dumps({"report": report, **fields}), file=line, flush=True)
report("hello", version_text="9.9.9")
for order in line:
    order = json.loads(order)
    print("\\n" + order["mark"], flush=True)
    report("refused", kind="x", message=json.dumps({"env": dict(os.environ), "child": child.pid}))
"""
    warm = await WarmBlender.start(fake(tmp_path, script), scratch_dir=tmp_path)
    with pytest.raises(ChildRefusedError) as caught:
        await warm.close_file()
    await warm.quit(grace_s=0.1)

    answer = json.loads(caught.value.message)
    assert "SECRET_TOKEN" not in answer["env"]
    assert answer["env"]["CUDA_VISIBLE_DEVICES"] == "0"
    assert Path(answer["env"]["HOME"]).parent == tmp_path
    child = psutil.Process(answer["child"]) if psutil.pid_exists(answer["child"]) else None
    assert child is None or child.status() == psutil.STATUS_ZOMBIE


async def test_a_scene_may_run_its_scripts_only_when_allowed(
    own_blender: BlenderInstallation, scenes: Scenes
) -> None:
    async with await WarmBlender.start(own_blender, allow_scripts=True) as warm:
        opened = await warm.open(scenes["textures"])
    assert "scripts" not in {warning.kind for warning in opened.warnings}
