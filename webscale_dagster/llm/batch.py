"""The backend ``batch``: all requests of a stage and shard as files, for whoever works them off.

Writes request files and ``jobs.json`` (which file is with whom, under which id) into a folder of
the stage and shard; reads what comes back. A job is written down before it is begun, so a restart
asks after it instead of paying again. Finished lines become replies the moment they are there;
failed, expired and missing ones become requests of the next round. Who works them off:
``batch_vllm.py`` (``vllm run-batch``), ``batch_api.py`` (a provider) or ``batch_by_hand.py``.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import orjson

from webscale_dagster.llm.batch_files import Line, read_lines, request_line, split
from webscale_dagster.llm.client import Arrival, Session, Unanswered
from webscale_dagster.llm.errors import (
    RunEnds,
    ServerUnavailable,
    Trouble,
    WrongConfiguration,
)
from webscale_dagster.llm.journal import Completion
from webscale_dagster.llm.pace import Pace
from webscale_dagster.llm.tally import Tally
from webscale_dagster.llm.wire import body
from webscale_dagster.models import ModelChoice
from webscale_dagster.recipe import content_hash
from webscale_dagster.stages.protocol import Request

_OURS = 5_000  # requests of a file that vLLM on this host works off
_WINDOW = 20_000  # requests known at once: bounds memory, not the files


@dataclass
class Job:
    """A request file and who has it."""

    name: str  # of the request file, without its ending; the hash of its lines
    lines: int
    id: str = ""  # the worker's own, where it gives one
    uploaded: str = ""  # id of the uploaded file
    status: str = "written"  # written | submitted | done
    collected: bool = False
    outputs: list[str] = field(default_factory=list)  # names of files in the folder


class Worker(Protocol):
    """Works a request file off, in its own time."""

    def advance(self, job: Job, folder: Path, save: Callable[[], None]) -> bool | None:
        """Submit the job, or look after it; sets ``status`` to done when nothing more will come.

        ``save`` makes changes of the job durable. Raises ``ServerUnavailable`` where it cannot.
        False where it was too early to look again: that is no sign that anybody is there.
        """
        ...

    def close(self) -> None:
        """Let go of what is open; the jobs go on where they can."""
        ...


class Batches:
    """Files of requests."""

    verifies = True

    def __init__(
        self, choice: ModelChoice, pace: Pace, folder: Path, say: Callable[[str], None]
    ) -> None:
        """Nothing is written yet."""
        self._choice, self._pace, self._folder, self._say = choice, pace, folder, say

    def open(self) -> Session:
        """Begin to collect requests."""
        return BatchSession(self._choice, self._pace, self._folder, self._worker(), self._say)

    def _worker(self) -> Worker:
        if self._choice.by_hand:
            from webscale_dagster.llm.batch_by_hand import ByHand

            return ByHand(self._choice)
        if self._choice.endpoints:
            from webscale_dagster.llm.batch_api import BatchApi

            return BatchApi(self._choice, self._pace, self._say)
        from webscale_dagster.llm.batch_vllm import RunBatch

        return RunBatch(self._choice, self._say)


class BatchSession:
    """Collects requests until results are wanted, then sees them through."""

    def __init__(
        self,
        choice: ModelChoice,
        pace: Pace,
        folder: Path,
        worker: Worker,
        say: Callable[[str], None],
    ) -> None:
        """What an earlier attempt left in the folder is taken up."""
        self.window = 200_000 if choice.by_hand else _WINDOW
        self.proven = self.durable = False
        self._choice, self._pace, self._folder, self._worker = choice, pace, folder, worker
        self._say = say
        self._wanted: dict[str, tuple[list[int], bytes]] = {}  # key -> tickets, body
        self._unclaimed: dict[str, Completion] = {}  # came, and nobody has asked for it yet
        self._ready: list[Arrival] = []
        self._handed: list[Job] = []  # their replies are durable with the next call
        self._keys: dict[str, set[str]] = {}  # of a job's requests
        self._tries: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._last_sign = time.monotonic()
        self._wrong: WrongConfiguration | None = None  # ends the run once the rest is durable
        folder.mkdir(parents=True, exist_ok=True)
        self._jobs = self._load()

    def submit(self, ticket: int, key: str, request: Request) -> None:
        """Take a request; it goes into the next file unless a file of before has it."""
        if key in self._unclaimed:
            self._ready.append((ticket, self._unclaimed.pop(key)))
        elif key in self._wanted:
            self._wanted[key][0].append(ticket)
        else:
            self._wanted[key] = ([ticket], orjson.dumps(body(self._choice, request)))

    def results(self, seconds: float) -> Sequence[Arrival]:
        """Write files for what no file has, look after all jobs, hand out what came."""
        self._mark_collected()
        if self._wrong is not None:
            raise self._wrong
        found, self._ready = self._ready, []
        self._write(self._missing())
        ends: RunEnds | None = None
        for job in self._jobs:
            try:
                if job.status != "done":
                    self._advance(job)
            except RunEnds as error:  # what the other jobs have is handed out first
                ends = ends or error
            if job.status == "done" and not job.collected:
                found += self._collect(job)
        if not found and ends is not None:
            raise ends
        if not found:
            time.sleep(min(seconds, 0.2))
        return found

    def watch(self, tally: Tally) -> None:
        """Requests in files that are being worked off."""
        tally.errors = Counter(self._errors)
        tally.in_flight = sum(job.lines for job in self._jobs if job.status == "submitted")
        tally.limit = self.window

    def close(self) -> None:
        """Keep what is unfinished for the next attempt; tidy up where all is done."""
        self._worker.close()
        if self.durable:
            self._mark_collected()
        done = all(job.collected for job in self._jobs)
        if done and not self._wanted and not self._unclaimed:
            shutil.rmtree(self._folder, ignore_errors=True)

    # -- files and jobs ------------------------------------------------------------------------

    def _missing(self) -> list[str]:
        """Keys that are wanted and in no file that is still being worked off."""
        held: set[str] = set()
        for job in self._jobs:
            held |= set() if job.collected or job in self._handed else self._keys_of(job)
        return [key for key in self._wanted if key not in held]

    def _keys_of(self, job: Job) -> set[str]:
        if job.name not in self._keys:
            with (self._folder / f"{job.name}.requests.jsonl").open("rb") as lines:
                self._keys[job.name] = {orjson.loads(line)["custom_id"] for line in lines}
        return self._keys[job.name]

    def _write(self, keys: list[str]) -> None:
        lines = (request_line(key, self._wanted[key][1]) for key in keys)
        # vllm run-batch writes its output at the end: what is killed before is lost as a whole.
        most = self._choice.batch_requests
        most = min(most, _OURS) if self._choice.on_this_gpu else most
        for piece in split(lines, most, self._choice.batch_bytes):
            name = content_hash(*piece, str(len(self._jobs)))[:16]
            aside = self._folder / f"{name}.new"
            with aside.open("wb") as file:
                file.writelines(piece)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, self._folder / f"{name}.requests.jsonl")
            self._jobs.append(Job(name, len(piece)))
        if keys:
            self._save()

    def _advance(self, job: Job) -> None:
        try:
            if self._worker.advance(job, self._folder, self._save) is not False:
                self._last_sign = time.monotonic()
        except ServerUnavailable as error:
            self._errors["connection"] += 1
            if time.monotonic() - self._last_sign > self._pace.give_up_seconds:
                raise
            self._say(str(error))
            time.sleep(0.5)

    def _collect(self, job: Job) -> list[Arrival]:
        """Replies of a job that is done; what it still owes goes into another file."""
        owed, found = set(self._keys_of(job)), []
        for name in job.outputs:
            for line in read_lines(self._folder / name, self._choice.name):
                if line.key not in owed:
                    continue
                owed -= {line.key}
                found += self._came(line)
        missing = owed & set(self._wanted)
        for key in missing:
            self._errors["missing_line"] += 1
            found += self._failed(key, Trouble("missing_line", "no line came back", True))
        self._handed.append(job)
        return found

    def _mark_collected(self) -> None:
        """The replies of the jobs handed out are in the journal now."""
        if self._handed:
            for job in self._handed:
                job.collected = True
            self._handed = []
            self._save()

    def _came(self, line: Line) -> list[Arrival]:
        if isinstance(line.came, Completion):
            if line.key in self._wanted:
                return self._hand_out(line.key, line.came)
            self._unclaimed[line.key] = line.came
            return []
        self._errors[line.came.kind] += 1
        if line.key not in self._wanted:
            return []
        if line.came.wrong:
            said = f"batch: {line.came.detail}; mend the recipe's [model] table"
            self._wrong = WrongConfiguration(said)
            return []
        return self._failed(line.key, line.came)

    def _failed(self, key: str, trouble: Trouble) -> list[Arrival]:
        """A line that is no reply: refused for good, or to be asked again in another file."""
        if trouble.final:
            return self._hand_out(key, Unanswered("bad_request", trouble.detail))
        self._tries[key] += trouble.blames_request
        if self._tries[key] < self._pace.max_tries:
            return []
        tried = f"{trouble.detail} ({self._tries[key]} batches)"
        return self._hand_out(key, Unanswered("no_answer", tried))

    def _hand_out(self, key: str, came: Completion | Unanswered) -> list[Arrival]:
        return [(ticket, came) for ticket in self._wanted.pop(key)[0]]

    def _load(self) -> list[Job]:
        path = self._folder / "jobs.json"
        if not path.exists():
            return []
        return [Job(**entry) for entry in json.loads(path.read_bytes())]

    def _save(self) -> None:
        aside = self._folder / "jobs.new"
        with aside.open("w", encoding="utf-8") as file:
            json.dump([asdict(job) for job in self._jobs], file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, self._folder / "jobs.json")
