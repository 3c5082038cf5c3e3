"""Runs verifiers in processes of their own, so that none can hang or crash whoever asks.

    with Pool() as pool:
        outcomes = pool.verify_many([Job("number", "Answer: 42", "42"), …])

For training, evaluation and audits: safe to call from threads, from asyncio, in Ray's actors and in
forked processes. A verifier that takes longer than its limit is killed: a ``timeout``; one whose
process dies is an ``error``; both are counted, neither is a silent 0. A job with a ``judge`` cannot
leave this process: it runs in a thread, and no thread can be killed. After ``judge_seconds`` it is
a ``timeout`` as well, but its thread lives until the judge's own time limit.

Starts ``worker`` processes; reads and writes nothing else.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

from webscale_dagster.verifiers import code_tests, verify
from webscale_dagster.verifiers.outcome import Outcome
from webscale_dagster.verifiers.worker_process import Died, Hung, NotSent, WorkerProcess

_CHUNK = 256  # jobs that a worker takes at a time
_JUDGES = 64  # judges that are asked at the same time


@dataclass(frozen=True)
class Job:
    """What ``verify`` takes."""

    answer_type: str
    completion: str
    ground_truth: str | Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)


_Verdicts = list[Outcome | ValueError]
_Part = tuple[Sequence[int], Future[_Verdicts]]


class Pool:
    """A number of verifying processes, by default one per CPU, started when they are needed.

    ``seconds`` limit one verification. Completions of more than ``max_chars`` are unparseable and
    not cut: what is cut off might have opened the reasoning that a completion never closes.
    ``memory_mb`` limit each process. ``modules`` are imported there: a user's own answer types.
    """

    def __init__(
        self,
        processes: int | None = None,
        *,
        seconds: float = 10.0,
        judge_seconds: float = 120.0,
        max_chars: int = 1_000_000,
        memory_mb: int = 4096,
        modules: Sequence[str] = (),
    ) -> None:
        self.processes = processes or len(os.sched_getaffinity(0))
        self._seconds, self._judge_seconds, self._max_chars = seconds, judge_seconds, max_chars
        self._start = memory_mb, tuple(modules)
        self._pid = os.getpid()
        self._verifying = ThreadPoolExecutor(self.processes, "verifier")
        self._judging = ThreadPoolExecutor(_JUDGES, "judge")
        self._own = threading.local()
        self._workers: set[WorkerProcess] = set()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        _POOLS.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, after the jobs in hand."""
        if self._pid != os.getpid():
            return
        self._verifying.shutdown(cancel_futures=True)
        self._judging.shutdown(wait=False, cancel_futures=True)
        while self._workers:
            self._workers.pop().end()

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """How many verifications of an answer type had which outcome."""
        with self._lock:
            return Counter(self._counts)

    def verify(
        self,
        answer_type: str,
        completion: str,
        ground_truth: str | Sequence[str],
        **options: Any,
    ) -> Outcome:
        """As the function ``verify``, in another process."""
        return self.verify_many([Job(answer_type, completion, ground_truth, options)])[0]

    def verify_many(self, jobs: Iterable[Job]) -> list[Outcome]:
        """Outcomes in the order of the jobs; raises ValueError for an unknown answer type."""
        given = list(jobs)
        parts = self._submit(given)
        return self._joined(given, [(at, future.result()) for at, future in parts])

    async def averify(
        self,
        answer_type: str,
        completion: str,
        ground_truth: str | Sequence[str],
        **options: Any,
    ) -> Outcome:
        """As ``verify``, without holding up the event loop."""
        return (await self.averify_many([Job(answer_type, completion, ground_truth, options)]))[0]

    async def averify_many(self, jobs: Iterable[Job]) -> list[Outcome]:
        """As ``verify_many``, without holding up the event loop."""
        given = list(jobs)
        parts = self._submit(given)
        verdicts = await asyncio.gather(*(asyncio.wrap_future(future) for _, future in parts))
        return self._joined(given, list(zip((at for at, _ in parts), verdicts, strict=True)))

    def _submit(self, jobs: Sequence[Job]) -> list[_Part]:
        if self._pid != os.getpid():
            raise RuntimeError("this pool was made before a fork; every process needs its own")
        parts: list[_Part] = []
        quick: list[int] = []
        for at, job in enumerate(jobs):
            if isinstance(job.completion, str) and len(job.completion) > self._max_chars:
                reason = f"{len(job.completion)} characters are too long for a completion"
                refused: Future[_Verdicts] = Future()
                refused.set_result([Outcome(0.0, "unparseable", reason)])
                parts.append(([at], refused))
            elif callable(job.options.get("judge")):
                parts.append(([at], self._judging.submit(self._judged, job)))
            elif job.answer_type == "code_tests":
                seconds = self._seconds + code_tests.longest(job.options)
                parts.append(([at], self._verifying.submit(self._verified, [job], seconds)))
            else:
                quick.append(at)
        size = max(1, min(_CHUNK, -(-len(quick) // self.processes)))
        for start in range(0, len(quick), size):
            chunk = quick[start : start + size]
            given = [jobs[at] for at in chunk]
            parts.append((chunk, self._verifying.submit(self._verified, given, self._seconds)))
        return parts

    def _joined(
        self, jobs: Sequence[Job], parts: Sequence[tuple[Sequence[int], _Verdicts]]
    ) -> list[Outcome]:
        found: dict[int, Outcome] = {}
        for places, verdicts in parts:
            for at, verdict in zip(places, verdicts, strict=True):
                if isinstance(verdict, ValueError):
                    raise verdict
                found[at] = verdict
        with self._lock:
            self._counts.update((jobs[at].answer_type, found[at].outcome) for at in found)
        return [found[at] for at in range(len(jobs))]

    def _judged(self, job: Job) -> _Verdicts:
        """The outcome of a job that is asked of a judge, in a thread that may be left behind."""
        verdicts: _Verdicts = []

        def ask() -> None:
            try:
                options = dict(job.options)
                verdicts.append(
                    verify(job.answer_type, job.completion, job.ground_truth, **options)
                )
            except ValueError as error:
                verdicts.append(error)

        thread = threading.Thread(target=ask, name="judge", daemon=True)
        thread.start()
        thread.join(self._judge_seconds)
        return verdicts or [Outcome(0.0, "timeout", f"no verdict after {self._judge_seconds:g} s")]

    def _verified(self, jobs: Sequence[Job], seconds: float) -> _Verdicts:
        """The outcomes of jobs from this thread's worker; a job that breaks it gets a new one."""
        verdicts: _Verdicts = []
        alone = False  # until it is known which job broke the last worker
        while len(verdicts) < len(jobs):
            rest = jobs[len(verdicts) :]
            batch = rest[:1] if alone else rest
            try:
                for verdict in self._worker().verify([_fields(job) for job in batch], seconds):
                    verdicts.append(verdict)
            except (Hung, Died, NotSent) as error:
                if not isinstance(error, NotSent):
                    self._discard()
                # A process may also die of something else, so a job is given a second one.
                to_blame = alone if isinstance(error, Died) else len(batch) == 1
                if to_blame:
                    hung = isinstance(error, Hung)
                    verdicts.append(Outcome(0.0, "timeout" if hung else "error", str(error)))
                alone = not to_blame
        return verdicts

    def _worker(self) -> WorkerProcess:
        worker: WorkerProcess | None = getattr(self._own, "worker", None)
        if worker is None:
            worker = self._own.worker = WorkerProcess(*self._start)
            self._workers.add(worker)
        return worker

    def _discard(self) -> None:
        worker, self._own.worker = self._own.worker, None
        self._workers.discard(worker)
        worker.kill()

    def _forget(self) -> None:
        """In a forked process: hold nothing open that the first process's workers wait on."""
        while self._workers:
            self._workers.pop().forget()


def _fields(job: Job) -> tuple[Any, ...]:
    return job.answer_type, job.completion, job.ground_truth, job.options


_POOLS: weakref.WeakSet[Pool] = weakref.WeakSet()
_shared: Pool | None = None
_sharing = threading.Lock()


def shared() -> Pool:
    """The pool of this process, made when it is first wanted, closed when the process ends."""
    global _shared
    with _sharing:
        if _shared is None:
            _shared = Pool()
            atexit.register(_shared.close)
        return _shared


def _after_fork() -> None:
    global _shared, _sharing
    _shared, _sharing = None, threading.Lock()
    for pool in _POOLS:
        pool._forget()


os.register_at_fork(after_in_child=_after_fork)
