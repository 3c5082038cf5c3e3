"""Jobs, the sensors that carry new files to a release, and the nightly schedule (all off at first).

``corpus_files`` registers new files of the sources in ``$WEBSCALE_HOME/sources``; ``advance``
compares table versions per shard and requests the next job.
"""

from __future__ import annotations

import dagster as dg

from webscale_dagster import shards
from webscale_dagster.defs.partitions import SHARDS, sync_shards
from webscale_dagster.home import home
from webscale_dagster.ingest import ingest_source
from webscale_dagster.progress import announce
from webscale_dagster.recipe import content_hash
from webscale_dagster.walk import GENERATE, INGEST, Walk

_IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
MAX_REQUESTS = 50  # of one evaluation; the rest comes with the next tick

ingest = dg.define_asset_job(
    "ingest",
    selection=list(INGEST),
    partitions_def=SHARDS,
    description="A shard's file to documents, and their duplicates.",
)
generate = dg.define_asset_job(
    "generate",
    selection=list(GENERATE),
    partitions_def=SHARDS,
    description="A shard's documents to clean question-answer pairs.",
)
index_benchmarks = dg.define_asset_job(
    "index_benchmarks",
    selection=["benchmarks"],
    description="The benchmark files to an index of what must stay out.",
)
assemble = dg.define_asset_job(
    "assemble",
    selection=dg.AssetSelection.assets("rl_splits", "dataset_release")
    | dg.AssetSelection.groups("marts", "staging"),
    description="All shards' pairs to examples, a release and the marts.",
)


def _busy(instance: dg.DagsterInstance) -> set[tuple[str, str]]:
    """(job, shard) of runs that are waiting or running."""
    runs = instance.get_runs(dg.RunsFilter(statuses=_IN_FLIGHT))
    return {(run.job_name, run.tags.get("dagster/partition", "")) for run in runs}


def _requests(walk: Walk, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """One request for whatever is not fresh; ``assemble`` waits until no shard is in flight.

    A request whose key was used before is left out: the same input is tried once, so a broken
    contract neither runs for ever nor keeps the other shards from their release.
    """
    busy = _busy(instance)
    indexed = walk.fresh("benchmarks")
    wanted = [] if indexed else [_request(walk, "index_benchmarks", "", ["benchmarks"])]
    waiting = bool(busy) or not indexed
    for shard in shards.names(walk.lake):
        if (shard in {where for _, where in busy}) or len(wanted) >= MAX_REQUESTS:
            waiting = True
        elif stale := walk.stale(INGEST, shard):
            wanted.append(_request(walk, "ingest", shard, stale))
        elif indexed and (stale := walk.stale(GENERATE, shard)):
            wanted.append(_request(walk, "generate", shard, stale))
    new = [request for request in wanted if not _tried(instance, request)]
    if not new and not waiting and not walk.fresh("rl_splits"):
        last = _request(walk, "assemble", "", ["rl_splits"])
        new = [] if _tried(instance, last) else [last]
    return new


def _tried(instance: dg.DagsterInstance, request: dg.RunRequest) -> bool:
    return (
        instance.get_runs_count(dg.RunsFilter(tags={"dagster/run_key": str(request.run_key)})) > 0
    )


def _request(walk: Walk, job: str, shard: str, stale: list[str]) -> dg.RunRequest:
    """The run key is made of job, shard, input version and recipe."""
    inputs = sorted(walk.inputs(stale[0], shard).items())
    version = content_hash(stale[0], str(inputs), walk.recipe.model_dump_json())
    return dg.RunRequest(
        run_key=f"{job} {shard} {version[:16]}", job_name=job, partition_key=shard or None
    )


@dg.sensor(
    jobs=[ingest, generate, index_benchmarks, assemble],
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def advance(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Carries every shard from ingest to release, a job at a time."""
    walk = Walk.at_home(announce)
    new = sync_shards(context.instance, shards.names(walk.lake))
    requests = _requests(walk, context.instance)
    if not requests:
        return dg.SensorResult(skip_reason=f"{len(new)} new shards, nothing to do")
    return dg.SensorResult(run_requests=requests)


@dg.sensor(
    target=dg.AssetSelection.assets("raw_corpus"),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def corpus_files(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Registers new files of the home's sources as shards; ``advance`` then carries them on."""
    walk = Walk.at_home(announce)
    found, errors = [], []
    for path in sorted((home() / "sources").glob("*.toml")):
        try:
            report = ingest_source(walk, path)
        except ValueError as error:
            errors.append(str(error))
            continue
        found += report.new
        errors += report.warnings
    sync_shards(context.instance, shards.names(walk.lake))
    for line in errors:
        context.log.warning(line)
    return dg.SkipReason(f"{len(found)} new shards: {', '.join(found[:5])}{'; '.join(errors[:3])}")


@dg.schedule(
    job=assemble,
    cron_schedule="0 3 * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Every night at three: examples, release and marts of what the shards hold."""
    return dg.RunRequest(run_key=f"nightly {context.scheduled_execution_time:%Y-%m-%d}")
