"""Works request files off with ``vllm run-batch``, one after the other, on this host.

Writes ``<name>.output.jsonl`` and ``<name>.log`` beside the requests. The process ends with ours,
and what it had written by then is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from webscale_dagster.llm.batch import Job
from webscale_dagster.llm.errors import WrongConfiguration
from webscale_dagster.llm.process_group import ProcessGroup
from webscale_dagster.llm.vllm_command import engine_flags, vllm
from webscale_dagster.models import ModelChoice

_TAIL = 15  # lines of the log in an error


class RunBatch:
    """``vllm run-batch``, for one job at a time."""

    def __init__(self, choice: ModelChoice, say: Callable[[str], None]) -> None:
        """Nothing runs yet."""
        self._choice, self._say = choice, say
        self._process: ProcessGroup | None = None
        self._job = ""

    def advance(self, job: Job, folder: Path, save: Callable[[], None]) -> None:
        """Start the job if no other runs; take its output once it has ended."""
        if self._process is None:
            if job.status == "submitted" and self._salvage(job, folder, save):
                return
            self._start(job, folder)
            job.status = "submitted"
            save()
        elif self._job == job.name and self._process.poll() is not None:
            code = self._process.poll()
            self.close()
            if not self._salvage(job, folder, save):
                job.status = "written"
                save()
                raise WrongConfiguration(self._why(code, folder / f"{job.name}.log"))

    def close(self) -> None:
        """End the process, if one runs, with its engine."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _start(self, job: Job, folder: Path) -> None:
        paths = (str(folder / f"{job.name}.requests.jsonl"), str(folder / f"{job.name}.part"))
        files = ["-i", paths[0], "-o", paths[1]]
        command = [vllm(), "run-batch", *files, "--model", self._choice.name]
        command += engine_flags(self._choice)
        with (folder / f"{job.name}.log").open("ab") as log:
            self._process = ProcessGroup(command, log)
        self._job = job.name
        self._say(f"vllm run-batch: {job.lines:,} requests, log {folder / job.name}.log")

    def _salvage(self, job: Job, folder: Path, save: Callable[[], None]) -> bool:
        """Take what was written, all or a part; False where there is nothing."""
        part = folder / f"{job.name}.part"
        if not part.exists() or not part.stat().st_size:
            return False
        output = folder / f"{job.name}.output.jsonl"
        os.replace(part, output)
        job.status, job.outputs = "done", [output.name]
        save()
        return True

    def _why(self, code: int | None, log: Path) -> str:
        said = "\n  ".join(log.read_text("utf-8", "replace").splitlines()[-_TAIL:])
        return f"vllm run-batch ended with code {code} and no output. It said:\n  {said}"
