"""The answer type ``judge``: a rule decides first, and a judge only where the rule says no.

The last resort, for answers with many wordings. Options: ``judge``, whom to ask; ``question``, the
question's text; ``rule``, the answer type that is tried first (``short_phrase``, which then accepts
no answer that names several). The judge is asked once, with a criterion for each accepted truth,
and only about what could be an answer (``judge_guards.py``): it sees no reasoning.
"""

from __future__ import annotations

from collections.abc import Sequence

from webscale_dagster.verifiers import judge_guards, judging
from webscale_dagster.verifiers.outcome import OptionError, Options, Outcome, ParseError

_OWN_OPTIONS = ("judge", "rule", "aliases")  # aliases are among the truths here
_WITHOUT_RULE = ("judge", "rubric")
_LENIENT = "short_phrase"  # lets an answer say more than the truth, so also another one
_ENOUGH = 0.5


def check(truth: str, options: Options) -> None:
    """Raise where the rule cannot read the truth, or an option cannot be used."""
    from webscale_dagster.verifiers import parses

    judging.question_of(options)
    problem = parses(_rule(options), truth, **_for_rule(options))
    if problem is not None:
        raise ParseError(f"{problem}; as the rule {_rule(options)!r} reads it")


def score(completion: str, truths: Sequence[str], options: Options) -> Outcome:
    """The rule's outcome where it accepts; else the judge's, if the answer is worth a call."""
    from webscale_dagster.verifiers import verify

    name, question = _rule(options), judging.question_of(options)
    rule = verify(name, completion, list(truths), **_for_rule(options))
    decided = rule.outcome not in ("wrong", "unparseable")
    if decided and name != _LENIENT:
        return Outcome(rule.score, rule.outcome, f"by the rule {name}: {rule.reason}")
    answer = judging.final_answer(completion)
    judge_guards.refuse_several(answer, truths)
    if decided:
        return Outcome(rule.score, rule.outcome, f"by the rule {name}: {rule.reason}")
    judge_guards.refuse_no_answer(answer, question)
    judge_guards.refuse_no_commitment(answer, question, truths, options)
    criteria = [f"The response gives the same answer as: {truth}" for truth in truths]
    try:
        scores = judging.asked(judging.judge_of(options), question, answer, criteria)
    except TimeoutError as error:
        return Outcome(0.0, "timeout", f"the judge: {error}")
    best = max(range(len(scores)), key=scores.__getitem__)
    if scores[best] >= _ENOUGH:
        return Outcome(1.0, "correct", f"by the judge: the same as {truths[best][:60]!r}")
    return Outcome(0.0, "wrong", f"by the judge: {scores[best]:g}; by the rule: {rule.reason}")


def _rule(options: Options) -> str:
    from webscale_dagster.verifiers import _TYPES

    rule = options.get("rule", _LENIENT)
    known = [name for name in _TYPES if name not in _WITHOUT_RULE]
    if rule not in known:
        raise OptionError(f"rule {rule!r} is no answer type with a rule: {', '.join(known)}")
    return str(rule)


def _for_rule(options: Options) -> dict[str, object]:
    return {name: value for name, value in options.items() if name not in _OWN_OPTIONS}
