"""Assets 1 to 4: from corpus files to documents worth asking about."""

from __future__ import annotations

from webscale_dagster.defs.walk_asset import walk_asset

raw_corpus = walk_asset(
    "raw_corpus",
    "documents",
    "The shard's file, decoded, normalised, identified, its language detected. Records that cannot "
    "be read are rejects.",
)
near_duplicates = walk_asset(
    "near_duplicates",
    "documents",
    "Exact and near duplicates of documents admitted earlier. Decided once, in the order shards "
    "are admitted, so a new shard never changes what an old one kept.",
    deps=["raw_corpus"],
    pool="admission",
)
benchmarks = walk_asset(
    "benchmarks",
    "benchmarks",
    "Test sets to keep out: text, n-gram index and published fingerprints.",
)
filtered_docs = walk_asset(
    "filtered_docs",
    "documents",
    "Duplicates, other languages, boilerplate (Gopher, C4, FineWeb rules) and benchmark text out; "
    "then the model's verdict: informative and self-contained?",
    deps=["raw_corpus", "near_duplicates", "benchmarks"],
)
