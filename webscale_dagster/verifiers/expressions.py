r"""Reads a mathematical expression from its tokens: sums of products of powers.

    \frac { x ^ { 2 } } { 3 } - 1     ->     + ( * ( ^ ( x, 2 ), inverse ( 3 ) ), - ( 1 ) )

What this grammar lacks (integrals, sums, sets) raises ``ParseError``. Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from webscale_dagster.verifiers.latex import CLOSING, FUNCTIONS, SYMBOLS, closing
from webscale_dagster.verifiers.outcome import ParseError

_MOST_DIGITS = 400
_GROUPS = frozenset(["(", "[", "{", r"\{"])
_TIMES = frozenset([r"\cdot", "/"])
_MARKS = "dot ddot vec hat bar tilde overline mathcal mathbf"
_MARKED = frozenset(rf"\{name}" for name in _MARKS.split())
_CALLED = frozenset(rf"\{name}" for name in FUNCTIONS)
_INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}
_DIFFERENTIALS = (("d",), (r"\partial",))


class TooLargeError(ParseError):
    """An expression that would take too long to compute."""


@dataclass(frozen=True)
class Tree:
    """An expression: a number, a symbol, or an operation on its parts."""

    head: str
    parts: tuple[Tree, ...] = ()
    number: Fraction = Fraction(0)

    def symbols(self) -> frozenset[str]:
        """The heads of its symbols."""
        if self.head.startswith("symbol "):
            return frozenset([self.head])
        return frozenset[str]().union(*(part.symbols() for part in self.parts))

    def has(self, head: str) -> bool:
        """Whether an operation occurs in it."""
        return self.head == head or any(part.has(head) for part in self.parts)


def number(value: Fraction | int) -> Tree:
    """A number as an expression."""
    return Tree("number", number=Fraction(value))


def difference(one: Tree, other: Tree) -> Tree:
    """One expression minus another."""
    return Tree("+", (one, Tree("-", (other,))))


def expression(tokens: Sequence[str]) -> Tree:
    """The expression that all the tokens make."""
    reader = _Reader(tokens)
    tree = reader.sum()
    if reader.next() is not None:
        raise ParseError(f"{reader.next()} was not expected")
    return tree


class _Reader:
    """A cursor over tokens."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self.at = 0
        self.bars = 0  # absolute values that are open

    def next(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> str:
        token = self.next()
        if token is None:
            raise ParseError("the expression ends too early")
        self.at += 1
        return token

    def took(self, token: str) -> bool:
        self.at += (found := self.next() == token)
        return found

    def sum(self) -> Tree:
        terms = [self.signed(self.product)]
        while self.next() in ("+", "-"):
            terms.append(self.signed(self.product))
        return terms[0] if len(terms) == 1 else Tree("+", tuple(terms))

    def signed(self, read: Callable[[], Tree]) -> Tree:
        negative = False
        while self.next() in ("+", "-"):
            negative ^= self.take() == "-"
        return Tree("-", (read(),)) if negative else read()

    def product(self) -> Tree:
        factors = [self.power()]
        while self.goes_on():
            if self.next() in _TIMES:
                divides = self.take() == "/"
                factor = self.signed(self.power)
                factors.append(Tree("inverse", (factor,)) if divides else factor)
            else:
                factors.append(self.power())
        return factors[0] if len(factors) == 1 else Tree("*", tuple(factors))

    def goes_on(self) -> bool:
        token = self.next()
        ends = token is None or token in CLOSING or token in "+-" or (token == "|" and self.bars)
        return not ends

    def power(self) -> Tree:
        levels = [self.primary()]
        if self.took("!"):
            levels = [Tree("!", tuple(levels))]
        while self.took("^"):
            levels.append(self.primary())
        if len(levels) > 4 or self.next() == "!":
            raise TooLargeError("a tower of powers or factorials")
        tree = levels.pop()
        while levels:
            tree = Tree("^", (levels.pop(), tree))
        if self.took("°"):
            return Tree("*", (tree, Tree("pi"), number(Fraction(1, 180))))
        return tree

    def primary(self) -> Tree:
        token = self.take()
        if token in _GROUPS:
            return self.inside()
        if token == "|":
            return self.absolute()
        if token.lstrip(".")[:1].isdigit():
            return self.numeral(token)
        if token in _CALLED:
            return self.function(token[1:])
        return self.command(token)

    def inside(self) -> Tree:
        """What stands in brackets, of which the first is taken."""
        bars, self.bars = self.bars, 0
        tree = self.sum()
        self.bars = bars
        if self.take() not in CLOSING:
            raise ParseError("a bracket that is not closed")
        return tree

    def absolute(self) -> Tree:
        self.bars += 1
        tree = Tree("abs", (self.sum(),))
        self.bars -= 1
        if self.take() != "|":
            raise ParseError("a bar that is not closed")
        return tree

    def numeral(self, token: str) -> Tree:
        digits, _, exponent = token.lower().partition("e")
        if len(digits) > _MOST_DIGITS or len(exponent) > 4:
            raise TooLargeError("a number with too many digits")
        plain = number(Fraction(token))
        following = self.next() or ""
        if following[:1].isdigit() or following == "_":
            raise ParseError("two numbers side by side")
        if following == r"\overline" and "." in token:
            return self.repeating(token)
        if following == r"\frac" and token.isdigit():
            fraction = self.primary()
            mixed = all(part.has("number") and not part.symbols() for part in fraction.parts)
            return Tree("+" if mixed else "*", (plain, fraction))  # 1\frac{1}{2} is a half more
        return plain

    def repeating(self, token: str) -> Tree:
        self.take()
        digits = "".join(self.group())
        if not digits.isdigit():
            raise ParseError("a bar over what is no digit")
        places = len(token) - token.index(".") - 1
        return number(Fraction(token) + Fraction(int(digits), (10 ** len(digits) - 1) * 10**places))

    def group(self) -> tuple[str, ...]:
        """The tokens of the next group in braces, or the next token."""
        if self.next() != "{":
            return (self.take(),)
        end = closing(self.tokens, self.at)
        inner = self.tokens[self.at + 1 : end]
        self.at = end + 1
        return inner

    def function(self, name: str) -> Tree:
        base = (expression(self.group()),) if self.took("_") else ()
        if base and name != "log":
            raise ParseError(f"a subscript of {name}")
        exponent = expression(self.group()) if self.took("^") else None
        if self.next() in _GROUPS or self.next() == "|":
            argument = self.primary()
        else:
            argument = Tree("*", tuple(self.implicit()))
        if exponent == Tree("-", (number(1),)) and name in _INVERSES:
            return Tree(_INVERSES[name], (argument,))
        call = Tree(name, (argument, *base))
        return Tree("^", (call, exponent)) if exponent else call

    def implicit(self) -> Iterator[Tree]:
        """The argument of a function without brackets: the factors that follow."""
        yield self.power()
        stops = _CALLED | _TIMES | _GROUPS | {"|"}
        while self.goes_on() and self.next() not in stops:
            yield self.power()

    def command(self, token: str) -> Tree:
        if token == r"\pi":
            return Tree("pi")
        if token == r"\sqrt":
            degree = self.primary() if self.next() == "[" else number(2)
            return Tree("root", (self.primary(), degree))
        if token == r"\frac":
            return self.fraction()
        if token == r"\binom":
            return Tree("binom", (self.primary(), self.primary()))
        if token in (r"\lfloor", r"\lceil"):
            return Tree("floor" if token == r"\lfloor" else "ceil", (self.inside(),))
        return self.symbol(token)

    def fraction(self) -> Tree:
        start = self.at
        over, under = self.group(), self.group()
        if over[:1] == under[:1] and over[:1] in _DIFFERENTIALS and len(under) > 1:
            return Tree("symbol " + "".join(self.tokens[start : self.at]))  # a derivative
        return Tree("*", (expression(over), Tree("inverse", (expression(under),))))

    def symbol(self, token: str) -> Tree:
        name = token
        if token in _MARKED:
            name += "".join(self.group())
        elif not (token.isalpha() or token in SYMBOLS):
            raise ParseError(f"{token} was not expected")
        while self.next() in ("_", "'"):
            name += self.take()
            name += "".join(self.group()) if name[-1] == "_" else ""
        if self.tokens[self.at : self.at + 3] == ("(", "0", ")"):
            self.at += 3  # I(0) is a value of I, not a product
            name += "(0)"
        return Tree(name) if name in ("e", "i") else Tree("symbol " + name)
