"""The answer type ``rubric``: weighted criteria, all judged in one call, a score from 0 to 1.

Options: ``criteria``, texts or ``{"text": …, "weight": …}`` (weight 1 where none is given);
``threshold``, the score from which a response counts as correct (0.5); ``judge`` and ``question``.
The score is the weighted mean of the judge's scores. Weights are positive: a penalty is written as
the criterion that a good response meets ("names no drug that is not on the list"), since with
negative weights a response that says nothing would have a head start. The ground truth may be empty
and is not looked at. The judge sees what follows the reasoning (``judging.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from webscale_dagster.verifiers import judge_guards, judging
from webscale_dagster.verifiers.outcome import OptionError, Options, Outcome

_MOST_CRITERIA = 30
_MOST_CHARS = 1_000
_THRESHOLD = 0.5

Criteria = list[tuple[str, float]]  # text and weight; the weights add up to 1


def check(truth: str, options: Options) -> None:
    """Raise OptionError where the criteria cannot be used."""
    del truth
    judging.question_of(options)
    _threshold(options)
    _criteria(options)


def score(completion: str, truths: Sequence[str], options: Options) -> Outcome:
    """The weighted mean of what the judge gives for each criterion."""
    del truths
    criteria, question = _criteria(options), judging.question_of(options)
    response = judging.whole_response(completion)
    judge_guards.refuse_no_answer(response, question)
    texts = [text for text, _ in criteria]
    try:
        scores = judging.asked(judging.judge_of(options), question, response, texts)
    except TimeoutError as error:
        return Outcome(0.0, "timeout", f"the judge: {error}")
    parts = zip(scores, criteria, strict=True)
    total = min(sum(score * weight for score, (_, weight) in parts), 1.0)
    unmet = [text[:60] for text, score in zip(texts, scores, strict=True) if score < 1]
    reason = f"not fully met: {'; '.join(unmet)}"[:500] if unmet else "every criterion is met"
    # Sums of thirds and the like fall short of a round threshold by a last digit.
    passed = total + 1e-9 >= _threshold(options)
    return Outcome(total, "correct" if passed else "wrong", reason)


def _criteria(options: Options) -> Criteria:
    given = options.get("criteria")
    if not isinstance(given, (list, tuple)) or not 0 < len(given) <= _MOST_CRITERIA:
        raise OptionError(f"criteria must be a list of 1 to {_MOST_CRITERIA} criteria")
    found = [_criterion(one) for one in given]
    total = sum(weight for _, weight in found)
    return [(text, weight / total) for text, weight in found]


def _criterion(given: Any) -> tuple[str, float]:
    fields: Mapping[str, Any] = given if isinstance(given, Mapping) else {"text": given}
    text, weight = fields.get("text"), fields.get("weight", 1)
    if not isinstance(text, str) or not text.strip() or len(text) > _MOST_CHARS:
        raise OptionError(f"a criterion needs a text of at most {_MOST_CHARS} characters")
    if set(fields) - {"text", "weight"}:
        raise OptionError("a criterion has a text and a weight, and nothing else")
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < 1e6:
        raise OptionError(
            f"the weight {weight!r} of {text[:40]!r} must be above 0; write a penalty as what a"
            " good response does"
        )
    return text.strip(), float(weight)


def _threshold(options: Options) -> float:
    given = options.get("threshold", _THRESHOLD)
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given <= 1:
        raise OptionError("threshold must be a number above 0 and at most 1")
    return float(given)
