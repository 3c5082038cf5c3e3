"""What reviewers are asked, and which automatic check is about which of the questions.

Makes ``CRITERIA``, ``CATEGORIES`` and the maps below; reads and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Answer = Literal["yes", "no", "unsure"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
ALL_FIVE = "all_five"  # a pair is verifiable if every criterion holds


@dataclass(frozen=True)
class Criterion:
    """One yes/no question: ``name`` in files, ``asks`` and ``means`` on the screen."""

    name: str
    asks: str
    means: str


CRITERIA = (
    Criterion("correct", "Correct", "The document states this answer."),
    Criterion("quote_supports", "Quote supports it", "The quote alone shows it to be right."),
    Criterion("only_answer", "Only answer", "No other answer fits the document."),
    Criterion("not_given_away", "Not given away", "The question does not tell the answer."),
    Criterion("stands_alone", "Stands alone", "It makes sense without the document."),
)
NAMES = tuple(criterion.name for criterion in CRITERIA)

CATEGORIES = {
    "wrong_answer": "wrong answer",
    "quote_does_not_prove": "quote does not prove it",
    "other_answers": "other answers fit",
    "leaks": "question gives the answer away",
    "not_self_contained": "not self-contained",
    "trivial": "trivial or ill-formed question",
    "garbled_document": "garbled document",
    "wrong_type": "wrong answer type",
    "other": "other",
}

# Reasons why pairs leave verified_qa -> the criterion they are about. A reason that is not here is
# compared with all five together.
ABOUT = {
    "answer_does_not_fit": "correct",
    "quote_not_found": "quote_supports",
    "quote_not_relevant": "quote_supports",
    "answer_not_in_quote": "quote_supports",
    "leaks": "not_given_away",
    "yes_no_answer": "not_given_away",
    "refers_to_document": "stands_alone",
    "dangling_reference": "stands_alone",
}

# Verdict columns of the model: the value that speaks against a pair, and the criterion.
MODEL_CHECKS = {
    "correct": (False, "correct"),
    "unique": (False, "only_answer"),
    "leaks": (True, "not_given_away"),
    "self_contained": (False, "stands_alone"),
    "second_correct": (False, "correct"),
    "second_unique": (False, "only_answer"),
    "second_leaks": (True, "not_given_away"),
    "second_self_contained": (False, "stands_alone"),
}

# Reasons that only repeat what a verdict column says.
MODEL_REASONS = {"not_correct", "not_unique", "leaks", "not_self_contained"}
