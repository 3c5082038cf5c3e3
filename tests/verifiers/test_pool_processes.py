"""The life of the pool's processes: what they inherit, and what ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from webscale_dagster.verifiers import Outcome
from webscale_dagster.verifiers.pool import Job, Pool

BAD = ("tests.verifiers.bad_types",)


def _bad(answer: str, truth: str = "fine") -> Job:
    return Job("bad", f"<answer>{answer}</answer>", truth)


def test_workers_inherit_no_descriptor_and_are_kept() -> None:
    with open(__file__, "rb") as file:
        os.set_inheritable(file.fileno(), True)
        with Pool(1, modules=BAD) as fresh:
            pids = {fresh.verify("bad", "pid", "").reason for _ in range(3)}
            held = fresh.verify("bad", "descriptors", "").reason
    assert len(pids) == 1
    # The standard three, jobs, outcomes, and the folder that is being listed.
    assert held.split(" ")[0].count(",") == 5, held


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def _ends(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _alive(pid)


def test_closing_ends_the_workers() -> None:
    with Pool(2, modules=BAD) as pool:
        found = pool.verify_many([_bad("pid", "")] * 2)
        pids = [int(outcome.reason.split()[0]) for outcome in found]
        assert all(map(_alive, pids))
    assert all(map(_ends, pids))
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.verify("number", "42", "42")


PARENT = """
import sys, threading, time
from webscale_dagster.verifiers.pool import Job, Pool
pool = Pool(2, modules=("tests.verifiers.bad_types",))
print(pool.verify("bad", "pid", "").reason.split()[0], flush=True)
jobs = [Job("bad", f"<answer>{answer}</answer>", "") for answer in ("pid", "spin 10")]
print(pool.verify_many(jobs[:1])[0].reason.split()[0], flush=True)
threading.Thread(target=pool.verify_many, args=(jobs[1:],), daemon=True).start()
time.sleep(0.3)
print("busy", flush=True)
time.sleep(60)
"""


@pytest.mark.service
def test_workers_die_with_their_parent_even_when_busy() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
    )
    assert parent.stdout is not None
    with parent:
        pids = {int(parent.stdout.readline()) for _ in range(2)}
        assert parent.stdout.readline() == "busy\n"
        assert all(map(_alive, pids))
        parent.send_signal(signal.SIGKILL)
    assert all(map(_ends, pids))


def _in_a_fork(check: str) -> None:
    """Run a script in a process of its own: forking the test runner would fork its threads."""
    script = f"""
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads at a fork
from webscale_dagster.verifiers import verify
from webscale_dagster.verifiers.pool import Pool, shared
{check}
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


@pytest.mark.service
def test_after_a_fork_the_child_has_a_pool_of_its_own() -> None:
    _in_a_fork(
        """
before = shared()
assert before.verify("number", "42", "42").outcome == "correct"
pid = os.fork()
if pid == 0:
    assert shared() is not before
    assert shared().verify("number", "42", "42").outcome == "correct"
    try:
        before.verify("number", "42", "42")
    except RuntimeError as error:
        assert "made before a fork" in str(error)
        shared().close()
        os._exit(7)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
assert before.verify("number", "42", "42").outcome == "correct"
print("fine")
"""
    )


@pytest.mark.service
def test_a_forked_child_does_not_keep_the_parents_workers_alive() -> None:
    _in_a_fork(
        """
import time
pool = Pool(1, modules=("tests.verifiers.bad_types",))
worker = int(pool.verify("bad", "pid", "").reason.split()[0])
pid = os.fork()
if pid == 0:
    time.sleep(60)
    os._exit(0)
(process,) = pool._workers
process._stream("stdin").close()
for _ in range(500):
    if os.path.exists(f"/proc/{worker}") and process._process.poll() is None:
        time.sleep(0.01)
assert process._process.poll() == 0, "the child holds the worker's input open"
os.kill(pid, 9)
os.waitpid(pid, 0)
print("fine")
"""
    )


@pytest.mark.service
def test_a_pool_can_be_closed_from_another_thread_while_it_verifies() -> None:
    pool = Pool(1, seconds=5, modules=BAD)
    found: list[Outcome] = []
    job = _bad("sleep 0.5", "sleep 0.5")
    thread = threading.Thread(target=lambda: found.extend(pool.verify_many([job])))
    thread.start()
    time.sleep(0.2)
    pool.close()
    thread.join(10)
    assert [outcome.outcome for outcome in found] == ["correct"]
