r"""Reads arrangements from an answer: who has what (an assignment), or who comes when (an order).

    Alice: red; Bob: blue   |   Bob has the blue house, Alice the red one   |   {"Alice": "red", …}
    Ann, Ben, Cy   |   Ann > Ben > Cy   |   1. Ann 2. Ben 3. Cy   |   from right to left: Cy, Ben, …

Names are compared without case, accents and articles. Reads and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webscale_dagster.verifiers.number_words import ORDINALS
from webscale_dagster.verifiers.outcome import ParseError
from webscale_dagster.verifiers.phrases import tokens, without_articles
from webscale_dagster.verifiers.strict_json import loads

_MOST_NAMES = 200

_FENCE = re.compile(r"^\s*(?:```|~~~)\w*\s*$|`", re.MULTILINE)
_BULLET = re.compile(r"^\s*(?:[-*•–]\s+)")
_IS = re.compile(r"\s*(?::|=>|->|→|↦|=)\s*")
_CLAUSE = re.compile(r"[;\n]+")
_PIECE = re.compile(r"[,;\n]+|\s+(?:and|then)\s+|\.\s+")
_CHAIN = re.compile(r"\s*(>|<|→|->|⇒)\s*")
_NUMBERED = re.compile(r"(?:(?<=^)|(?<=[\s,;]))\(?(\d{1,2})[.):]\s*(?=\D)")
_LEAD_IN = re.compile(
    r"^[^:\n]*\b(?:order|ordering|sequence|ranking|left|right|top|bottom|first|last|follows)[^:\n]*:",
    re.IGNORECASE,
)
_BACKWARDS = re.compile(
    r"\b(?:right[- ]to[- ]left|last[- ]to[- ]first|reversed?|backwards)\b", re.IGNORECASE
)
_POSSESSIVE = re.compile(r"['’]s\b")
_DENYING = (
    "not never neither nor none isnt wasnt arent werent doesnt dont didnt hasnt cannot cant wont"
    " or either wrong false incorrect untrue unless except but than instead unlike impossible"
    " opposite contrary maybe perhaps"
)
_DENIALS = frozenset(_DENYING.split())
_FIGURES = "1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th"
_ORDINALS = {
    word: place
    for words in (ORDINALS[:10], _FIGURES.split())
    for place, word in enumerate(words, start=1)
}


@dataclass(frozen=True)
class Order:
    """Names from first to last; ``sign`` is ``<`` or ``>`` where those stood between them."""

    names: tuple[str, ...]
    sign: str = ""


def key(name: str) -> str:
    """A name as names are compared."""
    return " ".join(without_articles(tokens(name)))


def refuse_denial(text: str, names: Collection[str]) -> None:
    """Raises ``ParseError`` where a text denies what it says, leaves it open, or hides it."""
    named = {word for name in names for word in name.split()}
    denials = sorted(_DENIALS & set(tokens(text)) - named)
    if denials or "<!--" in text:
        raise ParseError(f"a denial or a choice: {denials[0] if denials else '<!--'!r}")


def stated_pairs(text: str) -> dict[str, str] | None:
    """The assignment that a text spells out pair by pair; None where it spells out none."""
    text = _FENCE.sub("", text).strip()
    loaded = _loaded(text)
    if isinstance(loaded, dict):
        return _unique((key(item), key(value)) for item, value in _flat(loaded))
    rows = _table(text)
    if rows:
        return _unique(rows)
    clauses = [_BULLET.sub("", clause) for clause in _CLAUSE.split(text) if clause.strip()]
    if len(clauses) == 1:
        clauses = text.split(",")
    pairs = [_IS.split(clause) for clause in clauses]
    if len(pairs) < 2 or any(len(pair) != 2 or not all(map(key, pair)) for pair in pairs):
        return None
    return _unique((key(item), key(value)) for item, value in pairs)


def assignment(text: str, items: Collection[str], values: Collection[str]) -> dict[str, str]:
    """The value of each item; ``ParseError`` for unknown names, and items with no or two values."""
    pairs = stated_pairs(text)
    turned = pairs and set(pairs) <= set(values) and set(pairs.values()) <= set(items)
    if pairs and turned and not set(pairs) <= set(items):  # {"red": "Alice"}
        pairs = _unique([(item, value) for value, item in pairs.items()])
    if pairs is None or not set(pairs) <= set(items):
        pairs = _unique(_told(text, items, values))
    _complete(pairs, items)
    unknown = sorted(set(pairs.values()) - set(values))
    if unknown:
        raise ParseError(f"unknown value {unknown[0]!r}")
    return pairs


def stated_order(text: str) -> Order:
    """The order that a text spells out, from first to last."""
    text = _FENCE.sub("", text).strip()
    backwards = _BACKWARDS.search(text) is not None
    text = _LEAD_IN.sub("", text).strip()
    text = text if '"' in text else text.strip("[]")
    loaded = _loaded(text)
    signs = (
        set(_CHAIN.findall(text)) & {"<", ">"} if not isinstance(loaded, (list, dict)) else set()
    )
    if len(signs) > 1:
        raise ParseError("both < and > between names")
    pieces = _pieces(text, loaded)
    placed = [_place(piece) for piece in pieces]
    if all(place is not None for place, _ in placed):
        placed.sort(key=lambda pair: pair[0] or 0)
        if [place for place, _ in placed] != list(range(1, len(placed) + 1)):
            raise ParseError("positions that are not 1, 2, 3 …")
    names = [name for _, name in placed]
    if not names or len(names) > _MOST_NAMES:
        raise ParseError("no order of names in it")
    return Order(tuple(reversed(names) if backwards else names), "".join(signs))


def order(text: str, items: Collection[str]) -> Order:
    """The order of all items; ``ParseError`` for unknown, doubled and missing ones."""
    stated = stated_order(text)
    names = []
    for piece in stated.names:
        found = _named(piece.split(), items)
        if len(found) != 1:
            raise ParseError(f"{piece[:40]!r} is not the name of one item")
        names += found
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ParseError(f"{doubled[0]!r} stands there twice")
    _complete(dict.fromkeys(names, ""), items)
    return Order(tuple(names), stated.sign)


def _complete(placed: Mapping[str, str], items: Collection[str]) -> None:
    unknown, missing = sorted(set(placed) - set(items)), sorted(set(items) - set(placed))
    if unknown:
        raise ParseError(f"unknown item {unknown[0]!r}")
    if missing:
        raise ParseError(f"nothing about {missing[0]!r}")


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    made: dict[str, str] = {}
    for item, value in pairs:
        if item in made:
            raise ParseError(f"{item!r} is assigned twice")
        made[item] = value
    if len(made) > _MOST_NAMES:
        raise ParseError(f"{len(made)} items are too many")
    return made


def _loaded(text: str) -> Any:
    if not text.startswith(("{", "[")) or '"' not in text:
        return None
    return loads(text)


def _flat(loaded: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Pairs of an object; ``{"House 1": {"colour": "red"}}`` has the item ``House 1 colour``."""
    for name, value in loaded.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name} ")
        elif isinstance(value, (str, int, float)):
            yield before + name, str(value)
        else:
            raise ParseError(f"{name!r} has no single value")


def _table(text: str) -> list[tuple[str, str]]:
    """Pairs of a Markdown table, each cell under the name of its row and column."""
    lines = [line.strip().strip("|").split("|") for line in text.split("\n") if "|" in line]
    rows = [[cell.strip() for cell in line] for line in lines]
    if len(rows) < 3 or not all(re.fullmatch(r":?-+:?", cell) for cell in rows[1]):
        return []
    head, body = rows[0], rows[2:]
    if any(len(row) != len(head) for row in body) or len(head) < 2:
        raise ParseError("a table with rows of different lengths")
    if len(head) == 2:
        return [(key(row[0]), key(row[1])) for row in body]
    return [
        (key(f"{row[0]} {name}"), key(cell))
        for row in body
        for name, cell in zip(head[1:], row[1:], strict=True)
    ]


def _told(text: str, items: Collection[str], values: Collection[str]) -> Iterator[tuple[str, str]]:
    """Pairs of sentences that name an item and a value: ``Alice has the red house``."""
    for clause in _PIECE.split(_FENCE.sub("", text)):
        words = tokens(clause)
        names = _named(words, {*items, *values})
        if len(names) == 1:
            names = _named(tokens(_POSSESSIVE.sub("", clause)), {*items, *values})
        if not names:
            sides = _IS.split(clause.strip())
            if len(sides) == 2 and all(0 < len(tokens(side)) < 4 for side in sides):
                raise ParseError(f"unknown names in {clause.strip()[:60]!r}")
            continue
        if len(names) == 2 and names[0] in items and names[1] in values:
            yield names[0], names[1]
        elif len(names) == 2 and names[1] in items and names[0] in values:
            yield names[1], names[0]
        else:
            raise ParseError(f"not one item with one value: {clause.strip()[:60]!r}")


def _named(words: Sequence[str], names: Collection[str]) -> list[str]:
    """The names among words, from left to right; the longest where several begin."""
    known = sorted((tuple(name.split()) for name in names), key=len, reverse=True)
    found, at = [], 0
    while at < len(words):
        match = next((name for name in known if tuple(words[at : at + len(name)]) == name), ())
        found += [" ".join(match)] if match else []
        at += len(match) or 1
    return found


def _pieces(text: str, loaded: Any) -> list[str]:
    if isinstance(loaded, list):
        return [str(item) for item in loaded]
    if isinstance(loaded, dict):
        return [f"{place}. {name}" for place, name in loaded.items()]
    if _CHAIN.search(text):
        return _CHAIN.sub("\n", text).split("\n")
    if len(_NUMBERED.findall(text)) > 1:
        text = _NUMBERED.sub(r"\n\1. ", text)
        return [line.strip(" ,;") for line in text.split("\n") if line.strip(" ,;")]
    pieces = [_BULLET.sub("", piece).strip() for piece in _PIECE.split(text)]
    return [re.sub(r"^(?:and|then)\s+", "", piece) for piece in pieces if piece]


def _place(piece: str) -> tuple[int | None, str]:
    """The position that a piece names, if any, and its other words."""
    numbered = re.match(r"\s*(\d{1,2})[.):]\s*(.+)", piece, re.DOTALL)
    if numbered:
        return int(numbered[1]), key(numbered[2])
    words = without_articles(tokens(piece))
    places = [word for word in words if word in _ORDINALS]
    if len(places) == 1 and len(words) > 1:
        return _ORDINALS[places[0]], " ".join(word for word in words if word != places[0])
    return None, " ".join(words)
