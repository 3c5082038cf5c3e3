"""The register of shards: table ``shards``, one row a file or a row range of one.

Reads and writes table ``shards``. A shard is registered once by ``webscale ingest`` and admitted
once, when its duplicates have first been decided; it keeps that place for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import polars as pl

from webscale_dagster.home import exclusive
from webscale_dagster.lake import Lake
from webscale_dagster.tables import TABLES


class UnknownShard(KeyError):
    """A shard that is not registered; the message says what to do."""

    def __str__(self) -> str:
        """Without the quotes that KeyError puts around its message."""
        return str(self.args[0])


def registered(lake: Lake) -> pl.DataFrame:
    """All shards: the admitted ones first, in their order, then the others by name."""
    return lake.rows("shards").sort("admitted", "shard", nulls_last=True)


def names(lake: Lake, pattern: str = "*") -> list[str]:
    """Shards whose name fits a glob, in order of admission, then by name."""
    return [name for name in registered(lake)["shard"].to_list() if fnmatchcase(name, pattern)]


def row(lake: Lake, shard: str) -> dict[str, Any]:
    """One shard's row."""
    found = registered(lake).filter(pl.col("shard") == shard).to_dicts()
    if not found:
        raise UnknownShard(f"{shard}: no such shard; `webscale ingest SOURCE` registers shards")
    return found[0]


def register(lake: Lake, rows: Sequence[dict[str, Any]]) -> None:
    """Add shards, or replace rows of the same name (a file that has changed)."""
    if not rows:
        return
    new = pl.DataFrame(list(rows), schema=TABLES["shards"].schema)
    with exclusive("shards"):
        old = lake.rows("shards").filter(~pl.col("shard").is_in(new["shard"].implode()))
        lake.commit("shards", pl.concat([old, new]).sort("shard"))


def next_place(lake: Lake, shard: str) -> int:
    """The shard's place in the order of admission: its own, or the first free one."""
    known = row(lake, shard)["admitted"]
    if known is not None:
        return int(known)
    given = registered(lake)["admitted"].drop_nulls().to_list()
    return max(given, default=-1) + 1


def admit(lake: Lake, shard: str, place: int) -> None:
    """Give the shard its place; the caller holds the lock ``admission``."""
    with exclusive("shards"):
        rows = lake.rows("shards")
        given = pl.when(pl.col("shard") == shard).then(pl.lit(place)).otherwise(pl.col("admitted"))
        lake.commit("shards", rows.with_columns(given.alias("admitted")).sort("shard"))
