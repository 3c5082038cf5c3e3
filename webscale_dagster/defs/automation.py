"""Jobs, the sensors that carry new files to a release, and the nightly schedule (all off at first).

``corpus_files`` sees new files of the sources in ``$WEBSCALE_HOME/sources`` and has job
``register`` make shards of them; ``advance`` compares table versions per shard and requests the
next job. What they request is decided in ``next_steps.py`` and here, from the lake alone.
"""

import dagster as dg

from webscale_dagster import shards
from webscale_dagster.defs.next_steps import next_steps
from webscale_dagster.defs.partitions import sync_shards
from webscale_dagster.home import home
from webscale_dagster.ingest import ingest_source
from webscale_dagster.progress import announce
from webscale_dagster.recipe import content_hash
from webscale_dagster.sources import list_files, load_source
from webscale_dagster.walk import GENERATE, INGEST, Walk

ingest = dg.define_asset_job(
    "ingest",
    selection=list(INGEST),
    description="A shard's file to documents, and their duplicates.",
)
generate = dg.define_asset_job(
    "generate",
    selection=list(GENERATE),
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


@dg.op(config_schema={"sources": [str]})
def register_files(context: dg.OpExecutionContext) -> None:
    """Register the new files of sources as shards; one broken source does not stop the others."""
    walk = Walk.at_home(announce)
    errors = []
    for name in context.op_config["sources"]:
        try:
            report = ingest_source(walk, home() / "sources" / name)
        except ValueError as error:
            errors.append(str(error))
            continue
        context.log.info(f"{report.source}: {len(report.new)} new shards")
        for line in report.warnings:
            context.log.warning(line)
    sync_shards(context.instance, shards.names(walk.lake))
    if errors:
        raise dg.Failure("; ".join(errors), allow_retries=False)


@dg.job(executor_def=dg.in_process_executor)
def register() -> None:
    """New files of the home's sources to shards: counts their records, which may take minutes."""
    register_files()


@dg.sensor(
    job=register,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def corpus_files(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Requests ``register`` for new files, once two looks in a row saw them at the same size.

    A file that is still being copied has grown by the second look. Only names and sizes are read
    here: Dagster stops a sensor after a minute.
    """
    new, notes = _unregistered(Walk.at_home(announce))
    sync_shards(context.instance, shards.names(Walk.at_home(announce).lake))
    seen = content_hash(*(f"{source} {file}" for source, files in new.items() for file in files))
    n_files = sum(len(files) for files in new.values())
    if not new or context.cursor != seen:
        wait = f"{n_files} new files, registered if they have not grown at the next look"
        reason = "; ".join([wait if new else "no new file", *notes])
        return dg.SensorResult(skip_reason=reason[:500], cursor=seen)
    config = {"ops": {"register_files": {"config": {"sources": list(new)}}}}
    request = dg.RunRequest(run_key=f"register {seen[:16]}", run_config=config)
    return dg.SensorResult(run_requests=[request], cursor=seen)


def _unregistered(walk: Walk) -> tuple[dict[str, list[str]], list[str]]:
    """Each source's new files (``uri size``) by TOML name, and what a person should look at."""
    known = shards.registered(walk.lake)
    sizes = {(row["source"], row["uri"]): row["size"] for row in known.iter_rows(named=True)}
    new: dict[str, list[str]] = {}
    notes = []
    for path in sorted((home() / "sources").glob("*.toml")):
        try:
            source = load_source(path)
            entries = list_files(source)
        except ValueError as error:
            notes.append(str(error))
            continue
        for entry in entries:
            size = sizes.get((source.name, entry.uri))
            if size is None:
                new.setdefault(path.name, []).append(f"{entry.uri} {entry.size}")
            elif size != entry.size:
                notes.append(f"{entry.uri} has changed: webscale ingest --update {path}")
    return new, notes


@dg.sensor(
    jobs=[ingest, generate, index_benchmarks, assemble],
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def advance(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Carries every shard from ingest to release, a job at a time."""
    walk = Walk.at_home(announce)
    sync_shards(context.instance, shards.names(walk.lake))
    steps = next_steps(walk, context.instance, context.cursor or "")
    if not steps.requests:
        return dg.SensorResult(skip_reason=steps.reason, cursor=steps.cursor)
    return dg.SensorResult(run_requests=steps.requests, cursor=steps.cursor)


@dg.schedule(
    job=assemble,
    cron_schedule="0 3 * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Every night at three: examples, release and marts of what the shards hold."""
    return dg.RunRequest(run_key=f"nightly {context.scheduled_execution_time:%Y-%m-%d}")
