"""Asks the model about the rows of a frame, chunk by chunk, so that progress shows.

Makes (row, reply) pairs in the frame's order; reads and writes nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from webscale_dagster.stages.protocol import Context, Reply, Request

CHUNK = (
    512  # rows between two reports of progress; each chunk's replies are durable before the next
)


def ask_in_chunks(
    rows: pl.DataFrame, request: Callable[[dict[str, Any]], Request], context: Context
) -> Iterator[tuple[dict[str, Any], Reply]]:
    """Every row with the reply to its request."""
    if context.model is None:
        raise ValueError("this stage asks a model, and the context has none")
    for start in range(0, rows.height, CHUNK):
        piece = list(rows.slice(start, CHUNK).iter_rows(named=True))
        yield from zip(piece, context.model.ask([request(row) for row in piece]), strict=True)
        context.progress(start + len(piece), rows.height)
