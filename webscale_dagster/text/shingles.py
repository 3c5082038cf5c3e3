"""Word shingles, exact set similarity, and MinHash signatures cut into bands.

Makes arrays of hashes from texts; reads and writes nothing. A shingle is a run of ``n`` words; a
shorter text has one, of all its words; a text without words has none. Words are hashed with XXH3,
shingles by a polynomial over the word hashes modulo 2^64, so that a document costs a few numpy
passes and n-grams of any length come from one array of word hashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from webscale_dagster.text.normalise import words

Hashes = npt.NDArray[np.uint64]
Signature = npt.NDArray[np.uint32]

# Odd 64-bit constants of XXH64 (xxhash specification, section "Overview").
_STEP = np.uint64(0x9E3779B185EBCA87)
_BAND_STEP = np.uint64(0xC2B2AE3D27D4EB4F)
# MurmurHash3's 64-bit finaliser (Appleby, MurmurHash3.cpp, fmix64).
_MIX_1, _MIX_2, _SHIFT = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53), np.uint64(33)
_LOW_32 = np.uint64(0xFFFFFFFF)
_MEMO_WORDS = 500_000  # distinct words remembered between documents, about 70 MB
_CHUNK = 4_096  # shingles permuted at a time: 2 MB of intermediate values stay in the cache


class _WordHashes(dict[str, int]):
    """Hashes of words met so far; forgets all when full, for memory must not grow."""

    def __missing__(self, word: str) -> int:
        value = xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass"))
        if len(self) >= _MEMO_WORDS:
            self.clear()
        self[word] = value
        return value


_word_hash = _WordHashes()


def word_hashes(tokens: Sequence[str]) -> Hashes:
    """One 64-bit hash per word."""
    return np.fromiter(map(_word_hash.__getitem__, tokens), np.uint64, len(tokens))


def mix(values: Hashes) -> Hashes:
    """Spread every input bit over all output bits; a bijection."""
    values = (values ^ (values >> _SHIFT)) * _MIX_1
    values = (values ^ (values >> _SHIFT)) * _MIX_2
    return np.asarray(values ^ (values >> _SHIFT), np.uint64)


def ngram_hashes(hashes: Hashes, n: int) -> Hashes:
    """A hash per run of ``n`` words, in order; empty where there are fewer words."""
    count = len(hashes) - n + 1
    if count < 1:
        return np.empty(0, np.uint64)
    rolled = hashes[:count].copy()
    for offset in range(1, n):
        rolled *= _STEP
        rolled += hashes[offset : offset + count]
    return mix(rolled + np.uint64(n))


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


def shingle_hash32(values: Hashes) -> npt.NDArray[np.uint32]:
    """The 32 bits of shingle hashes that MinHash sees."""
    return (values & _LOW_32).astype(np.uint32)


@lru_cache(maxsize=8)
def _permutations(count: int) -> tuple[Any, Any]:
    from datasketch import MinHash

    a, b = MinHash(num_perm=count, scheme="affine32").permutations
    return a, b


def signature(values: Hashes, permutations: int) -> Signature:
    """The MinHash of a set of shingles.

    Exactly ``datasketch.MinHash`` (scheme affine32, seed 1) updated with them under
    ``shingle_hash32``, in array steps instead of a call per shingle.
    """
    a, b = _permutations(permutations)
    hashed = _fmix32(shingle_hash32(values))
    least = np.full(permutations, 0xFFFFFFFF, np.uint32)
    for start in range(0, len(hashed), _CHUNK):
        permuted = np.multiply.outer(a, hashed[start : start + _CHUNK])
        permuted += b[:, None]
        np.minimum(least, permuted.min(axis=1), out=least)
    return least


def _fmix32(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    # MurmurHash3's 32-bit finaliser, which datasketch applies before its permutations.
    values = (values ^ (values >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    values = (values ^ (values >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return np.asarray(values ^ (values >> np.uint32(16)), np.uint32)


def band_hashes(values: Signature, bands: int, rows: int) -> list[int]:
    """A signed 64-bit hash per band.

    The band's place is hashed in, so equal hashes mean equal rows of the same band.
    """
    table = values[: bands * rows].reshape(bands, rows).astype(np.uint64)
    hashed = (np.arange(bands, dtype=np.uint64) + np.uint64(1)) * _BAND_STEP
    for row in range(rows):
        hashed = mix(hashed * _STEP + table[:, row])
    listed: list[int] = hashed.view(np.int64).tolist()
    return listed


def signatures(
    texts: Sequence[str], *, shingle_words: int, permutations: int, bands: int, rows: int
) -> tuple[list[list[int]], list[int]]:
    """Band hashes and number of distinct shingles per text; no bands where there are no words."""
    banded: list[list[int]] = []
    sizes: list[int] = []
    for text in texts:
        values = shingles(text, shingle_words)
        sizes.append(len(values))
        few = not len(values)
        banded.append([] if few else band_hashes(signature(values, permutations), bands, rows))
    return banded, sizes
