"""What becomes of each code point when words are made: tables for the kernel ``tokens``.

Makes arrays by code point from ``unicodedata``; reads and writes nothing. Words are runs in
``NFKC(casefold(NFKC(text)))`` (``normalise.words``). Normalising a text is the same as normalising
its code points one by one as long as none of them combines with its neighbours or is put in
another order (Unicode Standard Annex 15, section 9, "Detecting Normalization Forms"); a text in
which one might is HARD and goes through Python.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.normalise import MARKS, UNSPACED, ZERO_WIDTH

# The low three bits of a kind: what a folded character does to the word before it.
SEPARATOR, LETTER, UNSPACED_LETTER, MARK, NOTHING, SEQUENCE, HARD = range(7)
CLASS = 7
DIGIT = 8  # str.isdigit
ORDERED = 16  # has a combining class: must not follow one of a higher class

_LIMIT = 0x110000
# Above these there are only private and unassigned code points, which are in no word.
_ASSIGNED = (range(1, 0x32400), range(0xE0000, 0xE0200))
_JAMO = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))  # compose with the syllable before them
_EXPRESSIONS = (
    (r"\w+", LETTER),
    (f"[{MARKS}]+", MARK),
    (f"[{UNSPACED}]+", UNSPACED_LETTER),
    (f"{ZERO_WIDTH.pattern}+", NOTHING),
)


class Folding(NamedTuple):
    """By code point: its kind, and its folded character, or where its sequence lies."""

    kinds: npt.NDArray[np.uint8]
    folds: npt.NDArray[np.uint32]  # of a SEQUENCE: start in ``sequence`` * 256 + length
    classes: npt.NDArray[np.uint8]  # canonical combining class
    sequence: npt.NDArray[np.uint32]
    sequence_kinds: npt.NDArray[np.uint8]
    letters: npt.NDArray[np.uint8]  # by byte: an ASCII letter's, digit's or underscore's fold, or 0


@lru_cache(maxsize=1)
def folding() -> Folding:
    """The tables of this Python's Unicode version; a fifth of a second, once."""
    own, joins = _own_kinds(), joining()
    kinds, folds = own.copy(), np.arange(_LIMIT, dtype=np.uint32)
    classes = np.zeros(_LIMIT, np.uint8)
    sequence: list[int] = []
    for code, (first, cased, folded) in _normalised(joins):
        char = chr(code)
        classes[code] = ccc = unicodedata.combining(char)
        if ccc:
            plain = first == cased == char and char not in joins
            kinds[code] = own[code] | ORDERED if plain else HARD
        elif first == folded == char and char not in joins:
            continue
        elif _is_hard(first, joins) or _is_hard(cased, joins) or _is_hard(folded, joins):
            kinds[code] = HARD
        elif not (shown := ZERO_WIDTH.sub("", folded)):
            kinds[code] = NOTHING
        elif len(shown) == 1:
            kinds[code], folds[code] = own[ord(shown)], ord(shown)
        else:
            kinds[code], folds[code] = SEQUENCE, len(sequence) << 8 | len(shown)
            sequence += map(ord, shown)
    listed = np.array(sequence, np.uint32)
    letters = np.zeros(256, np.uint8)
    letters[:128] = np.where(kinds[:128] & CLASS == LETTER, folds[:128], 0)
    return Folding(kinds, folds, classes, listed, own[listed], letters)


def _is_hard(text: str, joins: frozenset[str]) -> bool:
    return not text or text[0] in joins or any(map(unicodedata.combining, text))


def _own_kinds() -> npt.NDArray[np.uint8]:
    """What each code point is to the expression that finds words, without folding."""
    kinds = np.zeros(_LIMIT, np.uint8)
    for codes in _ASSIGNED:
        every = "".join(map(chr, codes))
        for expression, kind in _EXPRESSIONS:
            for run in re.finditer(expression, every):
                kinds[codes[run.start()] : codes[run.end() - 1] + 1] = kind
        digits = [code for code, char in zip(codes, every, strict=True) if char.isdigit()]
        kinds[digits] |= DIGIT
    return kinds


def _normalised(joins: frozenset[str]) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """Code points with their NFKC, that case-folded, and the NFKC of that, where it matters."""
    for codes in _blocks():
        text = "\0".join(map(chr, codes))
        first = unicodedata.normalize("NFKC", text)
        cased = first.casefold()
        if text != cased or any(map(unicodedata.combining, text)) or joins.intersection(text):
            folded = unicodedata.normalize("NFKC", cased)
            parts = (part.split("\0") for part in (first, cased, folded))
            yield from zip(codes, zip(*parts, strict=True), strict=True)


@lru_cache(maxsize=1)
def joining() -> frozenset[str]:
    """Characters that may become one with the character before them."""
    found = set(map(chr, _JAMO))
    for codes in _blocks():
        text = "".join(map(chr, codes))
        for char in text if unicodedata.normalize("NFD", text) != text else "":
            parts = unicodedata.decomposition(char).split()
            if len(parts) == 2 and parts[0][0] != "<":
                pair = "".join(chr(int(part, 16)) for part in parts)
                if unicodedata.normalize("NFC", pair) == char:
                    found.add(pair[1])
    return frozenset(found)


def _blocks() -> Iterator[range]:
    for codes in _ASSIGNED:
        yield from (codes[start : start + 256] for start in range(0, len(codes), 256))
