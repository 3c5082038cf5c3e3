"""How much of a text is n-grams of words that it repeats.

Measures of Gopher's repetition rules (arXiv 2112.11446, table A1), counted as datatrove 0.10.1
does; reads and writes nothing. Two things are the same when their 64-bit hashes are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.published_characters import HIGH, STEP
from webscale_dagster.text.kernels.published_words import END, HASH, START, Words

Integers = npt.NDArray[np.int64]

LONGEST_NGRAM = 10  # words
_DUPLICATED = 5  # n-grams of so many words may not repeat; of shorter ones the commonest counts


@kernel
def count_key(key: int, table: Integers, last: int) -> int:
    """Count a key once more; gives its row. ``last`` is the number of rows less one."""
    row = key >> HIGH & last
    while table[row, 1] and table[row, 0] != key:
        row = row + 1 & last
    table[row, 0] = key
    table[row, 1] += 1
    return row


@kernel
def clear(table: Integers, room: int) -> int:
    """Empty as many rows as keep ``room`` keys apart; gives the last row's number."""
    n_rows = 16
    while n_rows < 2 * room:
        n_rows *= 2
    for row in range(n_rows):
        table[row, 1] = 0
    return n_rows - 1


@kernel
def ngram_repeats(
    words: Words, count: int, table: Integers, places: Integers, found: Integers
) -> None:
    """Characters of the commonest 2- to 4-gram, then of repeated 5- to 10-grams.

    An n-gram repeats only if those a word shorter at its place and the next do: ``places`` has
    rows (place, key, row of the table) of the ever fewer that still may.
    """
    n_places = count
    for place in range(count):
        places[place, 0], places[place, 1] = place, words[place, HASH]
    for n in range(2, LONGEST_NGRAM + 1):
        last = clear(table, n_places)
        kept = np.int64(0)
        for at in range(n_places):
            place = places[at, 0]
            goes_on = n == 2 or (at + 1 < n_places and places[at + 1, 0] == place + 1)
            if place + n <= count and goes_on:
                key = places[at, 1] * STEP + words[place + n - 1, HASH]
                places[kept, 0], places[kept, 1] = place, key
                places[kept, 2] = count_key(key, table, last)
                kept += 1
        if n >= _DUPLICATED:
            found[n - 2] = _duplicated(words, n, kept, places, table)
        elif n <= count:
            found[n - 2] = _top(words, n, kept, places, table)
        n_places = np.int64(0)
        for at in range(kept):
            if table[places[at, 2], 1] != 1:
                places[n_places, 0], places[n_places, 1] = places[at, 0], places[at, 1]
                n_places += 1


@kernel
def _top(words: Words, n: int, n_places: int, places: Integers, table: Integers) -> int:
    """Characters of all occurrences of the commonest n-gram, the first of equals."""
    top, top_place = np.int64(1), np.int64(0)
    for at in range(n_places):
        occurrences = table[places[at, 2], 1]
        if occurrences > top:
            top, top_place = occurrences, places[at, 0]
    length = n - 1  # with a blank between words
    for place in range(top_place, top_place + n):
        length += words[place, END] - words[place, START]
    return top * length


@kernel
def _duplicated(words: Words, n: int, n_places: int, places: Integers, table: Integers) -> int:
    """Characters of n-grams seen before, none of them overlapping; marks those seen."""
    length, free = np.int64(0), np.int64(0)
    for at in range(n_places):
        place, row = places[at, 0], places[at, 2]
        if place < free or table[row, 1] == 1:
            continue
        if table[row, 1] > 0:
            table[row, 1] = -1  # seen
            continue
        free = place + n
        for word in range(place, free):
            length += words[word, END] - words[word, START]
    return length
