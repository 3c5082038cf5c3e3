"""Executes jobs in this process, recorded in the home's Dagster instance.

Reads the lake to see what is not fresh; the assets write. A shard that fails is reported and the
others go on.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from webscale_dagster import shards
from webscale_dagster.cli.console import Bars, bars, console, errors
from webscale_dagster.cli.locks import hold, is_held
from webscale_dagster.defs.materialise import ENDS_ALL
from webscale_dagster.defs.open_databases import keep_open
from webscale_dagster.defs.partitions import sync_shards
from webscale_dagster.home import exclusive, home, prepare_dagster_home
from webscale_dagster.walk import GENERATE, INGEST, SHARDED, Walk

LIFE = "webscale/process"  # tag: host, and what names the lock that the run's process holds
_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
ORDER = (*SHARDED, "rl_splits", "dataset_release")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Outcome:
    """What a command's runs came to."""

    done: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # shard -> why
    stopped: bool = False  # the rest was not started: it would have failed the same way


def instance_at_home() -> dg.DagsterInstance:
    """The home's Dagster instance, with runs of dead processes closed."""
    prepare_dagster_home()
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with exclusive("dagster"):  # on SQLite two processes must not make the databases at once
        instance = dg.DagsterInstance.get()
        _bury_the_dead(instance)
    return instance


def _bury_the_dead(instance: dg.DagsterInstance) -> None:
    """Close runs whose process was killed, and free the pool slots they hold."""
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        host, _, life = run.tags.get(LIFE, "").partition("/")
        if host == socket.gethostname() and not is_held(life):
            _close(instance, run)


def bury_launched(instance: dg.DagsterInstance) -> None:
    """Close runs whose code server is gone; the daemon then runs them again.

    Dagster's own launcher does not notice that. Only in the home's own instance: in a shared one
    the server may be on another host.
    """
    if Path(instance.root_directory) != home() / "dagster":
        return
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        server = json.loads(run.tags.get(".dagster/grpc_info", "{}")).get("socket")
        if server and not _listens(server):
            _close(instance, run)


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def _close(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    instance.report_run_failed(run, "its process was killed; what it finished is kept")
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


class Runner:
    """Runs the walk over shards in this process."""

    def __init__(self, walk: Walk, concurrency: int | None = None) -> None:
        """Loads the definitions once; ``concurrency`` is run configuration."""
        from webscale_dagster.definitions import defs

        self.walk, self.instance = walk, instance_at_home()
        keep_open(self.instance)
        # A lock tells the living from the dead; a process id may be given to another one.
        life = f"run-{os.getpid()}-{int(time.time())}"
        hold(life)
        self._life = f"{socket.gethostname()}/{life}"
        self._definitions = defs()
        pace = {} if concurrency is None else {"concurrency": concurrency}
        self._config = {**QUIET, "resources": {"platform": {"config": pace}}}
        sync_shards(self.instance, shards.names(walk.lake))

    def run(self, names: Sequence[str], stages: Sequence[str]) -> Outcome:
        """Bring ``stages`` of the shards ``names`` up to date, then assemble if asked to."""
        outcome = Outcome()
        unsharded = [stage for stage in ("rl_splits", "dataset_release") if stage in stages]
        with bars(len(names) + bool(unsharded)) as display:
            if set(stages) & {*GENERATE, "benchmarks"} and not self.walk.fresh("benchmarks"):
                self._execute("index_benchmarks", "", ["benchmarks"], outcome)
            for place, shard in enumerate(names):
                if outcome.stopped:
                    errors.print(f"{len(names) - place} further shards were not started")
                    break
                self._shard(shard, stages, outcome, display)
            if unsharded and not outcome.stopped:
                display.at("")
                self._assemble(unsharded, outcome)
                display.done()
        return outcome

    def _shard(self, shard: str, stages: Sequence[str], outcome: Outcome, display: Bars) -> None:
        display.at(shard)
        worked = False
        for job, members in (("ingest", INGEST), ("generate", GENERATE)):
            wanted = [stage for stage in members if stage in stages]
            stale = self.walk.stale(wanted, shard)
            if stale and shard not in outcome.failed:
                self._execute(job, shard, stale, outcome)
                worked = True
        if shard not in outcome.failed:
            (outcome.done if worked else outcome.fresh).append(shard)
            if worked and not console.is_terminal:
                console.print(f"{shard}: done")
        display.done()

    def _assemble(self, wanted: list[str], outcome: Outcome) -> None:
        stale = self.walk.stale(["rl_splits"]) if "rl_splits" in wanted else []
        released = "dataset_release" in wanted
        if stale or released:
            marts = list(self._marts()) if released else []
            last = ["dataset_release", *marts] if released else []
            self._execute("assemble", "", [*stale, *last], outcome)

    def _marts(self) -> set[str]:
        graph = self._definitions.resolve_asset_graph()
        return {
            key.to_user_string()
            for key in graph.get_all_asset_keys()
            if graph.get(key).group_name in ("marts", "staging")
        }

    def _execute(self, job: str, shard: str, assets: Sequence[str], outcome: Outcome) -> None:
        result = self._definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=shard or None,
            asset_selection=[dg.AssetKey(name) for name in assets],
            raise_on_error=False,
            run_config=self._config,
            tags={LIFE: self._life, "dagster/max_retries": "0"},
        )
        if not result.success:
            reason = why(result)
            outcome.failed[shard or job] = reason
            errors.print(f"[red]failed[/red] {shard or job}: ", end="")
            errors.print(reason, markup=False)
            outcome.stopped = _ends_all(result)


def _ends_all(result: dg.ExecuteInProcessResult) -> bool:
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    told = [failure.user_failure_data for failure in failures]
    return any(user is not None and ENDS_ALL in user.metadata for user in told)


def why(result: dg.ExecuteInProcessResult) -> str:
    """What a failed run says, for people."""
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return str(data.user_failure_data.description)
            if data.error:
                cause = data.error.cause or data.error
                return f"{event.step_key}: {cause.message.strip()}"
    return "see the run in the UI"
