"""Which benchmark texts hold the n-grams of many texts.

Makes hits from hashes of words and an index in memory; reads and writes nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.content_words import standing
from webscale_dagster.text.kernels.postings import Hits, Index, fill, look_up, select
from webscale_dagster.text.kernels.tokens import Hashes, Tokens
from webscale_dagster.text.kernels.utf8 import Offsets as Numbers
from webscale_dagster.text.shingles import word_hashes

_ROOM = 1 << 16  # hits a first look-up has room for


class Words(NamedTuple):
    """Hashes of words: those of text ``i`` lie from ``offsets[i]`` to ``offsets[i + 1]``."""

    hashes: Hashes
    offsets: Numbers


class Content(NamedTuple):
    """Content words without digits, and the place of each among its text's words."""

    words: Words
    places: Numbers


class Postings:
    """N-grams of one length and who holds them, in about 25 bytes per n-gram."""

    def __init__(self, n: int, hashes: Hashes, owners: npt.NDArray[np.int64]) -> None:
        self.n = n
        order = np.argsort(hashes, kind="stable")
        distinct, starts = np.unique(hashes[order], return_index=True)
        size = 1 << max(len(distinct).bit_length(), 5)
        self._index = Index(
            np.zeros(2 * size, np.uint8),  # 16 to 32 bits per n-gram
            np.full(2 * size, -1, np.int32),
            distinct,
            np.append(starts, len(hashes)).astype(np.int64),
            owners[order].astype(np.int64),
        )
        fill(self._index)

    def find(self, words: Words) -> Hits:
        """Every n-gram of the texts that is known, once for each of its owners."""
        if not len(self._index.hashes):
            return _room(0)
        hits = _room(_ROOM)
        while (count := look_up(*words, self.n, self._index, hits)) > len(hits.texts):
            hits = _room(count)
        return Hits(
            hits.texts[:count], hits.places[:count], hits.owners[:count], hits.hashes[:count]
        )


def _room(size: int) -> Hits:
    texts, places, owners = np.empty((3, size), np.int64)
    return Hits(texts, places, owners, np.empty(size, np.uint64))


def content_of(tokens: Tokens) -> Content:
    """The content words of texts."""
    hashes = np.empty(len(tokens.hashes), np.uint64)
    places = np.empty(len(tokens.hashes), np.int64)
    ends = np.zeros(len(tokens.offsets), np.int64)
    select(tokens.hashes, tokens.digits, tokens.offsets, _known(), hashes, places, ends)
    return Content(Words(hashes[: ends[-1]], ends), places[: ends[-1]])


@lru_cache(maxsize=1)
def _known() -> tuple[Hashes, Hashes]:
    """An open table of the words that are left out or stand for others."""
    listed = standing()
    size = 1 << (4 * len(listed.words)).bit_length()
    keys, others = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    values = np.where([bool(other) for other in listed.others], word_hashes(listed.others), 0)
    for key, other in zip(word_hashes(listed.words), values, strict=True):
        slot = int(key) & (size - 1)
        while keys[slot]:
            slot = (slot + 1) & (size - 1)
        keys[slot], others[slot] = key, other
    return keys, others
