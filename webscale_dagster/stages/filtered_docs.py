"""Documents worth asking about: cheap checks first, the model last.

Reads raw_corpus, near_duplicates, benchmarks and benchmark_ngrams.
Writes filtered_docs (a document) and rejects (a document, with the first check it failed).
Nothing is paid for that a free check would drop. With ``annotate = "merged"`` the same call also
names domain and personas, which stage ``personas`` then takes from the row.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import polars as pl
from pydantic import Field, create_model

from webscale_dagster.recipe import FilteredDocs, Recipe
from webscale_dagster.stages.asking import ask_each
from webscale_dagster.stages.domains import domains
from webscale_dagster.stages.overlap import decontaminator
from webscale_dagster.stages.personas import persona_fields, usable_personas
from webscale_dagster.stages.prompt import messages, prompt_files, prompt_version
from webscale_dagster.stages.protocol import (
    Context,
    Frames,
    Reply,
    Request,
    Result,
    Stage,
    rejects_frame,
)
from webscale_dagster.stages.reply import Reason, ReplyModel
from webscale_dagster.tables import TABLES
from webscale_dagster.text.quality import as_json, judge

NAME = "filtered_docs"
Reject = tuple[str, str]  # reason, detail
Annotation = tuple[str | None, list[str] | None]  # domain, personas
_FILES = prompt_files("filtered_docs", "personas_task")
_BATCH = 1_000  # documents judged between two reports of progress


class FilterVerdict(ReplyModel):
    """The model's reply: is the document worth asking about?"""

    reason: Reason
    informative: bool
    self_contained: bool
    enough_context: bool
    boilerplate: bool


def run(frames: Frames, context: Context) -> Result:
    """Duplicates, language, length, quality rules, benchmark text, then the model's verdict."""
    documents = frames["raw_corpus"].sort("row")
    rejects: dict[str, Reject] = _duplicates(frames)
    measures: dict[str, str] = {}
    singles = documents.filter(~pl.col("doc_id").is_in(list(rejects)))
    rejects |= _by_rules(singles, context, measures)
    left = documents.filter(~pl.col("doc_id").is_in(list(rejects)))
    rejects |= _contaminated(left, frames, context.recipe)
    left = left.filter(~pl.col("doc_id").is_in(list(rejects)))
    annotations: dict[str, Annotation] = {}
    if context.recipe.filtered_docs.ask_model:
        rejects |= _judged(left, context, annotations)
        left = left.filter(~pl.col("doc_id").is_in(list(rejects)))
    ids = left["doc_id"].to_list()
    blank: Annotation = (None, None)
    kept = left.with_columns(
        pl.Series("measures", [measures[i] for i in ids], dtype=pl.String),
        pl.Series("domain", [annotations.get(i, blank)[0] for i in ids], dtype=pl.String),
        pl.Series("personas", [annotations.get(i, blank)[1] for i in ids], pl.List(pl.String)),
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


def _by_rules(
    documents: pl.DataFrame, context: Context, measures: dict[str, str]
) -> dict[str, Reject]:
    """The first free check that a document fails; of the others, what the rules measured."""
    settings = context.recipe.filtered_docs
    rejects: dict[str, Reject] = {}
    for doc_id, lang, n_words in documents.select("doc_id", "lang", "n_words").iter_rows():
        found = _unfit(lang, n_words, settings)
        if found is not None:
            rejects[doc_id] = found
    left = documents.filter(~pl.col("doc_id").is_in(list(rejects))).select("doc_id", "text")
    rules = functools.partial(
        judge,
        rules_off=settings.rules_off,
        thresholds=settings.thresholds,
        profile=settings.rules,
    )
    for done, part in enumerate(left.iter_slices(_BATCH)):
        context.progress(done * _BATCH, left.height)
        judged = part.hstack(rules(part["text"])).drop("text")
        passed = judged.filter(pl.col("failed").list.len() == 0)
        measures.update(zip(passed["doc_id"], as_json(passed["measures"]), strict=True))
        for doc_id, values, failed in judged.filter(pl.col("failed").list.len() > 0).iter_rows():
            detail = f"{values[failed[0]]:.4g}; failed: {', '.join(failed)}"
            rejects[doc_id] = failed[0], detail
    return rejects


def _unfit(lang: str | None, n_words: int, settings: FilteredDocs) -> Reject | None:
    """What rules out a document before its text is looked at."""
    if lang not in settings.languages:
        return "language", str(lang)
    if n_words < settings.min_words:
        return "too_short", f"{n_words} words, at least {settings.min_words} wanted"
    if n_words > settings.max_words:
        return "too_long", f"{n_words} words, at most {settings.max_words} wanted"
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


@functools.cache
def _annotated(slugs: tuple[str, ...], max_personas: int) -> type[FilterVerdict]:
    """The reply of the merged call: domain and personas too, where the document is kept."""
    domain, personas = persona_fields(slugs, max_personas, 0)
    return create_model(
        "AnnotatedVerdict",
        __base__=FilterVerdict,
        domain=(domain | None, None),
        personas=(personas, Field(default_factory=list)),
    )


def requester(recipe: Recipe) -> Callable[[dict[str, Any]], Request]:
    """Makes the request about a document (a row with doc_id, text, title)."""
    settings = recipe.filtered_docs
    merged = recipe.annotate == "merged"
    known = domains(recipe) if merged else ()
    limit = recipe.personas.max_personas
    reply = _annotated(tuple(d.slug for d in known), limit) if merged else FilterVerdict
    version = prompt_version(_FILES, reply, *(d.scope for d in known))
    shared = {"domains": known, "max_personas": limit}

    def request(row: dict[str, Any]) -> Request:
        variables = {"text": row["text"], "title": row["title"], **shared}
        return Request(
            stage=NAME,
            row_id=row["doc_id"],
            variables=variables,
            messages=messages(NAME, variables),
            reply=reply,
            prompt_version=version,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            seed=recipe.seed,
        )

    return request


def _judged(
    left: pl.DataFrame, context: Context, annotations: dict[str, Annotation]
) -> dict[str, Reject]:
    merged = context.recipe.annotate == "merged"
    rejects: dict[str, Reject] = {}
    rows = left.iter_rows(named=True)
    for row, reply in ask_each(rows, left.height, requester(context.recipe), context):
        found = _verdict(reply)
        if found is None and merged:
            personas = usable_personas(reply.value.personas, context.recipe)
            annotations[row["doc_id"]] = (reply.value.domain, personas)
        if found is not None:
            rejects[row["doc_id"]] = found
    return rejects


def _verdict(reply: Reply) -> Reject | None:
    if reply.problem is not None:
        return reply.reject
    verdict = reply.value
    for name in ("informative", "self_contained", "enough_context"):
        if not getattr(verdict, name):
            return f"not_{name}", verdict.reason
    return ("boilerplate", verdict.reason) if verdict.boilerplate else None


STAGE = Stage(
    name=NAME,
    reads=("raw_corpus", "near_duplicates", "benchmarks", "benchmark_ngrams"),
    run=run,
    version=3,
    settings=("filtered_docs", "decontaminated_set", "seed", "annotate"),
    parent="raw_corpus",
    asks_model=True,
    merges=("personas",),
    files=_FILES,
    beside=("llm_calls",),
)
