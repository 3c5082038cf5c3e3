"""Starts, watches and stops Dagster's processes on 127.0.0.1."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from webscale_dagster.home import home, prepare_dagster_home

_PATIENCE = 20.0  # seconds a process is given after SIGTERM
_PR_SET_PDEATHSIG = 1  # prctl(2)
_TIE = (
    "import ctypes, os, sys; "
    f"ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, {signal.SIGTERM.value}); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def program(name: str) -> str:
    """A program installed beside this Python."""
    return str(Path(sys.executable).with_name(name))


def _workspace() -> list[str]:
    return ["-w", str(prepare_dagster_home() / "workspace.yaml")]


def webserver(port: int) -> list[str]:
    """The command of the web server, on loopback only: Dagster has no login of its own."""
    where = ["-h", "127.0.0.1", "-p", str(port)]
    return [program("dagster-webserver"), *_workspace(), *where]


def daemon() -> list[str]:
    """The command of the daemon: queue, sensors, schedules, backfills."""
    return [program("dagster-daemon"), "run", *_workspace()]


@contextmanager
def running(commands: Sequence[list[str]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes while the block runs; then SIGTERM, and SIGKILL for whoever stays."""
    prepare_dagster_home()
    environment = os.environ | {"WEBSCALE_HOME": str(home()), "DAGSTER_DISABLE_TELEMETRY": "1"}
    started = [
        subprocess.Popen(_tied(command), env=environment, start_new_session=True)
        for command in commands
    ]
    try:
        yield started
    finally:
        for process in started:
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE
        while any([_is_left(process) for process in started]) and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in started:
            _signal(process, signal.SIGKILL)
            process.wait()


def _tied(command: list[str]) -> list[str]:
    """On Linux, a command that gets SIGTERM if this process dies, however it dies."""
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", "-c", _TIE, *command]


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """To the process, the code servers it started and their runs: they share its group."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def _is_left(process: subprocess.Popen[bytes]) -> bool:
    """True while any of its group lives; reaps the process itself."""
    process.poll()
    return _signal(process, 0)


def free_port(port: int) -> None:
    """Refuse a port that is taken: a second server there would answer in the first one's place."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise click.ClickException(
                f"port {port} is taken; stop what listens there or choose another --port"
            ) from None


def answers(port: int) -> bool:
    """True once something listens."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
