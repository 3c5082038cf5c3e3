"""How much of a text is word n-grams that it repeats.

Makes characters for Gopher's n-gram rules (arXiv 2112.11446, table A1); reads and writes nothing.
Deviation: characters are those of words, so that layout does not count; of a repeated n-gram the
first occurrence is not counted, and overlapping occurrences count once. Equal hashes of 64 bits
are taken for equal n-grams.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.tokens import STEP, mix
from webscale_dagster.text.kernels.utf8 import Offsets

Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

MEASURES = (
    *(f"top_{n}gram" for n in range(2, 5)),
    *(f"duplicate_{n}grams" for n in range(5, 11)),
)
_LAST_TOP, _LONGEST = 4, 10
_MANY = 2  # the commonest n-gram counts if there are more of it
_NEXT = np.uint64(1)


def first_same(keys: Hashes) -> Counts:
    """For each key the place of the first that is the same."""
    same, times = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    tally(keys, len(keys), np.empty(4 * len(keys) + 2, np.int64), same, times)
    return same


@kernel
def count_repetition(words: Hashes, firsts: Offsets, ends: Counts, counts: Counts) -> None:
    """Fill in a row of ``MEASURES``, in characters, for each text of ``read_words``."""
    longest = 1
    for text in range(len(counts)):
        longest = max(longest, firsts[text + 1] - firsts[text])
    keys, places = np.empty(longest, np.uint64), np.empty(longest, np.int64)
    same, times = np.empty(longest, np.int64), np.empty(longest, np.int64)
    slots = np.empty(4 * longest, np.int64)
    for text in range(len(counts)):
        last = firsts[text + 1]
        count = max(last - firsts[text] - 1, 0)
        for index in range(count):
            places[index] = place = firsts[text] + index
            keys[index] = mix(words[place] * STEP + words[place + 1])
        for n in range(2, _LONGEST + 1):
            tally(keys, count, slots, same, times)
            if n > _LAST_TOP:
                counts[text, n - 2] = covered(places, same, count, n, ends)
            else:
                counts[text, n - 2] = top(places, times, count, n, ends)
            # An n-gram repeats only if the one a word shorter at the same place does.
            kept = 0
            for index in range(count):
                if times[same[index]] > 1 and places[index] + n < last:
                    places[kept] = places[index]
                    keys[kept] = mix(keys[index] * STEP + words[places[index] + n])
                    kept += 1
            count = kept
            if not count:
                break


@kernel
def tally(keys: Hashes, count: int, slots: Counts, same: Counts, times: Counts) -> None:
    """For each key the first index that has the same, and at that index how many have."""
    size = 2
    while size < 2 * count:
        size *= 2
    for slot in range(size):
        slots[slot] = -1
    mask = np.uint64(size - 1)
    for index in range(count):
        slot = keys[index] & mask
        while slots[slot] >= 0 and keys[slots[slot]] != keys[index]:
            slot = (slot + _NEXT) & mask
        if slots[slot] < 0:
            slots[slot] = index
        first = slots[slot]
        same[index] = first
        times[index] = 0
        times[first] += 1


@kernel
def top(places: Counts, times: Counts, count: int, n: int, ends: Counts) -> int:
    """Characters of the commonest n-gram, the first of several, in all its places."""
    most, place = _MANY, 0
    for index in range(count):
        if times[index] > most:
            most, place = times[index], places[index]
    return most * (ends[place + n] - ends[place]) if most > _MANY else 0


@kernel
def covered(places: Counts, same: Counts, count: int, n: int, ends: Counts) -> int:
    """Characters of words in n-grams that were there before, each word once."""
    total, done = 0, 0
    for index in range(count):
        if same[index] != index:
            end = places[index] + n
            total += ends[end] - ends[max(places[index], done)]
            done = end
    return total
