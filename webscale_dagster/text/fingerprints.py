"""Published fingerprints of benchmark items whose authors withhold the text.

Reads n-gram rows of the part ``fingerprint``; writes nothing. A fingerprint is the first 16 hex
digits of the SHA-256 of a run of lower-case ``[a-z0-9]+`` words joined by one space.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

import numpy as np
import polars as pl

from webscale_dagster.text.benchmark_index import Hit
from webscale_dagster.text.kernels.sha256 import flag_known, room_for
from webscale_dagster.text.kernels.tokens import Hashes
from webscale_dagster.text.kernels.utf8 import Texts, encode

_WORD = re.compile(r"[a-zA-Z0-9]+")
# Not every run of a text is hashed at first: hashing costs more than all other rules together. A
# stretch that holds the wanted share of an item's runs cannot fall between those that are.
_MAX_STRIDE = 8


class Fingerprints:
    """Hashes by length of their runs, and the questions that hold them."""

    def __init__(self, rows: pl.DataFrame, *, least: float) -> None:
        self._least = least
        self._totals = Counter(rows["owner"].to_list())
        self._owners: dict[int, dict[int, list[int]]] = {}
        for n, value, owner in rows.select("n", "hash", "owner").iter_rows():
            self._owners.setdefault(n, {}).setdefault(value, []).append(owner)
        self._tables = {n: _table(owners) for n, owners in self._owners.items()}
        fewest = math.ceil(least * min(self._totals.values(), default=0))
        self._stride = min(max(fewest, 1), _MAX_STRIDE)

    def find(self, texts: pl.Series) -> Iterator[tuple[int, Hit]]:
        """Questions of whose fingerprints a text has enough, by the text's number."""
        if not self._owners:
            return
        encoded = encode(texts)
        for n in self._owners:
            for number in self._candidates(encoded, n):
                for owner, share, run in self._found(encoded.text(number), n):
                    yield number, Hit(owner, "fingerprint", share, run)

    def _candidates(self, texts: Texts, n: int) -> list[int]:
        flags = np.zeros(len(texts), np.bool_)
        room = room_for(int(np.diff(texts.offsets).max(initial=0)))
        flag_known(texts.data, texts.offsets, n, self._stride, self._tables[n], room, flags)
        listed: list[int] = np.flatnonzero(flags).tolist()
        return listed

    def _found(self, text: str, n: int) -> Iterator[tuple[int, float, str]]:
        tokens = [word.lower() for word in _WORD.findall(text)]
        found: dict[int, set[int]] = {}
        shown: dict[int, str] = {}
        for start in range(len(tokens) - n + 1):
            run = " ".join(tokens[start : start + n])
            value = int.from_bytes(sha256(run.encode()).digest()[:8], "big", signed=True)
            for owner in self._owners[n].get(value, ()):
                found.setdefault(owner, set()).add(value)
                shown.setdefault(owner, run)
        for owner, values in found.items():
            share = len(values) / self._totals[owner]
            if share >= self._least:
                yield owner, share, shown[owner]


def _table(values: dict[int, list[int]]) -> Hashes:
    """An open table of hashes, 0 a free slot."""
    size = 1 << (2 * len(values)).bit_length()
    table = np.zeros(size, np.uint64)
    for value in np.array(list(values), np.int64).view(np.uint64):
        slot = int(value) & (size - 1)
        while table[slot]:
            slot = (slot + 1) & (size - 1)
        table[slot] = value
    return table
