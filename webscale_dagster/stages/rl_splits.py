"""RL examples of all shards: duplicate questions out, balanced, split by family.

Reads decontaminated_set (all shards, in order of admission), relatives (each document's family) and
raw_corpus (licence and source). Writes rl_splits (an example) and rejects (a pair).

A family's split is drawn from its name, so it never changes when shards are added. A document that
is related to families of different splits goes out: no relative straddles train and test.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import polars as pl

from webscale_dagster.recipe import RlSplits, content_hash
from webscale_dagster.stages.protocol import Context, Frames, Result, Stage, rejects_frame
from webscale_dagster.tables import TABLES
from webscale_dagster.text.normalise import words
from webscale_dagster.verifiers import verify

NAME = "rl_splits"
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
    pairs = (
        frames["decontaminated_set"]
        .join(frames["relatives"], on=["shard", "doc_id"], how="left", maintain_order="left")
        .join(about, on=["shard", "doc_id"], how="left", maintain_order="left")
    )
    kept: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    questions: dict[str, str] = {}
    per_document: dict[str, int] = {}
    for row in pairs.iter_rows(named=True):
        problem = _problem(row, questions, per_document, context)
        if problem is not None:
            rejects.append((row["qa_id"], row["qa_id"], *problem))
            continue
        family = row["family"] or row["doc_id"]
        kept.append(_example(row, split_of(family, settings, seed), family, settings))
    balanced, surplus = _balanced(kept, settings, seed)
    rejects += surplus
    return Result(
        pl.DataFrame(balanced, schema=TABLES[NAME].schema), rejects_frame(NAME, "", rejects)
    )


def _problem(
    row: dict[str, Any],
    questions: dict[str, str],
    per_document: dict[str, int],
    context: Context,
) -> tuple[str, str] | None:
    settings = context.recipe.rl_splits
    question = " ".join(words(row["question"]))
    if question in questions:
        return "duplicate_question", f"of {questions[question]}"
    outcome = verify(
        row["answer_type"],
        f"Answer: {row['answer']}",
        row["answer"],
        **orjson.loads(row["verifier_options"]),
    )
    if outcome.outcome != "correct":
        return "verifier_rejects_truth", f"{outcome.outcome}: {outcome.reason}"
    splits = {split_of(f, settings, context.recipe.seed) for f in row["families"] or ()}
    if len(splits) > 1:
        return "relatives_straddle_splits", ", ".join(sorted(splits))
    if per_document.get(row["doc_id"], 0) >= settings.max_per_document:
        return "enough_of_document", f"{settings.max_per_document} examples are kept"
    questions[question] = row["qa_id"]
    per_document[row["doc_id"]] = per_document.get(row["doc_id"], 0) + 1
    return None


def _example(row: dict[str, Any], split: str, family: str, settings: RlSplits) -> dict[str, Any]:
    system = [{"role": "system", "content": settings.system_prompt}]
    content = f"{row['question']}\n\n{settings.answer_instruction}".strip()
    prompt = orjson.dumps(
        [*(system if settings.system_prompt else []), {"role": "user", "content": content}]
    ).decode()
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
            )
        },
    }


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
    reads=("decontaminated_set", "relatives", "raw_corpus"),
    run=run,
    version=1,
    settings=("rl_splits", "seed"),
    parent="decontaminated_set",
)
