"""Verifiers: score an answer against its ground truth, by the answer's type.

    verify("number", "It is about 42.2 km. Answer: 42.195 km", "42195 m").outcome == "correct"

One file per answer type; this one holds their registry. Only the standard library is imported,
because the verifiers travel into trainers as reward functions. Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webscale_dagster.verifiers import (
    boolean,
    code_tests,
    constraints,
    currency,
    date,
    duration,
    entity,
    judge,
    lists,
    logic,
    mathematics,
    multiple_choice,
    number,
    percent,
    rubric,
    short_phrase,
    term,
    tool_call,
)
from webscale_dagster.verifiers.answers import (
    MAX_ANSWER_CHARS,
    asks_back,
    clean,
    readings,
    unwrapped,
)
from webscale_dagster.verifiers.outcome import (
    AnswerType,
    OptionError,
    Options,
    Outcome,
    ParseError,
    WholeAnswerType,
)

__all__ = ["ANSWER_TYPES", "MEANINGS", "Outcome", "parses", "register", "verify"]

_TYPES: dict[str, AnswerType | WholeAnswerType] = {
    "number": AnswerType(
        number.parse, number.differs, meaning="a number, with its unit where it has one"
    ),
    "percent": AnswerType(percent.parse, percent.differs, meaning="a share of a hundred"),
    "currency": AnswerType(currency.parse, currency.differs, meaning="an amount of money"),
    "date": AnswerType(
        date.parse, date.differs, meaning="a year, a month of a year, a day, or a day of every year"
    ),
    "duration": AnswerType(
        duration.parse, duration.differs, meaning="a length of time, with its unit"
    ),
    "entity": AnswerType(
        entity.parse,
        entity.differs,
        open=True,
        meaning="the name of a person, place, organisation or work",
    ),
    "term": AnswerType(
        term.parse, term.differs, open=True, meaning="a technical word or expression"
    ),
    "short_phrase": AnswerType(
        short_phrase.parse, short_phrase.differs, open=True, meaning="a few words of the document"
    ),
    "multiple_choice": AnswerType(multiple_choice.parse, multiple_choice.differs),
    "boolean": AnswerType(boolean.parse, boolean.differs),
    "list": AnswerType(
        lists.parse,
        lists.differs,
        open=True,
        meaning="several items in any order, with commas between them",
    ),
    "ordered_list": AnswerType(
        lists.parse,
        lists.differs_in_order,
        open=True,
        meaning="several items whose order counts, with commas between them",
    ),
    "math": AnswerType(
        mathematics.parse,
        mathematics.differs,
        isolated=True,
        raw=True,
        meaning="a mathematical expression, in LaTeX",
    ),
    "logic": WholeAnswerType(logic.check, logic.score),
    "constraints": WholeAnswerType(constraints.check, constraints.score),
    "tool_call": WholeAnswerType(tool_call.check, tool_call.score),
    "code_tests": WholeAnswerType(code_tests.check, code_tests.score, isolated=True),
    "rubric": WholeAnswerType(rubric.check, rubric.score),
    "judge": WholeAnswerType(judge.check, judge.score),
}
ANSWER_TYPES = tuple(_TYPES)
MEANINGS = {
    name: kind.meaning
    for name, kind in _TYPES.items()
    if isinstance(kind, AnswerType) and kind.meaning
}

# One set for all types: a pair carries its options whatever its type, and a misspelt one is found.
_OPTIONS = frozenset(
    {"aliases", "choices", "order", "precision", "question", "tests", "tolerance", "unit"}
    | {"entry_point", "memory_mb", "seconds", "setup"}
    | {"criteria", "judge", "rule", "threshold"}
    | {"constraints", "items", "values"}
)


in_worker = False  # set in the pool's processes, which pass nothing on


def register(name: str, kind: AnswerType | WholeAnswerType) -> None:
    """Add an answer type; ``Pool(modules=…)`` names the modules that do so in its processes.

    ``verify`` runs it in this process even if it is isolated, for the shared pool does not know it.
    """
    if name in _TYPES:
        raise ValueError(f"there is an answer type {name!r} already")
    _TYPES[name] = kind


def verify(
    answer_type: str, completion: str, ground_truth: str | Sequence[str], **options: Any
) -> Outcome:
    """Whether a completion ends in a right answer; a ground truth may be several accepted texts.

    Raises ValueError for an unknown answer type. Whatever else goes wrong is an ``Outcome``: with
    the completion ``unparseable``, with truth, options or verifier ``error``.
    """
    kind = _kind(answer_type)
    try:
        if kind.isolated and answer_type in ANSWER_TYPES and not in_worker:
            from webscale_dagster.verifiers.pool import shared

            return shared().verify(answer_type, completion, ground_truth, **options)
        return _verdict(kind, completion, ground_truth, _used(options))
    except OptionError as error:
        return Outcome(0.0, "error", f"option: {error}")
    except Exception as error:
        return Outcome(0.0, "error", f"{type(error).__name__}: {error}"[:500])


def parses(answer_type: str, answer: str, **options: Any) -> str | None:
    """Why an answer, and its aliases, cannot be read as their type; None when they can."""
    kind = _kind(answer_type)
    try:
        used = _used(options)
        for text in (answer, *_texts(used.get("aliases", ()), "aliases")):
            _read_truth(kind, text, used)
    except (ParseError, OptionError) as error:
        return str(error)
    except Exception as error:  # a verifier's crash is this pair's problem, not its shard's
        return f"{type(error).__name__}: {error}"[:500]
    return None


def _kind(answer_type: str) -> AnswerType | WholeAnswerType:
    if answer_type not in _TYPES:
        raise ValueError(f"unknown answer type {answer_type!r}; known: {', '.join(ANSWER_TYPES)}")
    return _TYPES[answer_type]


def _used(options: Options) -> Options:
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise OptionError(f"unknown {unknown[0]!r}; known: {', '.join(sorted(_OPTIONS))}")
    return {name: value for name, value in options.items() if value is not None}


def _texts(given: Any, name: str) -> tuple[str, ...]:
    texts = (given,) if isinstance(given, str) else given
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise OptionError(f"{name} must be a text or a list of texts")
    return tuple(texts)


def _read_truth(kind: AnswerType | WholeAnswerType, text: str, options: Options) -> Any:
    if isinstance(kind, WholeAnswerType):
        kind.check(text, options)
        return text
    if len(text) > MAX_ANSWER_CHARS:
        raise ParseError(f"{len(text)} characters are too long for an answer")
    return kind.parse(unwrapped(text) if kind.raw else clean(text), options)


def _verdict(
    kind: AnswerType | WholeAnswerType,
    completion: str,
    ground_truth: str | Sequence[str],
    options: Options,
) -> Outcome:
    accepted = _texts(ground_truth, "ground_truth") + _texts(options.get("aliases", ()), "aliases")
    truths, broken = [], [] if accepted else ["there is none"]
    for text in accepted:
        try:
            truths.append(_read_truth(kind, text, options))
        except ParseError as error:
            broken.append(f"{text[:60]!r}: {error}")
    try:
        if isinstance(kind, WholeAnswerType):
            outcome = kind.score(completion, truths, options)
        else:
            outcome = _compared(kind, readings(completion, raw=kind.raw), truths, options)
    except ParseError as error:
        outcome = Outcome(0.0, "unparseable", str(error))
    # An unreadable truth might have been the one that fits: no verdict against the answer then.
    if broken and outcome.outcome != "correct":
        return Outcome(0.0, "error", f"ground truth {broken[0]}")
    return outcome


def _compared(
    kind: AnswerType, found: Sequence[str], truths: Sequence[Any], options: Options
) -> Outcome:
    """Correct if a reading fits a truth; else what is wrong with the first that can be read."""
    unparseable, wrong = "", ""
    for text in found:
        try:
            if not kind.open and asks_back(text):
                raise ParseError("a question, not an answer")
            answer = kind.parse(text, options)
        except ParseError as error:
            unparseable = unparseable or f"{text[:60]!r}: {error}"
            continue
        for truth in truths:
            reason = kind.differs(answer, truth, options)
            if reason is None:
                return Outcome(1.0, "correct", f"{text[:60]!r} is accepted")
            wrong = wrong or reason
        if not kind.open:
            break
    if wrong:
        return Outcome(0.0, "wrong", wrong)
    return Outcome(0.0, "unparseable", unparseable or "nothing to compare with")
