"""The corpora of the data-refinement arms: kept by key, so that each is made once.

Reads and writes ``refined_docs/<key>.parquet`` (kept documents with what was done to them) and
``refined_docs/<key>.json`` (facts, rejects by reason, tokens spent) in the lake.
"""

from __future__ import annotations

import io
import json
from typing import Any

import polars as pl

from webscale_dagster.content import parquet
from webscale_dagster.lake import Lake
from webscale_dagster.recipe import Recipe, content_hash
from webscale_dagster.refine import REFINEMENTS, Refined
from webscale_dagster.stages.prompt import package_text


def key(method: str, recipe: Recipe, texts: str) -> str:
    """Of a method, its settings and model, its version, and the hash of the documents."""
    settings = recipe.refined_docs
    who = recipe.models[settings.model].identity if settings.model else "rules"
    decisive = settings.model_dump_json(exclude={"model"})
    made = REFINEMENTS[method]
    code = [str(made.version), *map(package_text, made.files)]
    return f"{method}-{content_hash(*code, decisive, who, texts, str(recipe.seed))[:16]}"


def read(lake: Lake, name: str) -> pl.DataFrame | None:
    """The kept documents; None where they were not made yet."""
    found = lake.objects.get(f"refined_docs/{name}.parquet")
    return None if found is None else pl.read_parquet(io.BytesIO(found))


def facts(lake: Lake, name: str) -> dict[str, Any]:
    """What is known of how they were made, with ``generated_tokens``."""
    return dict(json.loads(lake.objects.get(f"refined_docs/{name}.json") or b"{}"))


def write(lake: Lake, name: str, made: Refined, tokens: int) -> dict[str, Any]:
    """Keep what a method made; the facts come first, so that rows are never without them."""
    reasons = made.rejects.group_by("reason").len().sort("len", descending=True)
    told = {
        **made.facts,
        "kept": made.kept.height,
        "rejects": made.rejects.height,
        "reject_reasons": dict(reasons.rows()),
        "generated_tokens": tokens,
    }
    lake.objects.put(f"refined_docs/{name}.rejects.parquet", parquet(made.rejects))
    lake.objects.put(f"refined_docs/{name}.json", json.dumps(told, indent=2).encode())
    lake.objects.put(f"refined_docs/{name}.parquet", parquet(made.kept))
    return told
