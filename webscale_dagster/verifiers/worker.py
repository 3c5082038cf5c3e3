"""One of the pool's processes: verifies what comes on standard input until it ends.

    python -m webscale_dagster.verifiers.worker PARENT MEMORY_MB [MODULE …]

Each message stands behind its length. In comes a pickled list of jobs; out go JSON lists of their
outcomes, in order, a list at the latest with the first job that ends ``_SECONDS_APART`` after the
last one. Each MODULE is imported first; there a user's own answer types are registered. What
verifiers print is dropped.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pickle
import resource
import signal
import struct
import sys
import time
from collections.abc import Sequence
from typing import IO, Any

import webscale_dagster.verifiers as verifiers

LENGTH = struct.Struct("<Q")
_SECONDS_APART = 0.1
_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)


def main(parent: int, memory_mb: int, modules: Sequence[str]) -> None:
    """Verify until standard input ends, or until much memory was needed: a new process is lean."""
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = memory_mb << 20 if hard == resource.RLIM_INFINITY else min(memory_mb << 20, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    verifiers.in_worker = True
    for module in modules:
        importlib.import_module(module)
    with os.fdopen(os.dup(0), "rb") as jobs, os.fdopen(os.dup(1), "wb") as outcomes:
        _send(outcomes, [])  # ready
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)
        os.close(nowhere)
        while head := jobs.read(LENGTH.size):
            _verify(pickle.loads(jobs.read(*LENGTH.unpack(head))), outcomes)
            if _most_memory() > most / 2:
                break


def _most_memory() -> int:
    """The most bytes of memory this process has held; 0 where the kernel does not say.

    Not ``ru_maxrss``: that begins with what the parent held, a whole trainer's.
    """
    try:
        with open("/proc/self/status", "rb") as status:
            held = [line.split()[1] for line in status if line.startswith(b"VmHWM:")]
    except OSError:
        return 0
    return int(held[0]) << 10 if held else 0


def _die_with(parent: int) -> None:
    """Be killed when the thread that started this process ends, even in the middle of a job."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the pool ended before this process began")


def _verify(jobs: Sequence[tuple[Any, ...]], outcomes: IO[bytes]) -> None:
    done: list[Any] = []
    sent = time.monotonic()
    for job in jobs:
        done.append(_outcome(*job))
        if time.monotonic() - sent > _SECONDS_APART:
            _send(outcomes, done)
            done, sent = [], time.monotonic()
    if done:
        _send(outcomes, done)


def _outcome(answer_type: str, completion: str, ground_truth: Any, options: Any) -> Any:
    """Score, outcome and reason; only a message where ``verify`` raises."""
    try:
        found = verifiers.verify(answer_type, completion, ground_truth, **options)
    except Exception as error:
        return str(error)
    return found.score, found.outcome, found.reason


def _send(stream: IO[bytes], outcomes: Sequence[Any]) -> None:
    data = json.dumps(outcomes).encode("ascii")
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
