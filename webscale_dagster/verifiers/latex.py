r"""Brings mathematics, in LaTeX or plain text, into one spelling: ``\dfrac12`` and ``(1)/(2)``.

    $\left(-\infty,\,\dfrac12\right]$     ->     ( - \infty , \frac { 1 } { 2 } ]

Makes the tokens that ``expressions`` and ``mathematics`` read; reads and writes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

from webscale_dagster.verifiers.numerals import plain
from webscale_dagster.verifiers.outcome import ParseError

Tokens = tuple[str, ...]

_GREEK = {
    unicodedata.name(chr(code)).split()[-1].lower().replace("lamda", "lambda"): chr(code)
    for code in range(0x3B1, 0x3CA)
    if code != 0x3C2  # the final sigma
}
_SIGNS = {
    "×": r"\cdot ",
    "·": r"\cdot ",
    "⋅": r"\cdot ",
    "∗": r"\cdot ",
    "÷": "/",
    "–": "-",
    "∞": r"\infty ",
    "≤": r"\le ",
    "⩽": r"\le ",
    "≥": r"\ge ",
    "⩾": r"\ge ",
    "≠": r"\ne ",
    "≈": r"\approx ",
    "∈": r"\in ",
    "∪": r"\cup ",
    "∩": r"\cap ",
    "∅": r"\emptyset ",
    "±": r"\pm ",
    "√": r"\sqrt ",
    "′": "'",
    "’": "'",
    "⟨": r"\langle ",
    "⟩": r"\rangle ",
    "℃": "°C",
}
_UNICODE = str.maketrans(
    _SIGNS
    | {sign: f"\\{name} " for name, sign in _GREEK.items()}
    | {sign.upper(): f"\\{name.capitalize()} " for name, sign in _GREEK.items()}
    | {chr(0x2080 + digit): f"_{{{digit}}}" for digit in range(10)}
)

_FUNCTIONS = "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp"
FUNCTIONS = frozenset(_FUNCTIONS.split())
SYMBOLS = frozenset(
    rf"\{form}"
    for name in (*_GREEK, "infty", "ell", "hbar", "odot")
    for form in (name, name.capitalize())
) - {r"\pi"}
_WORDS = (
    {name: name for name in (*FUNCTIONS, *_GREEK, "sqrt", "infty")}
    | {"infinity": "infty", "inf": "infty", "oo": "infty", "union": "cup"}
    | {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
)
_A = "(?![A-Za-z])"
_SPELLINGS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\(?:left|right)" + _A + r"\s?\.?|\\(?:[bB]igg?[lrm]?|middle)" + _A, ""),
        (r"\\(?:display|text)style" + _A + r"|\\(?:limits|boldsymbol|rm|bf|it)" + _A, ""),
        (r"\\(?:begin|end)\{(?:align|equation|gather|aligned)\*?\}", " "),
        (r"\\(begin|end)\{(?:[bp]?matrix|smallmatrix|array)\}(?:\{[lcr|]*\})?", r"\\\1{matrix}"),
        (r"\\[dtc]frac" + _A, r"\\frac "),
        (r"\\(?:leqslant|leq|leqq)" + _A, r"\\le "),
        (r"\\(?:geqslant|geq|geqq)" + _A, r"\\ge "),
        (r"\\neq" + _A, r"\\ne "),
        (r"\\times" + _A + r"|\\ast" + _A, r"\\cdot "),
        (r"\\div" + _A, "/"),
        (r"\\(?:[lr]?vert|mid)" + _A, "|"),
        (r"\\lbrace" + _A, r"\\{"),
        (r"\\rbrace" + _A, r"\\}"),
        (r"\\varnothing" + _A + r"|\\\{\s*\\\}", r"\\emptyset "),
        (r"\\var(epsilon|phi|theta|rho)" + _A, r"\\\1 "),
        (r"\^\s?\{\s?\\circ\s?\}|\^\s?\\circ" + _A + r"|\\degree" + _A + r"|\\deg" + _A, "°"),
        (r"\\(?:prime|dprime)" + _A, "'"),
        (r"\^\s?\{\s?('+(?:\s?')*)\s?\}|\^\s?(')", r"\1\2"),
        # Digits in groups of three, where nothing but a group can be meant.
        (r"(?<=\d)(?:,\\!|\{,\}|\\[,; ]|~| )\s?(?=\d{3}(?!\d))", ""),
        (r"\\[,;:!> ]|\\q?quad" + _A + r"|~", " "),
        (r"\\%", "%"),
        (r"\\[$#&]|\\$", " "),
        (r"\\operatorname\s?\*?\{([A-Za-z]+)\}", r"\\\1 "),
        (r"\\(?:mathrm|mathbf|mathit|text|textbf|textrm)\s?\{\s?([A-Za-z])\s?\}", r" \1 "),
        (r"\\(?:mathrm|mathbf|mathit|text|textbf|textit|textrm|mbox|hbox)\s?\{", r"\\text{"),
        (r"\\text\s?\{\s*\}", " "),
        (r"\*\*", "^"),
        (r"(?<=\S)\*(?=\S)| \* ", r"\\cdot "),
        (r"<=", r"\\le "),
        (r">=", r"\\ge "),
        (r" != ", r"\\ne "),
        (r"\\bar" + _A, r"\\overline "),
        (r"(?<=\d)\.(?!\d|\s?\\overline)", ""),
        (
            r"(?:,\s?)?\\text\{\s*,?\s*(?:and|or)\s*\}|,?(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])",
            r" \\or ",
        ),
        (r"\b(?:np|math|sympy)\.", ""),
        (r"(?<![\d/^.}])(\d+) (\d+)/(\d+)(?![\d/])", r"(\1+\2/\3)"),
    )
)
_TOKEN = re.compile(
    r"\\text\s?\{[^{}]*\}|\\mathbb\s?\{[A-Z]\}|\\(?:begin|end)\{matrix\}|\\[A-Za-z]+|\\."
    r"|\d+\.(?=\s?\\overline)|\d+(?:\.\d+)?[eE][-+]?\d+(?![\d.])|\d+(?:\.\d+)?|\.\d+|[A-Za-z]|\S"
)
_WORD = re.compile(r"\\text\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z]{2,}")
_DOUBLED = re.compile(r"\\\\(?:\[[^\]]*\])?")
_OPENING = frozenset(["(", "[", "{", r"\{", r"\langle", r"\lfloor", r"\lceil", r"\begin{matrix}"])
CLOSING = frozenset([")", "]", "}", r"\}", r"\rangle", r"\rfloor", r"\rceil", r"\end{matrix}"])
_ARGUMENTS = {"^": 1, "_": 1, r"\sqrt": 1, r"\frac": 2, r"\binom": 2, r"\overline": 1}
_MOST_TOKENS = 1200
_DEEPEST = 30


def spelled(text: str) -> str:
    """Text with one spelling for signs, commands and functions, not yet in tokens."""
    text = plain(text.translate(_UNICODE))
    rows = re.search(r"matrix|array|cases", text)
    text = _DOUBLED.sub(r"\\cr " if rows else r"\\", text)
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    return _WORD.sub(_named, text)


def tokens(text: str) -> Tokens:
    """The tokens of a ``spelled`` text, each argument in braces: ``x^2`` is ``x ^ { 2 }``."""
    found = _TOKEN.findall(text)
    if len(found) > _MOST_TOKENS:
        raise ParseError("too long to be read as mathematics")
    depth = deepest = 0
    for token in found:
        depth += (token in _OPENING) - (token in CLOSING)
        deepest = max(deepest, depth)
        if depth < 0:
            break
    if depth or deepest > _DEEPEST:
        raise ParseError("brackets that do not match, or too many of them")
    return tuple(_braced(found))


def closing(tokens: Sequence[str], at: int) -> int:
    """Where the bracket that opens at a place is closed; any bracket closes any: ``(1, 2]``."""
    depth = 0
    for place in range(at, len(tokens)):
        depth += (tokens[place] in _OPENING) - (tokens[place] in CLOSING)
        if depth == 0:
            return place
    raise ParseError("brackets that do not match")


def parts(tokens: Tokens, separators: Collection[str]) -> tuple[list[Tokens], list[str]]:
    """The pieces between separators outside all brackets, and those separators."""
    pieces: list[Tokens] = []
    found: list[str] = []
    depth = start = 0
    for place, token in enumerate(tokens):
        depth += (token in _OPENING) - (token in CLOSING)
        if depth == 0 and token in separators:
            pieces.append(tokens[start:place])
            found.append(token)
            start = place + 1
    return [*pieces, tokens[start:]], found


def is_bracketed(tokens: Sequence[str]) -> bool:
    """Whether one pair of brackets holds all of it."""
    return len(tokens) > 1 and tokens[0] in _OPENING and closing(tokens, 0) == len(tokens) - 1


def _named(match: re.Match[str]) -> str:
    """A command for a bare word that names a function, a Greek letter or a sign."""
    word = match[0]
    if word.startswith("\\"):
        return word
    lower = word.lower()
    if lower[:-1] in FUNCTIONS and lower not in _WORDS:  # `sinx`
        return f"\\{lower[:-1]} {word[-1]}"
    if lower not in _WORDS:
        return word
    capital = lower in _GREEK and word.istitle()
    return f"\\{_WORDS[lower].capitalize() if capital else _WORDS[lower]} "


def _braced(found: Sequence[str]) -> list[str]:
    """Puts what belongs to a command into braces."""
    waiting, made, at = list(found), [], 0
    while at < len(waiting):
        taken, at = _command(waiting, at)
        made += taken
    return made


def _command(waiting: list[str], at: int) -> tuple[list[str], int]:
    """A token with its arguments, and where it ends."""
    token = waiting[at]
    made, at = [token], at + 1
    if token == r"\sqrt" and waiting[at : at + 1] == ["["]:
        end = closing(waiting, at)
        made += ["[", *_braced(waiting[at + 1 : end]), "]"]
        at = end + 1
    for _ in range(_ARGUMENTS.get(token, 0)):
        argument, at = _argument(waiting, at, token)
        made += ["{", *argument, "}"]
    return made, at


def _argument(waiting: list[str], at: int, command: str) -> tuple[list[str], int]:
    """What belongs to a command: a group, or the next token."""
    if at >= len(waiting) or waiting[at] in CLOSING:
        raise ParseError(f"{command} without what belongs to it")
    token = waiting[at]
    if token == "{" or (token == "(" and command in ("^", r"\sqrt")):
        end = closing(waiting, at)
        inner = waiting[at + 1 : end]
        while is_bracketed(inner) and inner[0] in ("(", "{"):
            inner = inner[1:-1]
        return _braced(inner), end + 1
    if token in ("-", "+") and command == "^":
        argument, end = _argument(waiting, at + 1, command)
        return [token, *argument], end
    if token.isdigit() and len(token) > 1 and command in (r"\frac", r"\binom"):  # `\frac12`
        waiting[at] = token[1:]
        return [token[0]], at
    return _command(waiting, at)
