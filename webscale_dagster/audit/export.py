"""Draws an audit's sample and keeps it: what reviewers see, and what the report needs.

Reads pair_verdicts, qa_pairs, filtered_docs and raw_corpus. Writes the object
``audits/<name>/sample.json`` and, into a folder, ``audit.html``, ``audit.csv``, ``sample.json``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from webscale_dagster.audit.criteria import MODEL_CHECKS
from webscale_dagster.audit.form import form_html
from webscale_dagster.audit.population import SCORES, population, shown, yields
from webscale_dagster.audit.sampling import STRATUM, draw, numbers
from webscale_dagster.audit.sheet import sheet_csv
from webscale_dagster.audit.statistics import margin_of, sample_size
from webscale_dagster.lake import Lake
from webscale_dagster.recipe import content_hash

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ITEM = [
    *("qa_id", "doc_id", "shard", *STRATUM, "kept", "stratum", "weight", "problem", "problems"),
    *("verified_by", *MODEL_CHECKS, *SCORES, "decides"),
]


class AuditError(ValueError):
    """An audit that cannot be made or read; the message says what to do."""


@dataclass(frozen=True)
class Wanted:
    """How large a sample, and of what: a size, or a confidence and a margin for kept pairs."""

    confidence: float = 0.95
    margin: float = 0.05
    size: int | None = None
    seed: int = 17
    rejected_share: float = 0.25


@dataclass(frozen=True)
class Audit:
    """A drawn sample: ``sample`` is for the report, documents and items are for reviewers."""

    sample: dict[str, Any]
    documents: list[dict[str, Any]]
    items: list[dict[str, Any]]


def make_audit(lake: Lake, shards: Sequence[str], wanted: Wanted, name: str | None) -> Audit:
    """Draw the sample; the same lake, seed and numbers give the same one."""
    pairs, gone = population(lake, shards)
    if pairs.is_empty():
        raise AuditError("no pair has verdicts yet; `webscale run` makes them in verified_qa")
    drawn, margin = _draw(pairs, wanted)
    documents, items = shown(lake, drawn)
    digest = content_hash(json.dumps([documents, items], sort_keys=True))
    if name is None:
        name = f"audit-{digest[:8]}"
    elif not _NAME.fullmatch(name):
        raise AuditError(f"{name!r} is no name for an audit; use a-z, 0-9, _ and -")
    n_kept = int(pairs["kept"].sum())
    sample = {
        "name": name,
        "sample": digest,
        "seed": wanted.seed,
        "confidence": wanted.confidence,
        "margin": margin,
        "pairs": pairs.height,
        "kept_pairs": n_kept,
        "gone_pairs": gone,
        "drawn": drawn.height,
        "drawn_kept": int(drawn["kept"].sum()),
        "strata": dict(drawn.select("stratum", "stratum_pairs").unique().sort("stratum").rows()),
        "yields": yields(pairs),
        "items": drawn.select(_ITEM).to_dicts(),
    }
    return Audit(sample, documents, items)


def _draw(pairs: pl.DataFrame, wanted: Wanted) -> tuple[pl.DataFrame, float]:
    """The drawn pairs, in the order they are shown, and the margin they give for kept ones."""
    kept, rejected = pairs.filter("kept"), pairs.filter(~pl.col("kept"))
    enough = sample_size(kept.height, wanted.confidence, wanted.margin)
    n_kept, n_rejected = numbers(
        kept.height, rejected.height, enough, wanted.size, wanted.rejected_share
    )
    drawn = pl.concat(
        draw(rows, n, wanted.seed).with_columns(stratum=f"{of}: " + pl.col("stratum"))
        for of, rows, n in (("kept", kept, n_kept), ("rejected", rejected, n_rejected))
    )
    # Pairs of a document stand together: it is read once. Kept and rejected ones are mixed.
    hashes = [
        pl.Series(f"by_{name}", [content_hash(str(wanted.seed), value) for value in drawn[name]])
        for name in ("doc_id", "qa_id")
    ]
    shuffled = drawn.with_columns(hashes).sort("by_doc_id", "by_qa_id")
    margin = margin_of(n_kept, kept.height, wanted.confidence) if n_kept else 1.0
    return shuffled, margin


def keep_audit(lake: Lake, audit: Audit, folder: Path) -> list[Path]:
    """Store the sample in the lake and write the reviewers' files; returns what was written."""
    name, digest = audit.sample["name"], audit.sample["sample"]
    data = json.dumps(audit.sample, ensure_ascii=False, indent=1).encode()
    known = lake.objects.get(f"audits/{name}/sample.json")
    if known is not None and json.loads(known)["sample"] != digest:
        raise AuditError(
            f"audit {name} is there already, with another sample; choose another --name"
        )
    lake.objects.put(f"audits/{name}/sample.json", data)
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        "audit.html": form_html(name, digest, audit.documents, audit.items).encode(),
        "audit.csv": sheet_csv(digest, audit.documents, audit.items).encode("utf-8-sig"),
        "sample.json": data,
    }
    for file, content in written.items():
        (folder / file).write_bytes(content)
    return [folder / file for file in written]


def load_sample(lake: Lake, name: str) -> dict[str, Any]:
    """The sample of an audit."""
    data = lake.objects.get(f"audits/{name}/sample.json") if _NAME.fullmatch(name) else None
    if data is None:
        keys = lake.objects.keys("audits/")
        known = sorted({key.split("/")[1] for key in keys if key.endswith("/sample.json")})
        raise AuditError(f"no audit {name!r}; there are: {', '.join(known) or 'none at all'}")
    return dict(json.loads(data))
