"""Published fingerprints of benchmark items whose authors withhold the text.

Reads n-gram rows of the part ``fingerprint``; writes nothing. A fingerprint is the first 16 hex
digits of the SHA-256 of a run of lower-case ``[a-z0-9]+`` words joined by one space.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

import polars as pl

_WORD = re.compile(r"[a-z0-9]+")
# Every fourth run of a text is hashed first: a verbatim stretch of n + 3 words cannot fall between
# them, and hashing every run of every document would cost more than all other rules together.
_STRIDE = 4


class Fingerprints:
    """Hashes by length of their runs, and the questions that hold them."""

    def __init__(self, rows: pl.DataFrame, *, least: float) -> None:
        self._least = least
        self._totals = Counter(rows["owner"].to_list())
        self._owners: dict[int, dict[int, list[int]]] = {}
        for n, value, owner in rows.select("n", "hash", "owner").iter_rows():
            self._owners.setdefault(n, {}).setdefault(value, []).append(owner)

    def find(self, text: str) -> Iterator[tuple[int, float, str]]:
        """Questions of whose fingerprints a text has enough: number, share, and a run found."""
        if not self._owners:
            return
        tokens = _WORD.findall(text.lower())
        for n, owners in self._owners.items():
            if not any(value in owners for _, value in _runs(tokens, n, _STRIDE)):
                continue
            found: dict[int, set[int]] = {}
            shown: dict[int, str] = {}
            for start, value in _runs(tokens, n, 1):
                for owner in owners.get(value, ()):
                    found.setdefault(owner, set()).add(value)
                    shown.setdefault(owner, " ".join(tokens[start : start + n]))
            for owner, values in found.items():
                share = len(values) / self._totals[owner]
                if share >= self._least:
                    yield owner, share, shown[owner]


def _runs(tokens: list[str], n: int, stride: int) -> Iterator[tuple[int, int]]:
    """Places and fingerprints, as signed 64-bit integers, of a text's runs."""
    for start in range(0, len(tokens) - n + 1, stride):
        digest = sha256(" ".join(tokens[start : start + n]).encode()).digest()
        yield start, int.from_bytes(digest[:8], "big", signed=True)
