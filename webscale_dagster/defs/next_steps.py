"""Decides what sensor ``advance`` requests: the next job of every shard that is not up to date.

Reads the lake (what is fresh) and the instance (what is in flight, what was tried). Never the
colour of a check: the next shard repaints it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import dagster as dg

from webscale_dagster import shards
from webscale_dagster.recipe import content_hash
from webscale_dagster.stages import STAGES, code_version
from webscale_dagster.walk import GENERATE, INGEST, Walk

MAX_REQUESTS = 50  # of one evaluation; the rest comes with the next one
SECONDS = 30.0  # of one evaluation: Dagster stops a sensor after 60
MADE_FROM = "webscale/made_from"  # tag of a run: hash of what it was requested for
STAGES_OF = {
    "index_benchmarks": ("benchmarks",),
    "ingest": INGEST,
    "generate": GENERATE,
    "assemble": ("rl_splits",),
}
_IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Steps:
    """What to run next, where the next evaluation goes on, and why there is nothing to run."""

    requests: list[dg.RunRequest]
    cursor: str
    reason: str


def next_steps(walk: Walk, instance: dg.DagsterInstance, cursor: str) -> Steps:
    """Requests for what is not fresh; ``assemble`` waits until no shard has anything to do.

    The cursor is empty, or ``<shard> calm|busy``: a look at thousands of shards is spread over
    evaluations, and remembers whether it has met work so far.
    """
    deadline = time.monotonic() + SECONDS
    start, _, mood = cursor.partition(" ")
    names = sorted(shards.names(walk.lake))
    busy_shards, busy_jobs = _in_flight(instance, names)
    indexed = walk.fresh("benchmarks")
    new = [] if indexed else _untried(walk, instance, "index_benchmarks", "")
    calm = indexed and not busy_shards and not busy_jobs and mood != "busy"
    for shard in names:
        if shard < start:
            continue
        if len(new) >= MAX_REQUESTS or time.monotonic() > deadline:
            mood = "calm" if calm and not new else "busy"
            return Steps(new, f"{shard} {mood}", f"looked at the shards before {shard}")
        job = _next_job(walk, shard, indexed)
        if job and shard not in busy_shards:
            new += _untried(walk, instance, job, shard)
    if calm and names and not new and not walk.fresh("rl_splits"):
        new = _untried(walk, instance, "assemble", "")
    waits = f"waits for runs of {len(busy_shards)} shards and {sorted(busy_jobs) or 'no other job'}"
    return Steps(new, "", "nothing to do" if calm else waits)


def _in_flight(instance: dg.DagsterInstance, names: list[str]) -> tuple[set[str], set[str]]:
    """Shards, and jobs over all shards, whose runs wait or work."""
    runs = instance.get_runs(dg.RunsFilter(statuses=_IN_FLIGHT))
    where = {run.tags.get("dagster/partition", "") for run in runs}
    return where & set(names), {run.job_name for run in runs} & {"index_benchmarks", "assemble"}


def _next_job(walk: Walk, shard: str, indexed: bool) -> str | None:
    if walk.stale(INGEST, shard):
        return "ingest"
    return "generate" if indexed and walk.stale(GENERATE, shard) else None


def _untried(walk: Walk, instance: dg.DagsterInstance, job: str, shard: str) -> list[dg.RunRequest]:
    """The request, unless the same was tried on the same input and failed, or is in flight.

    A broken contract so neither runs for ever nor keeps the other shards from their release. What
    succeeded before may be asked again: its input was changed and changed back.
    """
    codes = [code_version(STAGES[name], walk.recipe) for name in STAGES_OF[job]]
    inputs = sorted(_inputs(walk, job, shard).items())
    made_from = content_hash(job, shard, str(inputs), *codes)[:24]
    succeeded = dg.RunsFilter(tags={MADE_FROM: made_from}, statuses=[dg.DagsterRunStatus.SUCCESS])
    key = f"{job} {shard} {made_from} {instance.get_runs_count(succeeded)}"
    if instance.get_runs_count(dg.RunsFilter(tags={"dagster/run_key": key})):
        return []
    tags = {MADE_FROM: made_from}
    return [dg.RunRequest(run_key=key, job_name=job, partition_key=shard or None, tags=tags)]


def _inputs(walk: Walk, job: str, shard: str) -> dict[str, str]:
    """What the job reads from outside itself.

    The shards before it belong to that only once it has its place among them: until then every
    admission would make a failed shard look new.
    """
    inputs = walk.inputs(STAGES_OF[job][0], shard)
    if job == "ingest" and shards.row(walk.lake, shard)["admitted"] is not None:
        inputs["earlier"] = walk.inputs("near_duplicates", shard)["earlier"]
    return inputs
