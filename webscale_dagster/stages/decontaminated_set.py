"""Pairs that overlap no benchmark question.

Reads verified_qa, benchmarks and benchmark_ngrams. Writes decontaminated_set (a pair) and rejects
(a pair with the benchmark question it overlaps).
"""

from __future__ import annotations

import polars as pl

from webscale_dagster.stages.overlap import decontaminator
from webscale_dagster.stages.protocol import Context, Frames, Result, Stage, rejects_frame

NAME = "decontaminated_set"


def run(frames: Frames, context: Context) -> Result:
    """Keep a pair unless its question or answer is a benchmark's."""
    pairs = frames["verified_qa"]
    found: dict[str, str] = {}
    if pairs.height and frames["benchmark_ngrams"].height:
        engine = decontaminator(frames, context.recipe.decontaminated_set)
        hits = engine.find_pairs(pairs.select(pl.col("qa_id").alias("id"), "question", "answer"))
        found = {
            row["id"]: f"{row['benchmark']}/{row['benchmark_id']}, rule {row['rule']}, "
            f"score {row['score']:.2f}: {row['match']}"
            for row in hits.sort("score").iter_rows(named=True)
        }
    rows = [(i, i, "benchmark_overlap", found[i]) for i in pairs["qa_id"] if i in found]
    kept = pairs.filter(~pl.col("qa_id").is_in(list(found)))
    return Result(kept, rejects_frame(NAME, context.shard, rows))


STAGE = Stage(
    name=NAME,
    reads=("verified_qa", "benchmarks", "benchmark_ngrams"),
    run=run,
    version=2,
    settings=("decontaminated_set",),
    parent="verified_qa",
)
