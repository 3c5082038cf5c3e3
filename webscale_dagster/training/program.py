"""What all training programs share: one run per folder, numbers streamed, an end that is clear.

Reads ``job.json``; writes ``metrics.jsonl`` and, last, ``result.json`` of the job's folder. Started
by Dagster it reports through Pipes; started by hand it prints.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from webscale_dagster.training.job import Job, read_job, write_json


class TrainingError(Exception):
    """What a person can mend; the message names file or setting and the remedy."""


class Report:
    """Where a program says how it goes; only the first of several processes speaks."""

    def __init__(self, job: Job, log: Callable[[str], None], *, speaks: bool = True) -> None:
        """``log`` takes lines for people."""
        self._job, self._log, self._speaks = job, log, speaks

    def say(self, text: str) -> None:
        """A line for people."""
        if self._speaks:
            self._log(text)

    def metrics(self, step: int, numbers: dict[str, float]) -> None:
        """Numbers of a step: a line of ``metrics.jsonl``, which the asset's page plots."""
        if not self._speaks:
            return
        line = json.dumps({"step": step, "at": round(time.time(), 3), **numbers})
        with (self._job.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        shown = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        self._log(f"{self._job.phase} step {step}: {shown}")


Run = Callable[[Job, Report], dict[str, Any]]


def main(run: Run) -> None:
    """Run the job that the command line names; exit code 1 with one clear line where it fails."""
    job = read_job(sys.argv[1])
    _quiet_libraries()
    with ExitStack() as stack:
        log = _pipes(stack) or (lambda text: print(text, flush=True))
        report = Report(job, log, speaks=_is_first())
        try:
            if _is_first():
                stack.enter_context(only_one(job))
            result = run(job, report)
        except TrainingError as error:
            _fail(job, log, str(error))
        except OSError as error:
            if error.errno != 28:  # no space left on device
                raise
            _fail(job, log, f"{job.folder}: the disk is full; free some space and run it again")
        if _is_first():
            write_json(job.folder / "result.json", result)


def _quiet_libraries() -> None:
    """No progress bars, which fill a run's log; nor warnings of libraries about each other."""
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TQDM_DISABLE", "1")
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


def _fail(job: Job, log: Callable[[str], None], why: str) -> None:
    if _is_first():
        try:
            write_json(job.folder / "failure.json", {"why": why})
        except OSError:
            print(why, file=sys.stderr, flush=True)  # a full disk
        log(f"{job.phase}: {why}")
    raise SystemExit(1)


def _is_first() -> bool:
    return int(os.environ.get("RANK", "0")) == 0


def _pipes(stack: ExitStack) -> Callable[[str], None] | None:
    if "DAGSTER_PIPES_CONTEXT" not in os.environ or not _is_first():
        return None
    from dagster_pipes import open_dagster_pipes

    context = stack.enter_context(open_dagster_pipes())
    return context.log.info


class only_one:  # noqa: N801 (a context manager)
    """The folder's lock; the kernel frees it when its holder dies."""

    def __init__(self, job: Job) -> None:
        """Of this job's folder."""
        self._path = job.folder / "lock"

    def __enter__(self) -> None:
        """Raise ``TrainingError`` where another run works in the folder."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise TrainingError(
                f"{self._path.parent}: another run is training there; wait for it or stop it"
            ) from None

    def __exit__(self, *_: object) -> None:
        self._file.close()
