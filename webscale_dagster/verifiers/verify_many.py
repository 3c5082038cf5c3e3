"""Outcomes of many verifications: few are made here, many in the pool's processes.

What must be isolated goes to the pool all at once, so that its processes share the work. Reads and
writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from webscale_dagster.verifiers import _TYPES, ANSWER_TYPES, verify
from webscale_dagster.verifiers.outcome import Outcome
from webscale_dagster.verifiers.pool import Job, shared

_MANY = 20_000  # verifications, about two seconds: as long as processes take to start


def verify_many(jobs: Sequence[Job]) -> list[Outcome]:
    """Outcomes in the order of the jobs; raises ValueError for an unknown answer type."""
    many = len(jobs) >= _MANY
    apart = [at for at, job in enumerate(jobs) if _goes_apart(job, many)]
    outcomes = shared().verify_many([jobs[at] for at in apart]) if apart else []
    found = dict(zip(apart, outcomes, strict=True))
    return [found[at] if at in found else _here(job) for at, job in enumerate(jobs)]


def _goes_apart(job: Job, many: bool) -> bool:
    """Isolated types, judges (they wait, and not one after the other), and all where many are."""
    if job.answer_type not in ANSWER_TYPES:  # registered here: the shared pool does not know it
        return False
    return many or _TYPES[job.answer_type].isolated or callable(job.options.get("judge"))


def _here(job: Job) -> Outcome:
    return verify(job.answer_type, job.completion, job.ground_truth, **job.options)
