"""Pairs that survive verification: free checks first, then the model's verdicts.

Reads qa_pairs and filtered_docs. Writes verified_qa (a pair with its verdicts) and rejects (a pair
with the first check it failed). A backend that may not judge leaves ``verified_by = rules`` and
null verdicts: nothing is invented.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from webscale_dagster.stages.asking import ask_in_chunks
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
from webscale_dagster.stages.rules import align, rule_problem
from webscale_dagster.tables import TABLES

NAME = "verified_qa"
VERDICTS = ("correct", "self_contained", "leaks", "unique")


class PairVerdict(BaseModel):
    """The model's reply about a pair."""

    model_config = ConfigDict(extra="forbid")
    correct: bool
    self_contained: bool
    leaks: bool
    unique: bool
    reason: str


def run(frames: Frames, context: Context) -> Result:
    """Every pair passes the rules, then the model where one may judge."""
    texts = frames["filtered_docs"].select("doc_id", "text")
    pairs = frames["qa_pairs"].join(texts, on="doc_id", how="left", maintain_order="left")
    rejects: list[tuple[str, str, str, str]] = []
    passed: list[dict[str, Any]] = []
    for done, row in enumerate(pairs.iter_rows(named=True)):
        aligned = align(row["evidence"], row["text"], row["evidence_start"])
        problem = rule_problem(row, aligned.score, context.recipe.verified_qa)
        if problem is not None:
            rejects.append((row["qa_id"], row["qa_id"], *problem))
        else:
            place = {"evidence_start": aligned.start, "evidence_end": aligned.end}
            passed.append({**row, **place, "quote_score": aligned.score})
        if done % 500 == 0:
            context.progress(done, pairs.height)
    judged = _judged(passed, context, rejects)
    kept = pl.DataFrame(judged, schema=TABLES[NAME].schema)
    return Result(kept, rejects_frame(NAME, context.shard, rejects))


def _judged(
    passed: list[dict[str, Any]], context: Context, rejects: list[tuple[str, str, str, str]]
) -> list[dict[str, Any]]:
    model = context.model
    columns = [*TABLES[NAME].schema]
    if model is None or not model.verifies:
        blank = dict.fromkeys(VERDICTS) | {"verified_by": "rules"}
        return [{name: (row | blank)[name] for name in columns} for row in passed]
    kept = []
    version = prompt_version(NAME, PairVerdict)

    def request(row: dict[str, Any]) -> Request:
        variables = {name: row[name] for name in ("text", "question", "answer")}
        return Request(
            stage=NAME,
            row_id=row["qa_id"],
            variables=variables,
            messages=messages(NAME, variables),
            reply=PairVerdict,
            prompt_version=version,
            seed=context.recipe.seed,
        )

    for row, reply in ask_in_chunks(pl.DataFrame(passed), request, context):
        problem = _model_problem(reply)
        if problem is not None:
            rejects.append((row["qa_id"], row["qa_id"], *problem))
            continue
        verdicts = {name: getattr(reply.value, name) for name in VERDICTS}
        full = row | verdicts | {"verified_by": model.name}
        kept.append({name: full[name] for name in columns})
    return kept


def _model_problem(reply: Reply) -> tuple[str, str] | None:
    if reply.error is not None:
        return "bad_reply", f"{reply.error}: {reply.text}"
    verdict = reply.value
    if not verdict.correct:
        return "not_correct", verdict.reason
    if not verdict.self_contained:
        return "not_self_contained", verdict.reason
    if verdict.leaks:
        return "leaks", verdict.reason
    if not verdict.unique:
        return "not_unique", verdict.reason
    return None


STAGE = Stage(
    name=NAME,
    reads=("qa_pairs", "filtered_docs"),
    run=run,
    version=1,
    settings=("verified_qa", "seed", "model"),
    parent="qa_pairs",
    asks_model=True,
    files=("prompts/verified_qa.md",),
    beside=("llm_calls",),
)
