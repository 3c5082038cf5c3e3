"""What a text's words and sentences show of its worth, whatever its length.

Makes named shares and rates of a text, and the worth that rules give it; reads and writes nothing.
The rules stand in for a judge of "educational value" and "required expertise" (QuRating, arXiv
2402.09739): texts that teach state facts (numbers, names), define and explain in sentences; texts
that came with a page, sell or chat do not.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from webscale_dagster.refine.boilerplate import boilerplate, is_sentence
from webscale_dagster.text.normalise import is_unspaced, words

_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*(?=\s|$)|[。！？।؟]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<![.!?:\n\"“] )(?<!^)\b[A-ZÀ-ÖØ-Þ][\w’'-]*", re.MULTILINE)
_DEFINES = re.compile(
    r"\b(?:(?:is|are|was|were) (?:an?|the|one of|any|called|known as|defined as)|refers? to|means?"
    r"|consists? of|is used to|(?:so-|also )called|defined as|known as|denotes?|comprises?)\b",
    re.IGNORECASE,
)
_EXPLAINS = re.compile(
    r"\b(?:because|therefore|thus|hence|since|such as|for example|for instance|e\.g\.|i\.e\."
    r"|in contrast|however|whereas|due to|results? in|leads? to|causes?|in order to|depends? on"
    r"|if|then|as a result)\b",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"\b(?:i|i['’]m|my|me|you|your|we|our|us|lol|please|thanks|hi|hey|guys|awesome|amazing)\b",
    re.IGNORECASE,
)
_SELLS = re.compile(
    r"\b(?:buy|shop|sale|price[sd]?|discount|offer|deal|free|order now|click|subscribe|sign up"
    r"|coupon|shipping|checkout|best-?selling|limited time)\b",
    re.IGNORECASE,
)
_LONG = 9  # letters of a word that is likely a term
_FEW, _FEW_WORDS = 3, 50  # sentences and words without a signal that every text is given: a line
# or two prove little
_WINDOW = 200  # words by which variety is measured, for it falls with length


class _Weight(NamedTuple):
    """Worth of a signal, reached where the signal is ``full`` or more."""

    weight: float
    full: float


# Set by hand; a signal counts in proportion up to `full`, about what encyclopedias show.
_WORTH = {
    "numbers": _Weight(0.7, 0.04),
    "names": _Weight(0.5, 0.10),
    "defines": _Weight(1.0, 0.30),
    "explains": _Weight(2.0, 0.40),
    "prose": _Weight(2.0, 1.0),
    "long_words": _Weight(1.5, 0.25),
    "boilerplate": _Weight(-2.0, 0.5),
    "talk": _Weight(-1.5, 0.06),
    "sells": _Weight(-1.0, 0.02),
    "shouts": _Weight(-0.5, 0.2),
}


def signals(text: str) -> dict[str, float]:
    """Shares and rates, none of which grows with the text."""
    tokens, lines = words(text), text.split("\n")
    n_characters = max(len(text), 1)
    n_words, n_sentences = len(tokens) + _FEW_WORDS, len(_SENTENCE_END.findall(text)) + _FEW
    told = sum(len(line) for line in lines if is_sentence(line.strip()))
    window = tokens[:_WINDOW]
    return {
        "numbers": len(_NUMBER.findall(text)) / n_words,
        "names": len(_NAME.findall(text)) / n_words,
        "defines": len(_DEFINES.findall(text)) / n_sentences,
        "explains": len(_EXPLAINS.findall(text)) / n_sentences,
        "prose": told / n_characters,
        "long_words": 0.0 if is_unspaced(text) else sum(len(t) >= _LONG for t in tokens) / n_words,
        "boilerplate": sum(len(lines[at]) for at in boilerplate(lines)) / n_characters,
        "talk": len(_TALK.findall(text)) / n_words,
        "sells": len(_SELLS.findall(text)) / n_words,
        "shouts": text.count("!") / n_sentences,
        "sentence_words": min(n_words / n_sentences, 60.0),
        "word_length": min(sum(map(len, tokens)) / n_words, 15.0),
        "variety": len(set(window)) / max(len(window), 1),
        "symbols": sum(not (c.isalnum() or c.isspace()) for c in text) / n_characters,
    }


def worth(found: dict[str, float]) -> float:
    """The rules' judgement of a text, from its signals."""
    return sum(part.weight * min(found[name] / part.full, 1.0) for name, part in _WORTH.items())
