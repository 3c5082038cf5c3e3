"""The lake: audit before commit, conservation, no-op on equal content, nothing half-read."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from webscale_dagster.content import content_of
from webscale_dagster.lake import AuditFailed, Lake
from webscale_dagster.recipe import Recipe
from webscale_dagster.tables import TABLES

RECIPE = Recipe()


def documents(shard: str, *texts: str) -> pl.DataFrame:
    rows = [
        {
            "doc_id": f"{shard}-{place}",
            "shard": shard,
            "row": place,
            "source": "s",
            "text": text,
            "text_hash": text,
            "lang": "en",
            "n_words": len(text.split()),
        }
        for place, text in enumerate(texts)
    ]
    schema = TABLES["raw_corpus"].schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def rejects(stage: str, shard: str, *parents: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "stage": [stage] * len(parents),
            "shard": [shard] * len(parents),
            "row_id": [f"{shard}#{parent}" for parent in parents],
            "parent_id": list(parents),
            "reason": ["not_json"] * len(parents),
            "detail": ["{"] * len(parents),
        },
        schema=TABLES["rejects"].schema,
    )


def publish(lake: Lake, frame: pl.DataFrame, shard: str, **more: Any) -> Any:
    return lake.publish("raw_corpus", frame, more.pop("gone", None), shard, recipe=RECIPE, **more)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def test_rows_come_back_by_shard_and_by_version(lake: Lake) -> None:
    first = publish(lake, documents("a-00000", "one two"), "a-00000")
    publish(lake, documents("b-00000", "three"), "b-00000")
    publish(lake, documents("a-00000", "four five six"), "a-00000")
    assert lake.read("raw_corpus").collect()["text"].sort().to_list() == ["four five six", "three"]
    assert lake.read("raw_corpus", "a-00000").collect()["n_words"].to_list() == [3]
    old = lake.read("raw_corpus", version=first.version).collect()
    assert old["text"].to_list() == ["one two"]


def test_a_table_that_was_never_published_reads_as_empty(lake: Lake) -> None:
    assert lake.read("qa_pairs").collect().schema == TABLES["qa_pairs"].schema


def test_equal_content_makes_no_version(lake: Lake) -> None:
    gone = rejects("raw_corpus", "a-00000", "1")
    made = [publish(lake, documents("a-00000", "one"), "a-00000", gone=gone) for _ in range(3)]
    publish(lake, documents("b-00000", "two"), "b-00000")
    again = publish(lake, documents("a-00000", "one"), "a-00000", gone=gone)
    assert [m.committed for m in made] == [True, False, False]
    assert not again.committed
    assert {table: lake.version(table) for table in ("raw_corpus", "rejects")} == {
        "raw_corpus": 1,
        "rejects": 1,
    }


def test_other_rejects_are_other_content(lake: Lake) -> None:
    publish(
        lake, documents("a-00000", "one"), "a-00000", gone=rejects("raw_corpus", "a-00000", "1")
    )
    made = publish(
        lake, documents("a-00000", "one"), "a-00000", gone=rejects("raw_corpus", "a-00000", "2")
    )
    assert made.committed
    named = lake.rejects(["raw_corpus"], ["a-00000"]).collect()
    assert named["parent_id"].to_list() == ["2"]


def test_a_broken_contract_commits_nothing_and_keeps_the_rows(lake: Lake) -> None:
    publish(lake, documents("a-00000", "good"), "a-00000")
    with pytest.raises(AuditFailed, match=r"raw_corpus, shard a-00000.*text_present: 1 offending"):
        publish(lake, documents("a-00000", "fine", "  "), "a-00000")
    assert lake.version("raw_corpus") == 0
    assert lake.read("raw_corpus", "a-00000").collect()["text"].to_list() == ["good"]
    verdict = lake.verdict("raw_corpus", "a-00000")
    assert verdict is not None and not verdict["passed"]
    assert verdict["offending"]["text_present"][0]["doc_id"] == "a-00000-1"
    quarantined = [k for k in lake.objects.keys("quarantine/") if k.endswith("rows.parquet")]
    assert pl.read_parquet(Path(lake.root) / quarantined[0]).height == 2


def test_another_shards_success_does_not_repaint_a_bad_verdict(lake: Lake) -> None:
    with pytest.raises(AuditFailed):
        publish(lake, documents("a-00000", " "), "a-00000")
    publish(lake, documents("b-00000", "good"), "b-00000")
    bad = [v["shard"] for v in lake.verdicts() if not v["passed"]]
    assert bad == ["a-00000"]


@pytest.mark.parametrize(
    ("gone", "failing"),
    [
        (rejects("raw_corpus", "a-00000"), "parents_conserved"),
        (rejects("raw_corpus", "a-00000", "1", "9"), "no_parent_invented"),
    ],
)
def test_conservation_is_counted(lake: Lake, gone: pl.DataFrame, failing: str) -> None:
    parents = pl.Series("row", [0, 1])
    with pytest.raises(AuditFailed, match=failing):
        publish(lake, documents("a-00000", "kept"), "a-00000", gone=gone, parents=parents)


def test_conservation_holds(lake: Lake) -> None:
    gone = rejects("raw_corpus", "a-00000", "1")
    made = publish(
        lake, documents("a-00000", "kept"), "a-00000", gone=gone, parents=pl.Series("row", [0, 1])
    )
    assert made.audit.n_parents == 2


def test_rejects_of_an_unfinished_publish_are_not_read(lake: Lake) -> None:
    """A crash after the rejects' commit and before that of the kept rows."""
    kept = documents("a-00000", "one", "two", "three")
    publish(lake, kept, "a-00000", gone=rejects("raw_corpus", "a-00000", "3"))
    lake.commit("rejects", rejects("raw_corpus", "a-00000", "7", "8"), "raw_corpus/a-00000")
    named = lake.rejects(["raw_corpus"], ["a-00000"]).collect()
    assert named["parent_id"].to_list() == ["3"]
    publish(lake, kept, "a-00000", gone=rejects("raw_corpus", "a-00000", "7", "8"))
    assert lake.rejects(["raw_corpus"], ["a-00000"]).collect().height == 2


def test_an_expectation_that_raises_is_an_error_not_a_pass() -> None:
    judge = importlib.import_module("webscale_dagster.contracts.audit")
    unmeasured: Any = "not a number"
    metrics = [
        judge.Metric(n, "m", v, 1.0, pl.DataFrame()) for n, v in (("a", unmeasured), ("b", 0.5))
    ]
    verdicts = judge._judge("raw_corpus", metrics)
    assert verdicts["b"] is None
    assert "raised" in verdicts["a"]


@pytest.mark.parametrize(
    "seen", [(0.0, 0.5), (0.1, 0.5), (0.0, 0.6), (float("nan"), 0.0), (float("inf"), 0.0)]
)
def test_one_expectation_for_all_metrics_judges_as_one_each(seen: tuple[float, float]) -> None:
    judge = importlib.import_module("webscale_dagster.contracts.audit")
    limits = (0.0, 0.5)
    metrics = [
        judge.Metric(name, "m", observed, limit, pl.DataFrame())
        for name, observed, limit in zip("ab", seen, limits, strict=True)
    ]
    verdicts = judge._judge("raw_corpus", metrics)
    wanted = {n: s <= limit for n, s, limit in zip("ab", seen, limits, strict=True)}
    assert {name: why is None for name, why in verdicts.items()} == wanted


def test_a_missing_column_is_named(lake: Lake) -> None:
    with pytest.raises(ValueError, match="raw_corpus: the frame lacks the columns text"):
        publish(lake, documents("a-00000", "one").drop("text"), "a-00000")


def test_unsharded_tables_are_replaced_whole(lake: Lake) -> None:
    questions = pl.DataFrame(
        {"benchmark": ["b"], "benchmark_id": ["1"], "question": ["Why?"], "answer": ["So"]}
    ).with_columns(context=pl.lit(None), n_words=pl.lit(1))
    for frame in (questions, questions.with_columns(answer=pl.lit("Thus"))):
        lake.publish("benchmarks", frame, recipe=RECIPE)
    assert lake.read("benchmarks").collect()["answer"].to_list() == ["Thus"]
    assert lake.rejects(["benchmarks"], [""]).collect().is_empty()


def test_content_ignores_how_a_call_was_answered() -> None:
    call = {name: None for name in TABLES["llm_calls"].schema} | {"key": "k", "replayed": False}
    frame = pl.DataFrame([call], schema=TABLES["llm_calls"].schema)
    replayed = frame.with_columns(replayed=pl.lit(True), latency_ms=pl.lit(9.0))
    ignored = ("latency_ms", "attempts", "replayed")
    assert content_of(frame, ignored) == content_of(replayed, ignored)
    assert content_of(frame) != content_of(replayed)


def test_vacuum_keeps_what_a_release_pins(lake: Lake) -> None:
    pinned = publish(lake, documents("a-00000", "one"), "a-00000").version
    publish(lake, documents("a-00000", "two"), "a-00000")
    publish(lake, documents("a-00000", "three"), "a-00000")
    manifest = f'{{"tables": {{"raw_corpus": {pinned}}}}}'.encode()
    lake.objects.put("releases/r/manifest.json", manifest)
    freed = lake.vacuum(hours=0, dry_run=False)
    assert len(freed["raw_corpus"]) == 1
    assert lake.read("raw_corpus", version=pinned).collect()["text"].to_list() == ["one"]
    assert lake.read("raw_corpus").collect()["text"].to_list() == ["three"]


def test_names_that_leave_the_root_are_refused(lake: Lake) -> None:
    with pytest.raises(ValueError, match=r"must not contain '\.\.'"):
        lake.objects.put("../outside", b"x")
