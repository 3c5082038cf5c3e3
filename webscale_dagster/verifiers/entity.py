"""The answer type ``entity``: a name of a person, place, organisation or work.

Case, accents, articles, titles and company suffixes do not count; other names need ``aliases``.
"""

from __future__ import annotations

import re

from webscale_dagster.verifiers.outcome import Options, ParseError
from webscale_dagster.verifiers.phrases import ARTICLES, same_words, words_of

_MOST_WORDS = 20
_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "dr", "doctor", "prof", "professor", "sir", "dame"}
    | {"rev", "reverend"}
)
# Kings are known with and without their title only where a number tells them apart:
# `King George VI` is `George VI`, but `King Lear` is not `Lear`.
_REGNAL_TITLES = frozenset(
    {"king", "queen", "pope", "emperor", "empress", "tsar", "czar", "prince", "sultan", "kaiser"}
)
_REGNAL_NUMBER = re.compile(r"[ivx]{1,6}")
_SUFFIXES = frozenset(
    {"jr", "junior", "phd", "md", "esq", "obe", "cbe", "mbe"}
    | {"inc", "incorporated", "ltd", "limited", "llc", "plc", "corp", "corporation", "gmbh"}
)
_PREPOSITIONS = frozenset({"in", "at", "by", "from", "on", "to"})
_SPELLED = {"st": "saint", "mt": "mount", "ft": "fort"}
_PRONOUNS = frozenset(
    {"he", "she", "it", "they", "him", "her", "them", "this", "that", "these", "those", "who"}
)

Words = tuple[str, ...]


def parse(text: str, options: Options) -> Words:
    """The words that make the name."""
    del options
    if text.strip() in _PRONOUNS:
        raise ParseError("a pronoun is not a name")
    words = words_of(text, _MOST_WORDS, "name")
    for dropped in (_PREPOSITIONS, ARTICLES, _TITLES):
        while len(words) > 1 and words[0] in dropped:
            words = words[1:]
    if len(words) > 2 and words[0] in _REGNAL_TITLES and _REGNAL_NUMBER.fullmatch(words[-1]):
        words = words[1:]
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words = words[:-1]
    return tuple(_SPELLED.get(word, word) for word in words)


def differs(answer: Words, truth: Words, options: Options) -> str | None:
    """Two names differ when a word that counts does."""
    del options
    if same_words(answer, truth):
        return None
    return f"the name {' '.join(answer)!r} is not {' '.join(truth)!r}"
