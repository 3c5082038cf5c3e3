"""Judges a frame by its table's contract before it is committed.

Makes an ``Audit`` (verdicts and offending rows) from a frame, its rejects and the parents it was
made from. Polars measures, Great Expectations judges the metrics: that costs 12 ms, where judging
the rows in pandas would copy them. An expectation that raised is an error, not a pass. Reads and
writes nothing.
"""

from __future__ import annotations

import functools
import math
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from webscale_dagster.contracts import dataset, documents, questions
from webscale_dagster.contracts.check import Check, common_checks
from webscale_dagster.recipe import ASKING, Recipe
from webscale_dagster.stages.protocol import UNUSABLE
from webscale_dagster.tables import TABLES

CONTRACTS: dict[str, Callable[[Recipe], tuple[Check, ...]]] = {
    "raw_corpus": documents.raw_corpus,
    "near_duplicates": documents.near_duplicates,
    "filtered_docs": documents.filtered_docs,
    "personas": documents.personas,
    "benchmarks": dataset.benchmarks,
    "qa_pairs": questions.qa_pairs,
    "verified_qa": questions.verified_qa,
    "decontaminated_set": questions.decontaminated_set,
    "difficulty": questions.difficulty,
    "rl_splits": dataset.rl_splits,
    "evaluation": dataset.evaluation,
}
EXPECTATION = "ExpectColumnMaxToBeBetween"
FEW_RECORDS = 10  # a share of fewer says nothing: an empty file is one reject, not a broken shard
SAMPLE = 5  # offending rows kept with a verdict
_CELL = 300  # characters of a cell in a sample


@dataclass(frozen=True)
class Metric:
    """What was measured for one check, and which rows offend."""

    name: str
    meaning: str
    observed: float
    limit: float
    rows: pl.DataFrame


@dataclass(frozen=True)
class Verdict:
    """How one check ended: a share of rows (or a count) against its limit."""

    name: str
    meaning: str
    passed: bool
    observed: float
    limit: float
    offending: int
    expectation: str = EXPECTATION
    error: str = ""


@dataclass(frozen=True)
class Audit:
    """All verdicts of a frame; ``offending`` holds sample rows of the checks that failed."""

    verdicts: tuple[Verdict, ...]
    offending: dict[str, list[dict[str, Any]]]
    n_parents: int | None

    @property
    def passed(self) -> bool:
        """True if every check passed."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def failures(self) -> list[str]:
        """One line per failed check: its name, what was seen, what is allowed."""
        return [
            f"{v.name}: {v.offending} offending, {v.observed:g} seen, at most {v.limit:g} allowed"
            f"{f' ({v.error})' if v.error else ''} — {v.meaning}"
            for v in self.verdicts
            if not v.passed
        ]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"checks": [asdict(v) for v in self.verdicts], "offending": self.offending}


def audit(
    table: str,
    frame: pl.DataFrame,
    rejects: pl.DataFrame,
    parents: pl.Series | None,
    recipe: Recipe,
) -> Audit:
    """Judge ``frame``; ``parents`` are the keys (``/``-joined) that must be kept or rejected."""
    metrics = [_measure(check, frame) for check in common_checks(table) + CONTRACTS[table](recipe)]
    if parents is not None:
        metrics += _conservation(table, frame, rejects, parents)
    if table == "raw_corpus":
        metrics.append(_readable(frame, rejects, recipe))
    if table == "difficulty":
        metrics.append(_judged(frame, recipe))
    elif table in ASKING and parents is not None:
        metrics.append(_usable(table, rejects, parents, recipe))
    errors = _judge(table, metrics)
    verdicts = tuple(
        Verdict(
            name=metric.name,
            meaning=metric.meaning,
            passed=errors[metric.name] is None,
            observed=round(metric.observed, 6),
            limit=metric.limit,
            offending=metric.rows.height,
            error=errors[metric.name] or "",
        )
        for metric in metrics
    )
    failed = {verdict.name for verdict in verdicts if not verdict.passed}
    samples = {m.name: _sample(m.rows) for m in metrics if m.name in failed}
    return Audit(verdicts, samples, None if parents is None else parents.len())


def _measure(check: Check, frame: pl.DataFrame) -> Metric:
    rows = frame.filter(check.bad.fill_null(True))
    share = rows.height / max(frame.height, 1)
    return Metric(check.name, check.meaning, share, check.max_share, rows)


def parent_keys(table: str, frame: pl.DataFrame) -> pl.Series:
    """The parent's key of every row, as a reject's ``parent_id`` writes it."""
    columns = [pl.col(column).cast(pl.String) for column in TABLES[table].parent]
    return frame.select(pl.concat_str(columns, separator="/").alias("parent_id")).to_series()


def _conservation(
    table: str, frame: pl.DataFrame, rejects: pl.DataFrame, parents: pl.Series
) -> list[Metric]:
    wanted = pl.DataFrame({"parent_id": parents.cast(pl.String)}).unique()
    seen = pl.DataFrame(
        {"parent_id": pl.concat([parent_keys(table, frame), rejects["parent_id"]])}
    ).unique()
    lost = wanted.join(seen, on="parent_id", how="anti")
    invented = seen.join(wanted, on="parent_id", how="anti")
    return [
        Metric(
            "parents_conserved",
            "every parent is kept or rejected with a reason",
            float(lost.height),
            0.0,
            lost,
        ),
        Metric(
            "no_parent_invented",
            "every row and every reject names a parent that exists",
            float(invented.height),
            0.0,
            invented,
        ),
    ]


def _readable(frame: pl.DataFrame, rejects: pl.DataFrame, recipe: Recipe) -> Metric:
    records = rejects.height + frame.height
    share = rejects.height / records if records >= FEW_RECORDS else 0.0
    limit = recipe.raw_corpus.max_reject_share
    return Metric(
        "records_readable",
        "the share of records that could not become documents is within the limit",
        share,
        limit,
        rejects,
    )


def _usable(table: str, rejects: pl.DataFrame, parents: pl.Series, recipe: Recipe) -> Metric:
    """A model that cannot be used at all must not leave an empty table that looks made."""
    unusable = rejects.filter(pl.col("reason").is_in(list(UNUSABLE)))
    share = unusable.height / parents.len() if parents.len() >= FEW_RECORDS else 0.0
    return Metric(
        "replies_usable",
        "the share of rows that got no usable reply from the model is within the limit",
        share,
        getattr(recipe, table).max_unusable_share,
        unusable,
    )


def _judged(frame: pl.DataFrame, recipe: Recipe) -> Metric:
    """A policy or a verifier that fails must not leave rates of a few samples that look known."""
    wanted = 2 * int(frame["samples"].sum())
    without = int(frame["n_without_verdict"].sum())
    share = without / wanted if wanted and frame.height >= FEW_RECORDS else 0.0
    return Metric(
        "samples_have_verdicts",
        "the share of samples without a verdict is within the limit",
        share,
        recipe.difficulty.max_unusable_share,
        frame.filter(pl.col("n_without_verdict") > 0),
    )


@functools.cache
def _batches() -> Any:
    """Great Expectations, set up once a process: each context makes a folder and takes 10 ms."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    asset = context.data_sources.add_pandas("metrics").add_dataframe_asset("shard")
    return asset.add_batch_definition_whole_dataframe("metrics")


def _judge(table: str, metrics: list[Metric]) -> dict[str, str | None]:
    """None for a check that Great Expectations passes, else why not.

    An expectation takes 5 ms. So one expects of all metrics together that none is above its limit;
    each gets its own expectation only where that fails, to tell which.
    """
    excess = _excess(metrics)
    if excess and _expect({"excess": excess}, {"excess": 0.0}, table)["excess"] is None:
        return dict.fromkeys([metric.name for metric in metrics])
    return _expect(
        {metric.name: [metric.observed] for metric in metrics},
        {metric.name: metric.limit for metric in metrics},
        table,
    )


def _excess(metrics: list[Metric]) -> list[float]:
    """By how much each is above its limit; empty where one is no number: pandas passes over NaN."""
    try:
        found = [metric.observed - metric.limit for metric in metrics]
    except TypeError:
        return []
    return found if all(map(math.isfinite, found)) else []


def _expect(
    columns: Mapping[str, list[float]], limits: Mapping[str, float], name: str
) -> dict[str, str | None]:
    """For every column None, or why it is not true that its greatest value is within the limit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependencies' deprecations are not this user's
        batches = _batches()
        import great_expectations as gx
        import pandas as pd

        expectation = getattr(gx.expectations, EXPECTATION)
        expected = [expectation(column=c, max_value=limit) for c, limit in limits.items()]
        suite = gx.ExpectationSuite(name=name, expectations=expected)
        batch = batches.get_batch({"dataframe": pd.DataFrame(dict(columns))})
        results = batch.validate(suite).results
    configs = [(result, result.expectation_config) for result in results]
    return {str(config.kwargs["column"]): _why_not(r) for r, config in configs if config}


def _why_not(result: Any) -> str | None:
    info = result.exception_info or {}
    raised = [info] if "raised_exception" in info else list(info.values())
    for entry in raised:
        if entry.get("raised_exception"):
            return f"the expectation raised: {str(entry.get('exception_message'))[:200]}"
    return None if result.success else "above the limit"


def _sample(rows: pl.DataFrame) -> list[dict[str, Any]]:
    cut = rows.head(SAMPLE)
    return [{k: _short(v) for k, v in row.items()} for row in cut.iter_rows(named=True)]


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _CELL:
        return value[:_CELL] + "…"
    return value if isinstance(value, str | int | float | bool | None) else str(value)[:_CELL]
