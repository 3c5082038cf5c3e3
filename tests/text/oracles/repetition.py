"""How much of a text is word n-grams that it repeats, in array steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_TOP = (2, 3, 4)
_DUPLICATED = (5, 6, 7, 8, 9, 10)
_STEP = np.uint64(0x9E3779B185EBCA87)  # odd: XXH64's first prime
_MIX, _SHIFT = np.uint64(0xFF51AFD7ED558CCD), np.uint64(33)  # of MurmurHash3's finaliser


def ngram_repetition(tokens: Sequence[str]) -> dict[str, float]:
    """Share of characters in the commonest 2- to 4-gram, and in repeated 5- to 10-grams."""
    numbers: dict[str, int] = {}
    ids = np.fromiter(
        (numbers.setdefault(token, len(numbers) + 1) for token in tokens), np.uint64, len(tokens)
    )
    ends = np.concatenate(([0], np.cumsum(np.fromiter(map(len, tokens), np.int64, len(tokens)))))
    total = max(int(ends[-1]), 1)
    found: dict[str, float] = {}
    # An n-gram repeats only if the one a word shorter at the same place does: `places` shrinks.
    places: npt.NDArray[np.int64] = np.arange(len(ids))
    keys = ids
    for n in range(2, max(_DUPLICATED) + 1):
        keep = places + n <= len(ids)
        places = places[keep]
        keys = _mix(keys[keep] * _STEP + ids[places + n - 1])
        again, top, top_at = _repeats(keys)
        if n in _TOP:
            found[f"top_{n}gram"] = (
                top * int(ends[places[top_at] + n] - ends[places[top_at]]) / total if top > 2 else 0
            )
        if n in _DUPLICATED:
            found[f"duplicate_{n}grams"] = _covered(places[again > 1], n, ends) / total
        places, keys = places[again > 0], keys[again > 0]
    return found


def _repeats(keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int8], int, int]:
    """Per key 0 (unique), 1 (first of several) or 2 (a repeat); the highest count and its place."""
    again = np.zeros(len(keys), np.int8)
    if not len(keys):
        return again, 0, 0
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    counts = np.diff(np.append(first, len(keys)))
    again[order] = np.repeat(np.where(counts > 1, 2, 0), counts).astype(np.int8)
    again[order[first[counts > 1]]] = 1
    top = int(counts.max())
    return again, top, int(order[first[counts == top]].min())


def _covered(places: npt.NDArray[np.int64], n: int, ends: npt.NDArray[np.int64]) -> int:
    """Characters of the words within n-grams at these places, each word once."""
    if not len(places):
        return 0
    steps = np.zeros(len(ends), np.int64)
    np.add.at(steps, places, 1)
    np.add.at(steps, places + n, -1)
    return int(np.diff(ends)[np.cumsum(steps)[:-1] > 0].sum())


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    return np.asarray((values ^ (values >> _SHIFT)) * _MIX, np.uint64)
