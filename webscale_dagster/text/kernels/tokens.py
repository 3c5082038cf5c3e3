"""Hashes of the words of many texts.

Makes ``Prepared`` texts and their word hashes; reads and writes nothing. The words are those of
``normalise.words``; the hash of a word is ``hash = (hash ^ code point) * STEP`` over its folded
characters, from ``SEED``, then mixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from webscale_dagster.text.kernels.folding import (
    CLASS,
    DIGIT,
    HARD,
    LETTER,
    NOTHING,
    ORDERED,
    SEPARATOR,
    SEQUENCE,
    UNSPACED_LETTER,
    Folding,
    folding,
)
from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.utf8 import Bytes, Offsets, Texts, decode, encode, joined
from webscale_dagster.text.normalise import words

Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

SLICE = 2_000  # texts prepared at a time: memory that the system need not give anew

SEED = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio
STEP = np.uint64(0x9E3779B185EBCA87)  # odd: XXH64's first prime
# MurmurHash3's 64-bit finaliser (Appleby, MurmurHash3.cpp, fmix64).
_MIX_1, _MIX_2, _SHIFT = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53), np.uint64(33)
_SPACE, _NINE = 32, 57  # of ASCII


@dataclass(frozen=True, slots=True)
class Prepared:
    """Texts of which the kernel can make words.

    ``folded`` texts are words already, with a space between: those that Python had to fold.
    """

    texts: Texts
    folded: Flags

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Words of many texts: those of text ``i`` lie from ``offsets[i]`` to ``offsets[i + 1]``."""

    offsets: Offsets
    hashes: Hashes
    digits: Flags  # words with a digit


def prepare(texts: Sequence[str] | pl.Series) -> Prepared:
    """Texts as bytes, those that need all of Unicode's rules folded."""
    encoded = encode(texts)
    hard = _hard(encoded)
    if not hard.any():
        return Prepared(encoded, hard)
    return Prepared(_folded(encoded, np.flatnonzero(hard)), hard)


class Column:
    """Texts that are prepared some at a time, and again; what Python has to fold it folds once."""

    def __init__(self, texts: Sequence[str] | pl.Series) -> None:
        """Looks at all texts."""
        self._texts = texts if isinstance(texts, pl.Series) else _strings(texts)
        self._hard = np.zeros(len(texts), np.bool_)
        told: list[str] = []
        for start in range(0, len(texts), SLICE):
            part = encode(self._texts[start : start + SLICE])
            self._hard[start : start + SLICE] = hard = _hard(part)
            told += [" ".join(words(part.text(place))) for place in np.flatnonzero(hard)]
        if told:
            self._texts = self._texts.scatter(np.flatnonzero(self._hard), told)

    def __len__(self) -> int:
        """Number of texts."""
        return len(self._texts)

    def parts(self) -> Iterator[Prepared]:
        """All texts, some at a time."""
        for start in range(0, len(self), SLICE):
            yield self.at(slice(start, start + SLICE))

    def at(self, places: npt.NDArray[np.int64] | slice) -> Prepared:
        """The texts at some places, in their order."""
        return Prepared(encode(self._texts[places]), self._hard[places])


def _strings(texts: Sequence[str]) -> pl.Series:
    """Halves of surrogate pairs, which a column cannot hold, are in no word."""
    return pl.Series([text.encode("utf-8", "replace").decode() for text in texts], dtype=pl.String)


def _hard(texts: Texts) -> Flags:
    table = folding()
    hard = np.zeros(len(texts), np.bool_)
    find_hard(texts.data, texts.offsets, table.kinds, table.classes, hard)
    return hard


def _folded(texts: Texts, places: npt.NDArray[np.int64]) -> Texts:
    """The texts with some replaced by their words."""
    told = [" ".join(words(texts.text(place))).encode("utf-8", "surrogatepass") for place in places]
    lengths = np.diff(texts.offsets)
    lengths[places] = [len(words) for words in told]
    data = np.empty(int(lengths.sum()), np.uint8)
    last, to = int(texts.offsets[0]), 0
    for place, own in zip([*places, len(texts)], [*told, b""], strict=True):
        between = texts.data[last : texts.offsets[place]]
        data[to : to + len(between)] = between
        to += len(between)
        data[to : to + len(own)] = np.frombuffer(own, np.uint8)
        to += len(own)
        last = int(texts.offsets[min(place + 1, len(texts))])
    return joined(data, lengths)


def tokenise(prepared: Prepared) -> Tokens:
    """The words of all texts, hashed."""
    offsets = prepared.texts.offsets
    room = most_words(int(offsets[-1] - offsets[0]))
    hashes, digits = np.empty(room, np.uint64), np.empty(room, np.bool_)
    ends = np.zeros(len(prepared) + 1, np.int64)
    hash_texts(prepared.texts.data, offsets, prepared.folded, folding(), hashes, digits, ends)
    return Tokens(ends, hashes[: ends[-1]].copy(), digits[: ends[-1]].copy())


def count_words(prepared: Prepared) -> Offsets:
    """How many words each text has."""
    return np.diff(tokenise(prepared).offsets)


def most_words(n_bytes: int) -> int:
    """No text of so many bytes has more words (U+3316, three bytes, is six katakana)."""
    return 2 * n_bytes + 1


@kernel
def find_hard(data: Bytes, offsets: Offsets, kinds: Bytes, classes: Bytes, hard: Flags) -> None:
    """Mark the texts whose characters may combine or change places when they are normalised."""
    for text in range(len(hard)):
        at, end = offsets[text], offsets[text + 1]
        last = 0
        while at < end:
            if data[at] < 0x80:
                at += 1
                last = 0
                continue
            code, size = decode(data, at, end)
            at += size
            kind = kinds[code]
            if kind & ORDERED:
                ordered = int(classes[code])
                if ordered < last:
                    hard[text] = True
                    break
                last = ordered
            else:
                last = 0
                if kind == HARD:
                    hard[text] = True
                    break


@kernel
def mix(value: np.uint64) -> np.uint64:
    """Spread every input bit over all output bits; a bijection."""
    value = (value ^ (value >> _SHIFT)) * _MIX_1
    value = (value ^ (value >> _SHIFT)) * _MIX_2
    return value ^ (value >> _SHIFT)


@kernel
def hash_words(
    data: Bytes,
    at: int,
    end: int,
    folded: bool,
    table: Folding,
    hashes: Hashes,
    digits: Flags,
    count: int,
) -> int:
    """Append the hashes of one text's words; gives the new number of words."""
    kinds, folds, _, sequence, sequence_kinds, letters = table
    state = SEPARATOR  # class of what the current word is made of
    value, digit = SEED, False
    pending, pending_end = 0, 0  # the rest of a character that folds to several
    while True:
        if pending < pending_end:
            char, kind = np.uint64(sequence[pending]), np.int64(sequence_kinds[pending])
            pending += 1
        elif at >= end:
            break
        else:
            letter = letters[data[at]]
            if letter and state != UNSPACED_LETTER:
                # The common case by itself: a run of ASCII letters, digits and underscores.
                state = LETTER
                while letter:
                    value = (value ^ np.uint64(letter)) * STEP
                    digit |= letter <= _NINE
                    at += 1
                    letter = letters[data[at]] if at < end else np.uint8(0)
                if at == end:
                    break
                if data[at] < 0x80:  # ASCII has only letters and separators
                    hashes[count], digits[count] = mix(value), digit
                    count += 1
                    value, digit, state = SEED, False, SEPARATOR
                    at += 1
                    continue
            elif state == SEPARATOR and data[at] < 0x80:
                at += 1
                continue
            code = np.int64(data[at])
            if code < 0x80:
                at += 1
            else:
                code, size = decode(data, at, end)
                at += size
            char, kind = np.uint64(folds[code]), np.int64(kinds[code])
            if folded:
                char, kind = np.uint64(code), (kind & DIGIT) | LETTER
                if code == _SPACE:
                    kind = SEPARATOR
            elif kind == SEQUENCE:
                pending = np.int64(char >> np.uint64(8))
                pending_end = pending + np.int64(char & np.uint64(0xFF))
                continue
        group = kind & CLASS
        if group == NOTHING:
            continue
        starts = group == UNSPACED_LETTER or (group == LETTER and state == UNSPACED_LETTER)
        if state != SEPARATOR and (starts or group == SEPARATOR):
            hashes[count], digits[count] = mix(value), digit
            count += 1
            value, digit, state = SEED, False, SEPARATOR
        if group != SEPARATOR:
            value = (value ^ char) * STEP
            digit |= (kind & DIGIT) != 0
            if group == UNSPACED_LETTER:
                state = UNSPACED_LETTER
            elif group == LETTER or state == SEPARATOR:
                state = LETTER
    if state != SEPARATOR:
        hashes[count], digits[count] = mix(value), digit
        count += 1
    return count


@kernel
def hash_texts(
    data: Bytes,
    offsets: Offsets,
    folded: Flags,
    table: Folding,
    hashes: Hashes,
    digits: Flags,
    ends: Offsets,
) -> None:
    """Append the words of all texts; ``ends[i + 1]`` is where those of text ``i`` end."""
    count = min(len(folded), 0)  # no literal (see jit.py)
    for text in range(len(folded)):
        count = hash_words(
            data, offsets[text], offsets[text + 1], folded[text], table, hashes, digits, count
        )
        ends[text + 1] = count


@kernel
def hash_runs(codes: npt.NDArray[np.uint32], hashes: Hashes) -> None:
    """Hash words given as code points, each ended by a line feed."""
    count = 0
    value = SEED
    for code in codes:
        if code == 10:
            hashes[count] = mix(value)
            count += 1
            value = SEED
        else:
            value = (value ^ np.uint64(code)) * STEP
