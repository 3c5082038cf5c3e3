"""Pairs that survive verification: free checks first, then the model's verdicts.

Reads qa_pairs and filtered_docs. Writes verified_qa (a pair with its verdicts) and rejects (a pair
with the first check it failed). A backend that may not judge leaves ``verified_by = rules`` and
null verdicts: nothing is invented. A call judges one pair, or with ``annotate = "merged"`` all of a
document's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Annotated, Any

import orjson
import polars as pl
from pydantic import create_model

from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.asking import ask_each
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
from webscale_dagster.stages.reply import Reason, ReplyModel, items, up_to
from webscale_dagster.stages.rules import align, rule_problem
from webscale_dagster.tables import TABLES

NAME = "verified_qa"
VERDICTS = ("correct", "self_contained", "leaks", "unique")
_FILES = prompt_files("verified_qa")
Row = dict[str, Any]  # a pair with its document's text and title


class PairVerdict(ReplyModel):
    """What the model says of one pair."""

    pair: Annotated[int, up_to(99)] = 0
    reason: Reason
    correct: bool
    self_contained: bool
    leaks: bool
    unique: bool


@functools.cache
def _reply(count: int) -> type[ReplyModel]:
    """The verdicts on so many pairs."""
    verdicts = Annotated[list[PairVerdict], items(count, count)]
    return create_model("PairVerdicts", __base__=ReplyModel, verdicts=(verdicts, ...))


def run(frames: Frames, context: Context) -> Result:
    """Every pair passes the rules, then the model where one may judge."""
    texts = frames["filtered_docs"].select("doc_id", "text", "title")
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
    groups = calls_of(passed, context.recipe)
    for rows, reply in ask_each(groups, len(groups), requester(context.recipe), context):
        for row, verdict, problem in _verdicts(rows, reply):
            if problem is not None:
                rejects.append((row["qa_id"], row["qa_id"], *problem))
                continue
            verdicts = {name: getattr(verdict, name) for name in VERDICTS}
            full = row | verdicts | {"verified_by": model.name}
            kept.append({name: full[name] for name in columns})
    return kept


def calls_of(pairs: Sequence[Row], recipe: Recipe) -> list[tuple[Row, ...]]:
    """The pairs that each call judges."""
    if recipe.annotate == "merged":
        return [tuple(rows) for _, rows in groupby(pairs, lambda row: row["doc_id"])]
    return [(row,) for row in pairs]


def requester(recipe: Recipe) -> Callable[[tuple[Row, ...]], Request]:
    """Makes the request of a call about pairs of one document."""
    settings = recipe.verified_qa
    version = prompt_version(_FILES, PairVerdict)

    def request(rows: tuple[Row, ...]) -> Request:
        variables = {
            "text": rows[0]["text"],
            "title": rows[0]["title"],
            "pairs": [(place, _shown(row)) for place, row in enumerate(rows)],
        }
        return Request(
            stage=NAME,
            row_id=",".join(row["qa_id"] for row in rows),
            variables=variables,
            messages=messages(NAME, variables),
            reply=_reply(len(rows)),
            prompt_version=version,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens * len(rows),
            seed=recipe.seed,
        )

    return request


def _shown(row: Row) -> Row:
    """A pair with the other wordings that would be accepted: a wrong one makes it wrong."""
    options = orjson.loads(row.get("verifier_options") or "{}")
    return {**row, "aliases": options.get("aliases") or []}


def _verdicts(
    rows: tuple[Row, ...], reply: Reply
) -> Iterator[tuple[Row, Any, tuple[str, str] | None]]:
    """Every pair of a call with its verdict, or with the reason why it leaves."""
    if reply.problem is not None:
        yield from ((row, None, reply.reject) for row in rows)
        return
    by_pair = {verdict.pair: verdict for verdict in reversed(reply.value.verdicts)}
    if len(rows) == 1 and len(reply.value.verdicts) == 1:
        by_pair = {0: reply.value.verdicts[0]}
    for place, row in enumerate(rows):
        verdict = by_pair.get(place)
        yield row, verdict, _model_problem(verdict, reply)


def _model_problem(verdict: PairVerdict | None, reply: Reply) -> tuple[str, str] | None:
    if verdict is None:
        return "no_verdict_in_reply", reply.text
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
    version=2,
    settings=("verified_qa", "seed", "annotate"),
    parent="qa_pairs",
    asks_model=True,
    files=_FILES,
    beside=("llm_calls",),
)
