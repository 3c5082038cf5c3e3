"""The dataset card of a release: what is in it, where it came from, what left and why.

Makes Markdown from the examples, the manifest and the lake; the wording is ``exports/card.md``.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jinja2
import polars as pl

from webscale_dagster import shards
from webscale_dagster.exports.verifier_checks import VerifierChecks
from webscale_dagster.text.engine_report import Report
from webscale_dagster.walk import SHARDED, Walk


def card(
    walk: Walk,
    examples: pl.DataFrame,
    manifest: dict[str, Any],
    checks: VerifierChecks,
    engine: Report,
) -> str:
    """Markdown with a YAML head, as dataset hubs read it."""
    text = (resources.files("webscale_dagster") / "exports" / "card.md").read_text("utf-8")
    template = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    ).from_string(text)
    return template.render(
        manifest=manifest,
        recipe=walk.recipe,
        n_examples=examples.height,
        splits=_counts(examples, "split"),
        domains=_counts(examples, "domain"),
        answer_types=_counts(examples, "answer_type"),
        licenses=_counts(examples, "license"),
        sources=_counts(examples, "source"),
        verified_by=_counts(examples, "verified_by"),
        funnel=_funnel(walk),
        reasons=_reasons(walk),
        shown=_shown(examples),
        checks=checks,
        engine=engine,
    )


def _counts(examples: pl.DataFrame, column: str) -> list[tuple[str, int]]:
    counted = examples.group_by(pl.col(column).fill_null("not stated")).len()
    return list(counted.sort(["len", column], descending=[True, False]).rows())


def _funnel(walk: Walk) -> list[tuple[str, int]]:
    names = shards.names(walk.lake)
    return [
        (
            table,
            walk.lake.read(table)
            .filter(pl.col("shard").is_in(names))
            .select(pl.len())
            .collect()
            .item(),
        )
        for table in SHARDED
    ]


def _reasons(walk: Walk) -> list[tuple[str, str, int]]:
    stages = [*SHARDED, "rl_splits"]
    rejects = walk.lake.rejects(stages, [*shards.names(walk.lake), ""])
    counted = rejects.group_by("stage", "reason").len().collect()
    order = {stage: place for place, stage in enumerate(stages)}
    return sorted(counted.rows(), key=lambda row: (order[row[0]], -row[2], row[1]))


def _shown(examples: pl.DataFrame) -> list[dict[str, Any]]:
    rows = examples.unique("domain", keep="first", maintain_order=True).head(3)
    return [
        {**row, "question": json.loads(row["prompt"])[-1]["content"].split("\n\n")[0]}
        for row in rows.iter_rows(named=True)
    ]
