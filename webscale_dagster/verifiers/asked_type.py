"""What kind of answer a question asks for, by its question words, and which answers cannot be it.

    How many moons has Mars?   "Phobos"      no number
    Who wrote Emma?            "1815"        a number, and no name

Only what is sure is said: most questions ("What …?") fit anything. Reads and writes nothing.
"""

from __future__ import annotations

import re

from webscale_dagster.verifiers.numerals import numerals, plain
from webscale_dagster.verifiers.outcome import ParseError
from webscale_dagster.verifiers.phrases import tokens

_AMOUNT_NOUNS = (
    r"percentage|percent|proportion|share|fraction|number|ratio|temperature|speed|velocity|height"
    r"|length|width|depth|distance|area|population|price|cost|weight|mass|age|salary|density"
    r"|frequency|wavelength|elevation|altitude|diameter|radius|volume|dose|mortality rate"
)
_ASKS_NUMBER = re.compile(
    rf"\bhow (?:many|much|old|tall|high|deep|far|fast|wide|heavy|large|big)\b"
    rf"|\b(?:what|which) (?:{_AMOUNT_NOUNS}|year|decade|century|date)\b"
    rf"|^\W*what (?:is|was|are|were) (?:the |its |their )?(?:\w+ ){{0,2}}?(?:{_AMOUNT_NOUNS})\b"
    r"(?! (?:called|named|known))",
    re.IGNORECASE,
)
_ASKS_TIME = re.compile(
    r"^\W*(?:\w+ ){0,2}?when (?:did|was|were|is|are|do|does|has|have|had|will|would)\b", re.I
)
_ASKS_NAME = re.compile(r"^\W*(?:\w+ ){0,2}?(?:who|whom|whose)\b|\b(?:by|to|with|for) whom\b", re.I)
_ASKS_PLACE = re.compile(r"^\W*where\b|\bin (?:what|which) (?:city|country|state|place)\b", re.I)
_ASKS_REASON = re.compile(r"^\W*(?:why|for what (?:reason|purpose))\b", re.I)
_ASKS_THING = re.compile(
    r"^\W*what (?:did|does|do|caused|causes|type|kind|sort|company|team|language|religion|animal"
    r"|book|film|movie|organization|organisation|war|group|event|river|building|term|word)\b",
    re.I,
)
_SPEAKS_OF_AMOUNTS = re.compile(
    rf"\b(?:{_AMOUNT_NOUNS}|rate|score|amount|value|total|size|rank|level|capacity|degree|year"
    r"|date|equal|limit|average|many|much|increase|decrease|grow|fall|drop|raise|rise|reach|cost)",
    re.I,
)
_NUMBER_WORDS = (
    "several few many most all none no half quarter third twice double triple once both single some"
    " dozen dozens hundred hundreds thousand thousands million millions billion billions score"
    " majority minority little enough whole entire every each any plenty lot lots nothing first"
    " second fourth fifth sixth seventh eighth ninth tenth century centuries decade decades"
    " extremely very unknown infinite zero much more less large small high low great"
)
_AMOUNTS = frozenset(_NUMBER_WORDS.split())
_TIMES = re.compile(
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b|\b(?:spring|summer|autumn|fall"
    r"|winter|morning|evening|night|noon|today|yesterday|after|before|during|until|since|when|while"
    r"|once|upon|as|if|following|early|earlier|late|later|mid|end|beginning|start|war|age|era"
    r"|period|dynasty|reign|revolution|renaissance|ancient|medieval|modern|prehistoric|now|currently"
    r"|always|never|daily|weekly|monthly|yearly|annually|years?|months?|days?|hours?|minutes?|weeks?"
    r"|birth|childhood|recently|ago|easter|christmas|sunday|monday|tuesday|wednesday|thursday"
    r"|friday|saturday)\b",
    re.IGNORECASE,
)
_QUANTITY_ONLY = re.compile(
    r"\W*(?:about|around|approximately|nearly|over|under|more than|less than|at least|up to|in|on)?"
    r"\W*[$€£¥]?\d[\d,.\s]*(?:%|percent|per cent|million|billion|thousand|years?|days?|hours?"
    r"|minutes?|months?|weeks?|km|m|kg|miles?|feet|ft|acres?|degrees?)?\W*",
    re.IGNORECASE,
)


def misfit(question: str, answer: str, answer_type: str) -> str | None:
    """Why an answer cannot be what the question asks for, or None."""
    asked = _ASKS_NUMBER.search(question) or _ASKS_TIME.search(question)
    if asked:
        return None if _has_amount(answer) else f"{asked[0]!r} asks for a number or date: {answer}"
    if not (_QUANTITY_ONLY.fullmatch(answer) or answer_type in ("percent", "currency")):
        return None
    for pattern, wanted in (
        (_ASKS_NAME, "a name"),
        (_ASKS_PLACE, "a place"),
        (_ASKS_REASON, "a reason"),
    ):
        match = pattern.search(question)
        if match:
            return f"{match[0].strip()!r} asks for {wanted}: {answer}"
    thing = _ASKS_THING.match(question)
    if thing and not _SPEAKS_OF_AMOUNTS.search(question):
        return f"{thing[0].strip()!r} asks for no number: {answer}"
    return None


def asks_name(question: str) -> bool:
    """Whether a question asks who."""
    return bool(_ASKS_NAME.search(question))


def _has_amount(answer: str) -> bool:
    if any(char.isdigit() for char in answer) or _TIMES.search(answer):
        return True
    if _AMOUNTS & set(tokens(answer)):
        return True
    try:
        return bool(numerals(plain(answer)))
    except ParseError:  # a range or a bound is an amount
        return True
