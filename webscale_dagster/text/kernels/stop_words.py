"""Recognises the stop words of all languages among the words of a text.

Makes a table from ``stop_words.STOP_WORDS``, and looks words up in it without regard to case
(``str.casefold``); reads and writes nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.tokens import SEED, STEP
from webscale_dagster.text.kernels.utf8 import Bytes, decode
from webscale_dagster.text.stop_words import STOP_WORDS

LONGEST = max(len(word) for listed in STOP_WORDS.values() for word in listed)
N_LANGUAGES = len(STOP_WORDS)
_BITS = 10  # of a slot: a table of 1,024 for about 100 words
_SHIFT, _MASK, _NEXT = np.uint64(64 - _BITS), np.uint64((1 << _BITS) - 1), np.uint64(1)
_EMPTY, _LETTER = np.uint64(0), np.uint64(0xFFFF)
FOLDED = 0xFB10  # no character from here on folds to a letter of a listed word
_BITS_A_LETTER = 16

Counts = npt.NDArray[np.int64]


class StopWords(NamedTuple):
    """By slot hashes of words and bits of their languages; by character what it folds to.

    That is a letter, or two (``ᾳ`` is ``αι``) with the second in the high half; three are in no
    listed word, and not in the table.
    """

    hashes: npt.NDArray[np.uint64]
    languages: Counts
    folds: npt.NDArray[np.uint32]


@lru_cache(maxsize=1)
def listed() -> StopWords:
    """The table; languages in the order of ``STOP_WORDS``."""
    folded = [chr(code).casefold() for code in range(FOLDED)]
    second = [ord(letters[1]) << _BITS_A_LETTER if letters[1:] else 0 for letters in folded]
    folds = np.array([ord(letters[0]) for letters in folded], np.uint32) | np.array(
        second, np.uint32
    )
    table = StopWords(np.zeros(1 << _BITS, np.uint64), np.zeros(1 << _BITS, np.int64), folds)
    for language, words in enumerate(STOP_WORDS.values()):
        for word in sorted(words):
            place = slot_of(_hash(word), table.hashes)
            table.hashes[place] = _hash(word)
            table.languages[place] |= 1 << language
    return table


def _hash(word: str) -> np.uint64:
    value = int(SEED)
    for character in word:
        value = (value ^ ord(character)) * int(STEP) & 0xFFFFFFFFFFFFFFFF
    return np.uint64(value)


@kernel
def folded_hash(data: Bytes, at: int, end: int, folds: npt.NDArray[np.uint32]) -> np.uint64:
    """Hash of a word's characters, case-folded."""
    value = SEED
    while at < end:
        code, size = decode(data, at, end)
        letters = np.uint64(code)
        if code < FOLDED:
            letters = np.uint64(folds[code])
        if code < FOLDED and letters > _LETTER:
            value = (value ^ (letters & _LETTER)) * STEP
            letters >>= np.uint64(_BITS_A_LETTER)
        value = (value ^ letters) * STEP
        at += size
    return value


@kernel
def slot_of(value: np.uint64, hashes: npt.NDArray[np.uint64]) -> int:
    """Where a hash is in the table, or an empty slot."""
    slot = value >> _SHIFT
    while hashes[slot] != _EMPTY and hashes[slot] != value:
        slot = (slot + _NEXT) & _MASK
    return np.int64(slot)


@kernel
def note(value: np.uint64, listed: StopWords, known: Counts) -> int:
    """Note a word by its hash; gives the bits of its languages if it is a new one, else 0."""
    slot = slot_of(value, listed.hashes)
    new = listed.languages[slot] & ~known[slot]
    known[slot] = listed.languages[slot]
    return new


@kernel
def most(known: Counts) -> int:
    """Number of words noted of the language that has most."""
    found = 0
    for language in range(N_LANGUAGES):
        count = 0
        for slot in range(len(known)):
            count += (known[slot] >> language) & 1
        found = max(found, count)
    return found
