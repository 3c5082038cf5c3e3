"""Locks that tell a living process from a dead one: the kernel frees them however it dies.

Writes ``$WEBSCALE_HOME/locks/<name>``. A process id would not do: the next process may get it, and
in a container it always does.
"""

from __future__ import annotations

import atexit
import fcntl
from pathlib import Path
from typing import IO

from webscale_dagster.home import home

_held: dict[str, IO[bytes]] = {}  # an open file is a held lock


def _path(name: str) -> Path:
    return home() / "locks" / name


def hold(name: str) -> bool:
    """Take a lock until this process ends; False if another holds it."""
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("ab")
    if not _take(file):
        file.close()
        return False
    _held[name] = file
    atexit.register(path.unlink, missing_ok=True)
    return True


def is_held(name: str) -> bool:
    """True while the process that took the lock lives; what a dead one left is cleared away."""
    try:
        with _path(name).open("rb") as file:
            if not _take(file):
                return True
            _path(name).unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return False


def _take(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
