"""The definitions load, say what they are, and report what a stage did or why it failed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from tests.conftest import Register
from tests.test_walk import COPPER, DANUBE, MENU
from webscale_dagster.defs.materialise import _preview
from webscale_dagster.recipe import load_recipe
from webscale_dagster.stages import STAGES, code_version
from webscale_dagster.tables import TABLES
from webscale_dagster.walk import GENERATE, INGEST, SHARDED, Walk

# The platform below: what it deprecates in itself is not ours.
pytestmark = pytest.mark.filterwarnings("ignore:::(dagster|pydantic)")
WALK = (*SHARDED, "benchmarks", "rl_splits")
# Who reads whom, as the design draws it.
PARENTS = {
    "raw_corpus": set(),
    "near_duplicates": {"raw_corpus"},
    "benchmarks": set(),
    "filtered_docs": {"raw_corpus", "near_duplicates", "benchmarks"},
    "personas": {"filtered_docs"},
    "qa_pairs": {"personas", "filtered_docs"},
    "verified_qa": {"qa_pairs", "filtered_docs"},
    "decontaminated_set": {"verified_qa", "benchmarks"},
    "difficulty": {"decontaminated_set", "filtered_docs"},
    "rl_splits": {"decontaminated_set", "difficulty", "near_duplicates", "raw_corpus"},
    "dataset_release": {"rl_splits"},
}
DOCUMENTS = [
    {"id": "danube", "text": DANUBE, "license": "CC0-1.0"},
    {"id": "copper", "text": COPPER},
    {"id": "menu", "text": MENU},
]


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    from webscale_dagster.definitions import defs

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dg's own; ours are judged elsewhere
        loaded = defs()
        dg.Definitions.validate_loadable(loaded)
    return loaded


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def run(
    definitions: dg.Definitions, instance: dg.DagsterInstance, job: str, shard: str = ""
) -> dg.ExecuteInProcessResult:
    if shard:
        instance.add_dynamic_partitions("shards", [shard])
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key=shard or None, raise_on_error=False
    )


def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    found = definitions.resolve_all_asset_specs()
    return {spec.key.to_user_string(): spec for spec in found}


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    found = result.get_asset_check_evaluations()
    return {evaluation.asset_key.to_user_string(): evaluation for evaluation in found}


def metadata_of(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """What the materialisation of an asset says of itself, as plain values."""
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key.path == [asset]]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def text(metadata: dict[str, dg.MetadataValue], name: str) -> str:
    return str(metadata[name].value)


@pytest.mark.parametrize("name", [*WALK, "dataset_release"])
def test_an_asset_says_what_it_is(definitions: dg.Definitions, name: str) -> None:
    spec = specs(definitions)[name]
    assert spec.group_name in ("documents", "questions", "benchmarks", "dataset")
    assert spec.owners == ["team:post-training"]
    assert spec.kinds and spec.description and len(spec.description) > 40
    assert {dep.asset_key.to_user_string() for dep in spec.deps} == PARENTS[name]
    if name in STAGES:
        assert TABLES[name].grain in spec.description
        # Definitions are made when they are first imported, with the recipe of that moment.
        recipes = (load_recipe("default"), load_recipe("demo"))
        assert spec.code_version in {code_version(STAGES[name], recipe) for recipe in recipes}
        assert (spec.partitions_def is not None) == (name in SHARDED)
    graph = definitions.resolve_asset_graph()
    checks = {key.name for key in graph.get_check_keys_for_assets({spec.key})}
    assert checks == ({"gates", "red_team"} if name == "dataset_release" else {"contract"})


def test_a_shard_is_a_run(definitions: dg.Definitions) -> None:
    """``multi_run(1)`` would launch ranges of one, whose checks stay planned for ever."""
    graph = definitions.resolve_asset_graph()
    assert {graph.get(dg.AssetKey(name)).backfill_policy for name in SHARDED} == {None}
    assert graph.get(dg.AssetKey("near_duplicates")).pools == {"admission"}


def test_jobs_hold_their_assets(definitions: dg.Definitions) -> None:
    def members(job: str) -> set[str]:
        keys = definitions.resolve_job_def(job).asset_layer.selected_asset_keys
        return {key.to_user_string() for key in keys}

    assert members("ingest") == set(INGEST)
    assert members("generate") == set(GENERATE)
    assert members("index_benchmarks") == {"benchmarks"}
    marts = {n for n, s in specs(definitions).items() if s.group_name in ("marts", "staging")}
    assert len(marts) > 5
    assert members("assemble") == {"rl_splits", "dataset_release"} | marts


def test_automation_is_off_at_first(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    assert {s.name for s in repository.sensor_defs} >= {"advance", "corpus_files"}
    for sensor in repository.sensor_defs:
        if sensor.name in ("advance", "corpus_files"):
            assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    (nightly,) = repository.schedule_defs
    assert nightly.default_status is dg.DefaultScheduleStatus.STOPPED


def test_a_good_shard_shows_its_numbers(
    definitions: dg.Definitions, instance: dg.DagsterInstance, register: Register
) -> None:
    (shard,) = register("a", [*DOCUMENTS, "{broken"])
    result = run(definitions, instance, "ingest", shard)
    assert result.success
    for name, rows in (("raw_corpus", 3), ("near_duplicates", 0)):
        (made,) = result.asset_materializations_for_node(name)
        assert made.partition == shard
        assert made.metadata["dagster/row_count"].value == rows
        schema = made.metadata["dagster/column_schema"].value
        assert [c.name for c in schema.columns] == list(TABLES[name].schema)
        assert all(column.description for column in schema.columns)
        evaluation = evaluations(result)[name]
        assert evaluation.passed and evaluation.partition == shard
        assert "key_unique" in text(evaluation.metadata, "checks")
    (made,) = result.asset_materializations_for_node("raw_corpus")
    assert "| 4 | 3 `raw_corpus` | 1 |" in text(made.metadata, "funnel")
    assert "| not_json | 1 |" in text(made.metadata, "reject_reasons")
    assert "Danube is the second-longest" in text(made.metadata, "preview")
    for at_once in ("funnel", "reject_reasons", "preview"):
        assert len(text(made.metadata, at_once)) < 1000, "the UI would hide it behind a click"


@pytest.mark.parametrize("name", WALK)
def test_every_table_has_a_preview_to_read(name: str) -> None:
    empty = TABLES[name].empty()
    long = pl.DataFrame(
        [
            pl.Series(c, ["wörd | " * 400] * 9 if d == pl.String else [None] * 9, dtype=d)
            for c, d in empty.schema.items()
        ]
    )
    assert len(_preview(long)) < 1000
    assert len(_preview(long).splitlines()) == 5
    assert _preview(empty).startswith("| ")


def test_a_broken_contract_is_red_and_nothing_is_materialised(
    definitions: dg.Definitions, instance: dg.DagsterInstance, register: Register
) -> None:
    (shard,) = register("a", [DOCUMENTS[0], *["{broken"] * 30])
    result = run(definitions, instance, "ingest", shard)
    assert not result.success
    red = evaluations(result)["raw_corpus"]
    assert (red.passed, red.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert red.partition == shard
    assert "records_readable" in text(red.metadata, "failed")
    assert red.metadata["offending: records_readable"].value[0]["reason"] == "not_json"
    assert Path(text(red.metadata, "quarantine")).is_dir()
    assert set(evaluations(result)) == {"raw_corpus"}
    assert result.asset_materializations_for_node("raw_corpus") == []
    assert "records_readable" in _failure(result, "raw_corpus")
    assert Walk.at_home().lake.read("raw_corpus").collect().height == 0


def test_a_changed_file_is_named_in_one_line(
    definitions: dg.Definitions, instance: dg.DagsterInstance, register: Register, home: Path
) -> None:
    (shard,) = register("a", DOCUMENTS)
    (home / "corpus" / "a.jsonl").write_text("{}\n", encoding="utf-8")
    result = run(definitions, instance, "ingest", shard)
    said = _failure(result, "raw_corpus")
    assert "a.jsonl: changed since it was registered" in said and "--update" in said


def test_a_range_of_shards_is_refused(
    definitions: dg.Definitions, instance: dg.DagsterInstance, register: Register
) -> None:
    shards = [register(name, DOCUMENTS[:1])[0] for name in ("a", "b")]
    instance.add_dynamic_partitions("shards", shards)
    tags = {"dagster/asset_partition_range_start": shards[0]}
    tags["dagster/asset_partition_range_end"] = shards[1]
    result = definitions.resolve_job_def("ingest").execute_in_process(
        instance=instance, tags=tags, raise_on_error=False
    )
    assert "a run is for one shard" in _failure(result, "raw_corpus")


def _failure(result: dg.ExecuteInProcessResult, step: str) -> str:
    data: Any = result.failure_data_for_node(step)
    return str(data.user_failure_data.description)
