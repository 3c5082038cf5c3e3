"""One question per persona, with a short typed answer and the quote that proves it.

Reads personas and filtered_docs. Writes qa_pairs (a pair) and rejects (a persona that has none).
"""

from __future__ import annotations

import random
from typing import Any

import orjson
import polars as pl
from pydantic import BaseModel, ConfigDict

from webscale_dagster.recipe import content_hash
from webscale_dagster.stages.asking import ask_in_chunks
from webscale_dagster.stages.prompt import Domain, domain_files, domains, messages, prompt_version
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
from webscale_dagster.verifiers import ANSWER_TYPES

NAME = "qa_pairs"


class GeneratedPair(BaseModel):
    """The model's reply: a pair, or why there is none for this reader."""

    model_config = ConfigDict(extra="forbid")
    question: str = ""
    answer: str = ""
    answer_type: str = ""
    quote: str = ""
    options: dict[str, Any] = {}
    declined: str | None = None


def run(frames: Frames, context: Context) -> Result:
    """Ask once per persona; a declined slot is a reject of its own."""
    texts = frames["filtered_docs"].select("doc_id", "text", "title")
    slots = frames["personas"].join(texts, on="doc_id", how="left", maintain_order="left")
    writer = _Writer(context)
    kept: list[dict[str, Any]] = []
    rejects: list[tuple[str, str, str, str]] = []
    seen: set[str] = set()
    for row, reply in ask_in_chunks(slots, writer.request, context):
        slot = f"{row['doc_id']}/{row['persona_index']}"
        problem = _problem(reply)
        if problem is not None:
            rejects.append((slot, slot, *problem))
            continue
        pair = writer.pair(row, reply)
        if pair["qa_id"] in seen:
            rejects.append((slot, slot, "repeated_pair", reply.value.question))
            continue
        seen.add(pair["qa_id"])
        kept.append(pair)
    return Result(
        pl.DataFrame(kept, schema=TABLES[NAME].schema),
        rejects_frame(NAME, context.shard, rejects),
    )


def _problem(reply: Reply) -> tuple[str, str] | None:
    if reply.error is not None:
        return "bad_reply", f"{reply.error}: {reply.text}"
    pair = reply.value
    if pair.declined:
        return "declined", pair.declined
    if not (pair.question.strip() and pair.answer.strip() and pair.quote.strip()):
        return "incomplete_pair", reply.text
    if pair.answer_type not in ANSWER_TYPES:
        return "unknown_answer_type", pair.answer_type
    return None


class _Writer:
    """Makes requests and pairs; exemplars are drawn with a seed that the row decides."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._domains = {domain.slug: domain for domain in domains(context.recipe)}
        self._versions = {
            slug: prompt_version(NAME, GeneratedPair, slug, str(domain.exemplars), *ANSWER_TYPES)
            for slug, domain in self._domains.items()
        }

    def request(self, row: dict[str, Any]) -> Request:
        recipe = self._context.recipe
        domain = self._domains[row["domain"]]
        variables = {
            "text": row["text"],
            "title": row["title"],
            "domain": domain,
            "persona": row["persona"],
            "persona_index": row["persona_index"],
            "exemplars": self._exemplars(domain, row),
            "answer_types": sorted(ANSWER_TYPES),
            "max_answer_words": recipe.qa_pairs.max_answer_words,
        }
        return Request(
            stage=NAME,
            row_id=f"{row['doc_id']}/{row['persona_index']}",
            variables=variables,
            messages=messages(NAME, variables),
            reply=GeneratedPair,
            prompt_version=self._versions[domain.slug],
            temperature=recipe.qa_pairs.temperature,
            max_tokens=recipe.qa_pairs.max_tokens,
            seed=recipe.seed,
        )

    def _exemplars(self, domain: Domain, row: dict[str, Any]) -> list[Any]:
        drawn = random.Random(f"{self._context.recipe.seed} {row['doc_id']} {row['persona_index']}")
        count = min(self._context.recipe.qa_pairs.exemplars, len(domain.exemplars))
        return drawn.sample(domain.exemplars, count)

    def pair(self, row: dict[str, Any], reply: Reply) -> dict[str, Any]:
        written = reply.value
        question, answer = written.question.strip(), written.answer.strip()
        start = row["text"].find(written.quote)
        return {
            "qa_id": content_hash(row["doc_id"], str(row["persona_index"]), question, answer),
            "doc_id": row["doc_id"],
            "shard": self._context.shard,
            "domain": row["domain"],
            "persona_index": row["persona_index"],
            "persona": row["persona"],
            "question": question,
            "answer": answer,
            "answer_type": written.answer_type,
            "verifier_options": orjson.dumps(written.options, option=orjson.OPT_SORT_KEYS).decode(),
            "evidence": written.quote,
            "evidence_start": start if start >= 0 else None,
            "evidence_end": start + len(written.quote) if start >= 0 else None,
            "model": self._context.model.name if self._context.model else "",
            "prompt_version": self._versions[row["domain"]],
        }


STAGE = Stage(
    name=NAME,
    reads=("personas", "filtered_docs"),
    run=run,
    version=1,
    settings=("qa_pairs", "domains", "seed", "model"),
    parent="personas",
    asks_model=True,
    files=("prompts/qa_pairs.md", *domain_files()),
    words=ANSWER_TYPES,
    beside=("llm_calls",),
)
