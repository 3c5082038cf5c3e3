"""The words of many texts, as white space divides them.

Makes hashes of words, where they end, and counts for each text; reads and writes nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.characters import ALNUM, ALPHA, SPACE
from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.signs import Table
from webscale_dagster.text.kernels.stop_words import LONGEST, StopWords, folded_hash, most, note
from webscale_dagster.text.kernels.tokens import SEED, STEP, mix
from webscale_dagster.text.kernels.utf8 import Bytes, Offsets, decode

Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

# The columns of counts: words with a letter or digit, their characters, those with a letter, and
# stop words: of English, as they are listed, if there are two, else in any case of any language.
PLAIN, PLAIN_CHARACTERS, ALPHABETIC, STOP = range(4)
N_COUNTS = 4
_BLANK = 0x20
_ENOUGH = 2  # English stop words, with which no other language is looked at
_ENGLISH = 1  # the first language's bit


@kernel
def read_words(
    data: Bytes,
    offsets: Offsets,
    tables: tuple[Table, StopWords],
    words: tuple[Hashes, Counts, Counts],
    counts: Counts,
) -> None:
    """Fill in the words' hashes and ends, where each text's begin, and a row of counts for each.

    A word ends at the number of characters of all words up to it.
    """
    table, listed = tables
    hashes, ends, firsts = words
    written, known = np.zeros_like(listed.languages), np.zeros_like(listed.languages)
    word, ends[0] = 0, 0
    for text in range(len(counts)):
        firsts[text] = word
        begin, end = offsets[text], offsets[text + 1]
        at, length, value, seen, english = begin, 0, SEED, 0, 0
        written[:], known[:] = 0, 0
        while at <= end:
            code, size = _BLANK, 1
            if at < end:
                code = np.int64(data[at])
                if code >= 0x80:
                    code, size = decode(data, at, end)
            sign = np.int64(table[code])
            at += size
            if not sign & SPACE:
                value = (value ^ np.uint64(code)) * STEP
                seen |= sign
                length += 1
                continue
            if length:
                hashes[word], ends[word + 1] = mix(value), ends[word] + length
                word += 1
                if seen & ALNUM:
                    counts[text, PLAIN] += 1
                    counts[text, PLAIN_CHARACTERS] += length
                    counts[text, ALPHABETIC] += (seen & ALPHA) != 0
            if 0 < length <= LONGEST:
                english += note(value, listed, written) & _ENGLISH
                if english < _ENOUGH:
                    note(folded_hash(data, begin, at - size, listed.folds), listed, known)
            begin, length, value, seen = at, 0, SEED, 0
        counts[text, STOP] = english if english >= _ENOUGH else most(known)
    firsts[len(counts)] = word
