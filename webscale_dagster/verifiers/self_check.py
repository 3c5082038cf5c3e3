r"""Whether an example's verifier accepts its own ground truth, and none of five other examples'.

    Vienna    Answer: Vienna    The answer is Vienna.    \boxed{Vienna}
    <think>Linz? No.</think> **Vienna**                each must be accepted
    Answer: 42 km    Answer: Marie Curie   …           none may be: ground truths of others

Others are examples of the same answer type where there are enough, in an order drawn by hash; what
may be the same answer is passed over (``same_answer.py``). Code is phrased as a block, a tool call
in tags. Rubrics and constraints have no ground truth, nor has a code task without a reference
solution: of those only the options are checked. Makes problems from examples; writes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from webscale_dagster.verifiers import parses
from webscale_dagster.verifiers.outcome import Options, Outcome
from webscale_dagster.verifiers.pool import Job
from webscale_dagster.verifiers.same_answer import Print, fingerprint, may_be_same
from webscale_dagster.verifiers.verify_many import verify_many

OTHERS = 5
_NOT_ON_THIS_HOST = "SandboxUnavailable"
_BATCH = 10_000  # examples whose verifications are made at a time
_LOOKED_AT = 60  # examples of a ring, until five differ
_TEXT = (
    "{}",
    "Answer: {}",
    "The answer is {}.",
    "\\boxed{{{}}}",
    "<think>Could it be something else? No.</think>\n\n**{}**",
)
_CODE = (
    "```python\n{}\n```",
    "Here is the code:\n\n```python\n{}\n```\n\nIt passes the tests.",
    "<think>Loops? No.</think>\n```python\n{}\n```",
    "```\n{}\n```",
    "```python\nprint('a first try')\n```\n\nBetter:\n\n```python\n{}\n```",
)
_CALLS = (
    "{}",
    "```json\n{}\n```",
    "<tool_call>\n{}\n</tool_call>",
    "Let me look that up.\n<tool_call>{}</tool_call>",
    "<think>Is a tool needed? Yes.</think>\n{}",
)
# Of the answer types whose answers are no short texts; none where there is no ground truth.
_PHRASINGS: dict[str, tuple[str, ...]] = {
    "code_tests": _CODE,
    "tool_call": _CALLS,
    "constraints": (),
    "rubric": (),
}
_DEFINED = re.compile(r"^\s*(?:def|class)\s+(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """An RL example as its verifier sees it."""

    id: str
    answer_type: str
    ground_truth: str
    options: Options
    question: str = ""


@dataclass(frozen=True)
class Problem:
    """Why an example cannot be used; ``reason`` is a reject's."""

    id: str
    reason: str
    detail: str


def problems(examples: Sequence[Example]) -> list[Problem]:
    """The first problem of every example that has one."""
    found = own_truth_problems(examples)
    known = {problem.id for problem in found}
    return found + [problem for problem in others_problems(examples) if problem.id not in known]


def own_truth_problems(examples: Sequence[Example]) -> list[Problem]:
    """Those of which some phrasing of the truth is not accepted, or gets no verdict.

    Raises RuntimeError where the verifier cannot run on this host: no example is to blame for that.
    """
    found: list[Problem] = []
    for example in examples:
        broken = None
        if not _has_truth(example):
            broken = parses(example.answer_type, example.ground_truth, **example.options)
        if broken is not None:
            found.append(Problem(example.id, "verifier_rejects_truth", broken))
    asked = ((e, _phrased(e)) for e in examples if _has_truth(e))
    for example, text, outcome in _verified(asked):
        if outcome.outcome != "correct":
            detail = f"{outcome.outcome} for {text[-80:]!r}: {outcome.reason}"
            found.append(Problem(example.id, _reason(outcome), detail))
    return list({problem.id: problem for problem in reversed(found)}.values())[::-1]


def _reason(outcome: Outcome) -> str:
    """A verifier that failed has said nothing about the truth."""
    if outcome.reason.startswith(_NOT_ON_THIS_HOST):
        raise RuntimeError(outcome.reason)
    is_pairs_fault = outcome.reason.startswith(("ground truth ", "option: "))
    failed = outcome.outcome in ("error", "timeout") and not is_pairs_fault
    return "verifier_failed" if failed else "verifier_rejects_truth"


def others_problems(examples: Sequence[Example]) -> list[Problem]:
    """``verifier_accepts_others`` of those that accept the ground truth of another example."""
    found: dict[str, Problem] = {}
    asked = (
        (_asked(example), [_phrased(other)[0] for other in others])
        for example, others in other_truths(examples)
    )
    for example, text, outcome in _verified(asked):
        if outcome.score > 0:
            detail = f"accepts {text[-80:]!r}: {outcome.reason}"
            found.setdefault(example.id, Problem(example.id, "verifier_accepts_others", detail))
    return list(found.values())


def _verified(
    asked: Iterable[tuple[Example, Sequence[str]]],
) -> Iterator[tuple[Example, str, Outcome]]:
    """Every completion of every example with its outcome."""
    source = iter(asked)
    while batch := [*islice(source, _BATCH)]:
        pairs = [(example, text) for example, texts in batch for text in texts]
        jobs = [Job(e.answer_type, text, e.ground_truth, e.options) for e, text in pairs]
        for (example, text), outcome in zip(pairs, verify_many(jobs), strict=True):
            yield example, text, outcome


def other_truths(
    examples: Sequence[Example], count: int = OTHERS
) -> Iterator[tuple[Example, list[Example]]]:
    """Every example with others whose ground truths are no answer to its question."""
    drawn = sorted(filter(_has_truth, examples), key=lambda example: _drawn(example.id))
    prints = [_print(example) for example in drawn]
    rings: dict[str, list[int]] = {}
    places = []
    for at, example in enumerate(drawn):
        ring = rings.setdefault(example.answer_type, [])
        places.append(len(ring))
        ring.append(at)
    for at, example in enumerate(drawn):
        alike = _after(rings[example.answer_type], places[at])
        # To a tool call that is not wanted, any text is right.
        far = [] if example.answer_type == "tool_call" else _after(range(len(drawn)), at)
        near = dict.fromkeys([*alike, *far])
        differ = (o for o in near if not may_be_same(prints[at], prints[o], example.options))
        yield example, [drawn[other] for other in islice(differ, count)]


def _after(ring: Sequence[int], place: int) -> list[int]:
    """The next members of a ring after a place, once around at most."""
    steps = range(1, min(_LOOKED_AT + 1, len(ring)))
    return [ring[(place + step) % len(ring)] for step in steps]


def has_text_truth(example: Example) -> bool:
    """Whether the ground truth is a short text that can stand in a sentence."""
    return example.answer_type not in _PHRASINGS


def _has_truth(example: Example) -> bool:
    phrasings = _PHRASINGS.get(example.answer_type, _TEXT)
    return bool(phrasings and example.ground_truth.strip())


def _phrased(example: Example) -> list[str]:
    phrasings = _PHRASINGS.get(example.answer_type, _TEXT) or _TEXT
    return [phrasing.format(example.ground_truth) for phrasing in phrasings]


def _asked(example: Example) -> Example:
    """The example with its question, which makes verifiers lenient, and a judge that says no."""
    options = {**example.options, "question": example.question}
    if example.answer_type == "judge":
        options["judge"] = lambda question, response, criteria: [0.0] * len(criteria)
    return replace(example, options=options)


def _print(example: Example) -> Print:
    """Code and calls have words in common: only what they define, or all of them, tells."""
    truth = example.ground_truth
    if example.answer_type == "code_tests":
        return fingerprint(" ".join(_DEFINED.findall(truth)), {})
    if example.answer_type == "tool_call":
        with suppress(ValueError):
            truth = json.dumps(json.loads(truth), sort_keys=True)
        nothing: frozenset[Any] = frozenset()
        return Print(nothing, (truth,), nothing, nothing, nothing, foreign=False)
    return fingerprint(truth, example.options)


def _drawn(example_id: str) -> bytes:
    return hashlib.sha256(example_id.encode("utf-8", "surrogatepass")).digest()
