"""The answer type ``short_phrase``: a few words, in this or another wording.

Case, accents, punctuation, function words and endings do not count, and ``three`` is ``3``; more
words or fewer may be said as long as they say the same (``wordings.py``). Option ``question``:
what it has already said need not be said again.
"""

from __future__ import annotations

from webscale_dagster.verifiers.outcome import Options
from webscale_dagster.verifiers.phrases import same_words, words_of
from webscale_dagster.verifiers.wordings import asked_words, same_meaning

_MOST_WORDS = 40


def parse(text: str, options: Options) -> str:
    """The phrase, which has at most 40 words."""
    asked_words(options)
    words_of(text, _MOST_WORDS, "phrase")
    return text


def differs(answer: str, truth: str, options: Options) -> str | None:
    """Two phrases differ when they do not mean the same."""
    if same_words(words_of(answer, _MOST_WORDS, "phrase"), words_of(truth, _MOST_WORDS, "phrase")):
        return None
    if same_meaning(answer, truth, asked_words(options)):
        return None
    return f"the phrase {answer[:80]!r} does not say {truth[:80]!r}"
