"""The list of workers as people see it."""

from __future__ import annotations

import click
import pytest

from framefarm.cli.display import worker_words as say
from framefarm.cli.display.worker_list import worker_lines
from framefarm.client.worker_views import WorkerSession
from tests.unit.cli.fleet import fleet, work, worker


def test_the_list_is_as_wide_as_the_page_and_sorted_as_people_count():
    lines = worker_lines(fleet(), width=80).split("\n")

    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[1:-3]] == [
        "attic",
        "kitchen",
        "laptop",
        "lent-by-kim",
        "node2",
        "node10",
        "oven",
        "w" * 13 + "…",
    ]
    assert lines[0].split() == ["WORKER", "STATE", "POOL", "CORES", "GIB", "GPU", "DOING"]
    assert lines[-3:] == [
        "",
        "8 workers: 2 busy, 2 drained, 1 disabled, 1 quarantined, 1 lost, 1 offline;",
        "connected: 96 cores, 320 GiB, 2 GPUs",
    ]
    assert "job 12 frame 57 41 %" in lines[6].replace("…", " %")


def test_columns_that_tell_nothing_are_left_out():
    heads = worker_lines([worker()], width=80).split("\n")[0]

    assert heads.split() == ["WORKER", "STATE", "CORES", "GIB", "DOING"]


def test_who_works_for_a_job_before_all_others_is_told():
    lines = worker_lines(
        [worker("a", session=WorkerSession(3, 12, "hero", "ada")), worker("b")], width=80
    ).split("\n")

    assert lines[0].split() == ["WORKER", "STATE", "CORES", "GIB", "FOR", "DOING"]
    assert "job 12" in lines[1]
    assert "job" not in lines[2]


def test_300_workers_take_a_line_each():
    many = [worker(f"node{n}", "busy", work=(work(), work("9"))) for n in range(300)]

    lines = worker_lines(many, width=80).split("\n")

    assert len(lines) == 303
    assert max(map(len, lines)) <= 80
    assert lines[-1].startswith("300 workers: 300 busy; connected: 4,800 cores")


def test_colours_change_nothing_but_the_colours():
    plain = worker_lines(fleet(), width=80)
    coloured = worker_lines(fleet(), width=80, colours=True)

    assert coloured != plain
    assert click.unstyle(coloured) == plain
    assert "\x1b[32mbusy" in coloured


def test_a_worker_named_like_its_state_is_coloured_in_the_right_place():
    [_, line, *_] = worker_lines([worker("busy", "busy")], width=80, colours=True).split("\n")

    assert line.startswith("busy")


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"state": "idle"}, "idle"),
        ({"state": "offline", "silent_s": 59.9}, "offline 59 s"),
        ({"state": "lost", "silent_s": 60}, "lost 1 min"),
        ({"state": "offline", "silent_s": 7_200}, "offline 2 h"),
        ({"state": "offline", "silent_s": 300_000}, "offline 3 d"),
        ({"state": "draining", "work": (work(),)}, "draining"),
        ({"state": "draining"}, "drained"),
        ({"state": "disabled", "connected": False}, "disabled, away"),
        ({"state": "revoked", "connected": False}, "revoked"),
    ],
)
def test_a_state_as_words(facts, shown):
    assert say.state(worker(**facts)) == shown


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({}, ""),
        ({"work": (work(),)}, "job 12 frame 57 41 % (shot_010)"),
        ({"work": (work("7", None),)}, "job 12 frame 7 (shot_010)"),
        ({"work": (work("7-9", None),)}, "job 12 frames 7-9 (shot_010)"),
        ({"work": (work("-5", -5, 0),)}, "job 12 frame -5 0 % (shot_010)"),
        (
            {"work": (work(), work("61", 61, 3))},
            "job 12 frames 57 41 %, 61 3 % (shot_010)",
        ),
        (
            {"work": (work(), work("3", None, kind="movie"))},
            "job 12 frame 57 41 % (shot_010); job 12 movie 3 (shot_010)",
        ),
        ({"work": (work("1", 1, 0, total=0, name=""),)}, "job 12 frame 1"),
        ({"restarting": True, "reason": "why not"}, "to be restarted; why not"),
    ],
)
def test_what_a_worker_does_as_words(facts, shown):
    assert say.doing(worker(**facts)) == shown


@pytest.mark.parametrize(
    ("gpus", "devices", "shown"),
    [
        ((), ("CPU",), ""),
        (("A",), (), "?"),
        (("A",), ("CPU", "OPTIX"), "OPTIX"),
        (("A", "A"), ("CUDA",), "2 CUDA"),
        (("A", "B"), ("CPU",), "2 ?"),
    ],
)
def test_what_a_worker_renders_on(gpus, devices, shown):
    assert say.graphics(worker(gpus=gpus, devices=devices)) == shown


def test_memory_has_a_decimal_only_where_it_tells_something():
    sizes = [int(gib * (1 << 30)) for gib in (0, 0.5, 7.8, 9.96, 64)]

    assert [say.gib(size) for size in sizes] == ["", "0.5", "7.8", "10", "64"]


def test_who_has_drained_is_counted_apart_from_who_still_drains():
    workers = [worker("a", state="draining"), worker("b", state="draining", work=(work(),))]

    assert (
        worker_lines(workers, width=80)
        .splitlines()[-1]
        .startswith("2 workers: 1 draining, 1 drained; ")
    )
