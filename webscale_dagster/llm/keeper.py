"""The process that owns one ``vllm serve``: ``python -m webscale_dagster.llm.keeper FOLDER``.

Reads ``wanted.json`` (the command) and the locks that runs hold in ``clients/``. Writes
``server.json`` when the server answers, ``ended.json`` when it ended, and ``log``. Stops the server
when no run was attached for ``idle_seconds``. If the keeper itself dies, even by SIGKILL, the
server's processes are ended too (``process_group.py``).
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from webscale_dagster.llm.filelock import FileLock, is_free
from webscale_dagster.llm.process_group import ProcessGroup

_LOOK = 0.25  # seconds
_LOG_BYTES = 50_000_000


def keep(folder: Path) -> None:
    """Own the server until it ends or nobody needs it."""
    mine = FileLock(folder / "keeper.lock")
    if not mine.take():
        return  # another keeper was faster
    wanted = json.loads((folder / "wanted.json").read_bytes())
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))
    key, port = secrets.token_urlsafe(24), _free_port()
    with (folder / "log").open("ab") as log:
        address = ["--host", "127.0.0.1", "--port", str(port)]
        command = [*wanted["command"], *address]
        server = ProcessGroup(command, log, {"VLLM_API_KEY": key})
        try:
            _attend(folder, wanted, server, key, port, stopping)
        finally:
            (folder / "server.json").unlink(missing_ok=True)
            server.stop()


def _attend(
    folder: Path,
    wanted: dict[str, Any],
    server: ProcessGroup,
    key: str,
    port: int,
    stopping: list[int],
) -> None:
    ready, needed = False, time.monotonic()
    while not stopping:
        code = server.poll()
        if code is not None:
            write_facts(folder / "ended.json", {"code": code})
            return
        if not ready and _answers(port):
            ready = True
            facts = {"address": f"http://127.0.0.1:{port}/v1", "key": key, "pid": server.pid}
            write_facts(folder / "server.json", facts)
        if _clients(folder):
            needed = time.monotonic()
        elif time.monotonic() - needed > wanted["idle_seconds"] and _retire(folder):
            return
        _trim(folder / "log")
        time.sleep(_LOOK)


def _retire(folder: Path) -> bool:
    """Withdraw the address, unless a run is just attaching: then it keeps us going."""
    starting = FileLock(folder / "start.lock")
    if not starting.take():
        return False
    try:
        if _clients(folder):
            return False
        for left in (folder / "clients").glob("*"):  # by runs that were killed
            left.unlink(missing_ok=True)
        (folder / "server.json").unlink(missing_ok=True)
        write_facts(folder / "ended.json", {"code": 0})
        return True
    finally:
        starting.free()


def _clients(folder: Path) -> int:
    """Runs that are attached."""
    return sum(not is_free(path) for path in (folder / "clients").glob("*"))


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_facts(path: Path, facts: dict[str, Any]) -> None:
    """At once, and readable by this user alone: it may hold the server's key."""
    aside = path.with_suffix(".new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(facts, file)
    os.replace(aside, path)


def _trim(log: Path) -> None:
    """A log that grows without end is begun anew; both processes append, so that works."""
    if log.stat().st_size > _LOG_BYTES:
        os.truncate(log, 0)


if __name__ == "__main__":
    if os.fork():  # whoever starts the keeper waits for this process, and is not its parent then
        os._exit(0)
    os.setsid()  # Ctrl-C in a run's terminal is not for the keeper
    keep(Path(sys.argv[1]))
