"""What a verifier returns, and what it is made of.

Makes ``Outcome`` and ``AnswerType``; reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Options = Mapping[str, Any]


class ParseError(ValueError):
    """An answer that cannot be read as its type; the message is the reason."""


class OptionError(ValueError):
    """An option with a value that cannot be used; the message names it and the remedy."""


@dataclass(frozen=True)
class Outcome:
    """What became of an answer.

    ``timeout`` and ``error`` say nothing about the answer: a trainer skips them, their score of 0
    is a placeholder.
    """

    score: float
    outcome: Literal["correct", "wrong", "unparseable", "timeout", "error"]
    reason: str


@dataclass(frozen=True)
class AnswerType:
    """One kind of answer: how it is read, and how two of them differ.

    ``parse(text, options)`` raises ``ParseError``; ``differs(answer, truth, options)`` says why the
    answer is not the truth, or returns None when it is. ``open`` types take any short text, so each
    reading of a completion is compared; of the others the first that can be read is the answer.
    ``meaning`` tells a model that writes questions what such an answer is; types without one are
    not offered to it, because their answers can be guessed from the question.
    """

    parse: Callable[[str, Options], Any]
    differs: Callable[[Any, Any, Options], str | None]
    open: bool = False
    meaning: str = ""
