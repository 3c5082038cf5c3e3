"""Documents worth asking about: cheap checks first, the model last.

Reads raw_corpus, near_duplicates, benchmarks and benchmark_ngrams.
Writes filtered_docs (a document) and rejects (a document, with the first check it failed).
Nothing is paid for that a free check would drop.
"""

from __future__ import annotations

import orjson
import polars as pl
from pydantic import BaseModel, ConfigDict

from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.asking import ask_in_chunks
from webscale_dagster.stages.overlap import decontaminator
from webscale_dagster.stages.prompt import messages, prompt_version
from webscale_dagster.stages.protocol import (
    Context,
    Frames,
    Reply,
    Request,
    Result,
    Stage,
    rejects_frame,
)
from webscale_dagster.tables import TABLES
from webscale_dagster.text.quality import quality

NAME = "filtered_docs"
Reject = tuple[str, str]  # reason, detail


class FilterVerdict(BaseModel):
    """The model's reply: is the document worth asking about?"""

    model_config = ConfigDict(extra="forbid")
    informative: bool
    self_contained: bool
    reason: str


def run(frames: Frames, context: Context) -> Result:
    """Duplicates, language, length, quality rules, benchmark text, then the model's verdict."""
    documents = frames["raw_corpus"].sort("row")
    rejects: dict[str, Reject] = _duplicates(frames)
    measures: dict[str, str] = {}
    for done, row in enumerate(documents.iter_rows(named=True)):
        if row["doc_id"] not in rejects:
            found = _rules(row, context.recipe, measures)
            if found is not None:
                rejects[row["doc_id"]] = found
        if done % 500 == 0:
            context.progress(done, documents.height)
    left = documents.filter(~pl.col("doc_id").is_in(list(rejects)))
    rejects |= _contaminated(left, frames, context.recipe)
    left = left.filter(~pl.col("doc_id").is_in(list(rejects)))
    if context.recipe.filtered_docs.ask_model:
        rejects |= _judged(left, context)
        left = left.filter(~pl.col("doc_id").is_in(list(rejects)))
    kept = left.with_columns(
        pl.col("doc_id").replace_strict(measures, return_dtype=pl.String).alias("measures")
        if left.height
        else pl.lit("{}").alias("measures")
    ).select(list(TABLES[NAME].schema))
    rows = [
        (doc_id, doc_id, *rejects[doc_id]) for doc_id in documents["doc_id"] if doc_id in rejects
    ]
    return Result(kept, rejects_frame(NAME, context.shard, rows))


def _duplicates(frames: Frames) -> dict[str, Reject]:
    found = frames["near_duplicates"].select("doc_id", "keep_doc_id", "jaccard").rows()
    return {
        doc_id: (
            "exact_duplicate" if jaccard >= 1 else "near_duplicate",
            f"of {keep}, jaccard {jaccard:.3f}",
        )
        for doc_id, keep, jaccard in found
    }


def _rules(row: dict[str, object], recipe: Recipe, measures: dict[str, str]) -> Reject | None:
    """The first free check that the document fails, with the value that failed."""
    settings = recipe.filtered_docs
    n_words = int(str(row["n_words"]))
    if row["lang"] not in settings.languages:
        return "language", str(row["lang"])
    if n_words < settings.min_words:
        return "too_short", f"{n_words} words, at least {settings.min_words} wanted"
    if n_words > settings.max_words:
        return "too_long", f"{n_words} words, at most {settings.max_words} wanted"
    found = quality(str(row["text"]), rules_off=settings.rules_off, thresholds=settings.thresholds)
    measures[str(row["doc_id"])] = orjson.dumps(
        {name: round(value, 4) for name, value in found.measures.items()}
    ).decode()
    if found.failed:
        first = found.failed[0]
        return first, f"{found.measures[first]:.4g}; failed: {', '.join(found.failed)}"
    return None


def _contaminated(left: pl.DataFrame, frames: Frames, recipe: Recipe) -> dict[str, Reject]:
    if left.is_empty() or frames["benchmark_ngrams"].is_empty():
        return {}
    engine = decontaminator(frames, recipe.decontaminated_set)
    found = engine.find(left.select(pl.col("doc_id").alias("id"), "text"))
    return {
        row["id"]: (
            "benchmark_overlap",
            f"{row['benchmark']}/{row['benchmark_id']}, rule {row['rule']}, "
            f"score {row['score']:.2f}: {row['match']}",
        )
        for row in found.sort("score").iter_rows(named=True)  # the highest score stays
    }


def _judged(left: pl.DataFrame, context: Context) -> dict[str, Reject]:
    version = prompt_version(NAME, FilterVerdict)

    def request(row: dict[str, object]) -> Request:
        variables = {"text": row["text"], "title": row["title"]}
        return Request(
            stage=NAME,
            row_id=str(row["doc_id"]),
            variables=variables,
            messages=messages(NAME, variables),
            reply=FilterVerdict,
            prompt_version=version,
            seed=context.recipe.seed,
        )

    rejects: dict[str, Reject] = {}
    for row, reply in ask_in_chunks(left, request, context):
        found = _verdict(reply)
        if found is not None:
            rejects[str(row["doc_id"])] = found
    return rejects


def _verdict(reply: Reply) -> Reject | None:
    if reply.error is not None:
        return "bad_reply", f"{reply.error}: {reply.text}"
    if not reply.value.informative:
        return "not_informative", reply.value.reason
    if not reply.value.self_contained:
        return "not_self_contained", reply.value.reason
    return None


STAGE = Stage(
    name=NAME,
    reads=("raw_corpus", "near_duplicates", "benchmarks", "benchmark_ngrams"),
    run=run,
    version=1,
    settings=("filtered_docs", "decontaminated_set", "seed", "model"),
    parent="raw_corpus",
    asks_model=True,
    files=("prompts/filtered_docs.md",),
    beside=("llm_calls",),
)
