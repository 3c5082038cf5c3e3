"""The rows of ``llm_calls`` that a model has made, kept small: columns, not objects.

Makes a frame; reads and writes nothing.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from webscale_dagster.llm.journal import Completion
from webscale_dagster.models import Price
from webscale_dagster.recipe import content_hash
from webscale_dagster.stages.protocol import Request
from webscale_dagster.tables import TABLES

_PIECE = 2_000  # rows held as Python values before they become a frame
_SCHEMA = TABLES["llm_calls"].schema


class Calls:
    """Grows by a row a call."""

    def __init__(self, shard: str, model: str, price: Price) -> None:
        """Nothing was called yet."""
        self._shard, self._model, self._price = shard, model, price
        self._rows: list[tuple[Any, ...]] = []
        self._frames: list[pl.DataFrame] = []

    def add(self, request: Request, key: str, done: Completion, replayed: bool) -> None:
        """A reply came, or was replayed."""
        row = (
            request.stage,
            self._shard,
            request.row_id,
            key,
            self._model,
            request.prompt_version,
            content_hash(done.text),
            done.tokens_in,
            done.tokens_out,
            done.cached_tokens,
            self._price.cost(done.tokens_in, done.tokens_out, done.cached_tokens),
            done.latency_ms,
            done.finish_reason,
            done.attempts,
            replayed,
        )
        self._rows.append(row)
        if len(self._rows) >= _PIECE:
            self._pack()

    def frame(self) -> pl.DataFrame:
        """All rows, in the order of their requests' rows: arrival differs from run to run."""
        self._pack()
        return pl.concat([TABLES["llm_calls"].empty(), *self._frames]).sort("row_id", "key")

    def _pack(self) -> None:
        if self._rows:
            self._frames.append(pl.DataFrame(self._rows, schema=_SCHEMA, orient="row"))
            self._rows = []
