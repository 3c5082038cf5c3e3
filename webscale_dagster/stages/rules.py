"""The free checks of a pair: quote, type, leakage, reference to the document, length.

Makes the first reason why a pair fails; reads and writes nothing. The cheapest check comes first.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from webscale_dagster.recipe import VerifiedQa
from webscale_dagster.text.normalise import says, words
from webscale_dagster.verifiers import parses

_POINTS_AT_DOCUMENT = re.compile(
    r"\b(?:the|this|that|given|above|following)\s+(?:passage|text|document|excerpt|paragraph|"
    r"article|section|figure|table|page|snippet)\b|\b(?:according to the (?:author|writer)|"
    r"mentioned (?:above|below|here)|as (?:described|stated|shown) (?:above|below))\b",
    re.IGNORECASE,
)
_YES_NO = {"yes", "no", "true", "false"}


@dataclass(frozen=True)
class Aligned:
    """Where a quote stands in a text, and how like the text it is: 1 = letter by letter."""

    start: int
    end: int
    score: float


def align(quote: str, text: str, start: int | None = None) -> Aligned:
    """Find a quote: at its given place, anywhere, or the most similar run of words."""
    if start is not None and text[start : start + len(quote)] == quote:
        return Aligned(start, start + len(quote), 1.0)
    found = text.find(quote)
    if found >= 0:
        return Aligned(found, found + len(quote), 1.0)
    return _fuzzy(quote, text)


def _fuzzy(quote: str, text: str) -> Aligned:
    """The longest common run anchors the quote; the window around it is compared."""
    matcher = difflib.SequenceMatcher(None, text, quote, autojunk=False)
    anchor = matcher.find_longest_match()
    start = max(anchor.a - anchor.b, 0)
    end = min(start + len(quote), len(text))
    score = difflib.SequenceMatcher(None, text[start:end], quote, autojunk=False).ratio()
    return Aligned(start, end, round(score, 4))


def rule_problem(
    row: Mapping[str, Any], quote_score: float, settings: VerifiedQa
) -> tuple[str, str] | None:
    """The reason and the detail of the first check the pair fails, or None."""
    question, answer = str(row["question"]), str(row["answer"])
    asked, said = words(question), words(answer)
    if quote_score < settings.min_quote_score:
        return "quote_not_found", f"score {quote_score:.2f}: {row['evidence']}"
    if not settings.min_question_words <= len(asked) <= settings.max_question_words:
        return "question_length", f"{len(asked)} words: {question}"
    if not 1 <= len(said) <= settings.max_answer_words:
        return "answer_length", f"{len(said)} words: {answer}"
    options = orjson.loads(row["verifier_options"])
    reason = parses(str(row["answer_type"]), answer, **options)
    if reason is not None:
        return "answer_not_of_its_type", f"{row['answer_type']}: {reason}"
    if not _supported(said, words(str(row["evidence"]))):
        return "answer_not_in_quote", f"{answer} / {row['evidence']}"
    for wording in (answer, *(options.get("aliases") or ())):
        if says(question, wording):
            return "leaks", f"{wording} / {question}"
    if len(said) == 1 and said[0] in _YES_NO:
        return "yes_no_answer", answer
    pointing = _POINTS_AT_DOCUMENT.search(question)
    if pointing:
        return "refers_to_document", pointing.group(0)
    return None


def _supported(answer: list[str], quote: list[str]) -> bool:
    """Every word of the answer stands in the quote, as it is or as a part of one of its words."""
    joined = " ".join(quote)
    return all(word in joined for word in answer)
