"""What C4 asks about a line: how it ends, its phrases, its citations, its sentences.

Makes the table of phrases; reads and writes nothing. After tensorflow_datasets' ``c4_utils``.
"""

# ruff: noqa: SIM109 - comparisons compile faster than tuples
from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from webscale_dagster.text.kernels.jit import kernel
from webscale_dagster.text.kernels.published_characters import CODE, DIGIT, PHRASE, Characters
from webscale_dagster.text.kernels.published_special import Special
from webscale_dagster.text.kernels.published_words import FLAGS, GAP, MARKS, STOP, Words

Phrases = npt.NDArray[np.int64]

IPSUM, CURLY, SCRIPT, POLICY, CITATION = 1, 2, 4, 8, 16  # what a line says
CLOSED, TRAILING = 1, 2  # how it ends
_BANG, _QUOTE, _APOSTROPHE, _DOT, _QUESTION, _OPEN, _CLOSE, _BRACE = 33, 34, 39, 46, 63, 91, 93, 123
_ELLIPSIS = 0x2026
_CASE, _AS_IS = np.int64(32), np.int64(0)  # between a capital letter and its small one


# tensorflow_datasets, c4_utils; each is looked for where a letter stands that few words have.
_C4_PHRASES = (
    ("lorem ipsum", "m", IPSUM),
    ("javascript", "j", SCRIPT),
    ("terms of use", "m", POLICY),
    ("privacy policy", "v", POLICY),
    ("cookie policy", "k", POLICY),
    ("uses cookies", "k", POLICY),
    ("use of cookies", "k", POLICY),
    ("use cookies", "k", POLICY),
    ("[edit]", "", CITATION),
    ("[citation needed]", "", CITATION),
)
_FIRST_CITATION = 8
_LETTER, _PLACE, _MEANING, _LENGTH, _TEXT = range(5)  # columns of the table of phrases


@lru_cache(maxsize=1)
def phrase_table() -> Phrases:
    """The phrases as rows of numbers."""
    longest = max(len(phrase) for phrase, _, _ in _C4_PHRASES)
    table = np.zeros((len(_C4_PHRASES), _TEXT + longest), np.int64)
    for row, (phrase, letter, meaning) in zip(table, _C4_PHRASES, strict=True):
        row[_LETTER] = ord(letter) if letter else 0
        row[_PLACE], row[_MEANING], row[_LENGTH] = phrase.find(letter), meaning, len(phrase)
        row[_TEXT : _TEXT + len(phrase)] = [ord(char) for char in phrase]
    table.flags.writeable = False
    return table


class C4Lines(NamedTuple):
    """What lines C4 keeps, and how words are split."""

    least_words: int
    apostrophe: bool  # ends a line
    special: Special
    phrases: Phrases


@kernel
def closing(text: Characters, start: int, stop: int, apostrophe: bool) -> int:
    """Whether a line ends as C4 wants, or in an ellipsis, or neither."""
    if start == stop:
        return 0
    code = text[stop - 1] & CODE
    if code == _DOT:
        three = stop - start > 2 and text[stop - 2] == text[stop - 1] == text[stop - 3]
        return TRAILING if three else CLOSED
    if code == _QUESTION or code == _BANG or code == _QUOTE:
        return CLOSED
    if code == _APOSTROPHE:
        return CLOSED if apostrophe else 0
    return TRAILING if code == _ELLIPSIS else 0


@kernel
def sentences(words: Words, first: int, last: int) -> int:
    """Sentences as spaCy's sentencizer counts them."""
    count, ended = 1, 0
    for word in range(first, last):
        flags = words[word, FLAGS]
        if ended and (flags & GAP or not flags & (MARKS | STOP)):
            count += 1
            ended = 0
        ended |= flags & STOP
    return count


@kernel
def find_phrases(text: Characters, start: int, stop: int, phrases: Phrases) -> int:
    """Which of C4's phrases a line has."""
    found = np.int64(0)
    for at in range(start, stop):
        if not text[at] & PHRASE:
            continue
        small = text[at] & CODE | _CASE
        if small == _BRACE:  # or the bracket, which is to it as a capital letter is to a small one
            bracket = text[at] & CODE == _OPEN
            found |= CURLY if not bracket else CITATION if _citation(text, at, stop, phrases) else 0
        for phrase in range(len(phrases)):
            begin = at - phrases[phrase, _PLACE]
            if small == phrases[phrase, _LETTER] and begin >= start:
                said = _says(text, begin, stop, phrases[phrase], _CASE)
                found |= phrases[phrase, _MEANING] if said else 0
    return found


@kernel
def _says(text: Characters, at: int, stop: int, phrase: Phrases, case: int) -> bool:
    """Whether a phrase stands at a place; ``case`` is added to capital letters first."""
    length = phrase[_LENGTH]
    if at + length > stop:
        return False
    for place in range(length):
        code = text[at + place] & CODE
        if 0x41 <= code <= 0x5A:
            code += case
        if code != phrase[_TEXT + place]:
            return False
    return True


@kernel
def _citation(text: Characters, at: int, stop: int, phrases: Phrases) -> int:
    """Characters of the citation at a bracket, 0 where it opens something else."""
    end = at + 1
    while end < stop and text[end] & DIGIT:
        end += 1
    if end < stop and text[end] & CODE == _CLOSE:
        return end + 1 - at
    for phrase in range(_FIRST_CITATION, len(phrases)):
        if _says(text, at, stop, phrases[phrase], _AS_IS):
            return phrases[phrase, _LENGTH]
    return 0


@kernel
def copy_uncited(text: Characters, start: int, stop: int, to: int, phrases: Phrases) -> int:
    """Copy a line without its citations; gives the end of the copy."""
    at = start
    while at < stop:
        length = _citation(text, at, stop, phrases) if text[at] & CODE == _OPEN else 0
        if not length:
            text[to] = text[at]
            to += 1
        at += length if length else 1
    return to
