"""A tiny lake of judged pairs, made by hand: kept and rejected ones of two sources."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from webscale_dagster import shards
from webscale_dagster.lake import Lake
from webscale_dagster.recipe import Recipe
from webscale_dagster.tables import TABLES

TEXT = "Copper is a metal. Copper melts at 1,085 degrees Celsius. It conducts heat well."


def frame(table: str, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows in the table's schema; what is not named is null."""
    schema = TABLES[table].schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def pair(qa_id: str, **more: Any) -> dict[str, Any]:
    """A pair with its document and verdicts, all in one row."""
    row: dict[str, Any] = {
        "qa_id": qa_id,
        "doc_id": f"doc-{qa_id}",
        "source": "wiki",
        "domain": "science",
        "title": "Copper",
        "url": "https://example.org/copper",
        "text": TEXT,
        "question": "At how many degrees Celsius does copper melt?",
        "answer": "1,085",
        "answer_type": "number",
        "verifier_options": json.dumps({"aliases": ["1085"], "unit": "°C"}),
        "evidence": "Copper melts at 1,085 degrees Celsius.",
        "verified_by": "rules",
        "quote_score": 1.0,
        "support": 1.0,
        "relevance": 0.8,
        "leak_score": 0.0,
        "problems": [],
    } | more
    start = row["text"].find(row["evidence"])
    place = {"evidence_start": start, "evidence_end": start + len(row["evidence"])}
    return row | (place if start >= 0 else {})


def publish(lake: Lake, shard: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write the shard's documents, pairs and verdicts as the stages would."""
    rows = [row | {"shard": shard} for row in rows]
    documents = list({row["doc_id"]: row for row in rows}.values())
    shards.register(lake, [{"shard": shard, "source": "wiki", "uri": f"{shard}.jsonl"}])
    for table, of in (("raw_corpus", documents), ("filtered_docs", documents), ("qa_pairs", rows)):
        lake.commit(table, frame(table, of), shard)
    lake.publish(
        "verified_qa",
        frame("verified_qa", [row for row in rows if row.get("problem") is None]),
        shard=shard,
        recipe=Recipe(),
        beside={"pair_verdicts": frame("pair_verdicts", rows)},
    )


def mixed(count: int) -> list[dict[str, Any]]:
    """So many kept pairs in six strata of unequal sizes, and a third as many rejected ones."""
    kept = [
        pair(
            f"k{number:04d}",
            doc_id=f"d{number // 2:04d}",
            domain="history" if number % 5 == 0 else "science",
            source="books" if number % 7 == 0 else "wiki",
            answer_type="term" if number % 11 == 0 else "number",
        )
        for number in range(count)
    ]
    gone = [
        pair(
            f"r{number:04d}",
            doc_id=f"d{number:04d}",
            problem="leaks" if number % 2 else "quote_not_found",
            problems=["leaks"] if number % 2 else ["quote_not_found"],
            leak_score=1.0 if number % 2 else 0.0,
            quote_score=1.0 if number % 2 else 0.4,
        )
        for number in range(count // 3)
    ]
    return kept + gone
