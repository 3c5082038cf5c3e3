"""What the characters of a text say of it, wherever they stand: damage, sentences, formulas.

Makes counts for each of many texts; reads and writes nothing. The expressions that are counted are
written out above each scanner; matches do not overlap, as ``re.findall`` has it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.characters import ALPHA, SPACE, UNSPACED_LETTER
from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.signs import (
    BROKEN,
    CLOSER,
    FORMULA,
    LATIN,
    LEAD,
    PHRASE,
    STOP,
    SYMBOL,
    TAIL,
    WIDE_STOP,
    Table,
)
from webscale_dagster.text.kernels.utf8 import Bytes, Offsets, decode

Counts = npt.NDArray[np.int64]

# The columns of counts. A text may be misread if it looks as if UTF-8, or an encoding without
# Latin letters, was taken for Windows-1252. Phrases are bits. The script is judged by a beginning.
CHARACTERS, BROKEN_CHARACTERS, MISREAD, SENTENCES, SYMBOLS, CURLY, FORMULAS, PHRASES = range(8)
SAMPLED, UNSPACED, LETTERS, FOREIGN = range(8, 12)
N_COUNTS = 12
_NOTABLE = BROKEN | STOP | SYMBOL | WIDE_STOP | FORMULA | PHRASE  # and `{`, which is of FORMULA
_SAMPLE = 2_000  # characters by which the script is judged
_LAST_LISTED = 0x052F  # Latin, Greek and Cyrillic letters end here ...
_EXTENDED, _LAST_EXTENDED = 0x1E00, 0x1FFF  # ... but for these
_LATIN_RUN = 4  # no language written in Latin-1 puts so many accented letters in a row
# Phrases in lower case, and which of their letters is looked for. A phrase with the Kelvin sign for
# its `k` is found by that sign.
LOREM_IPSUM, JAVASCRIPT, PRIVACY, TERMS, COOKIE, KELVIN = range(6)
_PHRASES = (b"lorem ipsum", b"javascript", b"privacy policy", b"terms of use", b"cookie")
_LETTERS = np.frombuffer(b"".join(_PHRASES), np.uint8)
_BEGINS = np.cumsum([0, *map(len, _PHRASES)])
_KEYS = np.array([7, 0, 0, 7, 3])
_KELVIN_SIGN = 0x212A
_DOT, _OPENING, _CLOSING, _BACKSLASH, _DOLLAR = 0x2E, 0x7B, 0x7D, 0x5C, 0x24


@kernel
def count_signs(data: Bytes, offsets: Offsets, table: Table, counts: Counts) -> None:
    """Fill in a row of counts for each text."""
    for text in range(len(counts)):
        at, end = offsets[text], offsets[text + 1]
        if count_notable(data, at, end, table, counts[text]):
            count_script(data, at, end, table, counts[text])


@kernel
def count_notable(data: Bytes, at: int, end: int, table: Table, counts: Counts) -> bool:
    """Fill in all columns but those of the script; whether it is worth a look."""
    latin_run, lead, beyond, distant = 0, False, 0, False
    formula_end = dots_end = start = at
    while at < end:
        code, size = np.int64(data[at]), 1
        if code >= 0x80:
            code, size = decode(data, at, end)
            beyond += size - 1
        sign = np.int64(table[code])
        if sign & _NOTABLE:
            counts[BROKEN_CHARACTERS] += (sign & BROKEN) != 0
            counts[SYMBOLS] += (sign & SYMBOL) != 0
            counts[SENTENCES] += (sign & WIDE_STOP) != 0
            counts[CURLY] += code == _OPENING
            if sign & PHRASE:
                counts[PHRASES] |= phrases(data, start, at, end)
                counts[PHRASES] |= (code == _KELVIN_SIGN) << KELVIN
            elif sign & STOP:
                counts[SENTENCES] += ends_sentence(data, at + 1, end, table)
                dotted = at + 2 < end and data[at] == data[at + 1] == data[at + 2] == _DOT
                if dotted and at >= dots_end:
                    counts[SYMBOLS] += 1
                    dots_end = at + 3
            elif sign & FORMULA and code != _OPENING and at >= formula_end:
                formula_end = formula(data, at, end, table)
                counts[FORMULAS] += formula_end > at
        if code >= 0x80:
            latin_run = latin_run + 1 if sign & LATIN else 0
            if latin_run == _LATIN_RUN or (lead and sign & TAIL):
                counts[MISREAD] = 1
            lead = (sign & LEAD) != 0
            distant |= code > _LAST_LISTED and (sign & (ALPHA | UNSPACED_LETTER)) != 0
        else:
            latin_run, lead = 0, False
        at += size
    counts[CHARACTERS] = end - start - beyond
    return distant


@kernel
def count_script(data: Bytes, at: int, end: int, table: Table, counts: Counts) -> None:
    """Look at the letters of a text's beginning."""
    while at < end and counts[SAMPLED] < _SAMPLE:
        code, size = decode(data, at, end)
        sign = table[code]
        counts[SAMPLED] += 1
        counts[UNSPACED] += (sign & UNSPACED_LETTER) != 0
        if sign & ALPHA:
            counts[LETTERS] += 1
            counts[FOREIGN] += code > _LAST_LISTED and not _EXTENDED <= code <= _LAST_EXTENDED
        at += size


@kernel
def phrases(data: Bytes, start: int, at: int, end: int) -> int:
    """Bits of the phrases, in any case, that have their letter here."""
    found = 0
    for phrase in range(len(_KEYS)):
        begin, stop = _BEGINS[phrase], _BEGINS[phrase + 1]
        if data[at] | 0x20 != _LETTERS[begin + _KEYS[phrase]]:
            continue
        shift = at - _KEYS[phrase] - begin
        same = begin + shift >= start and stop + shift <= end
        while same and begin < stop:
            byte = np.int64(data[begin + shift])
            same = (byte | (0x41 <= byte <= 0x5A) << 5) == _LETTERS[begin]
            begin += 1
        found |= same << phrase
    return found


@kernel
def ends_sentence(data: Bytes, at: int, end: int, table: Table) -> bool:
    r"""After a stop: ``["'”’)\]]*(?=\s|$)``."""
    while at < end:
        code, size = decode(data, at, end)
        if not table[code] & CLOSER:
            return (table[code] & SPACE) != 0
        at += size
    return True


@kernel
def formula(data: Bytes, at: int, end: int, table: Table) -> int:
    r"""End of ``\\[a-zA-Z]+|[\^_]\s?\{|\}\s?\{|\$|\\[{}]``, or the beginning where it is none."""
    begin, first = at, data[at]
    at += 1
    if first == _DOLLAR or at == end:
        return at if first == _DOLLAR else begin
    second = data[at]
    if first == _BACKSLASH:
        if second in (_OPENING, _CLOSING):
            return at + 1
        while at < end and 0x61 <= data[at] | 0x20 <= 0x7A:
            at += 1
        return at if at > begin + 1 else begin
    if second != _OPENING:
        code, size = decode(data, at, end)
        at += size
        if not table[code] & SPACE or at == end or data[at] != _OPENING:
            return begin
    return at + 1
