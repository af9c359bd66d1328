"""A stand-in for Blender that does the bad things real renders do: a real process, no Blender.

The file it is told to open says what it does: its content is `BLENDER-v500 what_to_do`. Processes
that it starts write their numbers into `pids` beside that file. Its GPUs stand in `devices.json`
beside its executable; those whose names hold "broken" render nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil

from framefarm.agent.executors.contract import SlotResources
from framefarm.agent.executors.render import RenderExecutor
from framefarm.agent.work import Outcome
from framefarm.blender.installations import BlenderInstallation
from framefarm.core.versions import BlenderVersion
from framefarm.processes.child_process import ChildLimits
from framefarm.protocol.tasks import RenderTask
from tests.integration.agent.resources import Steps, unit_work

_SCRIPT = '''
import json, os, pathlib, signal, socket, sys, time
line = socket.socket(fileno=int(sys.argv[-1])).makefile("rw")
PNG = bytes.fromhex("{png}")
pids = None
refusal = dict()
asked = "CPU"
own = pathlib.Path(sys.argv[0]).with_name("devices.json")
devices = json.loads(own.read_text()) if own.exists() else []

def used(wanted):
    for device in devices:
        if wanted == "GPU:" + device["id"]:
            return device["backend"] + ": " + device["name"]
    return "CPU"

def probe(wanted):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    pathlib.Path(sys.argv[0]).with_name("probed").write_text(f"{{cores}} {{os.nice(0)}}")
    if wanted != "CPU" and "broken" in used(wanted):
        return "refused", dict(kind="device", message="it rendered nothing but black")
    return "probed", dict(device=used(wanted), seconds=0.1)

def report(report, /, **fields):
    print(json.dumps({{"report": report, **fields}}), file=line, flush=True)

def note():
    with open(pids, "a") as file:
        file.write(f"{{os.getpid()}}\\n")

def fork(work):
    if os.fork() == 0:
        note()
        work()
        os._exit(0)

def eat():
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)) * 8)
        time.sleep(0.005)

def wait():
    while True:
        signal.pause()

def leave():
    """A child of a child, in a session of its own, that knows nothing of where it came from."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note()
            os.execve("/bin/sleep", ["sleep", "1000"], {{}})
        os._exit(0)

def leave_several():
    for _ in range(5):
        leave()
    fork(wait)
    time.sleep(0.2)

def share():
    held = bytearray(os.urandom(1 << 20)) * 120
    for _ in range(4):
        fork(lambda: time.sleep(3))
    time.sleep(2)

def flood():
    piece = b"a line that says nothing at all\\n" * 2048
    for _ in range(3000):
        os.write(1, piece)
    os.write(1, b"the last line\\n")

def flood_for_ever():
    while True:
        os.write(1, b"a line that says nothing at all\\n" * 2048)

def fill(folder):
    with open(pathlib.Path(folder, "much"), "wb", buffering=0) as file:
        while True:
            file.write(b"x" * (1 << 20))
            time.sleep(0.002)

def fill_up():
    with open(pathlib.Path(out_dir, "much"), "wb", buffering=0) as file:
        for _ in range(100):
            file.write(b"x" * (1 << 20))
    refusal.update(kind="render", message="the disk is full")

def scatter():
    for number in range(1_000_000):
        pathlib.Path(out_dir, str(number)).touch()

ACTS = {{
    "fill": lambda: fill(out_dir),
    "fill_temporary": lambda: fill(os.environ["TMPDIR"]),
    "fill_in_child": lambda: (fork(lambda: fill(out_dir)), wait()),
    "fill_up": fill_up,
    "scatter": scatter,
    "hang": wait,
    "eat": eat,
    "eat_in_child": lambda: (fork(eat), wait()),
    "share": share,
    "flood": flood,
    "flood_for_ever": flood_for_ever,
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda: os._exit(7),
    "leave": leave_several,
    "leave_and_hang": lambda: (leave_several(), wait()),
    "leave_and_die": lambda: (leave_several(), os.kill(os.getpid(), signal.SIGKILL)),
    "nothing": lambda: None,
    "fall_back": lambda: None,
}}

def render(order):
    print(f"about to {{act}}", flush=True)
    if act == "refuse":
        return "refused", dict(kind="no_camera", message="the scene has no camera")
    if act == "fill_gpu":
        return "refused", dict(kind="render", message="Out of memory in CUDA queue enqueue")
    global out_dir
    out_dir = order["out_dir"]
    ACTS[act]()
    if refusal:
        return "refused", refusal
    path = pathlib.Path(order["out_dir"], "0001.png")
    path.write_bytes(PNG)
    return "rendered", dict(
        frame=order["frame"], files=[dict(path=str(path), name=path.name)], others=[],
        seconds=1.0, phases={{}}, peak_memory_bytes=1, width=1, height=1,
        device="CPU" if act == "fall_back" else used(asked),
        file_format="PNG", samples=0)

report("hello", version_text="9.9.9", pid=os.getpid())
for order in line:
    order = json.loads(order)
    if order["order"] == "quit":
        os._exit(0)
    if order["order"] == "open":
        act = pathlib.Path(order["path"]).read_text().split()[1]
        pids = pathlib.Path(order["path"]).with_name("pids")
        said = "opened", dict(scene="S", scenes=["S"], warnings=[], again=False)
    elif order["order"] == "devices":
        said = "devices", dict(devices=devices)
    elif order["order"] == "probe":
        said = probe(order["device"])
    elif order["order"] == "configure":
        asked = order["settings"]["device"]
        said = "configured", dict(scene="S", engine="CYCLES", camera="C", file_format="PNG")
    else:
        said = render(order)
    os.write(1, ("\\n" + order["mark"] + "\\n").encode())
    report(said[0], **said[1])
'''

PNG = (
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


def stand_in(folder: Path) -> BlenderInstallation:
    """Write the stand-in's executable."""
    path = folder / "blender"
    path.write_text(f"#!{sys.executable}\n{_SCRIPT.format(png=PNG)}")
    path.chmod(0o755)
    return BlenderInstallation("executable", BlenderVersion(5, 0), "5.0.1", path)


def acting(folder: Path, act: str) -> RenderTask:
    """The task to render a file that says what the stand-in does; writes the file."""
    content = f"BLENDER-v500 {act}".encode()
    blend = folder / f"{act}.blend"
    if not blend.exists():
        blend.write_bytes(content)
    return RenderTask(
        blend_sha256=hashlib.sha256(content).hexdigest(),
        blend_name=blend.name,
        blend_size_bytes=len(content),
        blender="5.0",
        file_format="PNG",
        frame_path="####",
        extension=".png",
        expect_width=1,
        expect_height=1,
        source_path=str(blend),
    )


class StandInFarm:
    """A slot's render executor whose Blender is the stand-in."""

    def __init__(self, resources: SlotResources, folder: Path, limits: ChildLimits) -> None:
        self.folder = folder
        found = (stand_in(folder),)
        self.executor = RenderExecutor(replace(resources, blenders=found, limits=limits))
        self._units = 0

    async def render(self, act: str, *, stall_s: float = 30.0) -> Outcome:
        task = acting(self.folder, act)
        self._units += 1
        workdir = self.folder / f"unit-{self._units}"
        await asyncio.to_thread(workdir.mkdir)
        work = unit_work("render", task, limit_s=stall_s)
        return await self.executor.run(work, workdir, Steps())

    def started(self) -> list[int]:
        """Numbers of the processes that the stand-in started."""
        path = self.folder / "pids"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def left(self) -> list[int]:
        """Those of them that still run."""
        return [pid for pid in self.started() if runs(pid)]


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended and was not reaped does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


async def until(look: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait for something that processes did, which nobody tells."""
    async with asyncio.timeout(timeout_s):
        while not look():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
