"""The answer type ``boolean``: yes or no, true or false."""

from __future__ import annotations

import re

from webscale_dagster.verifiers.outcome import Options, ParseError
from webscale_dagster.verifiers.phrases import tokens

_WORDS = dict.fromkeys(("yes", "true", "correct", "right", "y", "t", "yeah", "yep"), True) | (
    dict.fromkeys(("no", "false", "incorrect", "wrong", "n", "f", "nope", "untrue"), False)
)
_DECISIVE = frozenset({"yes", "no", "yeah", "yep", "nope"})
_NEGATIONS = frozenset({"not", "isnt", "wasnt", "arent", "never"})
_BEGINS = re.compile(r"\W*(?:true|false|(?:in)?correct|right|wrong)\s?[,:;.–—-]", re.IGNORECASE)
_ENDS = re.compile(r"[:?]\s+(yes|no)\W*$", re.IGNORECASE)  # Verdict: no.
_SIGN_BETWEEN = re.compile(r"\w[^\w\n]*[/|,;.?!:&–—-]+[^\w\n]*\w")
_NO_ANSWER = (("no", "idea"), ("no", "answer"), ("no", "clue"), ("no", "comment"))
_AROUND_WORDS = (
    "it that this is was are were would be not isnt wasnt arent never the a an statement claim"
    " answer assertion sentence definitely certainly clearly indeed absolutely probably likely so i"
    " think believe therefore thus hence in fact and or"
)
_AROUND = frozenset(_AROUND_WORDS.split()) | frozenset(_WORDS)
_MOST_WORDS = 60


def parse(text: str, options: Options) -> bool:
    """A yes or no at the start or the end decides; else the one polarity that the answer names."""
    del options
    words = tokens(text)
    if not words or len(words) > _MOST_WORDS:
        raise ParseError("neither yes nor no")
    if words[:2] in _NO_ANSWER or _names_both(text, words):
        raise ParseError("neither yes nor no")
    if words[0] in _DECISIVE and words[1:2] not in (("and",), ("or",)):
        return _WORDS[words[0]]
    ends = _ENDS.search(text)
    if ends and sum(word in _DECISIVE for word in words) == 1:
        return _WORDS[ends[1].lower()]
    if not (_BEGINS.match(text) or set(words) <= _AROUND):
        raise ParseError("neither yes nor no, but a sentence about something")
    found = set()
    for before, word in zip(("", *words), words, strict=False):
        # One-letter forms are yes or no only where they stand alone.
        if word in _WORDS and (len(word) > 1 or len(words) == 1):
            found.add(_WORDS[word] is not (before in _NEGATIONS))
    if len(found) != 1:
        raise ParseError("both yes and no" if found else "neither yes nor no")
    return found.pop()


def _names_both(text: str, words: tuple[str, ...]) -> bool:
    """``yes/no``, ``yes, no, maybe``: nothing else is said, and a sign or a third word is there."""
    if not all(word in _WORDS or word == "maybe" for word in words):
        return False
    both = len({_WORDS[word] for word in words if word in _WORDS}) == 2
    return both and (len(words) > 2 or bool(_SIGN_BETWEEN.search(text)))


def differs(answer: bool, truth: bool, options: Options) -> str | None:
    """Yes is not no."""
    del options
    return None if answer is truth else f"says {answer}, the truth is {truth}".lower()
