r"""Lines and paragraphs of many texts, and what each is made of.

Makes numbers for each; reads and writes nothing. A line is what stands between two line feeds,
without the space around it; lines of nothing but space are left out. Paragraphs, with the space
around them, are the parts between matches of ``\n\s*\n``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.characters import ALPHA, SPACE, WORD
from webscale_dagster.text.kernels.code_lines import is_code
from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.signs import DASH, ENTRY_END, FORMULA_SIGN, Table
from webscale_dagster.text.kernels.tokens import SEED, STEP, mix
from webscale_dagster.text.kernels.utf8 import Bytes, Offsets, decode

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

# What an array of paragraphs has, a column for each; one of lines has the rest too. A line's number
# counts blank ones, its end is that of its text, signs are of its first and last character.
TEXT, LENGTH, SPACES, N_BYTES, NUMBER, END, FIRST_SIGN, LAST_SIGN, CODE, ENTRY = range(10)
N_PARAGRAPH_ROWS, N_LINE_ROWS = 4, 10
SHORT_LINE = 30  # characters; FineWeb (arXiv 2406.17557), section 3.6
_LETTERS = 0.6  # of an entry's characters but blanks
_NEWLINE, _BLANK, _OPENING = 0x0A, 0x20, 0x28


@kernel
def read_lines(
    data: Bytes,
    offsets: Offsets,
    table: Table,
    lines: tuple[Rows, Hashes],
    parts: tuple[Rows, Hashes],
) -> tuple[int, int]:
    """Fill in the lines that are not blank, and the paragraphs; gives their numbers."""
    rows, hashes = lines
    part_rows, part_hashes = parts
    line, part = np.int64(0), np.int64(-1)
    for text in range(len(offsets) - 1):
        begin, stop, number, next_number = offsets[text], offsets[text + 1], 0, -1
        while begin <= stop:
            end = begin
            while end < stop and data[end] != _NEWLINE:
                end += 1
            first, last = strip(data, begin, end, table)
            length, spaces, value = read_part(data, first, last)
            if first < last:
                rows[TEXT, line], rows[NUMBER, line], rows[END, line] = text, number, last
                rows[LENGTH, line], rows[SPACES, line], hashes[line] = length, spaces, value
                rows[N_BYTES, line] = last - first
                rows[CODE, line] = is_code(data, begin, first, last, end, table)
                look_at(data, first, last, table, rows, line)
                line += 1
            # The first and the last line of a text part nothing, even if they are blank.
            if first < last or number == 0 or end == stop:
                if last - first < end - begin:
                    length, spaces, value = read_part(data, begin, end)
                if number != next_number:
                    part += 1
                    part_rows[:, part], part_hashes[part] = 0, SEED
                    part_rows[TEXT, part] = text
                else:
                    length += 1  # the line feed
                part_rows[LENGTH, part] += length
                part_rows[SPACES, part] += spaces
                part_rows[N_BYTES, part] += end - begin + (number == next_number)
                part_hashes[part] = (part_hashes[part] ^ value) * STEP
                next_number = number + 1
            begin = end + 1
            number += 1
    return line, part + 1


@kernel
def strip(data: Bytes, first: int, last: int, table: Table) -> tuple[int, int]:
    """Bounds of a part without the space around it."""
    while first < last:
        code, size = np.int64(data[first]), 1
        if code >= 0x80:
            code, size = decode(data, first, last)
        if not table[code] & SPACE:
            break
        first += size
    while first < last:
        code, size = decode_last(data, first, last)
        if not table[code] & SPACE:
            break
        last -= size
    return first, last


@kernel
def decode_last(data: Bytes, first: int, last: int) -> tuple[int, int]:
    """The code point before ``last``, and the number of its bytes."""
    at = last - 1
    if data[at] < 0x80:
        return np.int64(data[at]), 1
    while at > first and data[at] & 0xC0 == 0x80:
        at -= 1
    return decode(data, at, last)


@kernel
def read_part(data: Bytes, first: int, last: int) -> tuple[int, int, np.uint64]:
    """Characters, blanks and hash of a part."""
    length, spaces, value = 0, 0, SEED
    for at in range(first, last):
        length += (data[at] & 0xC0) != 0x80
        spaces += data[at] == _BLANK
    for at in range(first, last):
        value = (value ^ np.uint64(data[at])) * STEP
    return length, spaces, mix(value)


@kernel
def look_at(data: Bytes, first: int, last: int, table: Table, rows: Rows, line: int) -> None:
    r"""Fill in the signs of a line, and whether it may be an entry of a menu.

    That is: short, mostly letters, and no ``ENTRY_END$|FORMULA_SIGN|^\W*$|^DASH\s|^\(``.
    """
    rows[FIRST_SIGN, line] = table[decode(data, first, last)[0]]
    rows[LAST_SIGN, line] = ending = np.int64(table[decode_last(data, first, last)[0]])
    rows[ENTRY, line] = 0
    if rows[LENGTH, line] > SHORT_LINE or ending & ENTRY_END or data[first] == _OPENING:
        return
    at, letters, worded, previous = first, 0, False, 0
    while at < last:
        code, size = np.int64(data[at]), 1
        if code >= 0x80:
            code, size = decode(data, at, last)
        sign = np.int64(table[code])
        if sign & FORMULA_SIGN or (previous & DASH and sign & SPACE):
            return
        previous = sign if at == first else 0
        worded |= (sign & WORD) != 0
        letters += (sign & ALPHA) != 0
        at += size
    unblank = rows[LENGTH, line] - rows[SPACES, line]
    rows[ENTRY, line] = worded and letters >= _LETTERS * unblank
