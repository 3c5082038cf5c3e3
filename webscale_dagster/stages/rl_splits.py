"""RL examples of all shards: duplicate questions out, balanced, split by family.

Reads decontaminated_set (all shards, in order of admission), difficulty (each pair's pass rates),
relatives (each document's family) and raw_corpus (licence and source). Writes rl_splits (an
example) and rejects (a pair).

A family's split is drawn from its name, so it never changes when shards are added. A document that
is related to families of different splits goes out: no relative straddles train and test. So does
an example whose verifier accepts the ground truth of another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
import polars as pl

from webscale_dagster.recipe import RlSplits, content_hash
from webscale_dagster.stages.example_prompt import example_messages, question_of
from webscale_dagster.stages.protocol import Context, Frames, Result, Stage, rejects_frame
from webscale_dagster.tables import TABLES
from webscale_dagster.text.duplicate_questions import DuplicateQuestions
from webscale_dagster.verifiers.self_check import Example, others_problems
from webscale_dagster.verifiers.wordings import same_meaning

NAME = "rl_splits"
RATES = ("closed_book_rate", "open_book_rate", "band")
Reject = tuple[str, str, str, str]


def split_of(family: str, settings: RlSplits, seed: int) -> str:
    """The family's split: a number drawn from its name against the recipe's shares."""
    digest = hashlib.sha256(f"{seed}/{family}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    for split in ("sft", "validation", "test"):
        share = float(getattr(settings, split))
        if drawn < share:
            return split
        drawn -= share
    return "train"


def run(frames: Frames, context: Context) -> Result:
    """Every pair becomes an example, or leaves with a reason."""
    settings, seed = context.recipe.rl_splits, context.recipe.seed
    about = frames["raw_corpus"].select("shard", "doc_id", "license", "source")
    rates = frames["difficulty"].select("shard", "qa_id", *RATES)
    pairs = (
        frames["decontaminated_set"]
        .join(rates, on=["shard", "qa_id"], how="left", maintain_order="left")
        .join(frames["relatives"], on=["shard", "doc_id"], how="left", maintain_order="left")
        .join(about, on=["shard", "doc_id"], how="left", maintain_order="left")
    )
    kept: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    ids = pairs["qa_id"].to_list()
    questions = DuplicateQuestions(
        pairs["question"].to_list(), pairs["answer"].to_list(), settings, same_meaning
    )
    per_document: dict[str, int] = {}
    for place, row in enumerate(pairs.iter_rows(named=True)):
        repeated = questions.repeated(place)
        if repeated is not None:
            detail = f"of {ids[repeated.place]}, similarity {repeated.similarity:.3g}"
            rejects.append((row["qa_id"], row["qa_id"], "duplicate_question", detail))
            continue
        problem = _problem(row, per_document, context)
        if problem is not None:
            rejects.append((row["qa_id"], row["qa_id"], *problem))
            continue
        questions.keep(place)
        family = row["family"] or row["doc_id"]
        kept.append(_example(row, split_of(family, settings, seed), family, settings))
    settled, left = _settled(kept, settings, seed)
    rejects += left
    return Result(
        pl.DataFrame(settled, schema=TABLES[NAME].schema), rejects_frame(NAME, "", rejects)
    )


def as_example(row: Mapping[str, Any], settings: RlSplits) -> Example:
    """A row of rl_splits as the self-check and the red team see it."""
    return Example(
        row["example_id"],
        row["answer_type"],
        row["ground_truth"],
        orjson.loads(row["verifier_options"]),
        question_of(row["prompt"], settings),
    )


def _problem(
    row: dict[str, Any], per_document: dict[str, int], context: Context
) -> tuple[str, str] | None:
    settings = context.recipe.rl_splits
    if settings.bands and row["band"] not in settings.bands:
        return _out_of_band(row)
    splits = {split_of(f, settings, context.recipe.seed) for f in row["families"] or ()}
    if len(splits) > 1:
        return "relatives_straddle_splits", ", ".join(sorted(splits))
    if per_document.get(row["doc_id"], 0) >= settings.max_per_document:
        return "enough_of_document", f"{settings.max_per_document} examples are kept"
    per_document[row["doc_id"]] = per_document.get(row["doc_id"], 0) + 1
    return None


def _out_of_band(row: dict[str, Any]) -> tuple[str, str]:
    rates = f"closed book {_rate(row['closed_book_rate'])}, open {_rate(row['open_book_rate'])}"
    if row["band"] is None:
        return "difficulty_unknown", rates
    return "difficulty_band", f"{row['band']}: {rates}"


def _rate(rate: float | None) -> str:
    return "unknown" if rate is None else f"{rate:.3g}"


def _example(row: dict[str, Any], split: str, family: str, settings: RlSplits) -> dict[str, Any]:
    prompt = orjson.dumps(example_messages(row["question"], settings)).decode()
    return {
        "example_id": content_hash(row["qa_id"], prompt),
        "split": split,
        "prompt": prompt,
        "ground_truth": row["answer"],
        "family": family,
        **{
            name: row[name]
            for name in (
                "qa_id",
                "doc_id",
                "shard",
                "domain",
                "answer_type",
                "verifier_options",
                "verified_by",
                "license",
                "source",
                *RATES,
            )
        },
    }


def _settled(
    examples: list[dict[str, Any]], settings: RlSplits, seed: int
) -> tuple[list[dict[str, Any]], list[Reject]]:
    """Examples in balance of which none accepts the ground truth of another."""
    left: list[Reject] = []
    while True:
        balanced, surplus = _balanced(examples, settings, seed)
        problems = others_problems([as_example(example, settings) for example in balanced])
        if not problems:
            return balanced, left + surplus
        # Whoever leaves is no longer an other: look again.
        details = {problem.id: (problem.reason, problem.detail) for problem in problems}
        bad = [example for example in examples if example["example_id"] in details]
        left += [(e["qa_id"], e["qa_id"], *details[e["example_id"]]) for e in bad]
        examples = [example for example in examples if example["example_id"] not in details]


def _balanced(
    examples: list[dict[str, Any]], settings: RlSplits, seed: int
) -> tuple[list[dict[str, Any]], list[Reject]]:
    """Cut domains above their share of the examples that would then be left."""
    limit = settings.max_domain_share
    if limit >= 1 or not examples:
        return examples, []
    by_domain: dict[str, list[str]] = {}
    for example in examples:
        by_domain.setdefault(example["domain"], []).append(example["example_id"])
    allowed = _allowance(sorted(map(len, by_domain.values())), limit)
    out: set[str] = set()
    for ids in by_domain.values():
        drawn = sorted(ids, key=lambda i: hashlib.sha256(f"{seed}/{i}".encode()).digest())
        out.update(drawn[allowed:])
    kept = [example for example in examples if example["example_id"] not in out]
    rejects = [
        (e["qa_id"], e["qa_id"], "domain_balance", f"{e['domain']}: {allowed} examples are kept")
        for e in examples
        if e["example_id"] in out
    ]
    return kept, rejects


def _allowance(sizes: list[int], limit: float) -> int:
    """The largest size m of a domain for which m <= limit * sum(min(size, m)); at least 1."""
    best = 1
    for m in range(1, sizes[-1] + 1):
        if m <= limit * sum(min(size, m) for size in sizes):
            best = m
    return best


STAGE = Stage(
    name=NAME,
    reads=("decontaminated_set", "difficulty", "relatives", "raw_corpus"),
    run=run,
    version=4,
    settings=("rl_splits", "seed"),
    parent="decontaminated_set",
)
