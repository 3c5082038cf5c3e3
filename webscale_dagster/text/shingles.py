"""Word shingles, exact set similarity, and MinHash bands.

Makes arrays of hashes from texts; reads and writes nothing. A shingle is a run of ``n`` words; a
shorter text has one, of all its words; a text without words has none. Shingles are hashed by a
polynomial over the word hashes modulo 2^64, so that n-grams of any length come from one array.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from webscale_dagster.recipe import NearDuplicates
from webscale_dagster.text.kernels.folding import folding
from webscale_dagster.text.kernels.minhash import roll, scratch, sign_texts
from webscale_dagster.text.kernels.tokens import Column, Hashes, Prepared, hash_runs
from webscale_dagster.text.normalise import words


def word_hashes(tokens: Sequence[str]) -> Hashes:
    """One 64-bit hash per word."""
    joined = "".join(f"{token}\n" for token in tokens)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    hashes = np.empty(len(tokens), np.uint64)
    hash_runs(codes, hashes)
    return hashes


def ngram_hashes(hashes: Hashes, n: int) -> Hashes:
    """A hash per run of ``n`` words, in order; empty where there are fewer words."""
    rolled = np.empty(max(len(hashes) - n + 1, 0), np.uint64)
    roll(hashes, len(hashes), n, rolled)
    return rolled


def shingles(text: str, n: int) -> Hashes:
    """The set of a text's word shingles, as sorted 64-bit hashes."""
    hashes = word_hashes(words(text))
    return np.unique(ngram_hashes(hashes, min(n, len(hashes)))) if len(hashes) else hashes


def overlaps(one: Hashes, others: Sequence[Hashes]) -> npt.NDArray[np.int64]:
    """Number of members a sorted set has in common with each of several."""
    ends = np.cumsum([0, *map(len, others)])
    if not len(one) or not ends[-1]:
        return np.zeros(len(others), np.int64)
    joined = np.concatenate(others)
    places = np.searchsorted(one, joined)
    places[places == len(one)] = 0
    found = np.concatenate(([0], np.cumsum(one[places] == joined)))
    return np.asarray(found[ends[1:]] - found[ends[:-1]], np.int64)


def jaccard(a: Hashes, b: Hashes) -> float:
    """Common members over all members; 0 where both sets are empty."""
    common = int(overlaps(a, [b])[0])
    return common / (len(a) + len(b) - common) if common else 0.0


def containment(a: Hashes, b: Hashes) -> float:
    """Share of the smaller set that is in the larger."""
    smaller = min(len(a), len(b))
    return int(overlaps(a, [b])[0]) / smaller if smaller else 0.0


@lru_cache(maxsize=8)
def permutations(count: int) -> tuple[Any, Any]:
    """Factors and summands of datasketch's permutations (scheme affine32, seed 1)."""
    from datasketch import MinHash

    a, b = MinHash(num_perm=count, scheme="affine32").permutations
    return np.ascontiguousarray(a), np.ascontiguousarray(b)


def signatures(
    texts: Column | Prepared, settings: NearDuplicates
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Per text a row of band hashes (of no meaning without words) and its number of shingles."""
    bands, rows = settings.banding()
    banded = np.zeros((len(texts), bands), np.uint64)
    sizes = np.zeros(len(texts), np.int64)
    start = 0
    for part in [texts] if isinstance(texts, Prepared) else texts.parts():
        _sign(part, settings, rows, banded[start:], sizes[start:])
        start += len(part)
    return banded.view(np.int64), sizes


def _sign(part: Prepared, settings: NearDuplicates, rows: int, banded: Hashes, sizes: Any) -> None:
    encoded = part.texts
    longest = int(np.diff(encoded.offsets).max(initial=0))
    sign_texts(
        encoded.data,
        encoded.offsets,
        part.folded,
        folding(),
        settings.shingle_words,
        permutations(settings.permutations),
        rows,
        scratch(longest),
        banded,
        sizes,
    )


def band_column(banded: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> pl.Series:
    """Band hashes as the column ``bands``; an empty list where a text has no words."""
    listed = pl.Series("bands", banded, pl.Array(pl.Int64, banded.shape[1])).arr.to_list()
    if not (sizes == 0).any():
        return listed
    none = pl.Series([[]], dtype=pl.List(pl.Int64))
    return listed.zip_with(pl.Series(sizes > 0), none.new_from_index(0, len(sizes)))
