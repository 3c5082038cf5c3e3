"""Documents kept in shards admitted before, as far as a new shard may be compared with them.

Reads the tables signatures, relatives and raw_corpus, some shards at a time; writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from webscale_dagster.lake import Lake
from webscale_dagster.text.earlier import Wanted

_AT_ONCE = 16  # shards, of 20,000 documents by default: 300 bytes each in memory


class Admitted:
    """The kept documents of some shards, which are in the order of their admission."""

    def __init__(self, lake: Lake, shards: Sequence[str]) -> None:
        self._lake = lake
        self._places = {shard: place for place, shard in enumerate(shards)}
        self._shard_of: dict[str, str] = {}

    def matching(self, signed: pl.DataFrame) -> pl.DataFrame:
        """Rows of documents that those signed have something in common with, in order.

        Signatures with ``family``; of each family its first document too, for a family is as old
        as that one.
        """
        found = Wanted(signed).among(self._parts())
        names = found.select(pl.col("family").unique())["family"]
        founders = names.filter(~names.is_in(found["doc_id"].implode()))
        if len(founders):
            of = pl.col("doc_id").is_in(founders.implode())
            found = pl.concat([found, self._rows(list(self._places)).filter(of).collect()])
        found = found.sort("place", "row")
        self._shard_of = dict(found.select("doc_id", "shard").iter_rows())
        return found

    def texts(self, ids: Sequence[str]) -> dict[str, str]:
        """Texts of documents that matched, by id."""
        by_shard: dict[str, list[str]] = {}
        for doc_id in ids:
            by_shard.setdefault(self._shard_of[doc_id], []).append(doc_id)
        found: dict[str, str] = {}
        for shard, wanted in by_shard.items():
            rows = self._lake.read("raw_corpus", shard).filter(pl.col("doc_id").is_in(wanted))
            found |= dict(rows.select("doc_id", "text").collect().iter_rows())
        return found

    def _parts(self) -> Iterator[pl.DataFrame]:
        """All kept documents, in order; an empty part where there are none."""
        shards = list(self._places)
        for start in range(0, max(len(shards), 1), _AT_ONCE):
            part = self._rows(shards[start : start + _AT_ONCE])
            yield part.collect().sort("place", "row")

    def _rows(self, shards: Sequence[str]) -> pl.LazyFrame:
        among = pl.col("shard").is_in(shards)
        kept = self._lake.read("relatives").filter(among).select("shard", "doc_id", "family")
        rows = self._lake.read("signatures").filter(among).join(kept, on=["shard", "doc_id"])
        place = pl.col("shard").replace_strict(self._places, default=None, return_dtype=pl.Int64)
        return rows.with_columns(place=place)
