"""Answers of the sft split by rejection sampling: a policy answers, verifiers keep what is right.

    4 samples of a question    correct, 310 tokens → kept (the first)
                               correct, 305 tokens, much the same words → not another
                               correct, 2,100 tokens → too long
                               wrong
    none left, or no policy    the direct answer: "Answer: 42"

STaR (arXiv 2203.14465), RFT (arXiv 2308.01825). Reads and writes ``sft_answers/<key>.parquet`` and
``.json`` in the lake: a row is a question with one completion and where it came from.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from webscale_dagster.content import parquet
from webscale_dagster.experiment import SftAnswers
from webscale_dagster.lake import Lake
from webscale_dagster.recipe import Recipe, content_hash
from webscale_dagster.text.normalise import words
from webscale_dagster.training.data import COLUMNS, options_of
from webscale_dagster.verifiers.pool import Job as Verification
from webscale_dagster.verifiers.verify_many import verify_many

VERSION = "1"
_ALIKE = 0.8  # share of common words above which two answers say the same
Row = dict[str, Any]


def key(recipe: Recipe, policy: str, split: str) -> str:
    """Of the settings, who answers, and the hash of the split."""
    settings = recipe.sft_answers
    decisive = settings.model_dump_json(exclude={"policy"}) if policy else settings.direct
    return content_hash(VERSION, decisive, policy, split)[:16]


def read(lake: Lake, name: str) -> pl.DataFrame | None:
    """The rows; None where they were not made yet."""
    found = lake.objects.get(f"sft_answers/{name}.parquet")
    return None if found is None else pl.read_parquet(io.BytesIO(found))


def facts(lake: Lake, name: str) -> dict[str, Any]:
    """How many came from where, and ``generated_tokens``."""
    return dict(json.loads(lake.objects.get(f"sft_answers/{name}.json") or b"{}"))


def write(lake: Lake, name: str, rows: pl.DataFrame, told: Mapping[str, Any]) -> None:
    """Keep rows and facts, the facts first."""
    lake.objects.put(f"sft_answers/{name}.json", json.dumps(dict(told), indent=2).encode())
    lake.objects.put(f"sft_answers/{name}.parquet", parquet(rows))


def choose(
    rows: pl.DataFrame, answers: pl.DataFrame | None, settings: SftAnswers
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Every question with its kept completions, and how the samples fared.

    ``answers`` has id, sample, text, n_tokens, cut_off; None where nobody was asked.
    """
    counts: Counter[str] = Counter()
    by_id = _by_question(answers)
    found: list[Row] = []
    for row in rows.iter_rows(named=True):
        kept = _kept(row, by_id.get(row["example_id"], []), settings, counts)
        direct = settings.direct.replace("{answer}", row["ground_truth"])
        said = [(text, "policy") for text in kept] or [(direct, "direct")]
        counts["questions_" + said[0][1]] += 1
        found += [row | {"completion": text, "answered_by": by} for text, by in said]
    said_by = {"completion": pl.String(), "answered_by": pl.String()}
    schema = pl.Schema({**rows.select(COLUMNS).schema, **said_by})
    return pl.DataFrame(found, schema=schema), dict(counts)


def _by_question(answers: pl.DataFrame | None) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = {}
    if answers is not None:
        for row in answers.sort("id", "sample").iter_rows(named=True):
            grouped.setdefault(row["id"], []).append(row)
    return grouped


def _kept(
    row: Row, samples: Sequence[Row], settings: SftAnswers, counts: Counter[str]
) -> list[str]:
    """The shortest correct answers that differ from each other."""
    options = options_of(row)
    jobs = [
        Verification(row["answer_type"], s["text"], row["ground_truth"], options) for s in samples
    ]
    right = []
    for sample, outcome in zip(samples, verify_many(jobs), strict=True):
        counts[outcome.outcome] += 1
        if outcome.outcome != "correct" or outcome.score < 1.0:
            continue
        if sample["cut_off"] or sample["n_tokens"] > settings.max_answer_tokens:
            counts["too_long"] += 1
            continue
        right.append(sample)
    kept: list[str] = []
    for sample in sorted(right, key=lambda s: (s["n_tokens"], s["sample"])):
        if len(kept) == settings.keep:
            break
        if any(_alike(sample["text"], other) for other in kept):
            counts["alike"] += 1
            continue
        kept.append(sample["text"])
    return kept


def _alike(a: str, b: str) -> bool:
    first, second = set(words(a)), set(words(b))
    return len(first & second) >= _ALIKE * max(len(first | second), 1)
