"""What a judge is shown of a completion, and how it is asked.

Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webscale_dagster.verifiers.answers import readings, response_text
from webscale_dagster.verifiers.judge_guards import visible
from webscale_dagster.verifiers.outcome import Judge, OptionError, Options, ParseError

MAX_ANSWER_CHARS = 600
MAX_RESPONSE_CHARS = 8_000


def final_answer(completion: str) -> str:
    """The final answer as a judge is shown it: without reasoning, markup and hidden characters."""
    for text in readings(completion):
        if len(text) <= MAX_ANSWER_CHARS:
            return visible(text)
    raise ParseError(f"more than {MAX_ANSWER_CHARS} characters are too long for a judged answer")


def whole_response(completion: str) -> str:
    """All that follows the reasoning, as a judge is shown it."""
    text = visible(response_text(completion))
    if len(text) > MAX_RESPONSE_CHARS:
        raise ParseError(f"{len(text)} characters are too many to be judged")
    return text


def judge_of(options: Options) -> Judge:
    """The judge that was handed in; raises OptionError with the remedy where there is none."""
    judge = options.get("judge")
    if judge is None:
        raise OptionError(
            "judge: nobody can decide; hand in judge=, a callable (question, response, criteria)"
            " -> scores, such as those of webscale_dagster.llm.judge"
        )
    if not callable(judge):
        raise OptionError("judge must be a callable (question, response, criteria) -> scores")
    made: Judge = judge
    return made


def question_of(options: Options) -> str:
    """The question's text; empty where it was not handed in."""
    question = options.get("question") or ""
    if not isinstance(question, str):
        raise OptionError("question must be the text of the question")
    return question


def asked(judge: Judge, question: str, response: str, criteria: Sequence[str]) -> list[float]:
    """The judge's scores; raises TimeoutError, or RuntimeError where there is no usable verdict."""
    try:
        given: Any = list(judge(question, response, criteria))
    except TimeoutError:
        raise
    except Exception as error:  # a ParseError of the judge's must not pass for the answer's
        raise RuntimeError(f"the judge failed: {type(error).__name__}: {error}") from error
    if len(given) != len(criteria):
        raise RuntimeError(f"the judge gave {len(given)} scores for {len(criteria)} criteria")
    for score in given:
        if not isinstance(score, (int, float)) or not 0 <= score <= 1:
            raise RuntimeError(f"the judge gave the score {score!r}, which is not from 0 to 1")
    return [float(score) for score in given]
