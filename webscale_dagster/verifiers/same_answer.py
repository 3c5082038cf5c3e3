"""Whether two ground truths may be the same answer, by rules that no verifier has a part in.

    5 km, 5000 m    Paris, Paris in France    12, a dozen    Müller, Mueller    yes, correct

The self-check draws truths of other examples, which a verifier must reject; a truth that may be
right after all would accuse a good verifier. So two that share as little as a number, or without
numbers the beginning of a word, count as the same here. Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from webscale_dagster.verifiers import boolean
from webscale_dagster.verifiers.number import tolerance_of
from webscale_dagster.verifiers.numerals import numerals, plain
from webscale_dagster.verifiers.outcome import OptionError, Options, ParseError
from webscale_dagster.verifiers.phrases import tokens
from webscale_dagster.verifiers.quantities import quantity
from webscale_dagster.verifiers.wordings import FUNCTION_WORDS

_BEGINNING = 3  # letters of a word
_CLOSE = Fraction(2, 100)  # converted values are rounded by at most 1 %
_LAST_LATIN = "\u024f"


@dataclass(frozen=True)
class Print:
    """What is compared of a truth and all that is accepted beside it."""

    beginnings: frozenset[str]
    joined: tuple[str, ...]  # each accepted text without spaces
    initials: frozenset[str]
    values: frozenset[Fraction]  # of its numbers, as they stand and in base units
    polarity: frozenset[bool]
    foreign: bool


def fingerprint(truth: str, options: Options) -> Print:
    """A truth's print; its aliases, and a choice beside its letter, are among it."""
    texts = [truth, *_aliases(options), *_choice(truth, options)]
    said = [tokens(text) for text in texts]
    counting = [[w for w in words if w not in FUNCTION_WORDS] or list(words) for words in said]
    return Print(
        beginnings=frozenset(word[:_BEGINNING] for words in counting for word in words),
        joined=tuple("".join(words) for words in said if words),
        initials=frozenset("".join(w[0] for w in words) for words in counting if len(words) > 1),
        values=frozenset(value for text in texts for value in _values(text)),
        polarity=frozenset(found for text in texts for found in _polarity(text)),
        foreign=any(char.isalpha() and char > _LAST_LATIN for text in texts for char in text),
    )


def may_be_same(one: Print, other: Print, options: Options) -> bool:
    """Whether two truths may be one answer; ``options`` are those of the first."""
    if any(a in b or b in a for a in one.joined for b in other.joined):
        return True
    if one.values and other.values:  # whatever else they say: 5 km is not 7 km
        return any(_near(a, b, options) for a in one.values for b in other.values)
    return (
        bool(one.beginnings & other.beginnings)
        or bool(one.initials & set(other.joined) or other.initials & set(one.joined))
        or bool(one.polarity & other.polarity)
        or one.foreign != other.foreign
    )


def _aliases(options: Options) -> list[str]:
    given = options.get("aliases") or ()
    return [given] if isinstance(given, str) else [str(alias) for alias in given]


def _choice(truth: str, options: Options) -> list[str]:
    """The text of the choice that a letter names."""
    choices = options.get("choices") or ()
    if isinstance(choices, Mapping):
        return [str(text) for letter, text in choices.items() if letter == truth.strip()]
    place = ord(truth.strip().upper()) - ord("A") if len(truth.strip()) == 1 else -1
    return [str(choices[place])] if 0 <= place < len(choices) else []


def _values(text: str) -> list[Fraction]:
    normal = plain(text)
    try:
        found = [number.value for number in numerals(normal)]
        return [*found, quantity(normal).base()] if found else []
    except ParseError:
        return []


def _polarity(text: str) -> list[bool]:
    try:
        return [boolean.parse(text, {})]
    except ParseError:
        return []


def _near(one: Fraction, other: Fraction, options: Options) -> bool:
    if _may_be_year(one) and _may_be_year(other):
        return one == other
    try:
        allowed = tolerance_of(options, one)
    except OptionError:
        allowed = Fraction(0)
    return abs(one - other) <= max(allowed, _CLOSE * abs(one))


def _may_be_year(value: Fraction) -> bool:
    return value.denominator == 1 and 1000 <= value < 3000
