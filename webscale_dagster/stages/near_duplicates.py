"""Exact and near duplicates, decided once, in the order shards were admitted.

Reads raw_corpus and signatures (this shard's documents), ``earlier`` (documents kept in shards
admitted before: doc_id, text_hash, group, bands, family) and their texts through the context.
Writes near_duplicates (a duplicate and the document kept for it) and, beside it, relatives (a kept
document and its family).
"""

from __future__ import annotations

import polars as pl

from webscale_dagster.stages.protocol import Context, Frames, Result, Stage
from webscale_dagster.tables import TABLES


def run(frames: Frames, context: Context) -> Result:
    """Compare every new document with the documents kept so far."""
    from webscale_dagster.text.admission import admit

    new = (
        frames["raw_corpus"]
        .sort("row")
        .select("doc_id", "shard", "text", "text_hash", "group")
        .join(frames["signatures"].select("doc_id", "bands", "n_shingles"), on="doc_id")
    )
    earlier = frames["earlier"]
    # A record that stands in two files of its source is one document, with one id.
    again = new.join(earlier.select("doc_id"), on="doc_id", how="semi").select(
        "doc_id",
        "shard",
        pl.col("doc_id").alias("keep_doc_id"),
        pl.col("doc_id").alias("cluster_id"),
        pl.lit(1.0).alias("jaccard"),
    )
    admission = admit(
        new.join(again, on="doc_id", how="anti", maintain_order="left"),
        earlier,
        context.texts,
        settings=context.recipe.near_duplicates,
    )
    return Result(
        pl.concat([again, admission.duplicates]),
        TABLES["rejects"].empty(),
        {"relatives": admission.relatives},
    )


STAGE = Stage(
    name="near_duplicates",
    reads=("raw_corpus", "signatures", "earlier"),
    run=run,
    version=2,
    settings=("near_duplicates",),
    beside=("relatives",),
)
