"""Normal forms of names, terms and phrases, by which two wordings are compared.

Reads and writes nothing.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from webscale_dagster.verifiers.outcome import ParseError

ARTICLES = frozenset({"the", "a", "an"})

# Letters that do not decompose into a base letter and an accent.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "þ": "th", "æ": "ae", "œ": "oe"}
    | {"&": " and "}
)
_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve"
_SMALL = {word: str(value) for value, word in enumerate(_NUMBERS.split())}


# Signs that tell terms and numbers apart; of minus, stop and comma only those within numbers are
# kept, for a while as characters of private use.
_MINUS, _STOP = "\ue000", "\ue001"
_KEPT = "+#%°" + _MINUS + _STOP
_MARKS_OF_NUMBERS = re.compile(r"(?<![^\s(])[-−](?=\d)|(?<=\d)\.(?=\d)|(?<=\d),(?=\d{3}(?!\d))")


def _kept_mark(match: re.Match[str]) -> str:
    return {",": "", ".": _STOP}.get(match[0], _MINUS)


# What becomes of ASCII characters, as ``tokens`` treats all others one by one.
_ASCII = {
    ord(char): None if char in "'`" else " "
    for char in map(chr, range(128))
    if not (char.isalnum() or char in _KEPT)
}


@functools.lru_cache(4096)  # a group of completions shares its truth
def tokens(text: str) -> tuple[str, ...]:
    """Words without case, accents and punctuation; ``C++`` and ``C#`` keep their signs."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    marked = _MARKS_OF_NUMBERS.sub(_kept_mark, folded)
    if folded.isascii():
        words = marked.translate(_ASCII).replace(_MINUS, "-").replace(_STOP, ".")
        return tuple(words.split())
    kept = []
    for char in unicodedata.normalize("NFKD", marked):
        if "\u0300" <= char <= "\u036f":  # accents; vowel signs of Indic scripts are letters
            continue
        if char in "'’‘`´ʼ\u00ad":
            continue
        kept.append(char if unicodedata.category(char)[0] in "LNM" or char in _KEPT else " ")
    words = "".join(kept).replace(_MINUS, "-").replace(_STOP, ".")
    return tuple(unicodedata.normalize("NFC", words).split())


def without_articles(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words without articles, unless nothing else is left."""
    return tuple(word for word in words if word not in ARTICLES) or words


def digits_for_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """``three`` and ``3`` are the same word."""
    return tuple(_SMALL.get(word, word) for word in words)


def same_words(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Equal words, or equal letters where only the spaces differ (``e-mail``, ``email``)."""
    if one == other:
        return True
    joined = "".join(one)
    return joined == "".join(other) and not any(char.isdigit() for char in joined)


def words_of(text: str, most: int, kind: str) -> tuple[str, ...]:
    """The words of an answer that is at most so many words long."""
    words = tokens(text)
    if not words:
        raise ParseError("no letter or digit in it")
    if len(words) > most:
        raise ParseError(f"{len(words)} words are too many for a {kind}")
    return words
