"""Whether a cleaned text still says what the original says, and nothing else.

Makes the reason against it, or none; reads and writes nothing. Generative Data Refinement (arXiv
2509.08653) wants a text near its original of which the undesirable is gone. These checks keep
nearness cheap and strict: words may go, new ones hardly come, what stays keeps its order, and
numbers, number words and negations are never new.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from webscale_dagster.text.normalise import words
from webscale_dagster.text.stop_words import STOP_WORDS

MAX_NEW = 0.05  # of the cleaned text's content words: repaired and joined words
MIN_PAIRS = 0.8  # of its neighbouring words, neighbours in the original too: no new order
MIN_KEPT = 0.1  # of the original's words: less is a summary; a part without content is dropped
PLACEHOLDERS = ("email", "phone", "address", "number", "name")  # written for what was taken out
_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(PLACEHOLDERS)})\]", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# The apostrophe separates words: `don't` ends in the word `t`.
_NEGATIONS = (
    *("not", "no", "never", "none", "nor", "neither", "without", "cannot", "t"),
    *("nicht", "kein", "keine", "nie", "ne", "pas", "jamais", "nunca", "jamás", "mai", "niet"),
)
_NUMBER_WORDS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "fifteen", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty"),
    *("ninety", "hundred", "thousand", "million", "billion", "half", "double"),
    *("first", "second", "third"),
)
_NEVER_NEW = frozenset((*_NEGATIONS, *_NUMBER_WORDS))
_COMMON = frozenset().union(*STOP_WORDS.values()) - _NEVER_NEW
_SHOWN = 5  # words that a reason names


def infidelity(original: str, cleaned: str) -> str | None:
    """The first check that the cleaned text fails."""
    cleaned = _PLACEHOLDER.sub(" ", cleaned)
    before, after = words(original), words(cleaned)
    if not after:
        return "nothing is left"
    numbers = iter(_NUMBER.findall(original))
    for number in _NUMBER.findall(cleaned):
        if number not in numbers:  # consumes: numbers keep their order too
            return f"the number {number} is new or out of place"
    if added := list((_counted(after) - _counted(before)).elements()):
        return f"{added[0]!r} is new"
    known = set(before)
    content = [word for word in after if word not in _COMMON]
    new = [word for word in content if word not in known]
    if len(new) > MAX_NEW * len(content):
        return f"{len(new)} of {len(content)} content words are new: {', '.join(new[:_SHOWN])}"
    if len(after) < MIN_KEPT * len(before):
        return f"{len(after)} of {len(before)} words are left"
    return _misplaced(before, after)


def _misplaced(before: list[str], after: list[str]) -> str | None:
    """Words that stand among others than they did: a new order, or a number said of another."""
    there, pairs = set(pairwise(before)), list(pairwise(after))
    held = [pair in there for pair in pairs]
    if sum(held) < MIN_PAIRS * len(pairs):
        return f"only {sum(held)} of {len(pairs)} pairs of neighbouring words are the original's"
    for at, word in enumerate(after):
        if len(after) > 1 and word.isdigit() and not any(held[max(at - 1, 0) : at + 1]):
            return f"the number {word} is out of place: it has other neighbours"
    return None


def _counted(tokens: Iterable[str]) -> Counter[str]:
    return Counter(token for token in tokens if token in _NEVER_NEW)
