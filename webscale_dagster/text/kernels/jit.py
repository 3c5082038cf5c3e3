"""Compiles kernels and keeps the machine code on disk.

Makes compiled functions; reads the kernels' sources, writes ``<user cache>/webscale-dagster``.
numba notices only that a kernel's own file changed, not that of a kernel it calls: so the folder's
name holds a hash of all of them. A kernel is compiled anew for every set of types, and a literal 0
handed to a kernel is a type of its own: hence ``min(count, 0)`` where one kernel calls another.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


@cache
def cache_folder() -> str:
    """Where machine code is kept, unless NUMBA_CACHE_DIR says otherwise."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return str(Path(home) / "webscale-dagster" / f"kernels-{digest.hexdigest()[:12]}")


def kernel(function: F) -> F:
    """Compile on first call; the interpreter's lock is free meanwhile."""
    own = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = own or cache_folder()
    try:
        compiled: F = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = own
    return compiled
