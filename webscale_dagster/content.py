"""What a frame holds: its rows in the table's schema, their hash, their bytes as parquet.

Makes values; reads and writes nothing.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import polars as pl

from webscale_dagster.tables import TABLES

# How long a call took, and whether it was replayed, is not content.
NOT_CONTENT = {"llm_calls": ("cost", "latency_ms", "attempts", "replayed", "cached_tokens")}
_PIECE = 2_000  # rows turned into JSON at a time; bounds memory


def content_of(frame: pl.DataFrame, leave_out: Sequence[str] = ()) -> str:
    """Hash of a frame's rows in order: 24 hex digits, the same on every machine and version."""
    digest = hashlib.sha256()
    kept = frame.drop([name for name in leave_out if name in frame.columns])
    digest.update(",".join(kept.columns).encode())
    for piece in kept.iter_slices(_PIECE):
        digest.update(piece.write_ndjson().encode())
    return digest.hexdigest()[:24]


def number_of(content: str) -> int:
    """The hash as Delta's transaction versions can hold it: 60 bits of a signed 64."""
    return int(content[:15], 16)


def cast(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The table's columns in their order and types; a missing one is an error."""
    schema = TABLES[table].schema
    missing = [name for name in schema if name not in frame.columns]
    if missing:
        raise ValueError(f"{table}: the frame lacks the columns {', '.join(missing)}")
    return frame.select([pl.col(name).cast(dtype) for name, dtype in schema.items()])


def parquet(frame: pl.DataFrame) -> bytes:
    """The frame as the bytes of a parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
