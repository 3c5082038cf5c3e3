"""The pairs that an audit is about: kept and rejected ones with their verdicts, and what they show.

Reads pair_verdicts, qa_pairs, filtered_docs and raw_corpus (a pair each); writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from webscale_dagster.audit.criteria import MODEL_CHECKS
from webscale_dagster.lake import Lake
from webscale_dagster.stages.quotes import align

PAIR = ["shard", "qa_id"]
DOCUMENT = ["shard", "doc_id"]
_LEAST_LIKE = 0.5  # a passage less like the quote than this is not worth marking


@dataclass(frozen=True)
class Score:
    """A stored score: whether more is better, and the reasons that a threshold on it gives."""

    more_is_better: bool
    reasons: tuple[str, ...]
    thresholds: tuple[float, ...]


_RISING = (0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
SCORES = {
    "quote_score": Score(True, ("quote_not_found",), _RISING),
    "support": Score(True, ("answer_not_in_quote",), _RISING),
    "relevance": Score(True, ("quote_not_relevant",), _RISING),
    "leak_score": Score(False, ("leaks",), (1.0, 0.8, 0.6, 0.5, 0.4, 0.2, 0.0)),
}


def population(lake: Lake, shards: Sequence[str]) -> tuple[pl.DataFrame, int]:
    """Every judged pair of the shards, and how many are gone because their stages ran again."""
    # Joined one after the other: polars reorders a lazy chain of joins, and may begin with one on
    # the shard alone, which pairs every row of a shard with every other.
    verdicts = lake.beside("pair_verdicts", shards).collect()
    found = verdicts.with_columns(kept=pl.col("problem").is_null())
    for table, key, columns in (
        ("qa_pairs", PAIR, ["doc_id", "domain", "answer_type"]),
        ("filtered_docs", DOCUMENT, []),
        ("raw_corpus", DOCUMENT, ["source"]),
    ):
        found = found.join(lake.read(table).select(*key, *columns).collect(), on=key)
    found = found.with_columns(pl.col("domain").fill_null("none")).sort("qa_id", "shard")
    only = [_no_other_problem(score.reasons).alias(name) for name, score in SCORES.items()]
    decided_by = pl.struct(only)
    return found.with_columns(decides=decided_by), verdicts.height - found.height


def _no_other_problem(reasons: Sequence[str]) -> pl.Expr:
    """True where nothing but these reasons speaks against a pair."""
    free = pl.col("problems").list.set_difference(pl.lit(list(reasons), pl.List(pl.String)))
    problem = pl.col("problem")
    known = problem.is_in(list(reasons)) | problem.is_in("problems")
    bad = [(pl.col(name) == value).fill_null(False) for name, (value, _) in MODEL_CHECKS.items()]
    return (free.list.len().fill_null(0) == 0) & known.fill_null(True) & ~pl.any_horizontal(bad)


def passes(score: Score, value: pl.Expr, threshold: float) -> pl.Expr:
    """Whether a score is on the good side of a threshold."""
    return value >= threshold if score.more_is_better else value <= threshold


def yields(pairs: pl.DataFrame) -> dict[str, list[dict[str, float]]]:
    """For each score and threshold how many pairs would be kept if the score alone decided.

    Counted are pairs that no other check speaks against; a score that nobody stored is left out.
    """
    found = {}
    for name, score in SCORES.items():
        decided = pairs.filter(pl.col("decides").struct.field(name), pl.col(name).is_not_null())
        if decided.height:
            counts = decided.select(
                passes(score, pl.col(name), threshold).sum().alias(str(threshold))
                for threshold in score.thresholds
            ).row(0)
            found[name] = [
                {"threshold": threshold, "pairs": count}
                for threshold, count in zip(score.thresholds, counts, strict=True)
            ]
    return found


def shown(lake: Lake, drawn: pl.DataFrame) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Documents and items as reviewers see them: in the order drawn, without any verdict."""
    columns = ["question", "answer", "answer_type", "verifier_options", "evidence"]
    rows = drawn.select(*PAIR, "doc_id")
    for table, key, read in (
        ("qa_pairs", PAIR, [*columns, "evidence_start"]),
        ("filtered_docs", DOCUMENT, ["title", "text"]),
        ("raw_corpus", DOCUMENT, ["source", "url"]),
    ):
        wanted = lake.read(table).select(*key, *read).join(rows.lazy(), on=key, how="semi")
        rows = rows.join(wanted.collect(), on=key, how="left", maintain_order="left")
    documents: dict[tuple[str, str], dict[str, Any]] = {}
    items = []
    for row in rows.iter_rows(named=True):
        document = (row["shard"], row["doc_id"])
        if document not in documents:
            fields = {name: row[name] for name in ("title", "source", "url", "text")}
            documents[document] = {"place": len(documents), **fields}
        items.append({"id": row["qa_id"], "document": documents[document]["place"], **_item(row)})
    return list(documents.values()), items


def _item(row: dict[str, Any]) -> dict[str, Any]:
    options = orjson.loads(row["verifier_options"] or "{}")
    aliases = options.pop("aliases", None) or []
    found = align(row["evidence"], row["text"], row["evidence_start"])
    marked = found.end > found.start and found.score >= _LEAST_LIKE
    return {
        "question": row["question"],
        "answer": row["answer"],
        "answer_type": row["answer_type"],
        "also_accepted": [str(alias) for alias in aliases],
        "options": [f"{name}: {_plain(value)}" for name, value in sorted(options.items())],
        "quote": row["evidence"],
        "start": found.start if marked else None,
        "end": found.end if marked else None,
        "exact": marked and found.score == 1.0,
    }


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
