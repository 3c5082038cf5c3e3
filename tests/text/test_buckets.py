from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webscale_dagster.text.buckets import band_matrix, numbered, shared_buckets

KEYS = st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1))
ROWS = st.integers(0, 4).flatmap(
    lambda width: st.lists(st.lists(KEYS, min_size=width, max_size=width), max_size=30)
)


def plain(rows: list[list[int]], filled: list[bool]) -> list[set[tuple[int, int]]]:
    """Per row its band hashes (with their band) that another row has in the same band, too."""
    told = [set(enumerate(row)) if use else set() for row, use in zip(rows, filled, strict=True)]
    counts = Counter(key for keys in told for key in keys)
    return [{key for key in keys if counts[key] > 1} for keys in told]


@given(ROWS, st.data())
def test_buckets_are_those_of_plain_python(rows: list[list[int]], data: st.DataObject) -> None:
    filled = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    width = len(rows[0]) if rows else 0
    keys = np.array(rows, np.uint64).reshape(len(rows), width)
    entries, buckets = shared_buckets(keys, np.array(filled, np.bool_))
    told = plain(rows, filled)
    assert [len(keys) for keys in told] == np.diff(entries).tolist()
    owners = np.repeat(np.arange(len(rows)), np.diff(entries))
    of_bucket: dict[int, list[int]] = {}
    for owner, bucket in zip(owners.tolist(), buckets.tolist(), strict=True):
        of_bucket.setdefault(bucket, []).append(owner)
    expected: dict[tuple[int, int], list[int]] = {}
    for owner, row_keys in enumerate(told):
        for key in row_keys:
            expected.setdefault(key, []).append(owner)
    assert sorted(of_bucket.values()) == sorted(expected.values())
    assert sorted(of_bucket) == list(range(len(expected)))


def test_a_matrix_of_bands_has_zeros_where_a_list_is_empty() -> None:
    bands = pl.Series([[1, -1], [], None, [2, 3]], dtype=pl.List(pl.Int64))
    keys, filled = band_matrix(bands)
    assert keys.tolist() == [[1, 2**64 - 1], [0, 0], [0, 0], [2, 3]]
    assert filled.tolist() == [True, False, False, True]
    keys, filled = band_matrix(pl.Series([[], []], dtype=pl.List(pl.Int64)))
    assert keys.shape == (2, 0)
    assert not filled.any()


def test_documents_signed_with_other_bands_are_refused() -> None:
    with pytest.raises(ValueError, match="sign all again"):
        band_matrix(pl.Series([[1, 2], [1]], dtype=pl.List(pl.Int64)))


def test_equal_values_have_the_place_of_the_first() -> None:
    assert numbered(pl.Series(["b", None, "a", "b", None, "a"])).tolist() == [0, -1, 2, 0, -1, 2]
    assert numbered(pl.Series([], dtype=pl.String)).tolist() == []
