"""Near-duplicate documents of one frame, and what a document is signed with.

Reads a frame of texts in the order of admission; makes a frame of duplicates, each with the
earlier document kept for it; writes nothing.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.text.buckets import numbered, shared_buckets
from webscale_dagster.text.decisions import decide
from webscale_dagster.text.kernels.stars import Documents
from webscale_dagster.text.kernels.tokens import Column
from webscale_dagster.text.normalise import text_hash
from webscale_dagster.text.shingles import band_column, signatures


def find_near_duplicates(
    frame: pl.DataFrame, *, settings: NearDuplicates | None = None
) -> pl.DataFrame:
    """Duplicates among documents (columns ``id`` and ``text``, in the order of admission).

    One row per duplicate: ``id``, ``keep_id`` (the most similar earlier document that is kept),
    ``cluster_id`` (the star's name: its kept document) and the exact ``jaccard``.
    """
    settings = settings or NearDuplicates()
    ids = frame["id"].cast(pl.String)
    for row in (ids.is_null() | frame["text"].is_null()).arg_true():
        raise ValueError(f"row {row}: id or text is null; drop such rows first")
    for row in ids.is_duplicated().arg_true():
        raise ValueError(f"row {row}: id {ids[row]} appears twice; ids must be unique")
    texts = Column(frame["text"])
    bands, sizes = signatures(texts, settings)
    entries, buckets = shared_buckets(bands.view(np.uint64), sizes > 0)
    none = np.full(len(ids), -1)
    documents = Documents(0, sizes, numbered(frame["text"]), none, none.copy(), entries, buckets)
    decisions = decide(documents, texts.at, settings, relatives=False)
    places = np.flatnonzero(decisions.keep >= 0)
    keep = ids[decisions.keep[places]]
    return pl.DataFrame(
        {
            "id": ids[places],
            "keep_id": keep,
            "cluster_id": keep,
            "jaccard": pl.Series(decisions.jaccard[places], dtype=pl.Float64),
        },
        {"id": pl.String, "keep_id": pl.String, "cluster_id": pl.String, "jaccard": pl.Float64},
    )


def sign(documents: pl.DataFrame, settings: NearDuplicates) -> pl.DataFrame:
    """Documents (column ``text``) with ``text_hash``, ``n_shingles`` and ``bands``."""
    texts = documents["text"]
    bands, sizes = signatures(Column(texts), settings)
    return documents.with_columns(
        pl.Series("text_hash", [text_hash(text) for text in texts], pl.String),
        pl.Series("n_shingles", sizes, pl.Int64),
        band_column(bands, sizes),
    )
