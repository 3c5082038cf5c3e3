"""Near-duplicates of a file that is larger than memory, part by part.

Each part is admitted as a shard is: against the kept documents of the parts before it, of which the
signatures are read from disk one part at a time, and the texts of those alone that share a band.
Which documents are duplicates, and of which, does not depend on where the parts end. Writes and
reads ``<n>.parquet`` (signatures) and ``<n>.arrow`` (texts) in a folder of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa

from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.text.admission import admit
from webscale_dagster.text.earlier import Wanted
from webscale_dagster.text.near_duplicates import sign

_SIGNATURES = ("doc_id", "text_hash", "group", "n_shingles", "bands", "family", "part", "row")


class Deduplication:
    """The parts of a file, in their order."""

    def __init__(self, folder: Path, settings: NearDuplicates) -> None:
        """The folder must be there, and empty."""
        self._folder, self._settings = folder, settings
        self._parts = 0
        self._matched: dict[str, tuple[int, int]] = {}  # part and row of documents kept before

    def repeated(self, ids: pl.Series) -> int | None:
        """The row of the first id that a part before has, too."""
        known = pl.Series([False]).new_from_index(0, len(ids))
        for part in range(self._parts):
            earlier = pl.read_parquet(self._signatures(part), columns=["doc_id"])["doc_id"]
            known |= ids.is_in(earlier.implode())
        return known.arg_max() if known.any() else None

    def add(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Duplicates of a part (columns id and text): id, keep_id, cluster_id and jaccard."""
        new = _signed(rows, self._parts, self._settings)
        earlier = Wanted(new).among(self._kept(new))
        self._matched = {
            doc_id: (part, row) for doc_id, part, row in earlier["doc_id", "part", "row"].rows()
        }
        admission = admit(new, earlier, self._texts, self._settings, relatives=False)
        duplicates = admission.duplicates
        self._put(new, duplicates["doc_id"])
        return duplicates.select(
            pl.col("doc_id").alias("id"),
            pl.col("keep_doc_id").alias("keep_id"),
            "cluster_id",
            "jaccard",
        )

    def _put(self, new: pl.DataFrame, duplicates: pl.Series) -> None:
        kept = ~pl.col("doc_id").is_in(duplicates.implode())
        new.select(*_SIGNATURES, kept=kept).write_parquet(
            self._signatures(self._parts), compression="lz4"
        )
        texts = pa.table({"text": new["text"].to_arrow(compat_level=pl.CompatLevel.oldest())})
        with pa.ipc.new_file(str(self._texts_of(self._parts)), texts.schema) as writer:
            writer.write_table(texts)
        self._parts += 1

    def _kept(self, new: pl.DataFrame) -> Iterator[pl.DataFrame]:
        yield new.select(_SIGNATURES).clear()
        for part in range(self._parts):
            known = pl.read_parquet(self._signatures(part))
            yield known.filter("kept").select(_SIGNATURES)

    def _texts(self, ids: Sequence[str]) -> Mapping[str, str]:
        by_part: dict[int, list[tuple[int, str]]] = {}
        for doc_id in ids:
            part, row = self._matched[doc_id]
            by_part.setdefault(part, []).append((row, doc_id))
        found: dict[str, str] = {}
        for part, wanted in by_part.items():
            # Mapped, not read: only the pages with these texts come into memory.
            with pa.memory_map(str(self._texts_of(part))) as file:
                texts = pa.ipc.open_file(file).read_all()["text"]
                chosen = texts.take([row for row, _ in wanted]).to_pylist()
            found |= zip([doc_id for _, doc_id in wanted], chosen, strict=True)
        return found

    def _signatures(self, part: int) -> Path:
        return self._folder / f"{part}.parquet"

    def _texts_of(self, part: int) -> Path:
        return self._folder / f"{part}.arrow"


def _signed(rows: pl.DataFrame, part: int, settings: NearDuplicates) -> pl.DataFrame:
    named = rows.select(
        pl.col("id").alias("doc_id"),
        "text",
        pl.lit(str(part)).alias("shard"),
        pl.lit(None, pl.String).alias("group"),
        pl.col("id").alias("family"),
        pl.lit(part, pl.Int64).alias("part"),
        pl.int_range(pl.len()).alias("row"),
    )
    return sign(named, settings)
