"""The hash table of special words and units, and how kernels ask it.

Makes the table; reads and writes nothing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.published_characters import (
    HIGH,
    LONGEST_SPECIAL,
    SPECIAL_LENGTHS,
    Characters,
    hash_range,
    hash_word,
)
from webscale_dagster.text.kernels.published_exceptions import special_words, units

Special = npt.NDArray[np.int64]  # rows (key, value); value 0: a free row

SPECIAL, UNIT, MERGED = 1, 2, 4  # kinds of words; special ones that neighbours may make up
FIRST_CUT, SECOND_CUT, CUT = 8, 16, 0xFF  # bits of a value: after which character a word is cut
_ROWS = 4096


@lru_cache(maxsize=1)
def special_table() -> Special:
    """The table; a hundredth of a second, once."""
    values = {word: _value(pieces) for word, pieces in special_words().items()}
    values |= dict.fromkeys(units(), UNIT)
    table = np.zeros((_ROWS, 2), np.int64)
    for word, value in values.items():
        key = hash_word(word)
        row = (key >> int(HIGH)) % _ROWS
        while table[row, 1]:
            row = (row + 1) % _ROWS
        table[row] = key, value
    table.flags.writeable = False
    return table


def _value(pieces: tuple[str, ...]) -> int:
    ends = np.cumsum([len(piece) for piece in pieces])[:-1].tolist()
    cuts = sum(end << at for end, at in zip(ends, (FIRST_CUT, SECOND_CUT), strict=False))
    # spaCy makes up those that it would cut into words otherwise: letters alone it would not.
    return cuts + (SPECIAL if "".join(pieces).isalpha() else SPECIAL | MERGED)


@kernel
def look_up(key: int, table: Special) -> int:
    """The value of a word's hash, 0 where there is none."""
    row = key >> HIGH & len(table) - 1
    while table[row, 1] and table[row, 0] != key:
        row = row + 1 & len(table) - 1
    return table[row, 1]


@kernel
def special_value(text: Characters, start: int, end: int, table: Special) -> int:
    """How a special word is split; 0 for other words."""
    value = np.int64(0)
    if may_be_special(text[start], end - start):
        value = look_up(hash_range(text, start, end), table)
    return value if value & SPECIAL else 0


@kernel
def may_be_special(first: int, length: int) -> bool:
    """Whether there is a special word of so many characters that begins with this one."""
    return length <= LONGEST_SPECIAL and first >> (SPECIAL_LENGTHS + length) & 1 != 0
