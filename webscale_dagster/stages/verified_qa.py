"""Pairs that survive verification: free checks first, then the model's verdicts.

Reads qa_pairs and filtered_docs. Writes verified_qa (a pair with its verdicts), rejects (a pair
with the first check it failed) and pair_verdicts (every pair with every verdict on it, so that a
stricter threshold needs no new call). A backend that may not judge leaves ``verified_by = rules``
and null verdicts: nothing is invented. A call judges one pair, or with ``annotate = "merged"`` all
of a document's; with a second checker, both must accept a pair.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Annotated, Any

import orjson
import polars as pl
from pydantic import create_model

from webscale_dagster.recipe import Recipe
from webscale_dagster.stages.asking import ask_each
from webscale_dagster.stages.free_checks import check_pair
from webscale_dagster.stages.prompt import messages, prompt_files, prompt_version
from webscale_dagster.stages.protocol import (
    Context,
    Frames,
    Model,
    Reply,
    Request,
    Result,
    Stage,
    rejects_frame,
)
from webscale_dagster.stages.reply import Reason, ReplyModel, items, up_to
from webscale_dagster.tables import TABLES
from webscale_dagster.verifiers.self_check import Example, own_truth_problems

NAME = "verified_qa"
VERDICTS = ("correct", "self_contained", "leaks", "unique")
_FILES = prompt_files("verified_qa")
_REPORT_EVERY = 500  # pairs through the free checks
Row = dict[str, Any]  # a pair with its document's text and title, then with its verdicts
Problem = tuple[str, str]  # reason, detail


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
    """Every pair passes the rules, then the model where one may judge, then a second."""
    texts = frames["filtered_docs"].select("doc_id", "text", "title", "lang")
    pairs = frames["qa_pairs"].join(texts, on="doc_id", how="left", maintain_order="left")
    rows = [_freely_checked(row, done, pairs.height, context) for done, row in _numbered(pairs)]
    _check_verifiers(rows)
    problems: dict[str, Problem] = {row["qa_id"]: row["problem"] for row in rows if row["problem"]}
    if context.model is None or not context.model.verifies:
        for row in rows:
            row["verified_by"] = "rules"
    else:
        _ask(context.model, "", rows, problems, context)
        if context.second is not None:
            _ask(context.second, "second_", rows, problems, context)
    left = [(qa_id, qa_id, *problem) for qa_id, problem in problems.items()]
    kept = [row for row in rows if row["qa_id"] not in problems]
    for row in rows:
        row["problem"] = problems.get(row["qa_id"], (None,))[0]
    return Result(
        _frame(NAME, kept),
        rejects_frame(NAME, context.shard, left),
        beside={"pair_verdicts": _frame("pair_verdicts", rows)},
    )


def _numbered(pairs: pl.DataFrame) -> Iterator[tuple[int, Row]]:
    return enumerate(pairs.iter_rows(named=True))


def _frame(table: str, rows: Sequence[Row]) -> pl.DataFrame:
    schema = TABLES[table].schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def _freely_checked(row: Row, done: int, total: int, context: Context) -> Row:
    """The row with the free verdicts; ``problem`` is the first check it fails."""
    if done % _REPORT_EVERY == 0:
        context.progress(done, total)
    found = check_pair(row, context.recipe.verified_qa)
    return row | {
        "evidence_start": found.quote.start,
        "evidence_end": found.quote.end,
        "quote_score": found.quote.score,
        "support": found.support,
        "relevance": found.relevance,
        "leak_score": found.leak_score,
        "problems": [reason for reason, _ in found.problems],
        "problem": found.problems[0] if found.problems else None,
    }


def _check_verifiers(rows: Sequence[Row]) -> None:
    """The verifier of a pair must accept the pair's answer, however it is phrased."""
    passed = {row["qa_id"]: row for row in rows if row["problem"] is None}
    examples = [
        Example(
            qa_id,
            row["answer_type"],
            row["answer"],
            orjson.loads(row["verifier_options"] or "{}"),
            row["question"],
        )
        for qa_id, row in passed.items()
    ]
    for found in own_truth_problems(examples):
        row = passed[found.id]
        row |= {"problem": (found.reason, found.detail), "problems": [found.reason]}


def _ask(
    model: Model, prefix: str, rows: Sequence[Row], problems: dict[str, Problem], context: Context
) -> None:
    """Have a model judge the pairs that passed so far; adds its verdicts and its refusals."""
    groups = calls_of([row for row in rows if row["qa_id"] not in problems], context.recipe)
    request = requester(context.recipe)
    for asked, reply in ask_each(groups, len(groups), request, replace(context, model=model)):
        for row, verdict, problem in _verdicts(asked, reply):
            row["second_by" if prefix else "verified_by"] = model.name
            if verdict is not None:
                row |= {prefix + name: getattr(verdict, name) for name in VERDICTS}
            if problem is not None:
                problems[row["qa_id"]] = problem


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
    version=4,
    settings=("verified_qa", "seed", "annotate"),
    parent="qa_pairs",
    asks_model=True,
    files=_FILES,
    beside=("llm_calls", "pair_verdicts"),
)
