"""This project's text engine as a program of ``text_engine.py`` (see ``text_engine_clock.py``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import polars as pl
from text_engine_clock import Call, Work, cpu, run

from webscale_dagster.readers.storage import local_copy
from webscale_dagster.recipe import Benchmarks, DecontaminatedSet, NearDuplicates, Recipe
from webscale_dagster.stages import STAGES, Context
from webscale_dagster.tables import TABLES
from webscale_dagster.text.decontamination import Decontaminator, ngram_rows
from webscale_dagster.walk import record_frames


def near_duplicates(_: Mapping[str, str]) -> Work:
    """Pairs (kept, duplicate), verified by exact Jaccard."""
    from webscale_dagster.text import find_near_duplicates

    def work(frame: pl.DataFrame) -> Call:
        def call() -> Any:
            found = find_near_duplicates(frame, settings=NearDuplicates())
            return found.select(pl.col("keep_id", "id").cast(pl.Int64)).rows()

        return call

    return work


def growth(settings: Mapping[str, str]) -> Work:
    """Near-duplicates of each part of so many documents, one part after the other."""
    from webscale_dagster.text import find_near_duplicates

    size = int(settings["size"])

    def work(frame: pl.DataFrame) -> Call:
        def call() -> Any:
            parts = frame.iter_slices(size)
            return [find_near_duplicates(part, settings=NearDuplicates()).height for part in parts]

        return call

    return work


def quality(settings: Mapping[str, str]) -> Work:
    """Every rule of a profile on every document; ids that pass all."""
    from webscale_dagster.text.quality import judge

    def work(frame: pl.DataFrame) -> Call:
        def call() -> Any:
            judged = judge(frame["text"], profile=settings["profile"])
            return {"kept": frame["id"].filter(judged["failed"].list.len() == 0).to_list()}

        return call

    return work


def decontamination(settings: Mapping[str, str]) -> Work:
    """Ids of the documents that hold a benchmark question."""
    questions = pl.read_parquet(settings["questions"])
    started = cpu()
    engine = Decontaminator(ngram_rows(questions, Benchmarks()), questions, DecontaminatedSet())
    index_s = cpu() - started

    def work(frame: pl.DataFrame) -> Call:
        def call() -> Any:
            found = engine.find(frame)["id"].unique().to_list()
            return {"flagged": found, "index_s": index_s}

        return call

    return work


def walk(settings: Mapping[str, str]) -> Work:
    """The CPU side of the walk: JSONL read, documents, near-duplicates, rules, benchmark text."""
    recipe = Recipe()
    asks = recipe.filtered_docs.model_copy(update={"ask_model": False})
    recipe = recipe.model_copy(update={"filtered_docs": asks})
    shared = {name: pl.read_parquet(settings[name]) for name in ("benchmarks", "benchmark_ngrams")}

    def work(frame: pl.DataFrame) -> Call:
        shard = _shard(settings, frame.height)
        return lambda: _walked(shard, recipe, shared)

    return work


def _shard(settings: Mapping[str, str], n: int) -> dict[str, Any]:
    """The first rows of a part of a JSON Lines file, as it is registered."""
    first = int(settings.get("first", "0"))
    uri = settings["jsonl"]
    with local_copy(uri) as file:
        known = {"size": file.size, "sha256": file.sha256}
    place = {"shard": "s-00000", "source": "s", "uri": uri, "row_from": first, "row_to": first + n}
    return place | known | {"options": '{"format": "jsonl"}'}


def _walked(
    shard: Mapping[str, Any], recipe: Recipe, shared: Mapping[str, pl.DataFrame]
) -> dict[str, Any]:
    """Kept documents, and CPU-seconds of each stage."""
    spent: dict[str, float] = {}
    context = Context(recipe, str(shard["shard"]))
    with _timed(spent, "read"):
        frames = {**record_frames(shard, recipe), **shared}
    for name in ("raw_corpus", "near_duplicates", "filtered_docs"):
        with _timed(spent, name):
            made = STAGES[name].run(frames, context)
        frames |= {name: made.kept, **made.beside}
        if name == "raw_corpus":
            earlier = TABLES["signatures"].empty().with_columns(family=pl.lit("", pl.String))
            frames["earlier"] = earlier
    return {"kept": frames["filtered_docs"].height, "stages": spent}


@contextmanager
def _timed(spent: dict[str, float], name: str) -> Iterator[None]:
    started = cpu()
    yield
    spent[name] = cpu() - started


TASKS = {
    "near_duplicates": near_duplicates,
    "growth": growth,
    "quality": quality,
    "decontamination": decontamination,
    "walk": walk,
}

if __name__ == "__main__":
    run(TASKS)
