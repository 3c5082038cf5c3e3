"""Locks of files that the kernel frees when their holder dies, however it dies.

Writes empty files; a lock lies on the open file, not on the name.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class FileLock:
    """An exclusive lock on a file, which is made where there is none."""

    def __init__(self, path: Path) -> None:
        """Nothing is locked yet."""
        self.path = path
        self._fd = -1

    def take(self, *, wait: bool = False) -> bool:
        """Lock it; False if another process holds it and we do not wait."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def free(self) -> None:
        """Unlock it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock; true where there is no file."""
    if not path.exists():
        return True
    probe = FileLock(path)
    if not probe.take():
        return False
    probe.free()
    return True
