r"""Reads what an answer in mathematics is made of: values, lists, tuples, intervals, relations.

    x = 1 \or x = 2        a list of two values with a name
    - 1 < x \le 3          the interval (-1, 3]
    1200 _ { 7 }           a value with a unit, its base

Makes the ``Node`` that ``mathematics`` compares; reads and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from webscale_dagster.verifiers.expressions import TooLargeError, Tree, difference, expression
from webscale_dagster.verifiers.latex import (
    FUNCTIONS,
    SYMBOLS,
    Tokens,
    is_bracketed,
    parts,
)
from webscale_dagster.verifiers.outcome import ParseError

Kind = Literal["value", "list", "tuple", "union", "matrix", "named", "relation", "foreign"]

_SEPARATORS = frozenset([",", ";", r"\or"])
_ORDERS = {"<": ")", r"\le": "]", ">": "(", r"\ge": "["}
_RELATIONS = frozenset(["=", r"\ne", r"\approx", r"\in", *_ORDERS])
_BRACKETS = {r"\langle": "(", r"\rangle": ")"}
_NUMBER = re.compile(r"\d|\.\d")
_OPERATORS = frozenset(["+", "-", "/", "^", "!", r"\cdot", r"\frac", r"\sqrt", r"\pm"])
_OF_NAMES = frozenset(
    [r"\angle", r"\triangle", r"\overline", r"\vec", r"\mathbf", r"\dot", r"\ddot", "(", "|", "["]
)
_REALS = (r"\mathbb{R}", r"\R", r"\Reals")
_MOST_PARTS = 60


@dataclass(frozen=True)
class Node:
    """A piece of an answer; ``mark`` is its brackets, name, relation or unit, whatever it has."""

    kind: Kind
    tokens: Tokens
    parts: tuple[Node, ...] = ()
    mark: str = ""
    tree: Tree | None = None


def structure(tokens: Tokens) -> Node:
    """What the tokens say; ``ParseError`` where they say nothing that can be compared."""
    while tokens and tokens[-1] in (".", ",", ";"):
        tokens = tokens[:-1]
    if not tokens:
        raise ParseError("no mathematics in it")
    for read in (_listed, _united, _related, _enclosed, _plus_or_minus, _ratio):
        node = read(tokens)
        if node is not None:
            return node
    return _value(tokens)


def tree_of(tokens: Tokens) -> Tree | None:
    """The expression of the tokens, None where they are no plain expression."""
    try:
        return expression(tokens)
    except TooLargeError:
        raise
    except ParseError:
        return None


def _listed(tokens: Tokens) -> Node | None:
    pieces, separators = parts(tokens, _SEPARATORS)
    pieces = [piece for piece in pieces if piece]
    if not separators:
        return None
    nodes = _structures(pieces)
    ordered = all(set(_ORDERS) & set(piece) for piece in pieces)
    if ordered and set(separators) == {r"\or"}:  # x < 1 or x > 2
        return Node("union", tokens, nodes)
    return Node("list", tokens, nodes)


def _structures(pieces: Sequence[Tokens]) -> tuple[Node, ...]:
    if len(pieces) > _MOST_PARTS:
        raise ParseError(f"{len(pieces)} parts are too many")
    return tuple(map(structure, pieces))


def _united(tokens: Tokens) -> Node | None:
    pieces, separators = parts(tokens, frozenset([r"\cup"]))
    return Node("union", tokens, _structures(pieces)) if separators else None


def _related(tokens: Tokens) -> Node | None:
    pieces, signs = parts(tokens, _RELATIONS)
    if not signs:
        return None
    if not all(pieces):
        raise ParseError("a relation with nothing on one side")
    if set(signs) <= set(_ORDERS):
        return _interval(tokens, pieces, signs) or _relation(tokens, pieces, signs)
    if len(set(signs)) == 1 and signs[0] in ("=", r"\approx", r"\in"):
        return _equation(tokens, pieces, signs[0])
    return _relation(tokens, pieces, signs)


def _equation(tokens: Tokens, pieces: Sequence[Tokens], sign: str) -> Node:
    """A value with its name, ``x = 5``; or two sides, ``x + y = 5``."""
    left, right = pieces[0], pieces[-1]
    if _is_name(right) and not _is_name(left):
        left, right = right, left
    if sign == r"\approx" and not _is_name(left):
        return structure(left)
    tree = _between(left, right) if sign == "=" else None
    if _is_name(left):
        return Node("named", tokens, (structure(right),), "".join(left), tree)
    return Node("relation", tokens, (structure(right),), sign, tree)


def _relation(tokens: Tokens, pieces: Sequence[Tokens], signs: Sequence[str]) -> Node:
    if len(signs) > 1:
        return Node("foreign", tokens)
    tree = _between(pieces[0], pieces[1])
    return Node("relation" if tree else "foreign", tokens, (), signs[0], tree)


def _between(left: Tokens, right: Tokens) -> Tree | None:
    one, other = tree_of(left), tree_of(right)
    return difference(one, other) if one and other else None


def _interval(tokens: Tokens, pieces: Sequence[Tokens], signs: Sequence[str]) -> Node | None:
    r"""``2 < x`` and ``-1 < x \le 3``, where x is a symbol and the bounds have none."""
    names = [
        place
        for place, piece in enumerate(pieces)
        if _is_name(piece) and piece[0] not in ("|", "(", "[")
    ]
    if len(names) != 1 or len(pieces) > 3 or len({_ORDERS[sign] in ")]" for sign in signs}) > 1:
        return None
    if names[0] != 1 and len(pieces) == 3:
        return None
    if _ORDERS[signs[0]] in "([":  # read from right to left
        turned = {">": "<", r"\ge": r"\le"}
        pieces, signs = pieces[::-1], [turned[sign] for sign in reversed(signs)]
        names = [len(pieces) - 1 - names[0]]
    low: Tokens = ("-", r"\infty") if names[0] == 0 else pieces[0]
    high: Tokens = (r"\infty",) if names[0] == len(pieces) - 1 else pieces[-1]
    opening = "(" if names[0] == 0 or signs[0] == "<" else "["
    closing = ")" if names[0] == len(pieces) - 1 or signs[-1] == "<" else "]"
    nodes = (structure(low), structure(high))
    return Node("tuple", (opening, *low, ",", *high, closing), nodes, opening + closing)


def _is_name(tokens: Tokens) -> bool:
    r"""A symbol, a call (``f(2)``), or what geometry calls things (``\angle ABC``)."""
    first = tokens[0]
    letters = first.isalpha() or first in SYMBOLS or first in _OF_NAMES
    holds = any(token.isalpha() or token in SYMBOLS for token in tokens)
    return letters and holds and not set(tokens) & (_OPERATORS | {rf"\{f}" for f in FUNCTIONS})


def _enclosed(tokens: Tokens) -> Node | None:
    if len(tokens) == 1 and tokens[0] in _REALS:
        return structure(("(", "-", r"\infty", ",", r"\infty", ")"))
    if not is_bracketed(tokens):
        return None
    opening, inner, closing = tokens[0], tokens[1:-1], tokens[-1]
    if opening == r"\begin{matrix}":
        return _matrix(tokens, inner)
    pieces, separators = parts(inner, _SEPARATORS)
    if not separators or not all(pieces):
        simple = opening in ("(", "{", r"\{") and inner
        return structure(inner) if simple else None
    if opening == "[" and all(is_bracketed(piece) and piece[0] == "[" for piece in pieces):
        return Node("matrix", tokens, tuple(_row(piece[1:-1], ",") for piece in pieces))
    nodes = _structures(pieces)
    if opening in (r"\{", "{"):
        return Node("list", tokens, nodes, "{}")
    mark = _BRACKETS.get(opening, opening) + _BRACKETS.get(closing, closing)
    return Node("tuple", tokens, nodes, mark)


def _matrix(tokens: Tokens, inner: Tokens) -> Node:
    rows = [_row(row, "&") for row in parts(inner, frozenset([r"\cr"]))[0] if row]
    if rows and all(len(row.parts) == 1 for row in rows):
        return Node("tuple", tokens, tuple(row.parts[0] for row in rows), "()")  # a vector
    return Node("matrix", tokens, tuple(rows))


def _row(tokens: Tokens, separator: str) -> Node:
    return Node("tuple", tokens, _structures(parts(tokens, frozenset([separator]))[0]), "[]")


def _plus_or_minus(tokens: Tokens) -> Node | None:
    if tokens.count(r"\pm") != 1 or r"\mp" in tokens:
        return None
    at = tokens.index(r"\pm")
    made = [(*tokens[:at], sign, *tokens[at + 1 :]) for sign in ("+", "-")]
    return Node("list", tokens, tuple(map(structure, made)))


def _ratio(tokens: Tokens) -> Node | None:
    pieces, separators = parts(tokens, frozenset([":"]))
    if not separators or not all(pieces):
        return None
    nodes = _structures(pieces)
    trees = [node.tree for node in nodes if node.tree and not node.mark]
    if len(trees) == len(nodes) == 2 and not _is_time(pieces):
        quotient = Tree("*", (trees[0], Tree("inverse", (trees[1],))))
        return Node("value", tokens, tree=quotient)
    return Node("tuple", tokens, nodes, ":")


def _is_time(pieces: Sequence[Tokens]) -> bool:
    """Whether it is a time of day, as 4:30, and not the ratio of 4 to 30."""
    hour, minute = ("".join(piece) for piece in pieces)
    return hour.isdigit() and minute.isdigit() and len(hour) < 3 and len(minute) == 2


def _value(tokens: Tokens) -> Node:
    bare, unit = _measured(tokens)
    tree = tree_of(bare)
    if tree is None and any(token.startswith(r"\text") for token in bare):
        raise ParseError("words within mathematics")
    return Node("value" if tree else "foreign", bare, (), unit, tree)


def _measured(tokens: Tokens) -> tuple[Tokens, str]:
    """A value without its unit, and the unit: words, a degree, a percent sign, a base."""
    power = ""
    bare = tokens
    if bare[-4:-2] == ("^", "{") and bare[-5:-4] and bare[-5].startswith(r"\text"):
        bare, power = bare[:-4], bare[-2]
    last = bare[-1]
    if last.startswith(r"\text") and len(bare) > 1:
        words = last[last.index("{") + 1 : -1].casefold().replace(".", "").split()
        for square, two in (("square", "2"), ("sq", "2"), ("cubic", "3"), ("cu", "3")):
            if words[:1] == [square]:
                words, power = words[1:], two
        unit = " ".join(word if len(word) < 4 else word.removesuffix("s") for word in words)
        return bare[:-1], {"degree": "°", "percent": "%"}.get(unit, unit) + power
    if last == "%" and len(tokens) > 1:
        return tokens[:-1], last
    if last == "°" and not any(rf"\{name}" in tokens for name in FUNCTIONS):
        return tokens[:-1], last
    if tokens[-4:-2] == ("_", "{") and len(tokens) in (5, 6) and _NUMBER.match(tokens[-5]):
        return tokens[:-4], f"base {tokens[-2]}"
    return tokens, ""
