"""Reads numbers as people write them: ``1,234.5``, ``3.2 × 10^5``, ``1 1/2``, ``two million``.

Values are exact fractions. Exponents and digits are bounded, so hostile text stays cheap.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from webscale_dagster.verifiers.number_words import SCALES, spelled
from webscale_dagster.verifiers.outcome import ParseError

_MOST_DIGITS = 60
_MOST_EXPONENT = 400

_GROUPED = (
    r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?(?![.,]?\d)"  # 1,234.5
    r"|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d+)?(?![.,]?\d)"  # 1,00,000
    r"|[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)(?![.,]?\d)"  # 1.234,5
    r"|[1-9]\d{0,2}(?:\.\d{3}){2,}(?![.,]?\d)"  # 1.234.567
    r"|[1-9]\d{0,2}(?:[ '’]\d{3})+(?:[.,]\d+)?(?![.,]?\d)"  # 12 345
)
_LITERAL = re.compile(
    r"(?<![a-z^])(?P<sign>(?<![\w.)%°^])[-+])?(?:"
    r"(?P<whole>\d{1,9}) (?P<over>\d{1,9})/(?P<under>\d{1,9})(?![\d/])"
    r"|(?P<top>\d{1,30})\s?/\s?(?P<bottom>\d{1,30})(?![\d/.,]*\d|\s?/)"
    r"|(?P<base>\d{1,4})\^\(?(?P<power>[-+]?\d{1,4})\)?"
    rf"|(?P<plain>{_GROUPED}|\d+[.,]\d+(?![.,]\d)|\d+|\.\d+)"
    r"(?:[eE](?P<e>[-+]?\d{1,9})(?!\d)|\s?[x×*·⋅]\s?10\^\(?(?P<ten>[-+]?\d{1,9})\)?)?"
    r"(?:(?:st|nd|rd|th)\b)?)"
)
_SCALE_AFTER = re.compile(rf"[ -]?({'|'.join(SCALES)})\b(?!-)", re.IGNORECASE)
_HALF_AFTER = re.compile(r" and (?:a|one) half\b", re.IGNORECASE)
_BOUND_BEFORE = re.compile(
    r"(?:\b(?:at least|at most|(?:more|less|fewer|greater) than(?: or equal to)?|exceed(?:s|ing)?"
    r"|over|under|above|below|up to|nearly|almost|twice|double|triple|log|ln)\s|[<>≤≥±≠√∛]\s?"
    r"|!=\s?)(?:[A-Z]{0,3}[$€£¥]\s?)?$",
    re.IGNORECASE,
)
_BOUND_AFTER = re.compile(r"\s?\+(?!\S)|\s?±|\s(?:squared|cubed)\b")
_BOUND_OR_DENIAL = re.compile(
    r"(?<!more )\b(?:or|and) (?:more|less|fewer|over|above|under|higher|lower|longer)\b"
    r"|\b(?:is|was|are|were|be) (?:wrong|incorrect|false)\b|n['’]t\b"
    r"|\b(?:not|never|anything but|other than|rather than|instead of|except)\b",
    re.IGNORECASE,
)
_HEDGES = re.compile(
    r"(?:(?:about|approximately|approx\.?|around|roughly|exactly|only|just|circa|ca?\.|[~≈=])\s?)*",
    re.IGNORECASE,
)
_MINUS_BEFORE = re.compile(r"\b(?:minus|negative)\s$", re.IGNORECASE)

# Brackets that say the same again, and not `(or 43)`.
_REMARK = re.compile(
    r"\s*\((?!\s*(?:or|maybe|perhaps|possibly|alternatively|wrong)\b)[^()]*\)\s*",
    re.IGNORECASE,
)
_DASH_FOR_MINUS = re.compile(r"(?<![^\s(])[–‐‒](?=[\d.$€£¥])")
_GLUED_SCALE = re.compile(r"[kM](?![\w/^·⋅*])")

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_VULGAR = re.compile(r"(\d?)([¼½¾⅐-⅞])")
_SUPERSCRIPT = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")


@dataclass(frozen=True)
class Numeral:
    """A number in a text: its value, where it stands, and the value of its last written digit."""

    value: Fraction
    start: int
    end: int
    step: Fraction


@functools.lru_cache(4096)  # a group of completions shares its truth
def plain(text: str) -> str:
    """Text with one spelling of signs: ``⁻²`` is ``^-2``, ``½`` is `` 1/2``, ``−`` is ``-``."""
    text = _SUPERSCRIPT.sub(lambda match: "^" + match[0].translate(_SUPERSCRIPTS), text)
    text = unicodedata.normalize("NFKC", _VULGAR.sub(r"\1 \2", text))
    text = _DASH_FOR_MINUS.sub("-", text.replace("−", "-").replace("⁄", "/"))
    return re.sub(r"\s+", " ", text).strip()


@functools.lru_cache(4096)
def numerals(text: str) -> tuple[Numeral, ...]:
    """The numbers in a ``plain`` text, digits and words, from left to right."""
    found = [_extended(text, _literal(match)) for match in _LITERAL.finditer(text)]
    masked = list(text)
    for number in found:
        masked[number.start : number.end] = "#" * (number.end - number.start)
    for value, start, end in spelled("".join(masked)):
        found.append(Numeral(value, start, end, Fraction(1)))
    signed = [_signed(text, number) for number in found]
    return tuple(sorted(signed, key=lambda number: number.start))


def exact_numerals(text: str) -> tuple[Numeral, ...]:
    """The numbers in a ``plain`` text, none of which may be a bound (``over 40``) or denied."""
    found = numerals(text)
    if found and _BOUND_OR_DENIAL.search(text):
        raise ParseError("a bound or a denial, not a value")
    for number in found:
        before = text[max(0, number.start - 24) : number.start]
        if _BOUND_BEFORE.search(before) or _BOUND_AFTER.match(text, number.end):
            raise ParseError("a bound or a denial, not a value")
    return found


def only_numeral(text: str) -> Numeral:
    """The one number in a text; the same value twice (``42 (forty-two)``) is one number."""
    found = exact_numerals(text)
    if not found:
        raise ParseError("no number in it")
    if len({number.value for number in found}) > 1:
        raise ParseError("a range or several numbers")
    return found[0]


def unbracketed(text: str) -> str:
    """Text without its remarks in brackets, which say the same again: ``5 km (3.1 miles)``."""
    outside = _REMARK.sub(" ", text).strip()
    return outside if any(char.isalnum() for char in outside) else text


def stands_alone(text: str, number: Numeral) -> bool:
    """Whether a text says nothing but a number, perhaps with ``about``."""
    return bool(_HEDGES.fullmatch(text[: number.start])) and not text[number.end :].strip(" .")


def _literal(match: re.Match[str]) -> Numeral:
    parts = match.groupdict()
    digits = parts["plain"] or ""
    if len(digits) > _MOST_DIGITS:
        raise ParseError("a number with too many digits")
    step = Fraction(1)
    if parts["whole"]:
        value = int(parts["whole"]) + _ratio(parts["over"], parts["under"])
    elif parts["top"]:
        value = _ratio(parts["top"], parts["bottom"])
    elif parts["base"]:
        value = _power(int(parts["base"]), int(parts["power"]))
    else:
        value, step = _decimal(digits)
        exponent = parts["e"] or parts["ten"]
        if exponent:
            scale = _power(10, int(exponent))
            value, step = value * scale, step * scale
    if parts["sign"] == "-":
        value = -value
    return Numeral(value, match.start(), match.end(), step)


def _ratio(over: str, under: str) -> Fraction:
    if int(under) == 0:
        raise ParseError("a division by zero")
    return Fraction(int(over), int(under))


def _power(base: int, exponent: int) -> Fraction:
    if abs(exponent) > _MOST_EXPONENT:
        raise ParseError("a number too large or too small")
    if base == 0:
        raise ParseError("a power of zero")
    return Fraction(base) ** exponent


def _decimal(digits: str) -> tuple[Fraction, Fraction]:
    """Value and step of a number whose separators may be English, Indian or continental."""
    digits = re.sub(r"[ '’]", "", digits)
    commas, stops = digits.count(","), digits.count(".")
    if commas and stops:
        digits = digits.replace("," if digits.rfind(",") < digits.rfind(".") else ".", "")
    elif commas and re.fullmatch(r"[1-9]\d{0,2}(,\d{2,3})*,\d{3}", digits):
        digits = digits.replace(",", "")
    elif stops > 1:
        digits = digits.replace(".", "")
    whole, _, decimals = digits.replace(",", ".").partition(".")
    step = 10 ** len(decimals)
    return Fraction(int((whole + decimals) or "0"), step), Fraction(1, step)


def _extended(text: str, number: Numeral) -> Numeral:
    """A literal with what follows it: ``1.5 million``, ``2 and a half``."""
    value, end, step = number.value, number.end, number.step
    half = _HALF_AFTER.match(text, end)
    if half:
        value, end = value + Fraction(1, 2), half.end()
    if _GLUED_SCALE.match(text, end):
        factor = {"k": 10**3, "M": 10**6}[text[end]]
        value, step, end = value * factor, step * factor, end + 1
    scale = _SCALE_AFTER.match(text, end)
    while scale and end - number.end < 40:
        factor = SCALES[scale[1].lower()]
        value, step, end = value * factor, step * factor, scale.end()
        scale = _SCALE_AFTER.match(text, end)
    return Numeral(value, number.start, end, step)


def _signed(text: str, number: Numeral) -> Numeral:
    if _MINUS_BEFORE.search(text[max(0, number.start - 12) : number.start]):
        return Numeral(-number.value, number.start, number.end, number.step)
    return number
