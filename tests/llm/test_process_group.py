"""A program with children of its own: nothing of it is left, whatever happens to us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from webscale_dagster.llm import process_group
from webscale_dagster.llm.process_group import ProcessGroup, members

ROOT = Path(__file__).parents[2]
# A server that ignores SIGTERM, as vLLM's does while it starts, with an engine that does so too.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
engine = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
open(sys.argv[1] + ".new", "w").write(f"{os.getpid()} {engine.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""
# One that ends its engine when it is told to, and notes it.
OBEDIENT = STUBBORN.replace(
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    """def end(number, frame):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it may come twice
    engine.kill(); engine.wait(); open(sys.argv[1] + ".ended", "w").close(); sys.exit(0)
signal.signal(signal.SIGTERM, end)""",
)
PARENT = """
import sys, time
from webscale_dagster.llm.process_group import ProcessGroup
with open(sys.argv[1] + ".log", "ab") as log:
    group = ProcessGroup([sys.executable, "-S", "-c", sys.argv[2], sys.argv[1]], log)
print(group.pid, flush=True)
time.sleep(600)
"""


def _until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _started(program: str, note: Path) -> tuple[ProcessGroup, list[int]]:
    with note.with_suffix(".log").open("ab") as log:
        group = ProcessGroup([sys.executable, "-S", "-c", program, str(note)], log)
    _until(note.exists)
    return group, [int(pid) for pid in note.read_text().split()]


def test_stop_ends_a_program_that_will_not_and_its_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_group, "_LAST", 0.5)
    group, pids = _started(STUBBORN, tmp_path / "note")
    assert group.poll() is None
    assert sorted(members(group.pid)) == sorted(pids)
    group.stop(0.3)
    assert [_alive(pid) for pid in pids] == [False, False]
    assert members(group.pid) == {}
    assert group.poll() == -signal.SIGKILL
    assert group._guardian.poll() is not None


def test_a_program_that_ends_by_itself_has_time_to(tmp_path: Path) -> None:
    group, pids = _started(OBEDIENT, tmp_path / "note")
    began = time.monotonic()
    group.stop(20.0)
    assert time.monotonic() - began < 15
    assert (tmp_path / "note.ended").exists()
    assert group.poll() == 0
    assert not any(map(_alive, pids))


def test_a_child_that_is_left_over_is_ended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_group, "_LAST", 0.5)
    group, pids = _started(STUBBORN, tmp_path / "note")
    os.kill(group.pid, signal.SIGKILL)
    _until(lambda: group.poll() is not None)
    assert [_alive(pid) for pid in pids] == [False, True]
    group.stop(0.3)
    assert not any(map(_alive, pids))


@pytest.mark.service
def test_resource_trackers_end_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They free shared memory when their pipe closes: killed, they would leave it behind."""
    monkeypatch.setattr(process_group, "_LAST", 10.0)
    program = """
import os, subprocess, sys, time
reader, writer = os.pipe()
code = ("import os, sys; os.read(int(sys.argv[1]), 1); "
        "open(sys.argv[2] + '.cleared', 'w').close()  # resource_tracker")
tracker = subprocess.Popen(
    [sys.executable, "-S", "-c", code, str(reader), sys.argv[1]], pass_fds=[reader])
open(sys.argv[1] + ".new", "w").write(f"{os.getpid()} {tracker.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""
    group, pids = _started(program, tmp_path / "note")
    group.stop(5.0)
    assert (tmp_path / "note.cleared").exists()
    assert not any(map(_alive, pids))


def test_environment_and_both_streams(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import os, sys; print(os.environ['A']); print(sys.stdin.read(), file=sys.stderr)"
    with log.open("wb") as file:
        group = ProcessGroup([sys.executable, "-S", "-c", code], file, {"A": "of the environment"})
    _until(lambda: group.poll() is not None)
    group.stop(0.1)
    assert group.poll() == 0
    assert log.read_text().split("\n")[0] == "of the environment"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "program", [OBEDIENT, pytest.param(STUBBORN, marks=pytest.mark.service)], ids=["", "stubborn"]
)
def test_when_we_are_killed_the_guardian_ends_it(tmp_path: Path, program: str) -> None:
    note = tmp_path / "note"
    command = [sys.executable, "-c", PARENT, str(note), program]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        _until(note.exists)
        pids = [int(pid) for pid in note.read_text().split()]
        assert all(map(_alive, pids))
        parent.kill()
    _until(lambda: not any(map(_alive, pids)), 30.0)


@pytest.mark.timeout(60)
def test_when_the_guardian_is_killed_too_the_program_is_told(tmp_path: Path) -> None:
    note = tmp_path / "note"
    command = [sys.executable, "-c", PARENT, str(note), OBEDIENT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        _until(note.exists)
        assert parent.stdout is not None
        group = int(parent.stdout.readline())
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        for pid in map(int, children):
            if pid != group:
                os.kill(pid, signal.SIGKILL)
        parent.kill()
    _until((tmp_path / "note.ended").exists)


def test_the_guardian_waits_until_its_pipe_closes(tmp_path: Path) -> None:
    note = tmp_path / "note"
    program = subprocess.Popen([sys.executable, "-S", "-c", OBEDIENT, str(note)], process_group=0)
    guardian = subprocess.Popen(
        [sys.executable, "-m", "webscale_dagster.llm.process_group", str(program.pid)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
    )
    try:
        _until(note.exists)
        time.sleep(0.3)
        assert program.poll() is None and guardian.poll() is None
        assert guardian.stdin is not None
        guardian.stdin.close()
        assert program.wait(20) == 0
        assert guardian.wait(20) == 0
    finally:
        guardian.kill()
        program.kill()
