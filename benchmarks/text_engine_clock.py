"""Measures one program of ``text_engine.py``: CPU-seconds of its work, after a warm-up, and memory.

Imports nothing of the package, for it runs in the peers' environment too. A program hands ``run``
its tasks. A task opens what it needs (an index, filters) and gives a function that turns a frame of
documents into the form its library takes, and gives the call that is measured. What that call gives
goes to ``--out`` as JSON; one JSON line with the measures is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from typing import Any

Call = Callable[[], Any]
Work = Callable[[Any], Call]  # of a polars frame: id, text
Task = Callable[[dict[str, str]], Work]
WARM_UP = 100  # documents worked on before the clock starts
ONE_THREAD = dict.fromkeys(
    (
        "RAYON_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "OMP_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
    ),
    "1",
)


def cpu() -> float:
    """User and system seconds of this process, its threads and finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def run(tasks: dict[str, Task]) -> None:
    """The command line of a program: warm up, work, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=list(tasks))
    parser.add_argument("--corpus", required=True, help="parquet: id, text")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    settings = dict(one.split("=", 1) for one in args.set)
    work = tasks[args.task](settings)
    frame = _rows(args.corpus, args.rows)
    call, warm_up = work(frame), work(frame.head(WARM_UP))
    before = cpu()
    warm_up()
    held = _memory_mb("VmRSS")
    started, wall = cpu(), time.perf_counter()
    made = call()
    line = {
        "cpu_s": cpu() - started,
        "wall_s": time.perf_counter() - wall,
        "warm_up_cpu_s": started - before,
        "start_cpu_s": started,
        "rss_mb": _memory_mb("VmHWM"),
        "held_mb": held,
        "documents": frame.height,
        "bytes": int(frame["text"].str.len_bytes().sum()),
        "load": os.getloadavg()[0],
    }
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(made, file)
    print(json.dumps(line), flush=True)


def _memory_mb(field: str) -> float:
    """Of this program alone: getrusage would count the parent that was forked, too."""
    with open("/proc/self/status", encoding="ascii") as status:
        (line,) = [line for line in status if line.startswith(field)]
    return int(line.split()[1]) / 1024


def _rows(path: str, n: int) -> Any:
    import polars as pl

    return pl.read_parquet(path, columns=["id", "text"], n_rows=n)
