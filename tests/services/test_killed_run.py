"""A killed ``webscale run`` leaves no run "started" and no pool slot taken at the next."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import dagster as dg
import pytest

from tests.services.homes import BIN, environment, instance, wait_for, webscale, write_shards

pytestmark = [
    pytest.mark.service,
    pytest.mark.filterwarnings("ignore:::(dagster|pydantic)"),
]
STARTED = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])


def test_the_next_start_closes_the_killed_run(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    write_shards(tmp_path / "corpus", 1)
    assert webscale(home, "ingest", str(tmp_path / "corpus"), "--name", "s").returncode == 0
    (home / "locks").mkdir(exist_ok=True)
    with (home / "locks" / "admission").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # near_duplicates waits for it inside its pool
        _kill_in_the_pool(home)
    with instance(home) as before:
        (killed,) = before.get_runs(STARTED)
        assert before.event_log_storage.get_concurrency_info("admission").active_slot_count == 1

    again = webscale(home, "run", "--to", "near_duplicates")
    assert again.returncode == 0, again.stdout + again.stderr
    with instance(home) as after:
        assert after.get_runs(STARTED) == []
        closed = after.get_run_by_id(killed.run_id)
        assert closed is not None and closed.status is dg.DagsterRunStatus.FAILURE
        assert after.event_log_storage.get_concurrency_info("admission").active_slot_count == 0
        newest = after.get_runs(limit=1)[0]
        assert newest.run_id != killed.run_id
        assert newest.status is dg.DagsterRunStatus.SUCCESS
        assert newest.tags["dagster/partition"] == "s-00000"
    assert list((home / "locks").glob("run-*")) == []


def _kill_in_the_pool(home: Path) -> None:
    run = subprocess.Popen(
        [str(BIN / "webscale"), "run", "--to", "near_duplicates"],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: _slots(home) == 1, 120, "near_duplicates takes its slot")
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def _slots(home: Path) -> int:
    if not (home / "dagster" / "dagster.yaml").exists():
        return 0
    # Two makers of Dagster's databases get in each other's way: the run holds this lock meanwhile.
    with (home / "locks" / "dagster").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _active(home)


def _active(home: Path) -> int:
    with instance(home) as opened:
        return opened.event_log_storage.get_concurrency_info("admission").active_slot_count


def test_a_living_run_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from webscale_dagster.cli.locks import hold, is_held

    monkeypatch.setenv("WEBSCALE_HOME", str(tmp_path))
    assert hold("run-1")
    code = "import sys; from webscale_dagster.cli import locks; sys.exit(locks.is_held('run-1'))"
    environ = environment(tmp_path)
    asked = subprocess.run([str(BIN / "python"), "-c", code], env=environ, check=False)
    assert asked.returncode == 1
    code = "import os; from webscale_dagster.cli import locks; locks.hold('run-2'); os._exit(9)"
    died = subprocess.run([str(BIN / "python"), "-c", code], env=environ, check=False)
    assert died.returncode == 9 and (tmp_path / "locks" / "run-2").exists()
    assert not is_held("run-2") and not (tmp_path / "locks" / "run-2").exists()


def test_a_run_whose_code_server_died_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webscale_dagster.cli.runs import bury_launched, instance_at_home
    from webscale_dagster.definitions import defs

    monkeypatch.setenv("WEBSCALE_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    job = defs().resolve_job_def("index_benchmarks")
    with instance_at_home() as opened, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "alive"))
        server.listen()
        states = {}
        for name in ("alive", "dead"):
            info = json.dumps({"host": "localhost", "socket": str(tmp_path / name)})
            run = opened.create_run_for_job(
                job, tags={".dagster/grpc_info": info}, status=dg.DagsterRunStatus.STARTED
            )
            states[name] = run.run_id
        bury_launched(opened)
        found = {name: opened.get_run_by_id(run_id) for name, run_id in states.items()}
    assert {name: run and run.status.value for name, run in found.items()} == {
        "alive": "STARTED",
        "dead": "FAILURE",
    }
