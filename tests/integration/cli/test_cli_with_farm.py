"""The commands that talk to a manager, against a real one with a real worker."""

from __future__ import annotations

import json
import signal

import pytest

from framefarm.client import Farm
from tests.integration.cli.conftest import LiveFarm, RunCli
from tests.integration.cli.processes import Running, environment


@pytest.fixture
def farm_cli(cli: RunCli, live_farm: LiveFarm, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    monkeypatch.setenv("FRAMEFARM_URL", live_farm.url)
    return cli


def submit_trial(cli: RunCli, *words: str) -> int:
    told = cli("trial", "--no-watch", "--json", *words)
    assert told.code == 0, told.err
    job: int = json.loads(told.out)["job"]["id"]
    return job


def test_a_trial_is_watched_to_its_end(farm_cli):
    told = farm_cli("trial", "--units", "1-20", "--seconds", "0.01", "--image-bytes", "5000")

    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0].endswith(": 20 units")
    assert "units: 20 of 20" in lines
    assert told.err == ""


def test_frames_are_listed_with_who_made_them(farm_cli):
    assert farm_cli("trial", "--units", "1-5", "--seconds", "0").code == 0
    [view] = json.loads(farm_cli("jobs", "--json", "--limit", "1").out)
    job = str(view["id"])

    heads, *rows = farm_cli("frames", job, "--frames", "2-3").out.splitlines()
    told = json.loads(farm_cli("frames", job, "--state", "done", "--worker", "ants", "--json").out)
    none = farm_cli("frames", job, "--state", "failed")

    assert heads.split() == ["FRAME", "STATE", "SECONDS", "MEMORY", "WORKER", "DEVICE", "WHEN"]
    assert [row.split()[:2] for row in rows] == [["2", "done"], ["3", "done"]]
    assert all("ants" in row for row in rows)
    assert [one["frame"] for one in told] == [1, 2, 3, 4, 5]
    assert (none.code, none.out, none.err) == (0, "", f"Job {job} has no such frames.\n")
    assert "cats" in farm_cli("frames", job, "--frames", "cats").err


def test_stages_are_listed_with_what_they_took(farm_cli):
    assert farm_cli("trial", "--units", "1-5", "--seconds", "0").code == 0
    [view] = json.loads(farm_cli("jobs", "--json", "--limit", "1").out)

    heads, row = farm_cli("stages", str(view["id"])).out.splitlines()
    [stage] = json.loads(farm_cli("stages", str(view["id"]), "--json").out)

    assert heads.split()[:3] == ["STAGE", "STATE", "DONE"]
    assert row.split()[:4] == ["trial", "done", "5", "5"]
    assert (stage["done"], stage["progress"], stage["job"]) == (5, 1.0, view["id"])
    assert farm_cli("stages", "999999").code == 2


def test_json_lines_of_a_trial_end_with_its_figures(farm_cli):
    told = farm_cli("trial", "--units", "1-5", "--seconds", "0", "--json")

    lines = [json.loads(line) for line in told.out.splitlines()]
    assert lines[0]["event"] == "job"
    assert lines[-1]["event"] == "end"
    assert (lines[-1]["exit_code"], lines[-1]["done"], lines[-1]["frames"]) == (0, 5, 5)


def test_a_job_says_which_workers_may_do_it_and_why_tells_what_they_lack(farm_cli):
    wishes = ("--tag", "Big,eu", "--min-memory", "1M", "--pool", "friends", "--owner", "ada")
    job = submit_trial(farm_cli, "--units", "1-3", *wishes)
    [view] = json.loads(farm_cli("jobs", "--json", "--limit", "1").out)
    why = farm_cli("why", str(job))
    farm_cli("cancel", str(job))

    assert view["owner"] == "ada"
    assert view["requires"] == {
        "pool": "friends",
        "tags": ["big", "eu"],
        "min_memory_bytes": 1 << 20,
    }
    assert why.code == 0
    assert why.out.startswith(f"No worker works on job {job}.")
    assert "it lacks the tag big,eu" in " ".join(why.out.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--min-memory", "lots"), '"lots" is no size'),
        (("--pool", "mine"), "'mine' is not one of"),
        (("--tag", "no spaces please"), "'no spaces please' is no tag"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(farm_cli, words, told):
    refused = farm_cli("trial", "--no-watch", *words)

    assert refused.code == 2
    assert told in refused.err


def test_a_job_that_nobody_can_do_is_told_at_once(farm_cli):
    told = farm_cli("trial", "--units", "1-3", "--gpu", "--no-watch")
    json_told = farm_cli("trial", "--units", "1-3", "--gpu", "--no-watch", "--json")
    plain = farm_cli("trial", "--units", "1-3", "--seconds", "0", "--no-watch")
    job = told.out.split(":")[0].removeprefix("job ")
    for number in (job, str(json.loads(json_told.out)["job"]["id"])):
        farm_cli("cancel", number)

    assert told.code == 0
    assert "as things are no worker will do it" in told.err
    assert "the job asks for a GPU" in told.err
    assert "as things are no worker will do it" in json_told.err
    assert plain.err == ""


def test_a_job_is_shown_in_full_and_its_steering_answers_in_json(farm_cli, tmp_path):
    job = submit_trial(farm_cli, "--units", "1-500", "--seconds", "0.2")
    asked = {
        "pause": ("pause", str(job), "--now"),
        "priority": ("priority", str(job), "70"),
        "resume": ("resume", str(job)),
        "cancel": ("cancel", str(job)),
        "retry": ("retry", str(job), "--frames", "1-2"),
    }
    answers = {name: json.loads(farm_cli(*words, "--json").out) for name, words in asked.items()}
    shown = farm_cli("show", str(job))
    facts = json.loads(farm_cli("show", str(job), "--json").out)
    fetched = json.loads(farm_cli("fetch", str(job), tmp_path / "out", "--json").out)
    deleted = json.loads(farm_cli("delete", str(job), "--yes", "--json").out)

    assert {name: view["id"] for name, view in answers.items()} == dict.fromkeys(asked, job)
    assert answers["pause"]["state"] == "paused"
    assert answers["priority"]["priority"] == 70
    assert answers["cancel"]["state"] == "cancelled"
    assert shown.out.startswith(f"job {job}  trial\n")
    assert "500 units" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    assert facts["job"]["id"] == job
    assert facts["failures"] == []
    assert (fetched["job"], fetched["kept"]) == (job, 0)
    assert deleted == {"id": job, "deleted": True, "outputs_deleted": False}
    assert farm_cli("show", str(job)).code == 2


def test_files_are_fetched_as_they_are_made(farm_cli, tmp_path):
    job = submit_trial(farm_cli, "--units", "1-12", "--seconds", "0.1", "--image-bytes", "3000")

    told = farm_cli("fetch", str(job), tmp_path / "out", "--follow")

    assert told.code == 0
    assert told.out.startswith("12 files (")
    assert told.out.endswith("0 were there\n")
    files = sorted((tmp_path / "out").iterdir(), key=lambda file: file.stat().st_mtime)
    assert len(files) == 12
    # The last came long after the first: it was not there when fetching began.
    assert files[-1].stat().st_mtime - files[0].stat().st_mtime > 0.3


def test_only_the_frames_that_are_named_are_fetched(farm_cli, tmp_path):
    job = submit_trial(farm_cli, "--units", "1-6", "--seconds", "0", "--image-bytes", "3000")
    farm_cli("watch", str(job))

    told = farm_cli("fetch", str(job), tmp_path / "out", "--frames", "2-3,6")

    assert told.out.startswith("3 files (")
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == ["trial_0002.png", "trial_0003.png", "trial_0006.png"]
    wrong = farm_cli("fetch", str(job), tmp_path / "out", "--frames", "6-2")
    assert (wrong.code, "the span runs backwards" in wrong.err) == (2, True)
    none = farm_cli("fetch", str(job), tmp_path / "out", "--frames", "7-9", "--follow")
    assert (none.code, f"job {job} has no frames 7-9; it has 1-6" in none.err) == (2, True)


def test_following_a_job_that_was_cancelled_says_so(farm_cli, tmp_path):
    job = submit_trial(farm_cli, "--units", "1-100000", "--seconds", "0.05")
    farm_cli("cancel", str(job))

    told = farm_cli("fetch", str(job), tmp_path / "out", "--follow")

    assert told.code == 1
    assert f"job {job} is cancelled" in told.out


def test_a_job_is_listed_watched_and_fetched(farm_cli, tmp_path):
    job = submit_trial(farm_cli, "--units", "1-12", "--seconds", "0", "--image-bytes", "3000")
    watched = farm_cli("watch", str(job))
    listed = farm_cli("jobs")
    listed_json = json.loads(farm_cli("jobs", "--json", "--limit", "1").out)
    first, second = (farm_cli("fetch", str(job), tmp_path / "out") for _ in range(2))

    assert watched.code == 0
    assert listed.out.splitlines()[0].split()[:2] == ["JOB", "STATE"]
    assert listed.out.splitlines()[1].split()[:4] == [str(job), "done", "12", "12"]
    assert max(map(len, listed.out.splitlines())) <= 80
    assert [found["id"] for found in listed_json] == [job]
    assert first.code == second.code == 0
    assert first.out.startswith("12 files (")
    assert second.out.startswith("0 files (0 B) fetched")
    assert len(list((tmp_path / "out").iterdir())) == 12


def test_a_cancelled_job_ends_with_status_1_and_can_be_retried(farm_cli):
    job = submit_trial(farm_cli, "--units", "1-100000", "--seconds", "0.05")
    cancelled = farm_cli("cancel", str(job))
    watched = farm_cli("watch", str(job))
    again = farm_cli("cancel", str(job))
    retried = farm_cli("retry", str(job))
    farm_cli("cancel", str(job))

    assert (cancelled.code, cancelled.out) == (0, f"job {job} is cancelled\n")
    assert watched.code == 1
    assert (again.code, again.out) == (0, f"job {job} is cancelled\n")
    assert retried.code == 0
    assert retried.out.startswith((f"job {job} is queued, ", f"job {job} is running, "))


def test_a_job_is_paused_put_first_resumed_and_deleted(farm_cli):
    job = str(submit_trial(farm_cli, "--units", "1-100000", "--seconds", "0.05"))
    paused = farm_cli("pause", job, "--now")
    first = farm_cli("priority", job, "90")
    resumed = farm_cli("resume", job)
    unasked = farm_cli("delete", job)
    deleted = farm_cli("delete", job, "--yes")
    gone = farm_cli("pause", job)

    assert paused.out.startswith(f"job {job} is paused, ")
    assert "in work" not in paused.out
    assert first.out == f"job {job} has priority 90\n"
    assert resumed.out.startswith((f"job {job} is queued", f"job {job} is running"))
    assert (unasked.code, "--yes" in unasked.err) == (2, True)
    assert deleted.out == f"job {job} is deleted\n"
    assert (gone.code, gone.err.count("\n")) == (2, 1)


def test_frames_that_are_done_are_made_anew_when_named(farm_cli, live_farm):
    job = str(submit_trial(farm_cli, "--units", "1-5", "--seconds", "0"))
    farm_cli("watch", job)
    nothing = farm_cli("retry", job)
    anew = farm_cli("retry", job, "--frames", "2-3")
    both = farm_cli("retry", job, "--frames", "2", "--all")

    assert (nothing.code, "--frames" in nothing.err) == (2, True)
    # A worker may have begun, or even ended them, before the answer is there.
    assert (anew.code, anew.out.startswith(f"job {job} is ")) == (0, True)
    assert (both.code, "either" in both.err) == (2, True)
    assert farm_cli("watch", job).code == 0
    with Farm(live_farm.url) as farm:
        attempts = {unit.unit: unit.attempt for unit in farm.units(int(job), kind="trial")}
    assert attempts.keys() == {1, 2, 3, 4, 5}
    assert {unit for unit, attempt in attempts.items() if attempt > attempts[1]} == {2, 3}


def test_workers_are_listed(farm_cli):
    told = farm_cli("workers")

    assert told.out.splitlines()[0].split()[:2] == ["WORKER", "STATE"]
    assert told.out.splitlines()[1].split()[0] == "ants"
    assert json.loads(farm_cli("workers", "--json").out)[0]["name"] == "ants"


@pytest.mark.parametrize(
    "words",
    [
        ("watch", "999999"),
        ("fetch", "999999", "out"),
        ("cancel", "999999"),
        ("retry", "999999"),
        ("pause", "999999"),
        ("resume", "999999"),
        ("priority", "999999", "5"),
        ("delete", "999999", "--yes"),
        ("logs", "999999"),
        ("logs", "999999", "-5"),
        ("watch", "999999999999"),
    ],
    ids=" ".join,
)
def test_a_job_that_does_not_exist_is_told_in_one_line(farm_cli, tmp_path, words):
    told = farm_cli(*words)

    assert told.code == 2
    assert told.err.startswith("framefarm: error: ")
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert not (tmp_path / "out").exists()


def test_logs_of_a_job_without_failures_say_so(farm_cli):
    job = submit_trial(farm_cli, "--units", "1", "--seconds", "0")
    farm_cli("watch", str(job))

    assert "nothing failed" in farm_cli("logs", str(job)).err


def test_a_job_that_has_ended_is_watched_with_its_own_time(farm_cli):
    job = submit_trial(farm_cli, "--units", "1-3", "--seconds", "0.4")
    farm_cli("watch", str(job))
    told = farm_cli("watch", str(job))
    end = json.loads(farm_cli("watch", str(job), "--json").out.splitlines()[-1])

    assert "units: 3 of 3" in told.out.splitlines()
    assert "speed:" in told.out
    assert end["wall_s"] > 0.8
    assert end["rendered"] == 3


def test_no_job_in_a_state_is_told_from_no_job_at_all(farm_cli):
    submit_trial(farm_cli, "--units", "1", "--seconds", "0")
    told = farm_cli("jobs", "--state", "failed")

    assert told.err == "No job is like that; framefarm jobs lists all.\n"
    assert (told.code, told.out) == (0, "")


def test_what_to_type_next_names_the_manager_that_was_typed(farm_cli, live_farm):
    plain = farm_cli("trial", "--no-watch", "--units", "1", "--seconds", "0")
    told = farm_cli("trial", "--no-watch", "--units", "1", "--seconds", "0", "--url", live_farm.url)

    assert "--url" not in plain.out
    assert told.out.endswith(f" --url {live_farm.url}\n")


def test_a_file_that_is_no_blend_is_not_submitted(farm_cli, tmp_path):
    (tmp_path / "notes.blend").write_text("hello")
    before = len(json.loads(farm_cli("jobs", "--json").out))
    told = farm_cli("submit", "notes.blend")

    assert told.code == 2
    assert "not a .blend file" in told.err
    assert len(json.loads(farm_cli("jobs", "--json").out)) == before


def test_events_follow_the_whole_farm(farm_cli, live_farm):
    env = environment(live_farm.home, FRAMEFARM_URL=live_farm.url)
    lines = Running("events", env=env)
    objects = Running("events", "--kind", "unit", "--json", env=env)
    try:
        lines.wait_for("following; Ctrl-C ends it")
        objects.wait_for('{"event":"begin"}')
        job = submit_trial(farm_cli, "--units", "1-2")
        lines.wait_for(": done, 2 of 2")
        objects.wait_for('"unit":2')
        code = lines.stop(signal.SIGINT)
    finally:
        lines.kill()
        objects.kill()

    first = json.loads(objects.lines[1])
    assert (first["event"], first["state"], first["worker"]) == ("unit", "done", "ants")
    (done,) = [line for line in lines.lines if f" job {job} trial 1: done in " in line]
    assert done.endswith(" by ants")
    assert code == 130
    assert not any("Traceback" in line for line in lines.lines)


def test_events_of_a_job_that_is_not_there_are_not_waited_for(farm_cli):
    told = farm_cli("events", "--job", "999999")

    assert told.code == 2
    assert "There is no job 999999" in told.err


def test_ctrl_c_leaves_a_watched_job_running(farm_cli, live_farm):
    job = submit_trial(farm_cli, "--units", "1-100000", "--seconds", "0.05")
    env = environment(live_farm.home, FRAMEFARM_URL=live_farm.url)
    watching = Running("watch", str(job), env=env)
    watching.wait_for("unit")

    code = watching.stop(signal.SIGINT)
    state = json.loads(farm_cli("jobs", "--json", "--limit", "1").out)[0]["state"]
    farm_cli("cancel", str(job))

    assert code == 130
    assert watching.lines[-1] == f"framefarm: job {job} goes on without being watched"
    assert state == "running"


def test_a_second_manager_on_the_same_data_or_port_is_refused(live_farm, tmp_path):
    port = live_farm.url.rpartition(":")[2]
    same_data = Running("serve", "--listen", "127.0.0.1:0", env=environment(live_farm.home))
    same_port = Running("serve", "--listen", f"127.0.0.1:{port}", env=environment(tmp_path))

    codes = same_data.end(), same_port.end()
    assert codes == (75, 2)
    assert "Another manager uses" in same_data.lines[-1]
    assert "another program uses that port" in same_port.lines[-1]


def test_zz_worker_and_manager_stop_cleanly_on_signals(live_farm):
    """The last test of this module: it stops what the others use."""
    assert live_farm.worker.stop(signal.SIGTERM) == 0
    assert live_farm.serve.stop(signal.SIGINT) == 0
    assert not [line for line in live_farm.worker.lines if "Traceback" in line]
    assert not [line for line in live_farm.serve.lines if "Traceback" in line]
