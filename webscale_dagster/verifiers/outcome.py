"""What a verifier returns, and what it is made of.

Makes ``Outcome``, ``AnswerType``, ``WholeAnswerType`` and ``Judge``; reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Options = Mapping[str, Any]


class ParseError(ValueError):
    """An answer that cannot be read as its type; the message is the reason."""


class OptionError(ValueError):
    """An option with a value that cannot be used; the message names it and the remedy."""


@dataclass(frozen=True)
class Outcome:
    """What became of an answer; ``score`` is from 0 to 1.

    ``timeout`` and ``error`` say nothing about the answer: a trainer skips them, their score of 0
    is a placeholder.
    """

    score: float
    outcome: Literal["correct", "wrong", "unparseable", "timeout", "error"]
    reason: str


class Judge(Protocol):
    """Decides what no rule can; handed in as option ``judge`` by whoever may ask a model."""

    def __call__(self, question: str, response: str, criteria: Sequence[str]) -> Sequence[float]:
        """How far the response meets each criterion, from 0 to 1, in their order.

        Raises where there is no verdict; that is an ``error``, never a 0.
        """
        ...


@dataclass(frozen=True)
class AnswerType:
    """Answers that are read and compared: how one is read, and how two of them differ.

    ``parse(text, options)`` raises ``ParseError``; ``differs(answer, truth, options)`` says why the
    answer is not the truth, or returns None when it is. ``open`` types take any short text, so each
    reading of a completion is compared; of the others the first that can be read is the answer.
    ``meaning`` tells a model that writes questions what such an answer is; types without one are
    not offered to it, because their answers can be guessed from the question, or because a model
    cannot write what they are checked by. ``isolated`` types may hang or crash: ``verify`` runs
    them in the pool's processes. ``raw`` types read LaTeX as it was written.
    """

    parse: Callable[[str, Options], Any]
    differs: Callable[[Any, Any, Options], str | None]
    open: bool = False
    meaning: str = ""
    isolated: bool = False
    raw: bool = False


@dataclass(frozen=True)
class WholeAnswerType:
    """Completions that are judged as a whole, not by one span of them.

    ``check(truth, options)`` raises ``ParseError`` or ``OptionError`` where a ground truth or the
    options cannot be used; ``score(completion, truths, options)`` returns the outcome, and raises
    ``ParseError`` where the completion cannot be read.
    """

    check: Callable[[str, Options], None]
    score: Callable[[str, Sequence[str], Options], Outcome]
    isolated: bool = False
