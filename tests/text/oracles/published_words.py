"""spaCy's English tokenizer with the classes of our kernels, in plain Python and expressions.

It goes about it as spaCy does: expressions for affixes, a dictionary of special words.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

import numpy as np

from webscale_dagster.text.kernels import published_characters as kinds
from webscale_dagster.text.kernels.published_exceptions import special_words, units

Span = tuple[int, int]
SPECIAL = special_words()


def char_class(flags: int) -> str:
    """An expression for the characters with any of the flags."""
    places = np.flatnonzero(kinds.classes() & flags)
    firsts = places[np.diff(places, prepend=-2) > 1]
    lasts = places[np.diff(places, append=1 << 30) > 1]
    return "".join(
        f"\\U{first:08x}-\\U{last:08x}" for first, last in zip(firsts, lasts, strict=True)
    )


@lru_cache(maxsize=1)
def _expressions() -> dict[str, re.Pattern[str]]:
    letter, lower, upper = map(char_class, (kinds.LETTER, kinds.LOWER, kinds.UPPER))
    quote, currency = char_class(kinds.QUOTE), char_class(kinds.CURRENCY)
    prefixes = [f"[{char_class(kinds.PREFIX)}]", r"\+(?![0-9])", r"\.\.+", r"US\$", r"C\$", r"A\$"]
    suffixes = [
        "……",
        f"[{char_class(kinds.SUFFIX)}]",
        r"\.\.+",
        "['’][sS]",
        r"(?<=[0-9])\+",
        r"(?<=°[FfCcKk])\.",
        rf"(?<=[0-9])(?:[{currency}]|US\$|C\$|A\$)",
        rf"(?<=[0-9])(?:{'|'.join(map(re.escape, units()))})",
        rf"(?<=[{char_class(kinds.BEFORE_STOP)}])\.",
        rf"(?<=[{upper}][{upper}])\.",
    ]
    infixes = [
        r"\.\.+",
        f"[…{char_class(kinds.ICON)}]",
        r"(?<=[0-9])[+\-*^](?=[0-9-])",
        rf"(?<=[{lower}{quote}])\.(?=[{upper}{quote}])",
        rf"(?<=[{letter}]),(?=[{letter}])",
        rf"(?<=[{letter}0-9])(?:-|–|—|--|---|——|~)(?=[{letter}])",
        rf"(?<=[{letter}0-9])[:<>=/](?=[{letter}])",
    ]
    edge = r"[A-Za-z0-9\u00a1-\U0010ffff]"
    label = rf"{edge}(?:(?:{edge}|[_-]){{0,62}}{edge})?"
    host = rf"(?:{label}\.)+[{lower}]{{2,63}}(?:[/?#].*|:[0-9].*|:)?"
    return {
        "prefix": re.compile("|".join(prefixes)),
        "suffix": re.compile("|".join(f"(?:{suffix})$" for suffix in suffixes)),
        "infix": re.compile("|".join(infixes)),
        "address": re.compile(rf"(?:.+@|[{letter}0-9_+.-]*://)?{host}", re.DOTALL),
    }


def split_words(text: str) -> list[Span]:
    """Where the words of a text begin and end; whitespace is no word."""
    return [span for chunk in re.finditer(r"\S+", text) for span in _chunk(*chunk.span(), text)]


def _chunk(start: int, end: int, text: str) -> list[Span]:
    special, find = SPECIAL, _expressions()
    fronts: list[Span] = []
    backs: list[Span] = []
    size = -1
    while start < end and end - start != size and text[start:end] not in special:
        size = end - start
        found = find["prefix"].match(text[start:end])
        front = found.end() if found else 0
        if front and text[start + front : end] in special:
            fronts.append((start, start + front))
            start += front
            break
        found = find["suffix"].search(text[start + front : end])
        back = found.end() - found.start() if found else 0
        if back and text[start : end - back] in special:
            backs.append((end - back, end))
            end -= back
            break
        if front:
            fronts.append((start, start + front))
        if back:
            backs.append((end - back, end))
        start, end = start + front, end - back
    return _merged([*fronts, *_rest(start, end, text), *reversed(backs)], text)


def _rest(start: int, end: int, text: str) -> list[Span]:
    """What is left between affixes: a special word, an address, or cut at infixes."""
    rest = text[start:end]
    if not rest:
        return []
    if rest in SPECIAL:
        return _pieces(start, rest)
    if _expressions()["address"].fullmatch(rest):
        return [(start, end)]
    cuts = [found.span() for found in _expressions()["infix"].finditer(rest) if found.start()]
    places = [0, *(place for cut in cuts for place in cut), len(rest)]
    spans = pairwise(places)
    return [(start + first, start + last) for first, last in spans if first < last]


def _pieces(start: int, word: str) -> list[Span]:
    spans = []
    for piece in SPECIAL[word]:
        spans.append((start, start + len(piece)))
        start += len(piece)
    return spans


def _merged(spans: list[Span], text: str) -> list[Span]:
    """Neighbours that together are a special word, not of letters alone, become it."""
    found: list[Span] = []
    at = 0
    while at < len(spans):
        start = spans[at][0]
        lasts = [
            last
            for last in range(at + 1, len(spans))
            if (word := text[start : spans[last][1]]) in SPECIAL
            and not word.isalpha()
            and len(SPECIAL[word]) <= last + 1 - at
        ]
        found += _pieces(start, text[start : spans[lasts[-1]][1]]) if lasts else [spans[at]]
        at = (lasts[-1] if lasts else at) + 1
    return found
