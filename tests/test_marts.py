from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from webscale_dagster import marts
from webscale_dagster.marts import ProjectError
from webscale_dagster.tables import TABLES

PROJECT = Path(__file__).parent.parent / "dbt_like_sql"
MARTS = {
    "bands_by_domain",
    "conservation",
    "funnel_by_domain",
    "funnel_by_shard",
    "funnel_by_source",
    "reject_reasons",
    "yield_per_pair",
}


LAKE = {
    "shards": "shard source admitted; wiki-00000 wiki 0; wiki-00001 wiki 1; law-00000 law -",
    "raw_corpus": "shard doc_id row n_words; wiki-00000 d0 0 100; wiki-00000 d1 1 100;"
    " wiki-00000 d2 2 100; wiki-00000 d3 3 100; wiki-00001 e0 0 90; law-00000 l0 0 80",
    "near_duplicates": "shard doc_id keep_doc_id; wiki-00000 d3 d0",
    "filtered_docs": "shard doc_id; wiki-00000 d0; wiki-00000 d1; wiki-00001 e0",
    "personas": "shard doc_id domain persona_index; wiki-00000 d0 history 0;"
    " wiki-00000 d0 history 1; wiki-00000 d1 science 0; wiki-00001 e0 history 0",
    "qa_pairs": "shard qa_id doc_id domain persona_index; wiki-00000 q0 d0 history 0;"
    " wiki-00000 q1 d1 science 0; wiki-00001 q2 e0 history 0",
    "verified_qa": "shard qa_id doc_id domain; wiki-00000 q0 d0 history;"
    " wiki-00000 q1 d1 science; wiki-00001 q2 e0 history",
    "decontaminated_set": "shard qa_id doc_id domain; wiki-00000 q0 d0 history;"
    " wiki-00001 q2 e0 history",
    "difficulty": "shard qa_id policy closed_book_rate open_book_rate band;"
    " wiki-00000 q0 p 0.5 1.0 learnable; wiki-00001 q2 p 0.0 - -",
    "rl_splits": "shard example_id qa_id doc_id split domain; wiki-00000 x0 q0 d0 train history",
    "rejects": "stage shard row_id parent_id reason; raw_corpus wiki-00000 wiki-00000#4 4 no_text;"
    " filtered_docs wiki-00000 d2 d2 too_short; filtered_docs wiki-00000 d3 d3 near_duplicate;"
    " qa_pairs wiki-00000 d0/1 d0/1 declined;"
    " decontaminated_set wiki-00000 q1 q1 benchmark_overlap;"
    " rl_splits '' q2 q2 duplicate_question",
    "llm_calls": "shard stage row_id key tokens_in tokens_out cached_tokens cost replayed;"
    " wiki-00000 personas d0 k0 100 10 0 0.5 no; wiki-00000 personas d1 k1 200 20 50 1 yes;"
    " wiki-00001 qa_pairs e0 k2 300 30 - - no; law-00000 filtered_docs l0 k3 7 1 0 0 no",
}


def frame(table: str, text: str) -> pl.DataFrame:
    """Rows of a table, written as words; `-` and columns that are not named are null."""
    header, *lines = (line.split() for line in text.split(";"))
    words: dict[str, Any] = {"-": None, "''": "", "yes": True, "no": False}
    given = pl.DataFrame(
        [[words.get(word, word) for word in line] for line in lines], header, orient="row"
    )
    schema = TABLES[table].schema
    columns = [(pl.col(name) if name in header else pl.lit(None)).alias(name) for name in schema]
    return given.select(columns).cast(schema)


@pytest.fixture
def lake() -> dict[str, pl.DataFrame]:
    """Two shards of one source that went the whole walk, and one of another that was only read."""
    return {table: frame(table, text) for table, text in LAKE.items()}


def rows(table: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return table.select(columns or table.columns).rows()


def test_every_table_of_the_lake_that_the_marts_read_is_declared() -> None:
    for name, columns in marts.source_columns(PROJECT).items():
        assert set(columns) <= set(TABLES[name].schema)
        assert not {"text", "prompt", "question", "answer", "detail"} & set(columns)


def test_the_graph_is_in_order_and_says_what_each_model_rests_on() -> None:
    graph = marts.model_graph(PROJECT)
    assert {name for name, model in graph.items() if model.materialized == "table"} == MARTS
    seen: set[str] = set()
    for name, model in graph.items():
        assert set(model.depends_on_models) <= seen
        assert model.description and model.columns
        seen.add(name)
    assert graph["stg_shards"].depends_on_sources == ("shards",)
    assert marts.rests_on(graph, "yield_per_pair") == ("decontaminated_set", "llm_calls", "shards")


def test_reading_the_graph_opens_no_database() -> None:
    code = (
        "import sys; from pathlib import Path; from webscale_dagster.marts import model_graph;"
        "model_graph(Path(sys.argv[1])); assert 'duckdb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(PROJECT)], check=True)


def test_the_funnels_count_each_step(lake: dict[str, pl.DataFrame]) -> None:
    built = marts.build(PROJECT, lake).models
    assert set(built) == MARTS
    assert rows(built["funnel_by_shard"]) == [
        ("law-00000", "law", 1, 0, 0, 0, 0, 0, 0, 0),
        ("wiki-00000", "wiki", 4, 1, 2, 3, 2, 2, 1, 1),
        ("wiki-00001", "wiki", 1, 0, 1, 1, 1, 1, 1, 0),
    ]
    assert rows(built["funnel_by_source"]) == [
        ("law", 1, 1, 0, 0, 0, 0, 0, 0, 0, 0.0),
        ("wiki", 2, 5, 1, 3, 4, 3, 3, 2, 1, 200.0),
    ]
    assert rows(built["funnel_by_domain"]) == [
        ("history", 2, 3, 2, 2, 2, 1),
        ("science", 1, 1, 1, 1, 0, 0),
    ]


def test_bands_are_counted_by_domain(lake: dict[str, pl.DataFrame]) -> None:
    assert rows(marts.build(PROJECT, lake).models["bands_by_domain"]) == [
        ("history/learnable", "history", "learnable", 1, 1, 0.5, 1.0),
        ("history/unknown", "history", "unknown", 1, 0, 0.0, None),
    ]


def test_reasons_are_shares_of_a_stages_parents(lake: dict[str, pl.DataFrame]) -> None:
    found = marts.build(PROJECT, lake).models["reject_reasons"]
    columns = ("stage", "source", "shard", "reason", "n_rows", "parents", "share_of_parents")
    assert rows(found, *columns) == [
        ("decontaminated_set", "wiki", "wiki-00000", "benchmark_overlap", 1, 2, 0.5),
        ("filtered_docs", "wiki", "wiki-00000", "near_duplicate", 1, 4, 0.25),
        ("filtered_docs", "wiki", "wiki-00000", "too_short", 1, 4, 0.25),
        ("qa_pairs", "wiki", "wiki-00000", "declined", 1, 3, 1 / 3),
        ("raw_corpus", "wiki", "wiki-00000", "no_text", 1, 5, 0.2),
        ("rl_splits", "wiki", "wiki-00001", "duplicate_question", 1, 1, 1.0),
    ]


def test_tokens_are_counted_per_accepted_pair(lake: dict[str, pl.DataFrame]) -> None:
    found = marts.build(PROJECT, lake).models["yield_per_pair"]
    assert rows(found)[0][0] == "law/all"
    assert rows(found.drop("yield_key")) == [
        ("law", "all", 1, 0, 7, 1, 0, 0.0, 0, None, None),
        ("law", "filtered_docs", 1, 0, 7, 1, 0, 0.0, 0, None, None),
        ("wiki", "all", 3, 1, 600, 60, 50, 1.5, 2, 330.0, 0.75),
        ("wiki", "personas", 2, 1, 300, 30, 50, 1.5, 2, 165.0, 0.75),
        ("wiki", "qa_pairs", 1, 0, 300, 30, 0, 0.0, 2, 165.0, 0.0),
    ]


def test_conservation_holds_or_is_pending(lake: dict[str, pl.DataFrame]) -> None:
    built = marts.build(PROJECT, lake)
    found = built.models["conservation"].drop("conservation_key")
    assert rows(found.filter(pl.col("shard") == "wiki-00000")) == [
        ("decontaminated_set", "wiki-00000", 2, 1, 1, 0, 0, "balanced"),
        ("difficulty", "wiki-00000", 1, 1, 0, 0, 0, "balanced"),
        ("filtered_docs", "wiki-00000", 4, 2, 2, 0, 0, "balanced"),
        ("personas", "wiki-00000", 2, 2, 0, 0, 0, "balanced"),
        ("qa_pairs", "wiki-00000", 3, 2, 1, 0, 0, "balanced"),
        ("rl_splits", "wiki-00000", 1, 1, 0, 0, 0, "balanced"),
        ("verified_qa", "wiki-00000", 2, 2, 0, 0, 0, "balanced"),
    ]
    assert rows(found.filter(pl.col("shard") == "law-00000")) == [
        ("filtered_docs", "law-00000", 1, 0, 0, 1, 0, "pending")
    ]
    rl = found.filter(pl.col("stage") == "rl_splits", pl.col("shard") == "wiki-00001")
    assert rows(rl) == [("rl_splits", "wiki-00001", 1, 0, 1, 0, 0, "balanced")]
    assert [result for result in built.tests if result.failures] == []


def test_a_lost_parent_breaks_conservation(lake: dict[str, pl.DataFrame]) -> None:
    lake["rejects"] = lake["rejects"].filter(pl.col("row_id") != "d2")
    built = marts.build(PROJECT, lake)
    broken = built.models["conservation"].filter(pl.col("status") == "broken")
    assert rows(broken, "stage", "shard", "lost_parents") == [("filtered_docs", "wiki-00000", 1)]
    failed = [(r.model, r.name, r.column, r.failures) for r in built.tests if r.failures]
    assert failed == [("conservation", "accepted_values", "status", 1)]


def test_a_fate_without_a_parent_breaks_conservation(lake: dict[str, pl.DataFrame]) -> None:
    lake["rejects"] = lake["rejects"].with_columns(pl.col("parent_id").replace("d2", "d9"))
    found = marts.build(PROJECT, lake).models["conservation"]
    broken = found.filter(pl.col("status") == "broken")
    assert rows(broken, "lost_parents", "strangers") == [(1, 1)]


@pytest.mark.parametrize(
    ("table", "change", "failed"),
    [
        ("shards", {"source": [None, "wiki", "law"]}, ("stg_shards", "not_null", "source")),
        ("shards", {"shard": ["wiki-00000"] * 3}, ("stg_shards", "unique", "shard")),
        ("rl_splits", {"split": ["dev"]}, ("stg_rl_splits", "accepted_values", "split")),
        ("rl_splits", {"qa_id": ["q9"]}, ("stg_rl_splits", "relationships", "qa_id")),
        (
            "near_duplicates",
            {"keep_doc_id": ["d9"]},
            ("stg_near_duplicates", "relationships", "keep_doc_id"),
        ),
        (
            "filtered_docs",
            {"doc_id": ["d0", "d1", "d9"]},
            ("stg_filtered_docs", "relationships", "doc_id"),
        ),
    ],
)
def test_each_kind_of_schema_test_can_fail(
    lake: dict[str, pl.DataFrame],
    table: str,
    change: dict[str, list[Any]],
    failed: tuple[str, str, str],
) -> None:
    lake[table] = lake[table].with_columns(**{k: pl.Series(v) for k, v in change.items()})
    results = marts.build(PROJECT, lake).tests
    assert failed in {(r.model, r.name, r.column) for r in results if r.failures}


def test_an_empty_lake_has_empty_marts() -> None:
    sources = {name: TABLES[name].empty().lazy() for name in marts.source_columns(PROJECT)}
    built = marts.build(PROJECT, sources)
    assert all(table.is_empty() for table in built.models.values())
    assert not any(result.failures for result in built.tests)


def project(folder: Path, **files: str) -> Path:
    (folder / "models" / "marts").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: small\nvars: {}\n")
    (folder / "models" / "sources.yml").write_text(
        "sources:\n  - name: lake\n    tables:\n      - {name: shards, columns: [{name: shard}]}\n"
    )
    for name, text in files.items():
        place = folder / "models" / ("schema.yml" if name == "schema" else f"marts/{name}.sql")
        place.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"one": "select * from {{ ref('two') }}"}, "unknown model two"),
        ({"one": "select * from {{ source('lake', 'two') }}"}, "undeclared source two"),
        ({"one": "select {{ var('two') }}"}, "one.sql: 'two'"),
        ({"one": "select {{ two }}"}, "'two' is undefined"),
        ({"one": "from {{ ref('two') }}", "two": "from {{ ref('one') }}"}, "in a circle"),
        ({"one": "select 1", "schema": "models: [{name: two}]"}, "two is described"),
        (
            {"one": "select 1 as a", "schema": "models: [{name: one, columns: [{name: a, "
             "data_tests: [even]}]}]"},
            "unknown test even",
        ),
        ({"one": "select nothing"}, "model one: Binder Error"),
    ],
)  # fmt: skip
def test_a_broken_project_says_what_is_wrong(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    with pytest.raises(ProjectError, match=message):
        marts.build(project(tmp_path, **files), {"shards": TABLES["shards"].empty()})


def test_a_missing_project_or_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"dbt_project\.yml: no such file"):
        marts.model_graph(tmp_path)
    with pytest.raises(ProjectError, match="the models read shards; pass its frame"):
        marts.build(PROJECT, {})


@pytest.mark.service
def test_dbt_builds_the_same_marts(lake: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    pytest.importorskip("dbt.adapters.duckdb")
    marts.export_sources(PROJECT, lake, tmp_path / "sources")
    database = tmp_path / "marts.duckdb"
    environment = os.environ | {
        "WEBSCALE_SOURCES": str(tmp_path / "sources"),
        "WEBSCALE_MARTS": str(database),
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
        "DO_NOT_TRACK": "1",
    }
    command = [str(Path(sys.executable).parent / "dbt"), "build", "--profiles-dir", "."]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "ERROR=0" in done.stdout and "WARN=0" in done.stdout
    assert "Deprecat" not in done.stdout
    built = marts.build(PROJECT, lake)
    assert f"PASS={len(marts.model_graph(PROJECT)) + len(built.tests)}" in done.stdout
    with duckdb.connect(str(database), read_only=True) as connection:
        for name, table in built.models.items():
            theirs = connection.sql(f'select * from "{name}"').to_arrow_table()
            assert pl.DataFrame(pl.from_arrow(theirs)).equals(table), name
