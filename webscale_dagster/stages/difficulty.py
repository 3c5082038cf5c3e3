"""How hard a pair is for a policy: its pass rates without the document and with it.

Reads decontaminated_set and filtered_docs. Writes difficulty (a pair with its pass rates; none
leaves) and policy_samples (an answer of the policy with its outcome). A pair is asked ``samples``
times closed book, with the very prompt of its RL example, and as often open book, with the document
before the question. Sample ``i`` is drawn with the seed ``seed + i``, so more samples, or a newer
policy, cost only what was never asked. A sample without a verdict (no reply came, the verifier
failed) is counted as such, never as wrong. With ``samples = 0`` nobody is asked and all rates are
null.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from webscale_dagster.recipe import Band, Difficulty, Recipe, RlSplits, content_hash
from webscale_dagster.stages.asking import ask_each
from webscale_dagster.stages.example_prompt import PROMPT_SETTINGS, example_messages
from webscale_dagster.stages.prompt import Messages, fenced, package_text
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
from webscale_dagster.verifiers import verify

NAME = "difficulty"
BOOKS = ("closed", "open")
VERDICTS = ("correct", "wrong", "unparseable")  # outcomes that say something about the answer
_PROMPT = "prompts/difficulty.md"
Row = dict[str, Any]  # a pair with its document's text and title


@dataclass(frozen=True)
class Sample:
    """One answer wanted of the policy."""

    row: Row
    book: str
    index: int
    request: Request


def run(frames: Frames, context: Context) -> Result:
    """Every pair with its rates and its band."""
    texts = frames["filtered_docs"].select("doc_id", "text", "title")
    pairs = frames["decontaminated_set"]
    asked = pairs.join(texts, on="doc_id", how="left", maintain_order="left")
    found = _sampled(asked, context)
    return Result(
        _rated(pairs.select("qa_id", "doc_id", "shard"), found, context),
        rejects_frame(NAME, context.shard, []),
        {"policy_samples": found},
    )


def _sampled(pairs: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Rows of policy_samples."""
    recipe, schema = context.recipe, TABLES["policy_samples"].schema
    total = pairs.height * len(BOOKS) * recipe.difficulty.samples
    if not total:
        return pl.DataFrame(schema=schema)
    wanted = (s for row in pairs.iter_rows(named=True) for s in samples_of(row, recipe))
    policy = context.model.name if context.model else ""
    rows = [
        (s.row["qa_id"], s.row["shard"], s.book, s.index, policy, reply.text, *_judged(s, reply))
        for s, reply in ask_each(wanted, total, lambda sample: sample.request, context)
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def samples_of(row: Row, recipe: Recipe) -> Iterator[Sample]:
    """All that is asked about a pair; what shares a prefix is asked in a row."""
    settings, prompt = recipe.difficulty, recipe.rl_splits
    version = content_hash(package_text(_PROMPT), prompt.system_prompt, prompt.answer_instruction)
    for book, make in zip(BOOKS, (_closed_book, _open_book), strict=True):
        messages = make(row, prompt)
        for index in range(settings.samples):
            request = Request(
                stage=NAME,
                row_id=f"{row['qa_id']}/{book}/{index}",
                variables={name: row[name] for name in ("text", "title", "question")},
                messages=messages,
                reply=None,
                prompt_version=version,
                temperature=settings.temperature,
                max_tokens=settings.max_tokens,
                seed=recipe.seed + index,
            )
            yield Sample(row, book, index, request)


def _closed_book(row: Row, settings: RlSplits) -> Messages:
    return example_messages(row["question"], settings)


def _open_book(row: Row, settings: RlSplits) -> Messages:
    """The same with the document before the question, as data between tags."""
    *before, user = example_messages(row["question"], settings)
    system = [*(message["content"] for message in before), package_text(_PROMPT).strip()]
    content = f"{fenced(row['text'], row['title'])}\n\n{user['content']}"
    return (
        {"role": "system", "content": "\n\n".join(system)},
        {"role": "user", "content": content},
    )


def _judged(sample: Sample, reply: Reply) -> tuple[str | None, float | None, str]:
    """Outcome, score and reason; no outcome where no reply came, no score without a verdict."""
    if reply.problem is not None:
        return None, None, f"{reply.problem}: {reply.error}"
    row = sample.row
    options = {**orjson.loads(row["verifier_options"]), "question": row["question"]}
    found = verify(row["answer_type"], reply.text, row["answer"], **options)
    return found.outcome, found.score if found.outcome in VERDICTS else None, found.reason


def _rated(pairs: pl.DataFrame, samples: pl.DataFrame, context: Context) -> pl.DataFrame:
    settings = context.recipe.difficulty
    judged = pl.col("outcome").is_in(VERDICTS).fill_null(False)
    passed = pl.col("outcome") == "correct"
    of_book = {book: judged & (pl.col("book") == book) for book in BOOKS}
    counted = samples.group_by("qa_id").agg(
        policy=pl.col("policy").first(),
        closed_book_rate=passed.filter(of_book["closed"]).mean(),
        open_book_rate=passed.filter(of_book["open"]).mean(),
        n_closed=of_book["closed"].sum().cast(pl.Int64),
        n_open=of_book["open"].sum().cast(pl.Int64),
        n_without_verdict=(~judged).sum().cast(pl.Int64),
    )
    rated = pairs.join(counted, on="qa_id", how="left", maintain_order="left").with_columns(
        pl.col("n_closed", "n_open", "n_without_verdict").fill_null(0),
        samples=pl.lit(settings.samples, dtype=pl.Int64),
    )
    rates = rated.select("closed_book_rate", "open_book_rate").rows()
    bands = [band(closed, opened, settings) for closed, opened in rates]
    rated = rated.with_columns(pl.Series("band", bands, dtype=pl.String))
    return rated.select(list(TABLES[NAME].schema))


def band(closed: float | None, opened: float | None, settings: Difficulty) -> Band | None:
    """The band of two pass rates; None where what is known does not decide it.

    Whoever fails with the document before him fails on the pair, not on his memory. So such a pair
    is broken even if he guesses its answer without the document.
    """
    if opened is not None and opened <= settings.broken_to:
        return "broken"
    if closed is None:
        return None
    if closed >= settings.trivial_from:
        return "trivial"
    if closed > 0:
        return "learnable"
    return None if opened is None else "hard"


STAGE = Stage(
    name=NAME,
    reads=("decontaminated_set", "filtered_docs"),
    run=run,
    version=1,
    settings=("difficulty", "seed", *PROMPT_SETTINGS),
    parent="decontaminated_set",
    asks_model=True,
    files=(_PROMPT,),
    beside=("policy_samples", "llm_calls"),
)
