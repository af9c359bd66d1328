"""`python -m tests.simulation`: run many seeds, or replay one."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from .world import SHORT_MINUTES, Verdict, World

DAY_S = 86_400.0


def judge(seed: int, minutes: float) -> Verdict:
    """Simulate one seed."""
    return World(seed).run(minutes)


def main() -> int:
    """Run what the command line says; 1 when a promise was broken."""
    options = _options()
    if options.seed is not None:
        listener = None if options.quiet else _say
        verdict = World(options.seed, listener).run(options.minutes)
        _say(_sentence(verdict))
        return 1 if verdict.broken else 0
    seeds = range(options.start, options.start + options.count)
    return _many(seeds, options.minutes, options.processes)


def _many(seeds: Iterable[int], minutes: float, processes: int) -> int:
    started, cpu_s, simulated_s, broken = time.monotonic(), 0.0, 0.0, []
    with ProcessPoolExecutor(processes) as pool:
        for verdict in pool.map(partial(judge, minutes=minutes), seeds, chunksize=4):
            cpu_s += verdict.cpu_s
            simulated_s += verdict.simulated_s
            if verdict.broken:
                broken.append(verdict.seed)
                _say(_sentence(verdict))
    _say(
        f"{len(list(seeds))} seeds, {simulated_s / DAY_S:.1f} simulated days in "
        f"{time.monotonic() - started:.0f} s, {60 * simulated_s / DAY_S / cpu_s:.1f} days a CPU "
        f"minute; failing seeds: {broken or 'none'}"
    )
    return 1 if broken else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _sentence(verdict: Verdict) -> str:
    said = f"BROKEN: {verdict.broken}" if verdict.broken else "all promises kept"
    return (
        f"seed {verdict.seed}: {said} ({verdict.simulated_s:.0f} s simulated in "
        f"{verdict.cpu_s:.2f} s, {verdict.renders} renders, {verdict.extra_renders} extra of "
        f"{verdict.excused} excused, {verdict.commits} commits, {verdict.steps} steps)"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="replay one seed, with its trace")
    parser.add_argument("--quiet", action="store_true", help="without the trace")
    parser.add_argument("--start", type=int, default=0, help="first of many seeds")
    parser.add_argument("--count", type=int, default=200, help="how many seeds")
    parser.add_argument("--minutes", type=float, default=SHORT_MINUTES, help="of faults in each")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    return parser.parse_args()


sys.exit(main())
