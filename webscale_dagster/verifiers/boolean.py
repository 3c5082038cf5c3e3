"""The answer type ``boolean``: yes or no, true or false."""

from __future__ import annotations

from webscale_dagster.verifiers.outcome import Options, ParseError
from webscale_dagster.verifiers.phrases import tokens

_WORDS = dict.fromkeys(("yes", "true", "correct", "right", "y", "t", "yeah", "yep"), True) | (
    dict.fromkeys(("no", "false", "incorrect", "wrong", "n", "f", "nope", "untrue"), False)
)
_DECISIVE = frozenset({"yes", "no", "yeah", "yep", "nope"})
_NEGATIONS = frozenset({"not", "isnt", "wasnt", "arent", "never"})
_MOST_WORDS = 60


def parse(text: str, options: Options) -> bool:
    """A yes or no at the start decides; else the one polarity that the answer names."""
    del options
    words = tokens(text)
    if not words or len(words) > _MOST_WORDS:
        raise ParseError("neither yes nor no")
    if words[0] in _DECISIVE and words[1:2] not in (("and",), ("or",)):
        return _WORDS[words[0]]
    found = set()
    for before, word in zip(("", *words), words, strict=False):
        # One-letter forms are yes or no only where they stand alone.
        if word in _WORDS and (len(word) > 1 or len(words) == 1):
            found.add(_WORDS[word] is not (before in _NEGATIONS))
    if len(found) != 1:
        raise ParseError("both yes and no" if found else "neither yes nor no")
    return found.pop()


def differs(answer: bool, truth: bool, options: Options) -> str | None:
    """Yes is not no."""
    del options
    return None if answer is truth else f"says {answer}, the truth is {truth}".lower()
