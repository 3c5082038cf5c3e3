"""The words of a text as spaCy's English tokenizer makes them, for the published rules.

Appends rows of words of a range of characters; reads and writes nothing. Whitespace is no word. A
run of characters without a space is a chunk; affixes are cut off it until none is left or the rest
is a special word, then the rest is cut at infixes; neighbours that together are a special word
become one (``Tokenizer`` in ``spacy/tokenizer.pyx``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.published_affixes import (
    infix,
    is_address,
    prefix,
    suffix,
)
from webscale_dagster.text.kernels.published_characters import (
    ALPHA,
    BEFORE_STOP,
    CODE,
    DIGIT,
    LONGEST_SPECIAL,
    PUNCTUATION,
    SEED,
    SPACE,
    STEP,
    SUFFIX,
    SYMBOL,
    TERMINAL,
    Characters,
)
from webscale_dagster.text.kernels.published_special import (
    CUT,
    FIRST_CUT,
    MERGED,
    SECOND_CUT,
    SPECIAL,
    Special,
    look_up,
    may_be_special,
    special_value,
)

_FIELDS = START, END, HASH, FLAGS = 0, 1, 2, 3
Words = npt.NDArray[np.int64]  # a row of fields for each word

ALPHABETIC = 1  # has a letter
COUNTED = 2  # has a character that is no symbol
MARKS = 4  # is all punctuation
STOP = 8  # is one mark that ends a sentence
FIRST = 16  # of its chunk
GAP = 32  # spaCy makes a word of the space before it: that is not a single blank
LONG = 64  # the chunk has more than 1,000 characters

_LONGEST_CHUNK = 1000  # tensorflow_datasets, c4_utils: _MAX_WORD_LENGTH
_BLANK, _DOT = 32, 46


def room(n_characters: int) -> Words:
    """Room for a text's words and, after them, those of any of its lines once more."""
    return np.empty((2 * n_characters + 4, len(_FIELDS)), np.int64)


@kernel
def split_words(
    text: Characters, start: int, end: int, special: Special, words: Words, count: int
) -> int:
    """Append the words of a range of characters; gives their new number."""
    at = space_from = start
    while at < end:
        if text[at] & SPACE:
            at += 1
            continue
        begin, first = at, count
        body = every = np.int64(ALPHA | DIGIT)  # what all characters but the last, and all, are
        body_hash = value = SEED
        while at < end and not text[at] & SPACE:
            body, body_hash = every, value
            every &= text[at]
            value = (value ^ text[at]) * STEP
            at += 1
        # Most chunks are a word, a mark, or a word with a mark after it: nothing to search for.
        marked = body and at - begin > 1 and _is_cut_off(text[at - 1], text[at - 2])
        simple = (every or marked) and not (
            _is_special(text[begin], at - begin, value, special)
            or (marked and _is_special(text[begin], at - begin - 1, body_hash, special))
        )
        described = first
        if simple:
            stop, kind, value = (at, every, value) if every else (at - 1, body, body_hash)
            words[count, HASH] = value
            words[count, FLAGS] = COUNTED | ALPHABETIC if kind & ALPHA else COUNTED
            count = described = _put(words, count, begin, stop)
            begin = stop
        if at - begin == 1:
            count = _put(words, count, begin, at)
        elif begin < at:
            count = _split_chunk(text, begin, at, special, words, count)
        for word in range(described, count):
            _describe(text, words, word)
        gap = words[first, START] - space_from > 1 or text[space_from] & CODE != _BLANK
        more = (GAP if gap else 0) | (LONG if at - words[first, START] > _LONGEST_CHUNK else 0)
        words[first, FLAGS] |= FIRST | more
        space_from = at
    return count


@kernel
def _is_cut_off(char: int, last: int) -> bool:
    """Whether a mark after a letter or digit is a suffix."""
    return char & SUFFIX != 0 or (char & CODE == _DOT and last & BEFORE_STOP != 0)


@kernel
def _is_special(first: int, length: int, value: int, special: Special) -> bool:
    return may_be_special(first, length) and look_up(value, special) & SPECIAL != 0


@kernel
def _put(words: Words, count: int, start: int, end: int) -> int:
    """Append a range as a word that is yet to be described."""
    words[count, START], words[count, END] = start, end
    return count + 1


@kernel
def _describe(text: Characters, words: Words, word: int) -> None:
    """Fill in a word's hash and flags."""
    start, end = words[word, START], words[word, END]
    some, every, value = np.int64(0), np.int64(-1), SEED
    for at in range(start, end):
        some |= text[at]
        every &= text[at]
        value = (value ^ text[at]) * STEP
    flags = ALPHABETIC if some & ALPHA else 0
    flags |= 0 if every & SYMBOL else COUNTED
    flags |= MARKS if every & PUNCTUATION else 0
    flags |= STOP if end - start == 1 and every & TERMINAL else 0
    words[word, HASH], words[word, FLAGS] = value, flags


@kernel
def _split_chunk(
    text: Characters, start: int, end: int, special: Special, words: Words, count: int
) -> int:
    """Append the words of a range without space."""
    first, last = count, count + end - start + 1
    waiting = last  # suffixes wait there, the last of them first
    value, size = special_value(text, start, end, special), -1
    while start < end and end - start != size and not value:
        size = end - start
        front, back = prefix(text, start, end), np.int64(0)
        if 0 < front < size:
            value = special_value(text, start + front, end, special)
        if not value:
            back = suffix(text, start + front, end, special)
            if 0 < back < size:
                value = special_value(text, start, end - back, special)
                front = 0 if value else front
        if front:
            count = _put(words, count, start, start + front)
            start += front
        if back:
            waiting -= 1
            _put(words, waiting, end - back, end)
            end -= back
        if front and back and start < end:
            value = special_value(text, start, end, special)
    if value:
        count = _put_special(words, count, start, end, value)
    elif start < end:
        count = _put_rest(text, start, end, words, count)
    for place in range(waiting, last):
        count = _put(words, count, words[place, START], words[place, END])
    return _merge(text, special, words, first, count) if count - first > 1 else count


@kernel
def _put_special(words: Words, count: int, start: int, end: int, value: int) -> int:
    """Append the pieces of a special word."""
    begin = start
    for shift in (FIRST_CUT, SECOND_CUT):
        cut = value >> shift & CUT
        if cut:
            count = _put(words, count, begin, start + cut)
            begin = start + cut
    return _put(words, count, begin, end)


@kernel
def _put_rest(text: Characters, start: int, end: int, words: Words, count: int) -> int:
    """Append what is left between affixes, cut at infixes."""
    at, begin = start + 1, start
    while at < end:
        length = 0 if text[at] & ALPHA else infix(text, at, end)
        if length:
            if begin == start and is_address(text, start, end):
                break
            if at > begin:
                count = _put(words, count, begin, at)
            count = _put(words, count, at, at + length)
            begin = at = at + length
        else:
            at += 1
    return _put(words, count, begin, end) if begin < end else count


@kernel
def _merge(text: Characters, special: Special, words: Words, first: int, count: int) -> int:
    """Make special words of neighbours in a chunk; gives the new number of words."""
    at = kept = first
    while at < count:
        start, best_value = words[at, START], np.int64(0)
        best = place = at
        end = best_end = words[at, END]
        while place + 1 < count and end - start < LONGEST_SPECIAL:
            place += 1
            end = words[place, END]
            value = special_value(text, start, end, special)
            n_pieces = 1 + (value >> FIRST_CUT & CUT != 0) + (value >> SECOND_CUT & CUT != 0)
            # Not into more words than before, for those behind would be overwritten.
            if value & MERGED and n_pieces <= place + 1 - at:
                best, best_value, best_end = place, value, end
        kept = _put_special(words, kept, start, best_end, best_value)
        at = best + 1
    return kept
