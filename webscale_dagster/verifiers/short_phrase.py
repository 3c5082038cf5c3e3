"""The answer type ``short_phrase``: a few words whose order and choice count.

Case, accents, punctuation and articles do not count, and ``three`` is ``3``.
"""

from __future__ import annotations

from webscale_dagster.verifiers.outcome import Options
from webscale_dagster.verifiers.phrases import (
    digits_for_words,
    same_words,
    without_articles,
    words_of,
)

_MOST_WORDS = 40

Words = tuple[str, ...]


def parse(text: str, options: Options) -> Words:
    """The words of the phrase that count."""
    del options
    return digits_for_words(without_articles(words_of(text, _MOST_WORDS, "phrase")))


def differs(answer: Words, truth: Words, options: Options) -> str | None:
    """Two phrases differ when a word that counts does."""
    del options
    if same_words(answer, truth):
        return None
    return f"the phrase {' '.join(answer)!r} is not {' '.join(truth)!r}"
