"""The export ``verifier-training``: answers with verdicts, for whoever trains a soft verifier.

Makes ``verifier-training.parquet`` (a row is an answer to an example's question and what its
verifier says of it) and ``README.md``. Reads rl_splits, decontaminated_set and policy_samples at
the versions that a release pins. Answers come from three sources:

    policy_sample    what a policy said, where ``difficulty`` asked one
    truth_phrasing   an example's ground truth, said in several ways, where it is a short text
    other_truth      ground truths of other examples, of the same answer type where there are any

An answer without a verdict (its verifier failed) is left out and counted. So is a phrased ground
truth that its verifier does not accept: it is right, and must not be taught as wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from itertools import islice
from typing import Any

import jinja2
import orjson
import polars as pl

from webscale_dagster.content import parquet
from webscale_dagster.exports.pinned import Pinned
from webscale_dagster.exports.rl_examples import example_of
from webscale_dagster.stages.difficulty import VERDICTS
from webscale_dagster.verifiers import Outcome
from webscale_dagster.verifiers.pool import Job
from webscale_dagster.verifiers.self_check import has_text_truth, other_truths
from webscale_dagster.verifiers.verify_many import verify_many

PHRASINGS = (
    "{}",
    "The answer is {}.",
    "Answer: {}",
    "I considered the alternatives first, then I chose.\n\n**Final answer:** {}",
    "So it must be:\n\n**{}**",
)
SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("question", "response", "ground_truth", "answer_type"), pl.String()),
        "verdict": pl.Int8(),
        "score": pl.Float64(),
        **dict.fromkeys(("outcome", "source", "policy", "book"), pl.String()),
        **dict.fromkeys(("qa_id", "example_id", "split", "domain"), pl.String()),
    }
)
_NAME = "verifier-training.parquet"
_BATCH = 20_000  # answers that are verified at a time
Row = dict[str, Any]


def files(release: Pinned, splits: Sequence[str]) -> Mapping[str, bytes]:
    """The parquet file and its README, the same bytes whenever they are made."""
    examples = _examples(release, splits)
    sampled, left = _sampled(release, examples)
    phrased = pl.DataFrame(list(_phrased(examples.to_dicts(), left)), schema=SCHEMA, orient="row")
    rows = pl.concat([sampled, phrased])
    return {_NAME: parquet(rows), "README.md": _readme(release, splits, rows, left).encode()}


def _examples(release: Pinned, splits: Sequence[str]) -> pl.DataFrame:
    asked = release.table("decontaminated_set").select("shard", "qa_id", "question")
    examples = release.table("rl_splits").filter(pl.col("split").is_in(splits))
    found = examples.join(asked, on=["shard", "qa_id"], how="left", maintain_order="left")
    return found.collect()


def _sampled(
    release: Pinned, examples: pl.DataFrame
) -> tuple[pl.DataFrame, Counter[tuple[str, str]]]:
    """A policy's answers to these examples, and how many of them have no verdict."""
    key = ["shard", "qa_id"]
    samples = release.policy_samples().collect().join(examples, on=key, how="inner")
    judged = pl.col("outcome").is_in(VERDICTS).fill_null(False)
    without = samples.filter(~judged).group_by(pl.col("outcome").fill_null("no_reply")).len()
    rows = samples.filter(judged).sort("shard", "qa_id", "book", "sample")
    made = rows.select(
        verdict=(pl.col("outcome") == "correct").cast(pl.Int8),
        source=pl.lit("policy_sample"),
        **{name: pl.col(name) for name in SCHEMA if name not in ("verdict", "source")},
    )
    left = Counter({("policy_sample", outcome): count for outcome, count in without.rows()})
    return made.select(list(SCHEMA)), left


def _phrased(examples: Sequence[Row], left: Counter[tuple[str, str]]) -> Iterator[tuple[Any, ...]]:
    """Each example with its own ground truth and with others', said in the same ways."""
    said = _said(examples)
    while batch := [*islice(said, _BATCH)]:
        for (row, source, response), found in zip(batch, _verified(batch), strict=True):
            right = found.outcome == "correct"
            if found.outcome not in VERDICTS or (source == "truth_phrasing" and not right):
                left[source, found.outcome] += 1
                continue
            full = {**row, "response": response, "verdict": int(right), "score": found.score}
            full |= {"outcome": found.outcome, "source": source, "policy": None, "book": None}
            yield tuple(full[name] for name in SCHEMA)


def _said(rows: Sequence[Row]) -> Iterator[tuple[Row, str, str]]:
    """Example, source and response; of examples whose ground truth can stand in a sentence."""
    by_id = {row["example_id"]: row for row in rows}
    examples = [example_of(row) for row in rows]
    for example, others in other_truths(list(filter(has_text_truth, examples)), len(PHRASINGS)):
        row = by_id[example.id]
        for phrasing in PHRASINGS:
            yield row, "truth_phrasing", phrasing.replace("{}", example.ground_truth)
        for phrasing, other in zip(PHRASINGS, others, strict=False):
            yield row, "other_truth", phrasing.replace("{}", other.ground_truth)


def _verified(batch: Sequence[tuple[Row, str, str]]) -> list[Outcome]:
    return verify_many(
        [
            Job(
                row["answer_type"],
                response,
                row["ground_truth"],
                {**orjson.loads(row["verifier_options"]), "question": row["question"]},
            )
            for row, _, response in batch
        ]
    )


def _readme(
    release: Pinned, splits: Sequence[str], rows: pl.DataFrame, left: Counter[tuple[str, str]]
) -> str:
    folder = resources.files("webscale_dagster") / "exports"
    text = (folder / "verifier_training.md").read_text("utf-8")
    template = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    ).from_string(text)
    counted = rows.group_by("source", "verdict").len().sort("source", "verdict")
    return template.render(
        release=release.name,
        splits=splits,
        file=_NAME,
        n_rows=rows.height,
        policies=rows["policy"].drop_nulls().unique().sort().to_list(),
        counts=counted.rows(),
        left=sorted((*key, count) for key, count in left.items()),
    )
