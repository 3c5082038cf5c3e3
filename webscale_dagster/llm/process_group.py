"""Starts a program that has processes of its own, and ends all of them, whatever happens to us.

vLLM's engine and workers outlive a server that is killed, and keep the GPU's memory; while it
starts, it swallows SIGTERM. So beside the program a guardian is started
(``python -m webscale_dagster.llm.process_group GROUP``), which reads a pipe that closes when we
die, even by SIGKILL, and then ends the group: SIGTERM first, SIGKILL for what is left. Python's
resource trackers are left to end by themselves: they free the shared memory. Reads ``/proc``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_GENTLE = 10.0  # seconds after SIGTERM
_LAST = 5.0  # seconds for resource trackers to clear up


class ProcessGroup:
    """A program with all its children."""

    def __init__(
        self, command: Sequence[str], log: IO[bytes], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it, in the background, both streams into ``log``."""
        libc, parent = ctypes.CDLL(None), os.getpid()

        def die_with_us() -> None:  # should the guardian be killed too
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(environment or {})},
            preexec_fn=die_with_us,
            process_group=0,
        )
        self.pid = self._process.pid
        self._guardian = subprocess.Popen(
            [sys.executable, "-m", "webscale_dagster.llm.process_group", str(self.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def poll(self) -> int | None:
        """The exit code, once the program has ended."""
        return self._process.poll()

    def stop(self, seconds: float = _GENTLE) -> None:
        """End the program and whatever it started."""
        end(self.pid, seconds, self._process.poll)
        self._process.wait()
        self._guardian.kill()
        self._guardian.communicate()


def end(group: int, seconds: float = _GENTLE, reap: object = None) -> None:
    """SIGTERM for the leader, SIGKILL for what is left after so many seconds."""
    poll = reap if callable(reap) else lambda: None
    with contextlib.suppress(ProcessLookupError):
        os.kill(group, signal.SIGTERM)
    for signalled, wait in ((False, seconds), (True, _LAST)):
        deadline = time.monotonic() + wait
        while _workers(group) and time.monotonic() < deadline:
            poll()
            time.sleep(0.1)
        if not signalled:
            for pid in _workers(group):
                _kill(pid)
    deadline = time.monotonic() + _LAST
    while members(group) and time.monotonic() < deadline:
        poll()
        time.sleep(0.1)
    for pid in members(group):
        _kill(pid)


def members(group: int) -> dict[int, str]:
    """The living processes of a group, with their command lines; zombies are dead."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it ended meanwhile
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found[int(folder.name)] = line
    return found


def _workers(group: int) -> list[int]:
    return [pid for pid, line in members(group).items() if "resource_tracker" not in line]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.stdin.buffer.read()  # until whoever started us is gone
    end(int(sys.argv[1]))
