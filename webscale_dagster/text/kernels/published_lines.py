"""What the published filters ask about a text's lines and paragraphs.

Measures of Gopher's line rules, of FineWeb's and of C4's, counted as datatrove 0.10.1 does; reads
and writes nothing.
"""

from __future__ import annotations

import numpy as np

from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.published_c4 import (
    CITATION,
    CLOSED,
    CURLY,
    IPSUM,
    POLICY,
    SCRIPT,
    TRAILING,
    C4Lines,
    closing,
    copy_uncited,
    find_phrases,
    sentences,
)
from webscale_dagster.text.kernels.published_characters import (
    CODE,
    LINE_END,
    SEED,
    SPACE,
    STEP,
    TERMINAL,
    Characters,
)
from webscale_dagster.text.kernels.published_repeats import Integers, clear, count_key
from webscale_dagster.text.kernels.published_words import (
    END,
    FIRST,
    FLAGS,
    LONG,
    START,
    Words,
    split_words,
)

# Places in a row of counts: of lines, and from LINE_PARTS on of the parts of one measure_parts.
HASHES, ELLIPSES, NEW_LINES, LINES, BULLETS = range(5)
ELLIPSIS_ENDS, LOREM_IPSUM, CURLY_BRACKETS, SENTENCES = range(5, 9)
N_PARTS, REPEATED, REPEATED_CHARACTERS, TOLD, TOLD_CHARACTERS, SHORT, ENDED = range(7)

_SHORT_LINE = 30  # characters; datatrove, FineWebQualityFilter: short_line_length
_NEW_LINE, _RETURN, _HASH, _MINUS, _DOT, _CLOSE = 10, 13, 35, 45, 46, 93
_BULLET, _ELLIPSIS = 0x2022, 0x2026


@kernel
def measure_parts(
    text: Characters,
    start: int,
    end: int,
    least: int,
    room: int,
    table: Integers,
    found: Integers,
) -> None:
    """Measure the at most ``room`` parts between runs of ``least`` new lines or more."""
    last = clear(table, room)
    at = start
    while at <= end:
        value, begin, told, after = SEED, at, False, end + 1
        while at < end:
            code = text[at] & CODE
            if code == _NEW_LINE:
                following = at + 1
                while following < end and text[following] & CODE == _NEW_LINE:
                    following += 1
                if following - at >= least:
                    after = following
                    break
            value = (value ^ text[at]) * STEP
            told = told or not text[at] & SPACE
            at += 1
        row = count_key(value, table, last)
        again = table[row, 1] > 1
        found[N_PARTS] += 1
        found[REPEATED] += again
        found[REPEATED_CHARACTERS] += again * (at - begin)
        if told:
            found[TOLD] += 1
            found[TOLD_CHARACTERS] += again * (at - begin)
            found[SHORT] += at - begin <= _SHORT_LINE
            found[ENDED] += text[at - 1] & TERMINAL > 0
        at = after


@kernel
def measure_lines(text: Characters, end: int, words: Words, c4: C4Lines, found: Integers) -> int:
    """Measure lines as ``str.splitlines`` makes them; gives the number of the text's words.

    ``text`` and ``words`` have room for one of them more.
    """
    n_words, at = np.int64(0), np.int64(0)
    while at < end:
        start, n_dots = at, 0
        while at < end and not text[at] & LINE_END:
            code = text[at] & CODE
            found[HASHES] += code == _HASH
            n_dots = n_dots + 1 if code == _DOT else 0
            if n_dots == 3 or code == _ELLIPSIS:
                found[ELLIPSES] += 1
                n_dots = 0
            at += 1
        first = n_words
        n_words = split_words(text, start, at, c4.special, words, n_words)
        found[LINES] += 1
        if n_words > first:
            stop = _measure_line(text, end, words, first, n_words, c4, found)
            last = n_words
            if stop:
                first, last = n_words, split_words(text, end + 1, stop, c4.special, words, n_words)
            if stop >= 0:
                found[SENTENCES] += sentences(words, first, last)
        if at + 1 < end and text[at] & CODE == _RETURN and text[at + 1] & CODE == _NEW_LINE:
            at += 1
        found[NEW_LINES] += at < end and text[at] & CODE == _NEW_LINE
        at += 1
    return n_words


@kernel
def _measure_line(
    text: Characters,
    end: int,
    words: Words,
    first: int,
    last: int,
    c4: C4Lines,
    found: Integers,
) -> int:
    """Measure a line that has words; tells what C4 keeps of it.

    Nothing: -1; all of it: 0; if it had citations: where the copy without them ends, which begins
    after ``end``.
    """
    start, stop = words[first, START], words[last - 1, END]
    ends = closing(text, start, stop, c4.apostrophe)
    found[BULLETS] += text[start] & CODE == _BULLET or text[start] & CODE == _MINUS
    found[ELLIPSIS_ENDS] += ends == TRAILING
    flags = n_chunks = 0
    for word in range(first, last):
        flags |= words[word, FLAGS]
        n_chunks += words[word, FLAGS] & FIRST != 0
    cited = text[stop - 1] & CODE == _CLOSE  # maybe: C4 looks at what stands before a citation
    if flags & LONG or n_chunks < c4.least_words or not (cited or ends == CLOSED):
        return -1
    says, copied = find_phrases(text, start, stop, c4.phrases), np.int64(0)
    if says & CITATION:
        start, stop = end + 1, copy_uncited(text, start, stop, end + 1, c4.phrases)
        copied = stop
        says = find_phrases(text, start, stop, c4.phrases)
        ends = closing(text, start, stop, c4.apostrophe)
    if ends != CLOSED:
        return -1
    found[LOREM_IPSUM] += says & IPSUM != 0
    found[CURLY_BRACKETS] += says & (CURLY | SCRIPT) == CURLY
    return -1 if says & (SCRIPT | POLICY) else copied
