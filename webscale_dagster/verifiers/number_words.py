"""Reads numbers written in English words: ``forty-two``, ``two and a half``, ``a million``.

A number is a run of number words joined by spaces, hyphens and "and". Reads and writes nothing.
"""

from __future__ import annotations

import re
from fractions import Fraction

Spelled = tuple[Fraction, int, int]  # value, start, end

_BELOW_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen"
)
_DECADES = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES = {word: value for value, word in enumerate(_BELOW_TWENTY.split())}
_TENS = {word: 10 * value for value, word in enumerate(_DECADES.split(), start=2)}
SCALES = {
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
_ORDINAL_WORDS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth"
    " fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth"
    " fiftieth sixtieth seventieth eightieth ninetieth hundredth thousandth millionth"
)
ORDINALS = tuple(_ORDINAL_WORDS.split())  # in their order up to the twentieth
# Every word of a number: two texts that differ in one say different numbers.
NUMBER_WORDS = frozenset([*_ONES, *_TENS, *SCALES, *ORDINALS])
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8}
_PARTS |= {"tenth": 10, "hundredth": 100, "halve": 2}
_PARTS |= {f"{word}s": value for word, value in _PARTS.items()}
_WORD = re.compile(r"[a-z]+", re.IGNORECASE)


def spelled(text: str) -> list[Spelled]:
    """Numbers in words, from left to right."""
    found: list[Spelled] = []
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
    if word in SCALES:
        return before not in ("and", "point", "half")
    if word in _PARTS:
        return before in _ONES or before in ("a", "an", "and")
    if word in ("and", "point"):
        return before in _ONES or before in _TENS or before in SCALES
    if word in ("a", "an"):
        return before in ("and", "half")
    if word in _ONES and any(part[0].lower() == "point" for part in run):
        return before in _ONES or before == "point"
    digit_of_tens = before in _TENS and 0 < _ONES.get(word, 0) < 10
    return (word in _ONES or word in _TENS) and (
        digit_of_tens or before == "and" or before in SCALES
    )


def _run_value(run: list[re.Match[str]]) -> list[Spelled]:
    words = [match[0].lower() for match in run]
    while words and words[-1] in ("and", "a", "an", "point"):
        words.pop()
    if not words:
        return []
    for at, word in enumerate(words):
        # `two hundred and five`, `two and a half`; but `two and five` are two numbers.
        of_part = words[-1] in _PARTS and "and" not in words[at + 1 :]
        if word == "and" and words[at - 1] not in SCALES and not of_part:
            return _run_value(run[:at]) + _run_value(run[at + 1 :])
    value = _value(words)
    return [(value, run[0].start(), run[len(words) - 1].end())]


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
        elif word in SCALES:
            current = (current or Fraction(1)) * SCALES[word]
            if SCALES[word] >= 1000:
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
