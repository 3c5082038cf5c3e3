"""What the published quality rules count in texts: Gopher, C4, FineWeb.

Makes a row of counts for each text; reads and writes nothing.
"""

from __future__ import annotations

import numpy as np

from webscale_dagster.text.kernels import published_lines as lines
from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.published_c4 import C4Lines, phrase_table
from webscale_dagster.text.kernels.published_characters import (
    Characters,
    classes,
    hash_word,
    read,
)
from webscale_dagster.text.kernels.published_lines import measure_lines, measure_parts
from webscale_dagster.text.kernels.published_repeats import (
    LONGEST_NGRAM,
    Integers,
    ngram_repeats,
)
from webscale_dagster.text.kernels.published_special import special_table
from webscale_dagster.text.kernels.published_words import (
    ALPHABETIC,
    COUNTED,
    END,
    FLAGS,
    HASH,
    START,
    Words,
    room,
)
from webscale_dagster.text.kernels.utf8 import Bytes, Offsets, Texts

# Places in a row; from LINES, LINE_PARTS and PARAGRAPHS on those of ``published_lines``, from
# NGRAMS on the characters of the commonest or repeated n-grams, of two words first.
CHARACTERS, WORDS, COUNTED_WORDS, COUNTED_LENGTH, ALPHABETIC_WORDS, STOP_WORDS = range(6)
LINES, LINE_PARTS, PARAGRAPHS, NGRAMS = 6, 15, 22, 29
_N_COUNTS = NGRAMS + LONGEST_NGRAM - 1
_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")  # Gopher, section A1.1
_STOP_HASHES = np.array([hash_word(word) for word in _STOP_WORDS], np.int64)
_LONGEST_STOP_WORD = max(map(len, _STOP_WORDS))


def count(texts: Texts, least_words: int, apostrophe: bool) -> Integers:
    """A row of counts for each text."""
    found = np.zeros((len(texts), _N_COUNTS), np.int64)
    longest = int(np.diff(texts.offsets).max(initial=0))
    data = texts.data.view()
    data.flags.writeable = False  # one type for the compiler, whatever the texts are made of
    text = np.empty(2 * longest + 4, np.int64)
    c4 = C4Lines(least_words, apostrophe, special_table(), phrase_table())
    count_texts(data, texts.offsets, classes(), c4, text, room(longest), found)
    return found


@kernel
def count_texts(
    data: Bytes,
    offsets: Offsets,
    classes: Characters,
    c4: C4Lines,
    text: Characters,
    words: Words,
    found: Integers,
) -> None:
    """Fill rows of counts; ``text`` and ``words`` have room for twice the longest text."""
    table, places = np.empty((1024, 2), np.int64), np.empty((256, 3), np.int64)
    start, one, two = np.int64(0), np.int64(1), np.int64(2)  # literals would be compiled for
    for row in range(len(found)):
        counts = found[row]
        end = read(data, offsets[row], offsets[row + 1], classes, text)
        n_words = measure_lines(text, end, words, c4, counts[LINES:])
        n_parts = counts[LINES + lines.NEW_LINES] + 1
        n_keys = max(n_words, n_parts)
        if 4 * n_keys > len(table):  # for the table is to be half full at most, of 2^n rows
            table = np.empty((8 * n_keys, 2), np.int64)
            places = np.empty((2 * n_keys, 3), np.int64)
        counts[CHARACTERS], counts[WORDS] = end, n_words
        if end:
            measure_parts(text, start, end, one, n_parts, table, counts[LINE_PARTS:])
        if n_words:
            first, stop = words[0, START], words[n_words - 1, END]
            measure_parts(text, first, stop, two, n_parts, table, counts[PARAGRAPHS:])
            _count_words(words, n_words, counts)
            ngram_repeats(words, n_words, table, places, counts[NGRAMS:])


@kernel
def _count_words(words: Words, n_words: int, counts: Integers) -> None:
    known = 0
    for word in range(n_words):
        flags, length = words[word, FLAGS], words[word, END] - words[word, START]
        if flags & COUNTED:
            counts[COUNTED_WORDS] += 1
            counts[COUNTED_LENGTH] += length
        counts[ALPHABETIC_WORDS] += flags & ALPHABETIC  # 1 or 0
        if length <= _LONGEST_STOP_WORD:
            for place in range(len(_STOP_HASHES)):
                known |= (words[word, HASH] == _STOP_HASHES[place]) << place
    while known:
        known &= known - 1
        counts[STOP_WORDS] += 1
