r"""Finds the mathematics in what an answer says.

    The area is $\frac{1}{2}$, in square units.     \frac{1}{2}
    There are 12 ways                               12 \text{ways}
    \text{Evelyn}                                   none: the answer is a word

Makes texts in one spelling, for ``latex.tokens``; reads and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from webscale_dagster.verifiers.latex import spelled
from webscale_dagster.verifiers.numerals import only_numeral, plain, stands_alone
from webscale_dagster.verifiers.outcome import ParseError
from webscale_dagster.verifiers.phrases import tokens, without_articles

_MOST_WORDS = 12
_REALS = (("all", "real", "numbers"), ("all", "reals"), ("set", "of", "real", "numbers"))

_NUMBER = re.compile(r"-?\d{1,60}(?:\.\d{1,60})?")
_SPAN = re.compile(r"\$\$?([^$]+?)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_DELIMITER = re.compile(r"\$|\\[()\[\]]")
_WRAPPER = re.compile(
    r"\s*(?:\$+|\\[(\[])?\s*\\(?:boxed|fbox|text|mbox|textbf|textrm)\s?"
    r"\{((?:[^{}]|\{[^{}]*\})*)\}\.?\s*(?:\$+|\\[)\]])?\s*"
)
_NO_WORDS = re.compile(r"\\text\{[^{}]*\}|\\(?:mathbb|begin|end)\{\w+\}|\\[A-Za-z]+")
_WORD = re.compile(r"[A-Za-z]{2,}")
_SMALL = "is are was the for all any no not if so of to in it we be by at as an has yes its"
_SMALL_WORDS = frozenset(_SMALL.split())
_VERB = re.compile(r"^.*\b(?:is|are|equals|equal to|be|was|has)\b:?\s(?!.*\bnot\b)", re.IGNORECASE)
_DENIAL = re.compile(r"\b(?:not|never|cannot|or)\b|n't", re.IGNORECASE)
_UNIT = re.compile(
    r"(?<=[\d})\]°!])(\s*)([A-Za-z]{2,}\.?(?:[ -][A-Za-z]{2,}\.?)*)(?:\^\{?([23])\}?)?"
    r"\s*(?=$|[,;)]|\\or\b)"
)
_LENGTHS = "cm mm km nm ft mi yd mph"
_OTHERS = "kg mg lb lbs oz ml mL gal hr hrs min sec day am pm kW Hz kJ eV kPa mol"
_SHORT_UNITS = frozenset(f"{_LENGTHS} {_OTHERS}".split())
_HALF_DAY = re.compile(r"(?<=\d)\s?([ap])\.\s?m\b\.?")
_LETTER_UNIT = re.compile(r"(?<=\d)\s+([mgsLNJWVKAhC])$")
_LABEL = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)? \d+")  # June 20
_GROUPED = re.compile(r"(?<![\d,.])([1-9]\d{0,2}(?:,\d{3})+)(?![\d,])")


def stated(text: str) -> str | None:
    """The mathematics that a text states; None where it only says words."""
    if _NUMBER.fullmatch(text):
        return text
    while whole := _WRAPPER.fullmatch(text):
        text = whole[1]
    text = spelled(text)
    bare = _HALF_DAY.sub(r" \1m", _DELIMITER.sub(" ", text)).strip()
    if _has_words(bare):
        with suppress(ParseError):  # twelve, 3 million
            number = only_numeral(plain(bare))
            if stands_alone(plain(bare), number):
                return str(number.value)
    bare = _UNIT.sub(_quoted, bare)
    if not _has_words(bare):
        return bare
    spans = [next(filter(None, span)) for span in _SPAN.findall(text)]
    outside = _SPAN.sub(" ", text)
    if len(spans) == 1 and not re.search(r"\d", outside) and not _DENIAL.search(outside):
        return stated(spans[0])
    tail = _VERB.sub("", text)
    chooses = r"\or" in text.removesuffix(tail)  # it is 5 or it is 6
    found = stated(tail) if tail != text and not chooses else None
    if said_words(text) in _REALS:
        return r"\mathbb{R}"
    if _LABEL.fullmatch(text):
        return None
    if found is None and (re.search(r"[\d\\$=]", text) or len(text.split()) > _MOST_WORDS):
        raise ParseError("a sentence that does not say one value")
    return found


def variants(text: str) -> Iterator[str]:
    """The ways to read a stated text: ``1,234`` is a number or two, ``5 m`` is a length or 5m."""
    ungrouped = _GROUPED.sub(lambda match: match[0].replace(",", ""), text)
    yield ungrouped
    if ungrouped != text:
        yield text
    if _LETTER_UNIT.search(text):
        yield _LETTER_UNIT.sub(r" \\text{\1}", ungrouped)


def said_words(text: str) -> tuple[str, ...]:
    """The words of an answer, without commands, case and articles."""
    return without_articles(tokens(re.sub(r"\\[A-Za-z]+|[{}$\\]", " ", text)))


def _has_words(text: str) -> bool:
    words = _WORD.findall(_NO_WORDS.sub(" ", text))
    return any(
        (len(word) > 3 and not word.isupper()) or word.lower() in _SMALL_WORDS for word in words
    )


def _quoted(match: re.Match[str]) -> str:
    """Words after a value as its unit; ``2ab`` is a product, ``2 apples`` and ``2cm`` are not."""
    space, words, power = match.groups()
    for word in re.split(r"[ .-]+", words.strip(" .-")):
        if word not in _SHORT_UNITS and not (space and (len(word) > 3 or word in ("per", "sq"))):
            return match[0]
    return rf"\text{{{words.strip()}}}" + (f"^{{{power}}}" if power else "")
