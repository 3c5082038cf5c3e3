"""Near-duplicate documents of one frame, and the pieces the incremental stage is made of.

Reads a frame of texts in the order of admission; makes a frame of duplicates, each with the
earlier document kept for it; writes nothing.
"""

from __future__ import annotations

import polars as pl

from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.text.admission import Admission, admit
from webscale_dagster.text.normalise import text_hash
from webscale_dagster.text.shingles import containment, jaccard, shingles, signatures

__all__ = [
    "Admission",
    "admit",
    "containment",
    "find_near_duplicates",
    "jaccard",
    "shingles",
    "sign",
    "signatures",
]

_NONE_EARLIER = pl.DataFrame(
    schema={
        "doc_id": pl.String,
        "text_hash": pl.String,
        "group": pl.String,
        "n_shingles": pl.Int64,
        "bands": pl.List(pl.Int64),
        "family": pl.String,
    }
)


def find_near_duplicates(
    frame: pl.DataFrame, *, settings: NearDuplicates | None = None
) -> pl.DataFrame:
    """Duplicates among documents (columns ``id`` and ``text``, in the order of admission).

    One row per duplicate: ``id``, ``keep_id`` (the most similar earlier document that is kept),
    ``cluster_id`` (the star's name: its kept document) and the exact ``jaccard``.
    """
    settings = settings or NearDuplicates()
    documents = frame.select(
        doc_id=pl.col("id").cast(pl.String),
        shard=pl.lit(""),
        text=pl.col("text"),
        group=pl.lit(None, pl.String),
    )
    if documents["doc_id"].null_count() or documents["text"].null_count():
        row = documents.with_row_index().filter(
            pl.any_horizontal(pl.col("doc_id", "text").is_null())
        )
        raise ValueError(f"row {row['index'][0]}: id or text is null; drop such rows first")
    admitted = admit(sign(documents, settings), _NONE_EARLIER, lambda ids: {}, settings)
    return admitted.duplicates.select(
        id="doc_id", keep_id="keep_doc_id", cluster_id="cluster_id", jaccard="jaccard"
    )


def sign(documents: pl.DataFrame, settings: NearDuplicates) -> pl.DataFrame:
    """Documents (column ``text``) with ``text_hash``, ``n_shingles`` and ``bands``."""
    texts = documents["text"].to_list()
    bands, sizes = signatures(
        texts,
        shingle_words=settings.shingle_words,
        permutations=settings.permutations,
        bands=settings.bands,
        rows=settings.rows,
    )
    return documents.with_columns(
        pl.Series("text_hash", [text_hash(text) for text in texts], pl.String),
        pl.Series("n_shingles", sizes, pl.Int64),
        pl.Series("bands", bands, pl.List(pl.Int64)),
    )
