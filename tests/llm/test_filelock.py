"""Locks that the kernel frees when their holder dies."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from webscale_dagster.llm.filelock import FileLock, is_free

HOLD = """
import sys, time; from pathlib import Path
from webscale_dagster.llm.filelock import FileLock
assert FileLock(Path(sys.argv[1])).take()
print("held", flush=True); time.sleep(60)
"""


def test_one_holds_it_and_others_are_told(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    one, other = FileLock(path), FileLock(path)
    assert is_free(path) and not path.exists()
    assert one.take()
    assert not is_free(path)
    assert not other.take()
    one.free()
    assert is_free(path)
    assert other.take()
    one.free()  # not its own any more: nothing happens
    assert not is_free(path)
    other.free()


def test_the_file_is_for_this_user_alone(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.take()
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
    lock.free()


def test_it_can_be_waited_for(tmp_path: Path) -> None:
    one, other, held = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock"), threading.Event()

    def wait() -> None:
        assert other.take(wait=True)
        held.set()

    assert one.take()
    thread = threading.Thread(target=wait)
    thread.start()
    assert not held.wait(0.2)
    one.free()
    assert held.wait(10)
    thread.join()
    other.free()


@pytest.mark.timeout(60)
def test_a_holder_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        assert not is_free(path)
        holder.kill()
        holder.wait()
        assert is_free(path)


def test_a_child_does_not_inherit_it(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.take()
    child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        lock.free()
        assert is_free(tmp_path / "lock")
    finally:
        child.kill()
        child.wait()
