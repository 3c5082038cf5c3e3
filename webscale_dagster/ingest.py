"""Registers the files of a source as shards: what ``webscale ingest`` and its sensor do.

Reads a source's TOML and its files; writes table ``shards``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from webscale_dagster import shards
from webscale_dagster.sources import load_source, plan_shards, updated_rows
from webscale_dagster.walk import Walk


@dataclass(frozen=True)
class Ingested:
    """What registering a source did."""

    source: str
    new: list[str]
    updated: list[str]
    n_unchanged: int
    warnings: list[str]


def ingest_source(walk: Walk, path: Path, *, update: bool = False) -> Ingested:
    """Register a source's new files; changed ones too if ``update``, else they are warned of."""
    source = load_source(path)
    existing = shards.registered(walk.lake)
    plan = plan_shards(source, existing, walk.recipe.raw_corpus)
    again = updated_rows(source, plan.changed, existing, walk.recipe.raw_corpus) if update else []
    shards.register(walk.lake, [*plan.new, *again])
    warnings = [
        f"{change.uri} {change.what} since it was registered (shards {', '.join(change.shards)}): "
        f"restore it, or run `webscale ingest --update {path}`"
        for change in (() if update else plan.changed)
    ]
    return Ingested(
        source.name,
        [str(row["shard"]) for row in plan.new],
        [str(row["shard"]) for row in again],
        plan.n_unchanged,
        warnings,
    )
