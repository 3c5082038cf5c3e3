"""Reads numbers as people write them: ``1,234.5``, ``3.2 × 10^5``, ``1 1/2``, ``two million``.

Values are exact fractions. Exponents and digits are bounded, so hostile text stays cheap.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from webscale_dagster.verifiers.outcome import ParseError

_MOST_DIGITS = 60
_MOST_EXPONENT = 400

_BELOW_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen"
)
_DECADES = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES = {word: value for value, word in enumerate(_BELOW_TWENTY.split())}
_TENS = {word: 10 * value for value, word in enumerate(_DECADES.split(), start=2)}
_SCALES = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "mn": 10**6,
    "billion": 10**9,
    "bn": 10**9,
    "trillion": 10**12,
    "tn": 10**12,
}
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8}
_PARTS |= {"tenth": 10, "hundredth": 100, "halve": 2}
_PARTS |= {f"{word}s": value for word, value in _PARTS.items()}

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
_WORD = re.compile(r"[a-z]+", re.IGNORECASE)
_SCALE_AFTER = re.compile(rf"[ -]?({'|'.join(_SCALES)})\b(?!-)", re.IGNORECASE)
_HALF_AFTER = re.compile(r" and (?:a|one) half\b", re.IGNORECASE)
_BOUND_BEFORE = re.compile(
    r"(?:\b(?:not|isn't|wasn't|at least|at most|more than|less than|fewer than|greater than|over"
    r"|under|above|below|up to|nearly|almost)\s|[<>≤≥±]\s?)(?:[A-Z]{0,3}[$€£¥]\s?)?$",
    re.IGNORECASE,
)
_BOUND_AFTER = re.compile(r"\s?\+(?!\S)|\s?±|\s(?:or|and) (?:more|less|fewer|over|above|under)\b")
_HEDGES = re.compile(
    r"(?:(?:about|approximately|approx\.?|around|roughly|exactly|only|just|circa|ca?\.|[~≈=])\s?)*",
    re.IGNORECASE,
)
_MINUS_BEFORE = re.compile(r"\b(?:minus|negative)\s$", re.IGNORECASE)

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


def plain(text: str) -> str:
    """Text with one spelling of signs: ``⁻²`` is ``^-2``, ``½`` is `` 1/2``, ``−`` is ``-``."""
    text = _SUPERSCRIPT.sub(lambda match: "^" + match[0].translate(_SUPERSCRIPTS), text)
    text = unicodedata.normalize("NFKC", _VULGAR.sub(r"\1 \2", text))
    return re.sub(r"\s+", " ", text.replace("−", "-").replace("⁄", "/")).strip()


def numerals(text: str) -> list[Numeral]:
    """The numbers in a ``plain`` text, digits and words, from left to right."""
    found = [_extended(text, _literal(match)) for match in _LITERAL.finditer(text)]
    masked = list(text)
    for number in found:
        masked[number.start : number.end] = "#" * (number.end - number.start)
    found += _spelled("".join(masked))
    return sorted((_signed(text, number) for number in found), key=lambda number: number.start)


def exact_numerals(text: str) -> list[Numeral]:
    """The numbers in a ``plain`` text, none of which may be a bound (``over 40``) or denied."""
    found = numerals(text)
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
    outside = re.sub(r"\s*\([^()]*\)\s*", " ", text).strip()
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
        scale = _power(10, int(parts["e"] or parts["ten"] or 0))
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
    step = Fraction(1, 10 ** len(decimals))
    return int((whole + decimals) or "0") * step, step


def _extended(text: str, number: Numeral) -> Numeral:
    """A literal with what follows it: ``1.5 million``, ``2 and a half``."""
    value, end, step = number.value, number.end, number.step
    half = _HALF_AFTER.match(text, end)
    if half:
        value, end = value + Fraction(1, 2), half.end()
    scale = _SCALE_AFTER.match(text, end)
    while scale and end - number.end < 40:
        factor = _SCALES[scale[1].lower()]
        value, step, end = value * factor, step * factor, scale.end()
        scale = _SCALE_AFTER.match(text, end)
    return Numeral(value, number.start, end, step)


def _signed(text: str, number: Numeral) -> Numeral:
    if _MINUS_BEFORE.search(text[max(0, number.start - 12) : number.start]):
        return Numeral(-number.value, number.start, number.end, number.step)
    return number


def _spelled(text: str) -> list[Numeral]:
    """Numbers in words: runs of number words joined by spaces, hyphens and "and"."""
    found: list[Numeral] = []
    run: list[re.Match[str]] = []
    for match in [*_WORD.finditer(text), None]:
        if match is not None and _continues(text, run, match):
            run.append(match)
            continue
        if not _is_pronoun(text, run):
            found.extend(_run_value(run))
        run = [match] if match is not None and _begins(match[0].lower()) else []
    return found


def _begins(word: str) -> bool:
    return word in _ONES or word in _TENS or word in ("a", "an", "half")


def _continues(text: str, run: list[re.Match[str]], match: re.Match[str]) -> bool:
    """Whether a word goes on with a number: ``five six`` are two numbers."""
    if not run or not re.fullmatch(r" ?-?|, ", text[run[-1].end() : match.start()]):
        return False
    before, word = run[-1][0].lower(), match[0].lower()
    if word in _SCALES:
        return before not in ("and", "point", "half")
    if word in _PARTS:
        return before in _ONES or before in ("a", "an", "and")
    if word in ("and", "point"):
        return before in _ONES or before in _TENS or before in _SCALES
    if word in ("a", "an"):
        return before in ("and", "half")
    if word in _ONES and any(part[0].lower() == "point" for part in run):
        return before in _ONES or before == "point"
    digit_of_tens = before in _TENS and 0 < _ONES.get(word, 0) < 10
    return (word in _ONES or word in _TENS) and (
        digit_of_tens or before == "and" or before in _SCALES
    )


def _run_value(run: list[re.Match[str]]) -> list[Numeral]:
    words = [match[0].lower() for match in run]
    while words and words[-1] in ("and", "a", "an", "point"):
        words.pop()
    if not words:
        return []
    for at, word in enumerate(words):
        # `two hundred and five`, `two and a half`; but `two and five` are two numbers.
        of_part = words[-1] in _PARTS and "and" not in words[at + 1 :]
        if word == "and" and words[at - 1] not in _SCALES and not of_part:
            return _run_value(run[:at]) + _run_value(run[at + 1 :])
    value = _value(words)
    return [Numeral(value, run[0].start(), run[len(words) - 1].end(), Fraction(1))]


def _is_pronoun(text: str, run: list[re.Match[str]]) -> bool:
    """``the crooked one`` names no number; ``one`` and ``only one apple`` do."""
    return len(run) == 1 and run[0][0].lower() == "one" and text.count(" ") > 2


def _value(words: list[str]) -> Fraction:
    """``two hundred and five thousand`` -> 205000; ``two thirds``; ``half a million``."""
    if words[0] == "half" and words[1:2] in (["a"], ["an"]) and len(words) > 2:
        return _value(words[1:]) / 2
    if words[-1] in _PARTS and (len(words) == 1 or words[-2] not in _TENS):
        over = words[:-1]
        if "and" in over:
            cut = len(over) - over[::-1].index("and")
            whole = _value(over[: cut - 1]) if cut > 1 else Fraction(0)
            return whole + _value(over[cut:] or ["one"]) / _PARTS[words[-1]]
        return (_value(over) if over else Fraction(1)) / _PARTS[words[-1]]
    total, current = Fraction(0), Fraction(0)
    decimals: Fraction | None = None
    for word in words:
        if word == "point":
            decimals = Fraction(1)
        elif word in _SCALES:
            current = (current or Fraction(1)) * _SCALES[word]
            if _SCALES[word] >= 1000:
                total, current = total + current, Fraction(0)
            decimals = None
        elif decimals is not None and word in _ONES:
            decimals /= 10
            current += _ONES[word] * decimals
        elif word in ("a", "an"):
            current += 1
        else:
            current += _ONES.get(word, 0) or _TENS.get(word, 0)
    return total + current
