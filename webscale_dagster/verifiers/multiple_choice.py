"""The answer type ``multiple_choice``: a letter, or the text of a choice.

Option ``choices``: the texts in order (A, B, …), or a mapping of letters to texts. Without it only
letters can be read.
"""

from __future__ import annotations

import re
import string

from webscale_dagster.verifiers.outcome import OptionError, Options, ParseError
from webscale_dagster.verifiers.phrases import same_words, tokens, without_articles

_LETTER = re.compile(
    r"^(?:(?:option|choice|answer|letter)\s+)?([(\[]?)([A-Za-z])([)\]]?)"
    r"(\s*[).:,–—-]\s*|\s+|$)(.*)$",
    re.DOTALL | re.IGNORECASE,
)
_JOINED = re.compile(r"^(?:and|or|&|,|/)\s*[(\[]?[A-Za-z][)\]]?(?![A-Za-z])", re.IGNORECASE)

_ANOTHER = re.compile(
    r"^[(\[]?[A-Za-z][)\]]?(?!\w|\s\w)|\bor\b.*\b[A-Z]\b\W*$|^no\b|^(?:is|was)\b.*"
    r"\b(?:not|wrong|incorrect|false)\b"
)


def parse(text: str, options: Options) -> str:
    """The letter of the choice that the answer names."""
    choices = _choices(options)
    match = _LETTER.match(text.strip())
    named = [letter for letter, choice in choices.items() if _same(text, choice)]
    # `A) Paris` says A, whatever Paris is; `A Paris` may be the text of a choice.
    if named and not (match and (match[1] or match[3] or match[4].strip())):
        return named[0]
    if match is None:
        raise ParseError("neither a letter nor the text of a choice")
    letter, rest = match[2].upper(), match[5].strip().strip("()[]")
    if choices and letter not in choices:
        raise ParseError(f"there is no choice {letter}")
    if _JOINED.match(rest):
        raise ParseError("more than one letter")
    if rest and choices and not _same(rest, choices[letter]):
        raise ParseError(f"the text after the letter is not choice {letter}")
    if rest and not choices:
        if not (match[3] or match[4].strip()):  # `A dog` is no choice
            raise ParseError("neither a letter nor the text of a choice")
        if _ANOTHER.search(rest):
            raise ParseError("more than one letter, or a denial")
    return letter


def differs(answer: str, truth: str, options: Options) -> str | None:
    """Another letter is another choice."""
    del options
    return None if answer == truth else f"chooses {answer}, the truth is {truth}"


def _choices(options: Options) -> dict[str, str]:
    given = options.get("choices")
    if given is None:
        return {}
    if isinstance(given, dict):
        pairs = [(str(letter).upper(), text) for letter, text in given.items()]
    elif isinstance(given, (list, tuple)) and len(given) <= len(string.ascii_uppercase):
        pairs = list(zip(string.ascii_uppercase, given, strict=False))
    else:
        raise OptionError("choices must be a list of at most 26 texts, or map letters to texts")
    if not pairs or any(not isinstance(text, str) or not tokens(text) for _, text in pairs):
        raise OptionError("choices must be texts with a letter or digit in each")
    return dict(pairs)


def _same(one: str, other: str) -> bool:
    return same_words(without_articles(tokens(one)), without_articles(tokens(other)))
