"""`python -m tests.simulation`: run many seeds, or replay one."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from .mutations import MUTATIONS, broken
from .verdict import Verdict
from .world import SHORT_MINUTES, simulate

DAY_S = 86_400.0
TOLD_EVERY = 200
SEEDS_A_POOL = 1_000
"""Then other processes take over: one keeps a little of every seed that it has run."""


def find(mutation: str, seeds: range, minutes: float) -> str:
    """Break a rule and look for the first seed that finds it.

    Returns:
        A line of the table in `docs/explanation/simulation.md`.
    """
    with broken(mutation):
        for seed in seeds:
            verdict = simulate(seed, minutes)
            if verdict.broken:
                return f"| {mutation} | {seed} | {verdict.broken} |"
    return f"| {mutation} | none of {len(seeds)} | |"


def main() -> int:
    """Run what the command line says; 1 when a promise was broken."""
    options = _options()
    if options.seed is not None:
        listener = None if options.quiet else _say
        verdict = simulate(options.seed, options.minutes, listener)
        _say(_sentence(verdict))
        return 1 if verdict.broken else 0
    seeds = range(options.start, options.start + options.count)
    if options.mutate:
        return _mutate(options.mutate, seeds, options.minutes, options.processes)
    return _many(seeds, options.minutes, options.processes)


def _mutate(which: str, seeds: range, minutes: float, processes: int) -> int:
    names = [name for name in MUTATIONS if which in {"all", name, name.partition(".")[0]}]
    if not names:
        _say(f"there is no mutation {which}; there are: {', '.join(MUTATIONS)}")
        return 2
    lines = []
    with ProcessPoolExecutor(processes) as pool:
        for line in pool.map(partial(find, seeds=seeds, minutes=minutes), names):
            _say(line)
            lines.append(line)
    return 1 if any("| none of" in line for line in lines) else 0


def _many(seeds: range, minutes: float, processes: int) -> int:
    """Run seeds; each that fails is told at once, and where to go on now and then."""
    started, cpu_s, simulated_s, failing = time.monotonic(), 0.0, 0.0, []
    for done, verdict in enumerate(_verdicts(seeds, minutes, processes), start=1):
        cpu_s += verdict.cpu_s
        simulated_s += verdict.simulated_s
        if verdict.broken:
            failing.append(verdict.seed)
            _say(_sentence(verdict))
            _say(f"replay it: python -m tests.simulation --seed {verdict.seed}")
        if done % TOLD_EVERY == 0 and done < len(seeds):
            _say(f"{done} seeds done; to go on from here: --start {seeds.start + done}")
    _say(
        f"{len(seeds)} seeds, {simulated_s / DAY_S:.1f} simulated days in "
        f"{time.monotonic() - started:.0f} s, {60 * simulated_s / DAY_S / cpu_s:.2f} days a CPU "
        f"minute; failing seeds: {failing or 'none'}"
    )
    return 1 if failing else 0


def _verdicts(seeds: range, minutes: float, processes: int) -> Iterator[Verdict]:
    # Not `max_tasks_per_child`: in Python 3.11 the pool then stands still (CPython issue 115634).
    for start in range(0, len(seeds), SEEDS_A_POOL):
        with ProcessPoolExecutor(processes) as pool:
            some = seeds[start : start + SEEDS_A_POOL]
            yield from pool.map(partial(simulate, minutes=minutes), some, chunksize=4)


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
    parser.add_argument("--mutate", help="break a rule (L9.no_quarantine, L9, all) and find it")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    return parser.parse_args()


sys.exit(main())
