"""Which documents of earlier shards can matter to a new shard.

Reads signatures of the new shard's documents, and those of earlier shards in parts, so that memory
holds one part and what was found; makes the frame ``earlier`` of ``admission``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

Keys = npt.NDArray[np.uint64]
_SLOTS = np.uint64((1 << 24) - 1)  # of a table that rules most band hashes out, 16 MB


class Wanted:
    """What new documents (doc_id, text_hash, group, bands) are found by."""

    def __init__(self, new: pl.DataFrame) -> None:
        self._new = new.select("doc_id", "text_hash", "group")
        self._bands = np.unique(_flat(new["bands"]))
        self._table = np.zeros(int(_SLOTS) + 1, np.bool_)
        self._table[self._bands & _SLOTS] = True

    def among(self, parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
        """Rows of kept documents that a new one has something in common with, in their order.

        A band or the id: all such rows. A group or the text hash: the first, which decides.
        """
        found: list[pl.DataFrame] = []
        left = {name: self._new[name].drop_nulls().unique() for name in ("text_hash", "group")}
        for part in parts:
            chosen = pl.Series(self._by_band(part["bands"]))
            chosen |= part["doc_id"].is_in(self._new["doc_id"].implode())
            for name, values in left.items():
                first = part[name].is_in(values.implode()) & part[name].is_first_distinct()
                chosen |= first.fill_null(False)
                left[name] = values.filter(~values.is_in(part[name].implode()))
            found.append(part.filter(chosen))
        return pl.concat(found)

    def _by_band(self, bands: pl.Series) -> npt.NDArray[np.bool_]:
        chosen = np.zeros(len(bands), np.bool_)
        keys = _flat(bands)
        places = np.flatnonzero(self._table[keys & _SLOTS])
        if len(places):
            slots = np.searchsorted(self._bands, keys[places])
            slots[slots == len(self._bands)] = 0
            places = places[self._bands[slots] == keys[places]]
            owners = np.repeat(np.arange(len(bands)), bands.list.len().to_numpy())
            chosen[owners[places]] = True
        return chosen


def _flat(bands: pl.Series) -> Keys:
    return bands.explode(empty_as_null=False, keep_nulls=False).to_numpy().view(np.uint64)
