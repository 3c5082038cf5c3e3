"""Numbers what several documents have in common: band hashes, equal texts, groups.

Makes arrays of numbers from arrays and series; reads and writes nothing. Bands are numbered one by
one, for a band's tables fit into the processor's cache where those of all bands would not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from webscale_dagster.text.kernels.stars import Numbers, flag_repeated

Keys = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
_LEAST = 64  # bytes of a table of bits


def band_matrix(bands: pl.Series) -> tuple[Keys, Flags]:
    """A row of band hashes per document, zeros where its list is empty; and where it is not."""
    lengths = bands.list.len().fill_null(0).to_numpy()
    width = int(lengths.max(initial=0))
    filled = lengths > 0
    if (lengths[filled] != width).any():
        raise ValueError("documents were signed with several numbers of bands; sign all again")
    keys = np.zeros((len(lengths), width), np.uint64)
    flat = bands.explode(empty_as_null=False, keep_nulls=False).to_numpy().view(np.uint64)
    keys[filled] = flat.reshape(-1, width) if width else 0
    return keys, filled


def shared_buckets(keys: Keys, filled: Flags) -> tuple[Numbers, Numbers]:
    """Band hashes that several documents have, numbered: where each document's begin, and they.

    ``keys`` has a row per document and a column per band; rows that are not filled have none.
    """
    rows = np.flatnonzero(filled)
    numbers = np.full(keys.shape, -1, np.int32)
    flags = np.zeros(len(keys), np.bool_)
    size = max(1 << len(keys).bit_length(), _LEAST)  # 8 to 16 bits per document
    once, twice = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    count = 0
    for band in range(keys.shape[1]):
        once[:], twice[:] = 0, 0
        flag_repeated(keys, rows, band, once, twice, flags)
        places = np.flatnonzero(flags)
        order = places[np.argsort(keys[places, band])]
        starts, several = _runs(keys[order, band])
        numbers[order[several], band] = count + np.cumsum(starts)[several] - 1
        count += int(starts.sum())
    found = numbers >= 0
    entries = np.zeros(len(keys) + 1, np.int64)
    np.cumsum(found.sum(axis=1), out=entries[1:])
    return entries, numbers[found].astype(np.int64)


def _runs(ordered: Keys) -> tuple[Flags, Flags]:
    """Where runs of several equal values start, and which values are in one."""
    as_before, as_after = np.zeros((2, len(ordered)), np.bool_)
    as_before[1:] = as_after[:-1] = ordered[1:] == ordered[:-1]
    return as_after & ~as_before, as_after | as_before


def numbered(values: pl.Series) -> Numbers:
    """Equal values have equal numbers: the place of the first of them; null is -1."""
    rows = values.alias("value").to_frame().with_row_index("place")
    first = pl.col("place").min().over("value")
    number = pl.when(pl.col("value").is_null()).then(-1).otherwise(first.cast(pl.Int64))
    return rows.select(number).to_series().to_numpy()
