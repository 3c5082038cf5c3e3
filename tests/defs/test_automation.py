"""Sensor ``advance`` carries shards on, a job at a time; ``corpus_files`` finds new files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.conftest import Register
from tests.defs.test_assets import DOCUMENTS
from tests.defs.test_assets import definitions as definitions
from tests.defs.test_assets import instance as instance
from webscale_dagster import shards
from webscale_dagster.defs import next_steps
from webscale_dagster.defs.automation import advance, corpus_files
from webscale_dagster.walk import Walk

# The platform below: what it deprecates in itself is not ours.
pytestmark = [
    pytest.mark.service,  # every request is carried out by a real run
    pytest.mark.filterwarnings("ignore:::(dagster|pydantic)"),
]


class Daemon:
    """What the daemon does with ``advance``: keeps its cursor and launches what it requests."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self.definitions, self.instance, self.cursor = definitions, instance, ""

    def look(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = advance(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor or ""
        return list(result.run_requests or [])

    def launch(self, request: dg.RunRequest) -> bool:
        tags = {**request.tags, "dagster/run_key": str(request.run_key)}
        job = self.definitions.resolve_job_def(str(request.job_name))
        result = job.execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            raise_on_error=False,
            tags=tags,
        )
        return result.success

    def rounds(self, limit: int = 8) -> Iterator[list[tuple[str, str]]]:
        """(job, shard) of every evaluation until one requests nothing."""
        for _ in range(limit):
            requests = self.look()
            if not requests:
                return
            yield [(str(r.job_name), r.partition_key or "") for r in requests]
            for request in requests:
                self.launch(request)
        raise AssertionError("advance never comes to rest")


@pytest.fixture
def daemon(home: Path, definitions: dg.Definitions, instance: dg.DagsterInstance) -> Daemon:
    del home
    return Daemon(definitions, instance)


def test_a_shard_is_carried_to_a_release(daemon: Daemon, register: Register) -> None:
    register("a", DOCUMENTS)
    assert list(daemon.rounds()) == [
        [("index_benchmarks", ""), ("ingest", "s-00000")],
        [("generate", "s-00000")],
        [("assemble", "")],
    ]
    walk = Walk.at_home()
    assert walk.fresh("rl_splits")
    assert len([k for k in walk.lake.objects.keys("releases/") if k.endswith("manifest.json")]) == 1


def test_nothing_is_requested_of_an_empty_lake(daemon: Daemon) -> None:
    assert [request.job_name for request in daemon.look()] == ["index_benchmarks"]
    assert list(daemon.rounds()) == [[("index_benchmarks", "")]]


def test_keys_are_stable_and_a_failed_shard_holds_nobody_up(
    daemon: Daemon, register: Register
) -> None:
    register("a", DOCUMENTS)
    other = {"id": "other", "text": DOCUMENTS[1]["text"]}
    register("b", [other, *["{broken"] * 30])
    assert [r.run_key for r in daemon.look()] == [r.run_key for r in daemon.look()]
    assert list(daemon.rounds()) == [
        [("index_benchmarks", ""), ("ingest", "s-00000"), ("ingest", "s-00001")],
        [("generate", "s-00000")],
        [("assemble", "")],
    ]
    register("b", [other], update=True)
    assert list(daemon.rounds()) == [
        [("ingest", "s-00001")],
        [("generate", "s-00001")],
        [("assemble", "")],
    ]


def test_assemble_waits_while_a_shard_is_in_flight(
    daemon: Daemon, register: Register, instance: dg.DagsterInstance
) -> None:
    register("a", DOCUMENTS)
    register("b", [{"id": "x", "text": DOCUMENTS[0]["text"] + " It is long."}])
    walk = Walk.at_home()
    walk.make("benchmarks")
    for name in next_steps.INGEST + next_steps.GENERATE:
        walk.make(name, "s-00000")
    (request,) = daemon.look()
    job = daemon.definitions.resolve_job_def("ingest")
    tags = {"dagster/partition": "s-00001", "dagster/run_key": str(request.run_key)}
    queued = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    assert daemon.look() == []
    instance.report_run_failed(queued)
    assert [request.job_name for request in daemon.look()] == ["assemble"]


def test_what_was_changed_and_changed_back_is_made_again(
    daemon: Daemon, register: Register
) -> None:
    Walk.at_home().make("benchmarks")
    for documents in (DOCUMENTS[:1], DOCUMENTS[1:2], DOCUMENTS[:1], DOCUMENTS[1:2]):
        register("a", documents, update=bool(shards.names(Walk.at_home().lake)))
        (request,) = daemon.look()
        assert request.job_name == "ingest" and daemon.launch(request)
        assert Walk.at_home().stale(next_steps.INGEST, "s-00000") == []


def test_a_long_look_is_spread_over_evaluations(
    daemon: Daemon, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        register(name, DOCUMENTS[:1])
    Walk.at_home().make("benchmarks")
    monkeypatch.setattr(next_steps, "MAX_REQUESTS", 2)
    first, second = daemon.look(), daemon.look()
    assert [request.partition_key for request in first] == ["s-00000", "s-00001"]
    assert [request.partition_key for request in second] == ["s-00002"]
    assert daemon.cursor == ""


def test_new_files_are_registered_once_they_stopped_growing(
    home: Path, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    folder, sources = home / "corpus", home / "sources"
    for made in (folder, sources):
        made.mkdir(parents=True)
    (sources / "s.toml").write_text(f'name = "s"\nuris = ["{folder}/*.jsonl"]\n', encoding="utf-8")
    file = folder / "a.jsonl"
    file.write_text(json.dumps(DOCUMENTS[0]) + "\n", encoding="utf-8")
    cursor = ""

    def look() -> list[dg.RunRequest]:
        nonlocal cursor
        result = corpus_files(dg.build_sensor_context(instance=instance, cursor=cursor))
        assert isinstance(result, dg.SensorResult)
        cursor = result.cursor or ""
        return list(result.run_requests or [])

    assert look() == []
    with file.open("a", encoding="utf-8") as still_copied:
        still_copied.write(json.dumps(DOCUMENTS[1]) + "\n")
    assert look() == []
    (request,) = look()
    assert [again.run_key for again in look()] == [request.run_key]
    result = definitions.resolve_job_def("register").execute_in_process(
        instance=instance, run_config=request.run_config
    )
    assert result.success
    assert shards.names(Walk.at_home().lake) == ["s-00000"]
    assert instance.get_dynamic_partitions("shards") == ["s-00000"]
    assert look() == []
