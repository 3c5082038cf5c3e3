"""The answer type ``term``: a technical word or expression.

Case, accents, hyphens, a leading article and a regular plural do not count.
"""

from __future__ import annotations

from webscale_dagster.verifiers.outcome import Options
from webscale_dagster.verifiers.phrases import ARTICLES, same_words, words_of

_MOST_WORDS = 15

Words = tuple[str, ...]


def parse(text: str, options: Options) -> Words:
    """The words of the term, its last one in the singular."""
    del options
    words = words_of(text, _MOST_WORDS, "term")
    if len(words) > 1 and words[0] in ARTICLES:
        words = words[1:]
    return (*words[:-1], _singular(words[-1]))


def differs(answer: Words, truth: Words, options: Options) -> str | None:
    """Two terms differ when a word does."""
    del options
    if same_words(answer, truth):
        return None
    return f"the term {' '.join(answer)!r} is not {' '.join(truth)!r}"


def _singular(word: str) -> str:
    """A regular plural's singular; applied to both sides, so a wrong guess does no harm."""
    if len(word) < 4 or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word.removesuffix("s")
