"""Precision and recall of the text engine on a lake's own documents, as a release keeps them.

Reads raw_corpus and the benchmarks' tables. Makes the report that a release stores as
``text_engine.json``: copies and leaks are planted by the recipe's seed, so that the same lake and
engine give the same numbers.
"""

from __future__ import annotations

import json
import random

import polars as pl

from webscale_dagster import shards
from webscale_dagster.lake import Lake
from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.overlap import decontaminator
from webscale_dagster.text.engine_report import MAX_DOCUMENTS, MIN_WORDS, Report, planted_report

FILE = "text_engine.json"
_SHARDS = 4  # that documents are drawn from: a lake can hold more text than can be read for this


def engine_report(lake: Lake, recipe: Recipe) -> Report:
    """Plant into a sample of the lake's documents, with its benchmarks, and count."""
    frames = {name: lake.read(name).collect() for name in ("benchmarks", "benchmark_ngrams")}
    engine = decontaminator(frames, recipe.decontaminated_set)
    return planted_report(sample(lake, recipe.seed), frames["benchmarks"], engine, recipe)


def sample(lake: Lake, seed: int, n: int = MAX_DOCUMENTS) -> list[str]:
    """Texts of at most ``n`` documents of a few shards, drawn by a seed."""
    draw, names = random.Random(seed), shards.names(lake)
    drawn = draw.sample(names, min(len(names), _SHARDS))
    long_enough = pl.col("shard").is_in(drawn) & (pl.col("n_words") >= MIN_WORDS)
    rows = lake.read("raw_corpus").filter(long_enough).select("doc_id", "text").collect()
    texts = rows.sort("doc_id")["text"]
    return [texts[place] for place in draw.sample(range(len(texts)), min(len(texts), n))]


def kept_report(lake: Lake, folder: str) -> Report | None:
    """What a release stores, if it found every verbatim leak: else it is to be looked at again."""
    kept = lake.objects.get(f"{folder}/{FILE}")
    report = None if kept is None else Report.of(json.loads(kept))
    return report if report is not None and report.verbatim.missed == 0 else None
