"""The answer type of an answer whose writer did not say: for pairs that people wrote elsewhere.

    guess("How high is it?", ["8,849 m"]) == "number"      guess("Who wrote it?", ["Jane Austen"])

A type is taken only if it can read every accepted text, so a wrong guess costs strictness at most.
Reads and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from webscale_dagster.verifiers import parses
from webscale_dagster.verifiers.phrases import tokens

_MOST_WORDS = 6  # of an answer that is nothing but a quantity
_MONTH = r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b"
_ASKS_DATE = re.compile(
    r"\b(?:when|(?:what|which)(?: \w+)? (?:year|date|day|month)|in what year)\b", re.I
)
_IS_DATE = re.compile(rf"{_MONTH}.*\d|\d.*{_MONTH}|\b(?:BC|BCE|AD|CE)\b", re.I)
_IS_YEAR = re.compile(r"\D{0,8}[12]\d{3}\D{0,2}")
_IS_TIME = re.compile(
    r"\b(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?|centur(?:y|ies))\b", re.I
)
_IS_MONEY = re.compile(r"[$€£¥₹]|\b(?:dollars?|euros?|pounds?|yen|cents?|USD|EUR|GBP)\b", re.I)
_IS_SHARE = re.compile(r"%|\bper ?cent\b", re.I)
_NAME_WORD = re.compile(r"[A-ZÀ-ÞА-ЯΑ-Ω][^\W_]*[^\W\d_]")
_SMALL_WORDS = "of the and in on at for de la le du von van der den di da al el y"
_JOINERS = frozenset(_SMALL_WORDS.split())


def guess(question: str, answers: Sequence[str]) -> str:
    """The strictest type that fits all accepted answers of a question."""
    for kind in _candidates(question, answers[0]):
        if all(parses(kind, answer) is None for answer in answers):
            return kind
    return "short_phrase"


def _candidates(question: str, answer: str) -> list[str]:
    words = tokens(answer)
    found = ["boolean"] if words in (("yes",), ("no",)) else []
    if len(words) <= _MOST_WORDS and not _is_name(answer):
        found += [
            kind
            for kind, sign in (("percent", _IS_SHARE), ("currency", _IS_MONEY))
            if sign.search(answer)
        ]
        if _IS_DATE.search(answer) or (_IS_YEAR.fullmatch(answer) and _ASKS_DATE.search(question)):
            found.append("date")
        if _IS_TIME.search(answer):
            found.append("duration")
        found.append("number")
    return [*found, "entity"] if _is_name(answer) else found


def _is_name(answer: str) -> bool:
    """Whether every word is capitalised, but for articles and the like."""
    words = [word for word in re.split(r"[\s\-]+", answer.strip(" .,\"'“”")) if word]
    counting = [word for word in words if word.lower() not in _JOINERS]
    return (
        bool(counting)
        and len(words) <= _MOST_WORDS
        and all(map(_NAME_WORD.match, (word.lstrip("\"'“‘(") for word in counting)))
    )
