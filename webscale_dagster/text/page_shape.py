"""What texts' lines and paragraphs say about them: prose, a menu, a table, code.

Makes the measures of the line rules of Gopher, C4 and FineWeb, and of our own for menus; reads and
writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.characters import LOWER
from webscale_dagster.text.kernels.lines import (
    CODE,
    END,
    ENTRY,
    FIRST_SIGN,
    LAST_SIGN,
    LENGTH,
    N_BYTES,
    N_LINE_ROWS,
    N_PARAGRAPH_ROWS,
    NUMBER,
    SHORT_LINE,
    SPACES,
    TEXT,
    Hashes,
    Rows,
    read_lines,
)
from webscale_dagster.text.kernels.repetition import first_same
from webscale_dagster.text.kernels.signs import BULLET, SENTENCE_END, signs
from webscale_dagster.text.kernels.utf8 import Texts, encode
from webscale_dagster.text.sign_shape import SignShapes

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

_PROSE_WORDS = 15  # a line of so many words is a sentence, whatever it ends in
_SHORTEST_SENTENCE = 4  # words; shorter lines are labels, even if they end in a full stop
_WRAPPED = 45  # a line of so many characters, with a lower-case letter on the next, goes on there
_MENU_LINES = 5  # as many entries in a row, without a blank line, are a menu
_CODE_SAMPLE = 400  # lines looked at
_CHARACTERS_A_WORD = 6  # where a script writes no spaces between words
_ELLIPSES = (b"...", "…".encode())
_NEWLINE = 0x0A
_TEXT_STEP = np.uint64(0xC2B2AE3D27D4EB4F)  # odd: XXH64's second prime


class _Parts(NamedTuple):
    """Lines or paragraphs: what ``kernels.lines`` says of each, and its hash."""

    rows: Rows
    hashes: Hashes


@dataclass(frozen=True)
class LineShapes:
    """Measures by name, and by text the number of lines and of sentences without an end."""

    measures: dict[str, Shares]
    count: Places
    unended: Places


def line_shapes(texts: Texts, shapes: SignShapes) -> LineShapes:
    """What there is to say of every text's lines and paragraphs."""
    parts, paragraphs = _read(texts)
    rows = parts.rows
    of, length, n_words = rows[TEXT], rows[LENGTH], _n_words(rows)

    def total(lines: Flags) -> Places:
        return np.bincount(of[lines], minlength=len(texts))

    ended = _has(rows[LAST_SIGN], SENTENCE_END)
    told, long = n_words >= _SHORTEST_SENTENCE, n_words >= _PROSE_WORDS
    prose = (told & ended) | long | _goes_on(rows)
    count = np.bincount(of, minlength=len(texts))
    sampled = _sampled(of, count)
    lines = np.maximum(count, 1)
    characters = np.maximum(np.bincount(of, length, len(texts)), 1)
    measures = {
        "code_share": total(sampled & (rows[CODE] != 0)) / np.maximum(total(sampled), 1),
        "prose_share": np.bincount(of[prose], length[prose], len(texts)) / characters,
        "gopher_bullets": total(_has(rows[FIRST_SIGN], BULLET)) / lines,
        "gopher_ellipses": total(_in_ellipses(texts, rows)) / lines,
        **_repeated(parts, len(texts), "line"),
        "c4_javascript": shapes.javascript_lines / lines,
        "c4_policy": shapes.policy_lines / lines,
        "fineweb_line_punctuation": total(prose) / lines,
        "fineweb_short_lines": total(length <= SHORT_LINE) / lines,
        "menu_lines": total(_in_menus(rows)) / lines,
        **_repeated(paragraphs, len(texts), "paragraph"),
    }
    return LineShapes(measures, count, total(long & ~ended))


def code_share(text: str) -> float:
    """Share of a text's lines that read as source code."""
    lines = _read(encode([text]))[0].rows
    code = lines[CODE, _sampled(lines[TEXT], np.array([lines.shape[1]]))]
    return float(code.mean()) if len(code) else 0.0


def _read(texts: Texts) -> tuple[_Parts, _Parts]:
    """All lines, and all paragraphs."""
    data = texts.data[texts.offsets[0] : texts.offsets[-1]]
    room = int(np.count_nonzero(data == _NEWLINE)) + len(texts)
    rows, hashes = np.empty((N_LINE_ROWS, room), np.int64), np.empty(room, np.uint64)
    part_rows, part_hashes = np.empty((N_PARAGRAPH_ROWS, room), np.int64), np.empty_like(hashes)
    n_lines, n_parts = read_lines(
        texts.data, texts.offsets, signs(), (rows, hashes), (part_rows, part_hashes)
    )
    lines = _Parts(rows[:, :n_lines], hashes[:n_lines])
    return lines, _Parts(part_rows[:, :n_parts], part_hashes[:n_parts])


def _n_words(rows: Rows) -> Places:
    """Words, or a sixth of the characters where a script writes no spaces between words."""
    length = rows[LENGTH]
    unspaced = np.where(length < rows[N_BYTES], length // _CHARACTERS_A_WORD, 0)
    return np.asarray(np.maximum(rows[SPACES] + 1, unspaced))


def _has(flags: Places, flag: int) -> Flags:
    return np.asarray(flags & flag, np.bool_)


def _repeated(parts: _Parts, n_texts: int, name: str) -> dict[str, Shares]:
    """Share of told parts that were there before in their text, and share of their characters."""
    rows, hashes = parts
    told = _n_words(rows) >= _SHORTEST_SENTENCE
    of, length = rows[TEXT, told], rows[LENGTH, told]
    keys = hashes[told] ^ of.astype(np.uint64) * _TEXT_STEP
    again = first_same(keys) != np.arange(len(keys))
    count, characters = np.bincount(of, minlength=n_texts), np.bincount(of, length, n_texts)
    again_characters = np.bincount(of[again], length[again], n_texts)
    return {
        f"gopher_duplicate_{name}s": np.bincount(of[again], minlength=n_texts)
        / np.maximum(count, 1),
        f"gopher_duplicate_{name}_characters": again_characters / np.maximum(characters, 1),
    }


def _follows(rows: Rows) -> Flags:
    """Which lines come directly after another."""
    found = np.zeros(rows.shape[1], np.bool_)
    found[1:] = (np.diff(rows[TEXT]) == 0) & (np.diff(rows[NUMBER]) == 1)
    return found


def _goes_on(rows: Rows) -> Flags:
    """Which lines are the beginning of a sentence that goes on in the next."""
    found = np.asarray(rows[LENGTH] >= _WRAPPED)
    found[:-1] &= (_follows(rows) & _has(rows[FIRST_SIGN], LOWER))[1:]
    found[-1:] = False
    return found


def _in_menus(rows: Rows) -> Flags:
    """Lines in runs of short lines of words: navigation, tag lists, link lists."""
    entry = rows[ENTRY] != 0
    run = np.cumsum(~_follows(rows) | ~entry)
    long = np.bincount(run[entry], minlength=len(run) + 1)[run] >= _MENU_LINES
    return np.asarray(entry & long)


def _in_ellipses(texts: Texts, rows: Rows) -> Flags:
    """Lines that end in three full stops, or a sign for them."""
    size = len(_ELLIPSES[0])
    found = np.zeros(rows.shape[1], np.bool_)
    ended = np.flatnonzero(_has(rows[LAST_SIGN], SENTENCE_END) & (rows[N_BYTES] >= size))
    last = texts.data[rows[END, ended, None] + np.arange(-size, 0)]
    for ellipsis in _ELLIPSES:
        found[ended] |= (last == np.frombuffer(ellipsis, np.uint8)).all(axis=1)
    return found


def _sampled(of: Places, count: Places) -> Flags:
    """Lines looked at for code: all, or of a long text every so many."""
    step = np.maximum(count // _CODE_SAMPLE, 1)
    place = np.arange(len(of)) - (np.cumsum(count) - count)[of]
    return np.asarray(place % step[of] == 0)
