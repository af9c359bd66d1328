"""`framefarm limit`, `deadline`, `pools` and `users quota`, typed at a running farm."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator

import pytest

from framefarm.client.farm import Farm
from tests.integration.api.manager import until
from tests.integration.cli.conftest import LiveFarm, RunCli


@pytest.fixture
def farm_cli(cli: RunCli, live_farm: LiveFarm, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    monkeypatch.setenv("FRAMEFARM_URL", live_farm.url)
    return cli


@pytest.fixture
def job(farm_cli: RunCli) -> Iterator[str]:
    """A job that is paused, so that nothing becomes of it."""
    made = farm_cli("trial", "--units", "1-500", "--seconds", "5", "--no-watch", "--json")
    assert made.code == 0, made.err
    [known] = json.loads(farm_cli("jobs", "--json").out)
    number = str(known["id"])
    assert farm_cli("pause", number, "--now").code == 0
    yield number
    assert farm_cli("delete", number, "--yes").code == 0


def shown(farm_cli: RunCli, job: str) -> dict[str, object]:
    [known] = json.loads(farm_cli("jobs", "--json").out)
    assert str(known["id"]) == job
    return dict(known)


def test_a_job_is_limited_and_its_limit_lifted(farm_cli: RunCli, job: str):
    assert farm_cli("limit", job, "3").out == f"job {job} may have at most 3 slots at a time\n"
    assert shown(farm_cli, job)["max_workers"] == 3

    told = json.loads(farm_cli("limit", job, "none", "--json").out)

    assert told["max_workers"] is None
    assert (
        farm_cli("limit", job, "none").out == f"job {job} may have any number of slots at a time\n"
    )


def test_a_deadline_is_set_in_every_way_it_may_be_typed_and_taken_away(farm_cli: RunCli, job: str):
    for typed in ("+4h", "+90min", "+2d", "2036-12-01T18:00"):
        told = farm_cli("deadline", job, typed)
        assert told.code == 0, told.err
        assert str(shown(farm_cli, job)["deadline"]).startswith("20")
    assert re.match(r"2036-1[12]-\d\d", str(shown(farm_cli, job)["deadline"]))

    assert farm_cli("deadline", job, "none").code == 0

    assert shown(farm_cli, job)["deadline"] is None


def test_a_quota_is_set_shown_and_lifted(farm_cli: RunCli):
    assert farm_cli("users", "add", "ann").code == 0
    assert farm_cli("users", "quota", "ann").out == "ann: no quota; files take 0 bytes\n"

    told = farm_cli("users", "quota", "ann", "--jobs", "10", "--frames", "10,000", "--bytes", "50G")
    assert told.out == "ann: at most 10 jobs, 10,000 frames, 50 GiB of files; files take 0 bytes\n"
    told = farm_cli("users", "quota", "ann", "--jobs", "none", "--slots", "2", "--json")

    quota = json.loads(told.out)["quota"]
    assert quota == {"jobs": None, "frames": 10_000, "slots": 2, "bytes": 50 << 30}
    assert farm_cli("users", "remove", "ann").code == 0


def test_pools_are_listed_and_limited(farm_cli: RunCli):
    listed = farm_cli("pools").out.splitlines()
    assert listed[0].split()[:5] == ["POOL", "WORKERS", "HERE", "SLOTS", "BUSY"]
    assert [line.split()[0] for line in listed[1:]] == ["own", "friends", "public"]
    assert listed[1].split()[1:3] == ["1", "1"]

    told = farm_cli("pools", "limit", "public", "40", "--per-user", "10", "--per-job", "5")
    assert told.out.splitlines()[1].split()[-3:] == ["40", "10", "5"]
    told = farm_cli("pools", "limit", "public", "none", "--per-user", "none", "--json")
    assert json.loads(told.out)["max_slots_per_job"] == 5
    told = farm_cli("pools", "limit", "public", "--per-job", "none")

    assert told.out.splitlines()[1].split()[-3:] == ["-", "-", "-"]
    assert json.loads(farm_cli("pools", "--json").out)[2]["name"] == "public"


def test_uploads_are_listed_and_given_up(farm_cli: RunCli, live_farm: LiveFarm):
    assert farm_cli("users", "add", "eve").code == 0
    token = farm_cli("users", "token", "eve").out.strip()
    with Farm(live_farm.url, token=token) as farm:
        hashes = [
            farm.upload_in_chunks(io.BytesIO(content), len(content)) for content in (b"a", b"bc")
        ]
        assert {one.sha256 for one in farm.uploads()} == set(hashes)

    listed = farm_cli("uploads", "--user", "eve").out.splitlines()
    assert listed[-1] == "2 uploads, 3 bytes"
    assert all(line.endswith("no job needs it") for line in listed[:-1])
    assert farm_cli("uploads", "remove", hashes[0], "--user", "eve").out == "1 upload given up\n"
    told = farm_cli("uploads", "remove", "--unneeded", "--user", "eve")
    assert told.out == "1 upload given up\n"
    assert json.loads(farm_cli("uploads", "--user", "eve", "--json").out) == []
    assert farm_cli("users", "remove", "eve").code == 0


def test_leases_are_listed(farm_cli: RunCli, job: str):
    assert farm_cli("leases").err == "Nothing is given out.\n"
    assert farm_cli("leases", "--job", job).err == "Nothing of that is given out.\n"
    assert farm_cli("resume", job).code == 0
    with Farm(os.environ["FRAMEFARM_URL"]) as farm:
        until(lambda: list(farm.leases(job=int(job))), "a lease")

    heads, *rows = farm_cli("leases", "--job", job, "--worker", "ants").out.splitlines()
    told = json.loads(farm_cli("leases", "--pool", "own", "--json").out)

    columns = ["LEASE", "JOB", "KIND", "UNITS", "WORKER", "SLOT", "ATTEMPT", "SINCE"]
    assert heads.split() == columns
    assert rows[0].split()[1:3] == [job, "trial"]
    assert told[0]["worker"] == "ants"
    assert rows[0].split()[0] == told[0]["id"][-8:]


def test_leases_are_taken_back_by_name_and_by_job(farm_cli: RunCli, job: str):
    assert farm_cli("resume", job).code == 0
    with Farm(os.environ["FRAMEFARM_URL"]) as farm:
        until(lambda: list(farm.leases(job=int(job))), "a lease")
        # Nothing of it is given out anew.
        farm.pause(int(job))
        lease = next(farm.leases(job=int(job)))

        by_name = farm_cli("leases", "release", lease.id[-8:])
        by_job = farm_cli("leases", "release", "--job", job, "--json")
        nothing = farm_cli("leases", "release", "--job", job)

        assert list(farm.leases(job=int(job))) == []
    assert by_name.out == f"ants ({lease.slot}) gave back trial {lease.units} of job {job}\n"
    assert lease.id not in [one["id"] for one in json.loads(by_job.out)]
    assert (nothing.code, nothing.err) == (0, "Nothing of that is given out.\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("limit", "999", "3"), "job 999"),
        (("limit", "1", "0"), "neither a number from 1 to 100,000 nor none"),
        (("limit", "1"), "N|none"),
        (("deadline", "999", "+4h"), "job 999"),
        (("deadline", "1", "tomorrow"), "tomorrow"),
        (("users", "quota", "nobody", "--jobs", "1"), "There is no user 'nobody'"),
        (("users", "quota", "nobody", "--jobs", "-1"), "neither a number from 0 on nor none"),
        (("users", "quota", "nobody", "--bytes", "many"), "is no size; write such as 512M"),
        (("users", "quota", "nobody", "--bytes", "9999999T"), "is more than any farm has"),
        (("pools", "limit", "cats", "1"), "There is no pool 'cats'; there are own, friends"),
        (("pools", "limit", "own"), "say what is to be different"),
        (("pools", "limit", "own", "0"), "neither a number from 1 to 100,000 nor none"),
        (("pools", "limti"), "did you mean limit?"),
        (("leases", "--worker", "nobody"), "nobody"),
        (("leases", "--job", "999999"), "There is no job 999999"),
        (("leases", "release", "--job", "999999"), "There is no job 999999"),
        (("leases", "release"), "say which leases: either by name, or by --job"),
        (("leases", "release", "ff", "--job", "1"), "say which leases"),
        (("leases", "release", "nosuch"), "no lease ends with 'nosuch'; see: framefarm leases"),
        (("leases", "--job", "1", "release", "ff"), "write the options after release"),
        (("uploads",), "say whose"),
        (("uploads", "remove"), "name uploads by their hashes, or use --unneeded"),
        (("uploads", "--user", "nobody"), "There is no user 'nobody'"),
        (("pools", "--json", "limit", "own", "1"), "write the options after limit"),
    ],
)
def test_what_cannot_be_is_said(farm_cli: RunCli, words: tuple[str, ...], said: str):
    told = farm_cli(*words)

    assert told.code != 0
    assert said in told.err
    assert "Traceback" not in told.err
