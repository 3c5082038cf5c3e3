"""Answers of held-out examples to verdicts, and verdicts to the table of scores.

    answers   id, sample, text, n_tokens, cut_off           of the program ``sample``
    examples  rows of rl_splits                              by example_id
    samples   example_id, domain, answer_type, sample, text, outcome, score, reason, n_tokens,
              cut_off                                        made by ``judged``
    rows      set, group, metric, k, value, low, high, n     made by ``score_rows``

Reads and writes nothing. A sample without a verdict (timeout, error) is neither right nor wrong:
it is left out of n and c and counted; so is an example none of whose samples has one. ``value`` is
a mean over ``n`` examples, ``low`` to ``high`` its interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import polars as pl

from webscale_dagster.audit.statistics import wilson
from webscale_dagster.evaluation.pass_at_k import (
    final_statement,
    majority_is_correct,
    pass_at_k,
)
from webscale_dagster.evaluation.statistics import bootstrap
from webscale_dagster.experiment import Evaluation
from webscale_dagster.recipe import RlSplits
from webscale_dagster.stages.difficulty import VERDICTS
from webscale_dagster.stages.example_prompt import question_of
from webscale_dagster.verifiers.outcome import Judge, Outcome
from webscale_dagster.verifiers.pool import Job
from webscale_dagster.verifiers.verify_many import verify_many

SAMPLES = pl.Schema(
    {
        **dict.fromkeys(("example_id", "domain", "answer_type"), pl.String()),
        "sample": pl.Int64(),
        **dict.fromkeys(("text", "outcome"), pl.String()),
        "score": pl.Float64(),  # from 0 to 1; null without a verdict
        "reason": pl.String(),
        "n_tokens": pl.Int64(),
        "cut_off": pl.Boolean(),
    }
)
ITEMS = pl.Schema(
    {
        **dict.fromkeys(("example_id", "domain", "answer_type", "metric"), pl.String()),
        "k": pl.Int64(),
        "value": pl.Float64(),
    }
)
ROWS = pl.Schema(
    {
        **dict.fromkeys(("set", "group", "metric"), pl.String()),
        "k": pl.Int64(),
        **dict.fromkeys(("value", "low", "high"), pl.Float64()),
        "n": pl.Int64(),
    }
)
LEFT_OUT = "without_verdict_items"  # a count: examples none of whose samples has a verdict
_JUDGED = ("judge", "rubric")
Row = dict[str, Any]


def judged(
    answers: pl.DataFrame,
    examples: pl.DataFrame,
    settings: RlSplits,
    judge: Judge | None = None,
) -> pl.DataFrame:
    """Each answer with its verdict; ``settings`` made the prompts, so the question can be told.

    ``judge`` is asked about answers of the types judge and rubric; without one they have no
    verdict. Raises ValueError for an answer to no example.
    """
    by_id = {row["example_id"]: row for row in examples.iter_rows(named=True)}
    unknown = [name for name in answers["id"].unique(maintain_order=True) if name not in by_id]
    if unknown:
        raise ValueError(
            f"{len(unknown)} answered prompts are no examples, the first is {unknown[0]!r}:"
            " sample the same split that is scored"
        )
    rows = [(by_id[row["id"]], row) for row in answers.sort("id", "sample").iter_rows(named=True)]
    found = verify_many([_job(example, row["text"], settings, judge) for example, row in rows])
    made = [
        _sample(example, row, verdict) for (example, row), verdict in zip(rows, found, strict=True)
    ]
    return pl.DataFrame(made, schema=SAMPLES, orient="row")


def _job(example: Row, text: str, settings: RlSplits, judge: Judge | None) -> Job:
    question = question_of(example["prompt"], settings)
    options = {**orjson.loads(example["verifier_options"]), "question": question}
    if judge is not None and example["answer_type"] in _JUDGED:
        options["judge"] = judge
    return Job(example["answer_type"], text, example["ground_truth"], options)


def _sample(example: Row, row: Row, found: Outcome) -> tuple[Any, ...]:
    return (
        *(example[name] for name in ("example_id", "domain", "answer_type")),
        *(row["sample"], row["text"], found.outcome),
        found.score if found.outcome in VERDICTS else None,
        *(found.reason, row["n_tokens"], row["cut_off"]),
    )


def item_values(samples: pl.DataFrame, settings: Evaluation) -> pl.DataFrame:
    """Each example's value of each metric, as ``ITEMS``: what two arms are compared by.

    Metrics: ``pass@<k>`` (k at most the samples with a verdict), ``majority``, ``mean_score``,
    ``cut_off_share`` and ``without_verdict_share``.
    """
    by_example: dict[str, list[Row]] = {}
    for row in samples.sort("example_id", "sample").iter_rows(named=True):
        by_example.setdefault(row["example_id"], []).append(row)
    rows = [
        (name, group[0]["domain"], group[0]["answer_type"], *value)
        for name, group in by_example.items()
        for value in _values(group, settings)
    ]
    return pl.DataFrame(rows, schema=ITEMS, orient="row")


def _values(
    samples: Sequence[Row], settings: Evaluation
) -> Iterator[tuple[str, int | None, float]]:
    """Metric, k and value of one example."""
    known = [row for row in samples if row["outcome"] in VERDICTS]
    yield "cut_off_share", None, sum(row["cut_off"] for row in samples) / len(samples)
    yield "without_verdict_share", None, 1 - len(known) / len(samples)
    if not known:
        return
    right = [row["outcome"] == "correct" for row in known]
    for k in settings.ks:
        if k <= min(settings.samples, len(known)):
            yield f"pass@{k}", k, pass_at_k(len(known), sum(right), k)
    said = [final_statement(row["text"], row["answer_type"]) for row in known]
    yield "majority", settings.samples, float(majority_is_correct(said, right))
    yield "mean_score", None, sum(row["score"] for row in known) / len(known)


def score_rows(
    samples: pl.DataFrame, settings: Evaluation, *, seed: int = 0, name: str = ""
) -> pl.DataFrame:
    """The scores of one experiment, as ``ROWS``: over all examples, by domain, by answer type.

    ``set`` is ``name``, by default the split. Intervals resample examples with ``seed``; where all
    examples have the same value 0 or 1, which says nothing to a bootstrap, Wilson's is taken.
    """
    items = item_values(samples, settings)
    rows = [
        (name or settings.split, group, *row)
        for group, members in _groups(items)
        for row in _group_rows(members, settings, seed)
    ]
    return pl.DataFrame(rows, schema=ROWS, orient="row")


def _groups(items: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    yield "all", items
    for column in ("domain", "answer_type"):
        for value in items[column].unique().sort():
            yield f"{column}:{value}", items.filter(pl.col(column) == value)


def _group_rows(
    items: pl.DataFrame, settings: Evaluation, seed: int
) -> Iterator[tuple[str, int | None, float, float | None, float | None, int]]:
    by_metric: dict[tuple[str, int | None], list[float]] = {}
    for metric, k, value in items.select("metric", "k", "value").iter_rows():
        by_metric.setdefault((metric, k), []).append(value)
    for (metric, k), values in by_metric.items():
        yield metric, k, *_interval(values, settings, seed), len(values)
    n = items["example_id"].n_unique()
    yield LEFT_OUT, None, float(n - len(by_metric.get(("mean_score", None), ()))), None, None, n


def _interval(
    values: Sequence[float], settings: Evaluation, seed: int
) -> tuple[float, float, float]:
    if len(set(values)) == 1 and values[0] in (0.0, 1.0):
        return values[0], *wilson(values[0], len(values), settings.confidence)
    found = bootstrap(
        values, resamples=settings.resamples, confidence=settings.confidence, seed=seed
    )
    return found.value, found.low, found.high
