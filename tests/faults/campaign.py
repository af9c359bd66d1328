"""Hundreds of faults, several farms at a time, and the page that tells what became of them.

    python -m tests.faults.campaign [--kills 200] [--others 100] [--farms 4] [--seed 1]
        [--minutes 3]

Farms run with the product's own settings. What is done is kept in `build/faults/results.jsonl`: a
campaign that was interrupted, or whose minutes were over, goes on where it was when the same
command is given again. At the end `docs/reliability.md` is written and the results are put aside.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random
from typing import Any

import psutil

from tests.faults import disks, links
from tests.faults.farm import Farm
from tests.faults.finishes import FINISHES
from tests.faults.kills import KILLS
from tests.faults.lines import LINES
from tests.faults.manager_kills import ALONE, MANAGER_KILLS
from tests.faults.outages import OUTAGES
from tests.faults.page import reliability_page
from tests.faults.steering import STEERING
from tests.faults.strikes import Fault, run

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "build" / "faults" / "results.jsonl"
PAGE = ROOT / "docs" / "reliability.md"

stopping = threading.Event()
"""Set by Ctrl-C and when the minutes are over: farms end what they are at, so that nothing of them
stays behind."""

starting = threading.Lock()
"""Held while a farm starts, or a manager is killed and started again: on two cores a start that has
to share them with seven other programs' starts says nothing of how long one takes."""

OpenFarm = Callable[[Path], contextlib.AbstractContextManager[Farm]]


@dataclass(frozen=True)
class Turn:
    """One injection to make: the n-th of its kind."""

    fault: Fault
    n: int

    def random(self, seed: int) -> Random:
        """What decides about it."""
        return Random(f"{seed} {self.fault.name} {self.n}")


class Results:
    """What has been done, a line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)

    def all(self) -> list[dict[str, Any]]:
        """Every line so far."""
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text().splitlines()]

    def add(self, turn: Turn, seconds: float, verdict: dict[str, Any]) -> None:
        """Add a line, and tell it."""
        found = {"fault": turn.fault.name, "group": turn.fault.group, "n": turn.n}
        # Of all programs here, since the line before.
        busy_cores = round(psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1), 2)
        line = {**found, "seconds": round(seconds, 2), "busy_cores": busy_cores, **verdict}
        with self._writing, self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            sys.stdout.write(f"{turn.fault.name} {turn.n}: {_short(verdict)} ({seconds:.1f} s)\n")
            sys.stdout.flush()

    def put_aside(self) -> None:
        """Let the next campaign begin anew."""
        self._path.replace(self._path.with_name("last.jsonl"))


def _short(verdict: dict[str, Any]) -> str:
    return "; ".join(verdict["wrong"]) or "well"


def turns(faults: Sequence[Fault], wanted: int) -> Iterator[Turn]:
    """So many injections, of all kinds equally, but for those that are to be made more often."""
    a_round = [fault for fault in faults for _ in range(fault.often)]
    made: Counter[str] = Counter()
    for number in range(wanted if a_round else 0):
        fault = a_round[number % len(a_round)]
        yield Turn(fault, made[fault.name])
        made[fault.name] += 1


def work_off(queue: SimpleQueue[Turn], open_farm: OpenFarm, results: Results, *, seed: int) -> None:
    """Make injections until none is left, in a farm of one's own."""
    while not (queue.empty() or stopping.is_set()):
        folder = Path(tempfile.mkdtemp(prefix="faults-"))
        try:
            with contextlib.ExitStack() as stack:
                with starting:
                    farm = stack.enter_context(open_farm(folder / "farm"))
                farm.alone = starting
                _strike_while_sound(queue, farm, results, seed)
        except AssertionError as error:
            sys.stdout.write(f"a farm did not start: {error}\n")
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _strike_while_sound(queue: SimpleQueue[Turn], farm: Farm, results: Results, seed: int) -> None:
    """Until something went wrong: the next fault shall not have to pay for it."""
    for _ in range(_FARM_LASTS):
        try:
            turn = queue.get_nowait()
        except Empty:
            return
        if stopping.is_set():
            return
        began = time.monotonic()
        try:
            verdict = run(farm, turn.fault, turn.random(seed))
        except Exception as error:  # noqa: BLE001  it is this fault's result
            results.add(turn, time.monotonic() - began, {"wrong": [f"{error!r:.500}"]})
            _keep_evidence(farm, turn)
            return
        wrong = verdict.faults()
        results.add(turn, time.monotonic() - began, {**asdict(verdict), "wrong": wrong})
        if wrong:
            _keep_evidence(farm, turn)
            return


_FARM_LASTS = 12
"""Injections to a farm. Failures add up to a worker's quarantine, as they should (L9)."""


def _keep_evidence(farm: Farm, turn: Turn) -> None:
    kept = RESULTS.parent / "evidence" / f"{turn.fault.name.replace(' ', '_')}_{turn.n}"
    kept.mkdir(parents=True, exist_ok=True)
    for path in (*farm.folder.glob("*.log"), farm.record.path, *farm.data.glob("farm.db*")):
        with contextlib.suppress(OSError):
            shutil.copy(path, kept)


def _possible(others: Sequence[Fault]) -> tuple[list[Fault], list[str]]:
    """The faults that can be made here, and why some cannot."""
    missing = {links.LINKS: links.why_not(), disks.DISKS: disks.why_not()}
    left_out = {fault.name for faults, why in missing.items() if why for fault in faults}
    told = [why for why in missing.values() if why]
    return [fault for fault in others if fault.name not in left_out], told


def main() -> int:
    """Run a campaign; 1 when something that must hold did not."""
    asked = _parser().parse_args()
    others, told = _possible((*LINES, *FINISHES, *OUTAGES, *STEERING, *links.LINKS, *disks.DISKS))
    results = Results(RESULTS)
    done = {(one["fault"], one["n"]) for one in results.all()}
    beside = [*turns((*KILLS, *MANAGER_KILLS), asked.kills), *turns(others, asked.others)]
    alone = list(turns(ALONE, asked.alone))
    wanted = [*beside, *alone]
    left, left_alone = (
        [turn for turn in some if (turn.fault.name, turn.n) not in done] for some in (beside, alone)
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    if asked.minutes:
        clock = threading.Timer(asked.minutes * 60, stopping.set)
        clock.daemon = True
        clock.start()
    _run(left, asked.farms, results, seed=asked.seed)
    work_off(_queue_of(left_alone), Farm, results, seed=asked.seed)
    lines = results.all()
    if len(lines) < len(wanted):
        sys.stdout.write(f"{len(lines)} of {len(wanted)}; the same command goes on from here\n")
        return 130
    PAGE.write_text(reliability_page(lines, asked=vars(asked), left_out=told), encoding="utf-8")
    results.put_aside()
    return 1 if any(line["wrong"] for line in lines) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--others", type=int, default=100)
    parser.add_argument("--alone", type=int, default=30, help="managers killed, one after another")
    parser.add_argument("--farms", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1, help="another one strikes elsewhere")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin nothing more after them")
    parser.add_argument("--note", default="", help="what a reader of the page should know")
    return parser


def _queue_of(left: Iterable[Turn]) -> SimpleQueue[Turn]:
    queue: SimpleQueue[Turn] = SimpleQueue()
    # All kinds in turn, so that one that does not work shows early.
    for turn in sorted(left, key=lambda turn: turn.n):
        queue.put(turn)
    return queue


def _run(left: Sequence[Turn], farms: int, results: Results, *, seed: int) -> None:
    """Work all off, half of the farms with the faults after which a manager starts again."""
    restarts = _queue_of(turn for turn in left if turn.fault in MANAGER_KILLS)
    small = _queue_of(turn for turn in left if turn.fault in disks.DISKS)
    plain = _queue_of(turn for turn in left if turn.fault not in (*MANAGER_KILLS, *disks.DISKS))
    open_farms: list[tuple[SimpleQueue[Turn], OpenFarm]] = [
        *[(restarts, Farm)] * max(1, farms // 2),
        *[(plain, Farm)] * max(1, farms - farms // 2),
        (small, disks.small_disks),
    ]
    with ThreadPoolExecutor(len(open_farms)) as threads:
        jobs = [
            threads.submit(work_off, queue, open_farm, results, seed=seed)
            for queue, open_farm in open_farms
        ]
        for job in jobs:
            job.result()


if __name__ == "__main__":
    sys.exit(main())
